// Package livetest helps tests that meet a real kernel's IPVS: it runs commands,
// sets tables up, and reads them back through ipvsadm as an oracle that shares no
// code with the reader under test. Tests alone import it. It runs on machines,
// guests and namespaces that may be changed at will, and nowhere else.
package livetest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Require skips the test unless it runs as root on a kernel with IPVS, and
// empties the table before and after it.
func Require(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: run it by \"make test\", in a guest")
	}
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		t.Skip("needs a kernel with IPVS: run it by \"make test\", in a guest")
	}
	Run(t, "ipvsadm", "-C")
	t.Cleanup(func() { Run(t, "ipvsadm", "-C") })
}

// Run runs a command that must succeed and returns its standard output.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), stderr.String())
	return string(out)
}

// Script runs each line as a command with its arguments; empty lines and lines
// that begin with # are passed over.
func Script(t testing.TB, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			Run(t, words[0], words[1:]...)
		}
	}
}

// Unload takes IPVS out of the kernel, and back in after the test. It skips the
// test anywhere but in a machine of the test's own, for others may need IPVS.
func Unload(t testing.TB) {
	t.Helper()
	if os.Getenv("GUEST_WHERE") != "qemu" {
		t.Skip("unloads the kernel's IPVS: runs in a guest alone")
	}
	Run(t, "ipvsadm", "-C")
	for _, prefix := range []string{"ip_vs_", "ip_vs"} { // schedulers first
		modules, err := os.ReadFile("/proc/modules")
		require.NoError(t, err)
		for line := range strings.Lines(string(modules)) {
			if name := strings.Fields(line)[0]; strings.HasPrefix(name, prefix) {
				Run(t, "rmmod", name)
			}
		}
	}
	t.Cleanup(func() { Run(t, "modprobe", "-a", "ip_vs", "ip_vs_rr") })
}

// Dummy adds a dummy interface with addresses such as "10.1.0.1/24", and removes
// it after the test.
func Dummy(t testing.TB, addresses ...string) {
	t.Helper()
	Run(t, "ip", "link", "add", "live0", "type", "dummy")
	t.Cleanup(func() { Run(t, "ip", "link", "del", "live0") })
	Run(t, "ip", "link", "set", "live0", "up")
	Run(t, "ip", "link", "set", "lo", "up")
	for _, a := range addresses {
		Run(t, "ip", "addr", "add", a, "dev", "live0", "nodad")
	}
}

// EveryKind is a table with every kind of service and real server that ipvsadm
// can set up; it needs the addresses 10.1.0.1/24 and 2001:db8::1/64. The same
// marks and ports stand in it more than once on purpose.
const EveryKind = `
ipvsadm -A -t 10.1.0.1:80 -s wlc -p 300 -M 255.255.255.0
ipvsadm -a -t 10.1.0.1:80 -r 10.1.0.2:80 -g -w 3 -x 1000 -y 500
ipvsadm -a -t 10.1.0.1:80 -r 10.1.0.3:8080 -m -w 0
ipvsadm -a -t 10.1.0.1:80 -r 10.1.0.4:80 -i -w 70000
ipvsadm -a -t 10.1.0.1:80 -r 10.1.0.5:80 -i --tun-type gue --tun-port 6080 --tun-csum -w 1
ipvsadm -A -u 10.1.0.1:53 -s rr -o
ipvsadm -a -u 10.1.0.1:53 -r 10.1.0.2:53 -m
ipvsadm -A -t 10.1.0.1:53 -s rr
ipvsadm -a -t 10.1.0.1:53 -r 10.1.0.2:53 -m
ipvsadm -A -u 10.1.0.1:5060 -s rr -p 60 --pe sip
ipvsadm -A --sctp-service 10.1.0.1:3868 -s rr
ipvsadm -a --sctp-service 10.1.0.1:3868 -r 10.1.0.2:3868 -m
ipvsadm -A -t [2001:db8::1]:443 -s sh -b sh-port,sh-fallback -p 100 -M 64
ipvsadm -a -t [2001:db8::1]:443 -r [2001:db8::2]:443 -m -w 5
ipvsadm -a -t [2001:db8::1]:443 -r 10.1.0.9:443 -i -w 7
ipvsadm -A -t [2001:db8::1]:80 -s rr
ipvsadm -A -f 47 -s rr
ipvsadm -a -f 47 -r 10.1.0.2:0 -g
ipvsadm -A -f 47 -6 -s mh -b mh-port
ipvsadm -a -f 47 -6 -r [2001:db8::2]:0 -g
ipvsadm -a -f 47 -6 -r 10.1.0.2:0 -i
ipvsadm --set 900 120 300
`
