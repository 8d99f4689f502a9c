package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInstallation sees what the installation does on a system that runs: it makes
// a user and folders, and starts nothing.
func TestInstallation(t *testing.T) {
	s := newSite(t)
	state := func(verb string) string {
		text, _ := s.try("systemctl", verb, unit)
		return strings.TrimSpace(text)
	}
	require.Equal(t, "disabled", state("is-enabled"))
	require.Equal(t, "inactive", state("is-active"))
	require.Equal(t, "uid=N(telegraf-ipvs) gid=N(telegraf-ipvs) groups=N(telegraf-ipvs)",
		numbers.ReplaceAllString(strings.TrimSpace(s.run("id", "telegraf-ipvs")), "N"))
	require.Equal(t, "750 root telegraf-ipvs /etc/telegraf-ipvs\n1770 telegraf-ipvs telegraf-ipvs /var/lib/telegraf-ipvs\n",
		s.run("stat", "--format", "%a %U %G %n", "/etc/telegraf-ipvs", "/var/lib/telegraf-ipvs"))
	require.Equal(t, "no", s.property(unit, "NeedDaemonReload"))

	text, err := s.try("systemctl", "start", unit)
	require.Error(t, err, "there is no configuration")
	require.Contains(t, text, "Assertion failed")
	require.Equal(t, "inactive", state("is-active"), "it does not try again")

	require.Contains(t, s.run("telegraf-ipvs", "version"), "telegraf-ipvs ")
	text, _ = s.try("telegraf-ipvs", "check", "--config", "/etc/telegraf-ipvs/ipvs.conf")
	require.Contains(t, text, "ok    configuration /etc/telegraf-ipvs/ipvs.conf")
	require.Contains(t, text, "CAP_NET_ADMIN is held")
}

// TestService has the service listen, gather, store and deliver inside its
// sandbox, in which every system call that the unit does not list is deadly.
func TestService(t *testing.T) {
	s := newSite(t)
	s.configure()
	s.run("systemctl", "start", unit)
	s.send()
	s.arrived()

	require.Equal(t, capabilities("CAP_NET_ADMIN"), s.processStatus(unit, "CapEff"))
	require.Equal(t, capabilities("CAP_NET_ADMIN"), s.processStatus(unit, "CapBnd"))
	require.Equal(t, "1", s.processStatus(unit, "NoNewPrivs"))
	require.Equal(t, "2", s.processStatus(unit, "Seccomp"))
	user := strings.TrimSpace(s.run("id", "--user", "telegraf-ipvs"))
	require.Equal(t, strings.Join([]string{user, user, user, user}, " "), s.processStatus(unit, "Uid"))
	process := "/proc/" + s.property(unit, "MainPID")
	require.Regexp(t, ` / / ro[, ]`, s.read(process+"/mountinfo"))
	require.Contains(t, s.read(process+"/mountinfo"), " /var/lib/telegraf-ipvs rw")
	for _, hidden := range []string{"/home", "/root"} {
		info, err := os.Stat(s.path(process + "/root" + hidden))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm(), hidden)
	}

	// What it says of itself, and of IPVS: that is missing here, or held back by
	// nothing.
	eventually(t, func() bool { // it is served by another goroutine than what was sent, perhaps later
		reply, err := http.Get("http://" + s.status + "/metrics")
		if err != nil {
			return false
		}
		require.NoError(t, reply.Body.Close())
		require.Equal(t, http.StatusOK, reply.StatusCode)
		return true
	}, "the metrics of the service", s.said)
	if !exists("/proc/net/ip_vs") {
		eventually(t, func() bool { return strings.Contains(s.said(), "ip_vs") }, "a word on IPVS", s.said)
	}
	require.NotContains(t, s.said(), "CAP_NET_ADMIN")

	// Root looks into the queue beside it, without the credentials of the service.
	text := s.run("telegraf-ipvs", "queue", "status", "--config", "/etc/telegraf-ipvs/bridge.conf")
	require.Equal(t, 2, strings.Count(text, "in use by a running process"), text)
	require.Empty(t, s.run("find", "/var/lib/telegraf-ipvs", "-not", "-user", "telegraf-ipvs", "-or", "-type", "f", "-perm", "/077"))

	// Or sees how everything stands for the service.
	text, _ = s.try("setpriv", "--reuid=telegraf-ipvs", "--regid=telegraf-ipvs", "--init-groups", "--inh-caps=+net_admin", "--ambient-caps=+net_admin",
		"telegraf-ipvs", "check", "--config", "/etc/telegraf-ipvs/bridge.conf")
	require.Contains(t, text, "CAP_NET_ADMIN is held")
	require.Contains(t, text, "/var/lib/telegraf-ipvs/pi can be written")

	require.Equal(t, "0", s.property(unit, "NRestarts"), "no system call was deadly")
	s.run("systemctl", "stop", unit)
	require.Equal(t, "success 0", s.property(unit, "Result")+" "+s.property(unit, "ExecMainStatus"), s.said())
}

// TestServiceReturns kills the service, and stops it while PI is away.
func TestServiceReturns(t *testing.T) {
	s := newSite(t)
	s.configure()
	s.run("systemctl", "start", unit)
	s.send()
	s.run("systemctl", "kill", "--signal=KILL", unit)
	eventually(t, func() bool {
		return s.property(unit, "NRestarts") == "1" && s.property(unit, "ActiveState") == "active"
	}, "a restart", s.said)
	s.send()
	s.arrived()

	// A wrong configuration is tried again for ever.
	good := s.read("/etc/telegraf-ipvs/bridge.conf")
	s.write("/etc/telegraf-ipvs/bridge.conf", "nonsense = 1\n"+good, 0o644)
	_, _ = s.try("systemctl", "restart", unit) // it may have failed already when systemctl looks
	eventually(t, func() bool { return number(s.t, s.property(unit, "NRestarts")) >= 2 }, "two more starts", s.said)
	require.Contains(t, s.said(), "nonsense")
	s.write("/etc/telegraf-ipvs/bridge.conf", good, 0o644)
	s.send()
	s.arrived()

	// Administrators use the commands as root while the service is down. Files stay
	// its own.
	s.run("systemctl", "stop", unit)
	for _, command := range []string{"status", "list", "dead-letters", "replay", "export"} {
		s.run("telegraf-ipvs", "queue", command, "--config", "/etc/telegraf-ipvs/bridge.conf")
	}
	require.Empty(t, s.run("find", "/var/lib/telegraf-ipvs", "-not", "-user", "telegraf-ipvs"))
	s.run("systemctl", "start", unit)
	s.send()
	s.arrived()
}

// TestUpgrade replaces the package under a service that runs, then removes and
// purges it. Queues outlive that.
func TestUpgrade(t *testing.T) {
	s := newSite(t)
	s.configure()
	s.run("systemctl", "enable", "--now", unit)
	s.send()
	before := s.property(unit, "MainPID")
	s.write("/etc/telegraf-ipvs/ipvs.conf", "# changed here\n[[inputs.ipvs]]\n", 0o644)
	s.install(second)
	require.Equal(t, second, s.run("dpkg-query", "--show", "--showformat=${Version}", "telegraf-ipvs"))
	require.NotEqual(t, before, s.property(unit, "MainPID"), "the new program runs")
	require.Equal(t, "active", s.property(unit, "ActiveState"))
	require.Contains(t, s.read("/etc/telegraf-ipvs/ipvs.conf"), "changed here")
	s.send()
	s.arrived()

	// One that does not run is not started, and a policy that forbids it is obeyed.
	s.run("systemctl", "stop", unit)
	s.run("dpkg", "--no-triggers", "--install", "/package.deb")
	require.Equal(t, "inactive", s.property(unit, "ActiveState"))
	s.run("systemctl", "start", unit)
	before = s.property(unit, "MainPID")
	s.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
	s.run("dpkg", "--no-triggers", "--install", "/package.deb")
	require.Equal(t, before, s.property(unit, "MainPID"))
	s.run("rm", "/usr/sbin/policy-rc.d")

	s.run("dpkg", "--no-triggers", "--remove", "telegraf-ipvs")
	require.Equal(t, "inactive not-found", s.property(unit, "ActiveState")+" "+s.property(unit, "LoadState"))
	require.NotContains(t, s.run("dpkg", "--audit"), "telegraf-ipvs")
	require.True(t, exists(s.path("/etc/telegraf-ipvs/ipvs.conf")))

	text := s.run("dpkg", "--no-triggers", "--purge", "telegraf-ipvs")
	require.Contains(t, text, "telegraf-ipvs: /var/lib/telegraf-ipvs stays")
	require.True(t, exists(s.path("/var/lib/telegraf-ipvs/pi")))
	require.False(t, exists(s.path("/etc/telegraf-ipvs/ipvs.conf")))
	require.True(t, exists(s.path("/etc/telegraf-ipvs/bridge.conf")), "it is the administrator's")
	_, err := os.Lstat(s.path("/etc/systemd/system/multi-user.target.wants/" + unit))
	require.ErrorIs(t, err, os.ErrNotExist)

	// Nothing else is left, if nothing was added.
	s.run("rm", "-r", "/var/lib/telegraf-ipvs", "/etc/telegraf-ipvs", "/etc/systemd/system/"+unit+".d")
	s.run("dpkg", "--no-triggers", "--install", "/package.deb")
	require.Empty(t, strings.ReplaceAll(s.run("dpkg", "--verify", "telegraf-ipvs"), "\n", ""))
	s.run("dpkg", "--no-triggers", "--purge", "telegraf-ipvs")
	left := s.run("find", "/etc", "/usr", "/var/lib", "-xdev", "-path", "*telegraf-ipvs*", "-not", "-path", "/usr/share/mime*")
	require.Empty(t, left)
}

// TestNamespaces gives the service what its unit says of other network namespaces.
// The system call that enters them is made by another program in its place, as
// telegraf-ipvs makes it only where there is IPVS.
func TestNamespaces(t *testing.T) {
	s := newSite(t)
	s.configure()
	s.run("systemctl", "start", unit)
	text, _ := s.try("telegraf-ipvs", "check", "--config", "/etc/telegraf-ipvs/bridge.conf")
	require.NotContains(t, text, "CAP_SYS_ADMIN", "nothing asks for it yet")

	s.write("/etc/systemd/system/"+unit+".d/enter.conf", "[Service]\nType=oneshot\nRestart=no\nSystemCallErrorNumber=EPERM\n"+
		"ExecStart=\nExecStart=nsenter --net=/run/netns/blue readlink /proc/self/ns/net\n", 0o644)
	s.run("systemctl", "daemon-reload")
	s.run("systemctl", "stop", unit)
	s.run("ip", "netns", "add", "blue")
	_, err := s.try("systemctl", "start", unit)
	require.Error(t, err)
	require.Contains(t, s.said(), "Operation not permitted")

	lines := commented(s.read("/usr/lib/systemd/system/"+unit), "The option namespaces of")
	require.Len(t, lines, 3)
	s.write("/etc/systemd/system/"+unit+".d/namespaces.conf", "[Service]\n"+strings.Join(lines, "\n")+"\n", 0o644)
	s.run("systemctl", "daemon-reload")
	s.run("rm", "/run/service.log")
	s.run("systemctl", "start", unit)
	require.Equal(t, "net:["+strings.TrimSpace(s.run("stat", "--format", "%i", "/run/netns/blue"))+"]\n", s.said())

	// With these lines the service itself goes on as before. A namespace that comes
	// into being under it is seen.
	s.run("rm", "/etc/systemd/system/"+unit+".d/enter.conf", "/run/service.log")
	s.write("/etc/telegraf-ipvs/bridge.conf", strings.Replace(s.read("/etc/telegraf-ipvs/bridge.conf"), "[[inputs.ipvs]]\n",
		"[[inputs.ipvs]]\n  namespaces = [\"blue\", \"green\"]\n", 1), 0o644)
	s.run("systemctl", "daemon-reload")
	s.run("systemctl", "start", unit)
	require.Equal(t, capabilities("CAP_NET_ADMIN", "CAP_SYS_ADMIN"), s.processStatus(unit, "CapEff"))
	eventually(t, func() bool { return strings.Contains(s.said(), "/run/netns/green does not exist") }, "a word on the other namespace", s.said)
	process := s.property(unit, "MainPID")
	s.run("ip", "netns", "add", "green")
	require.Contains(t, s.read("/proc/"+process+"/mountinfo"), " /run/netns/green ")
	s.send()
	s.arrived()
	require.Equal(t, process, s.property(unit, "MainPID"))
}

// telegrafConfig is that of a child of Telegraf's outputs.execd.
const telegrafConfig = `[[outputs.pi_webapi]]
  url = %q
  tls_ca = "/etc/telegraf-ipvs/ca.pem"
  data_server = "PISRV1"
  auth = "basic"
  username = "svc-telegraf"
  password_file = "${CREDENTIALS_DIRECTORY:-/etc/telegraf-ipvs}/pi.password"
  queue_path = "/var/lib/telegraf-ipvs/telegraf"
  create_points = true
  send_interval = "10ms"
`

// TestBesideTelegraf has a service with Telegraf's user and the drop-in run what
// Telegraf runs as its child, and the bridge beside it. Each keeps its queue.
func TestBesideTelegraf(t *testing.T) {
	s := newSite(t)
	s.configure()
	s.run("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "telegraf")
	s.run("mkfifo", "/run/lines")
	s.run("chown", "telegraf", "/run/lines")
	lines, err := os.OpenFile(s.path("/run/lines"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer lines.Close()
	s.write("/usr/bin/telegraf", "#!/bin/sh\nexec /usr/bin/telegraf-ipvs --config /etc/telegraf-ipvs/pi.conf </run/lines\n", 0o755)
	s.write("/etc/telegraf-ipvs/pi.conf", fmt.Sprintf(telegrafConfig, s.url), 0o640)
	s.run("chgrp", "telegraf-ipvs", "/etc/telegraf-ipvs/pi.conf")
	s.write("/usr/lib/systemd/system/"+telegraf, telegrafUnit, 0o644)
	const drop = "/etc/systemd/system/" + telegraf + ".d/"
	s.write(drop+"telegraf-ipvs.conf", s.read("/"+examples+"telegraf.service.d/telegraf-ipvs.conf"), 0o644)
	s.write(drop+"test.conf", "[Service]\nType=exec\nLoadCredential=pi.password:/etc/telegraf-ipvs/pi.password\n"+
		"StandardOutput=append:/run/service.log\nStandardError=append:/run/service.log\n", 0o644)
	s.run("systemctl", "daemon-reload")
	write := func() {
		t.Helper()
		_, err := fmt.Fprintf(lines, "level,pump=1 value=%d %d000000000\n", s.sent, 1767225600+s.sent)
		require.NoError(t, err)
		s.sent++
	}

	s.run("systemctl", "start", telegraf)
	write()
	s.arrived()
	require.Equal(t, capabilities("CAP_NET_ADMIN"), s.processStatus(telegraf, "CapEff"))
	require.Equal(t, capabilities("CAP_NET_ADMIN"), s.processStatus(telegraf, "CapBnd"))
	require.Equal(t, "mixed", s.property(telegraf, "KillMode"))

	owners := "telegraf-ipvs opentsdb\ntelegraf-ipvs pi\ntelegraf telegraf\n"
	for range 2 {
		s.run("systemctl", "restart", unit)
		s.send()
		write()
		s.arrived()
		require.Equal(t, owners, s.run("sh", "-c", "cd /var/lib/telegraf-ipvs; stat --format '%U %n' *"))
		s.run("systemctl", "restart", telegraf)
	}
	s.run("systemctl", "stop", telegraf, unit)
	require.Equal(t, "success success", s.property(telegraf, "Result")+" "+s.property(unit, "Result"))

	// The user may not do to the queue of another what he may do to his own.
	as := func(args ...string) error {
		_, err := s.try(append([]string{"setpriv", "--reuid=telegraf", "--regid=telegraf", "--groups=telegraf-ipvs"}, args...)...)
		return err
	}
	require.Error(t, as("mv", "/var/lib/telegraf-ipvs/pi", "/var/lib/telegraf-ipvs/gone"))
	require.Error(t, as("ls", "/var/lib/telegraf-ipvs/pi"))
	require.NoError(t, as("mv", "/var/lib/telegraf-ipvs/telegraf", "/var/lib/telegraf-ipvs/mine"))
	require.NoError(t, as("cat", "/etc/telegraf-ipvs/pi.conf"))
	require.Error(t, as("cat", "/etc/telegraf-ipvs/pi.password"))
}

// capabilities is a set as /proc/PID/status shows it.
func capabilities(names ...string) string {
	bit := map[string]uint{"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
	set := uint64(0)
	for _, name := range names {
		set |= 1 << bit[name]
	}
	return fmt.Sprintf("%016x", set)
}

// commented returns the settings behind "#" that follow a comment with these words.
func commented(text, words string) []string {
	var list []string
	found := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		setting := setting.MatchString(line)
		switch {
		case strings.Contains(line, words):
			found = true
		case found && setting:
			list = append(list, line[1:])
		case found && len(list) > 0:
			return list
		}
	}
	return list
}
