//go:build integration

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestServiceReadsIPVS has the service, in its sandbox and with the privileges that
// its unit tells of, read IPVS in its own network namespace and in another, on a
// kernel that has it.
func TestServiceReadsIPVS(t *testing.T) {
	dir := t.TempDir()
	guest := filepath.Join(dir, "guest")
	output(t, "go", "build", "-o", guest, "../guest")
	service := filepath.Join(dir, unit)
	text := read(t, "units/"+unit)
	text = strings.Replace(text, "\n[Install]", strings.Join(append(commented(text, "The option namespaces of"),
		"SystemCallErrorNumber=kill", "StandardOutput=append:/run/service.log", "StandardError=append:/run/service.log", "\n[Install]"), "\n"), 1)
	write(t, service, text)
	config := filepath.Join(dir, "bridge.conf")
	write(t, config, `[agent]
  interval = "1s"
  hostname = ""
[[inputs.ipvs]]
  namespaces = ["self", "blue"]
[[outputs.pi_webapi]]
  url = "http://127.0.0.1:1/piwebapi"
  data_server = "PISRV1"
  auth = "anonymous"
  queue_path = "/var/lib/telegraf-ipvs/pi"
`)
	args := []string{"-where", "qemu", "-mem", "2048", "-boot-timeout", "2m", "-timeout", "8m",
		"-add", archive(t, dir) + "=/systemd.tar",
		"-add", program(t) + "=/usr/bin/telegraf-ipvs",
		"-add", service + "=/usr/lib/systemd/system/" + unit,
		"-add", config + "=/etc/telegraf-ipvs/bridge.conf"}
	for _, target := range []string{"sysinit", "basic", "network-online", "shutdown", "multi-user"} {
		path := filepath.Join(dir, target+".target")
		write(t, path, "[Unit]\nDescription="+target+"\nDefaultDependencies=no\n")
		args = append(args, "-add", path+"=/usr/lib/systemd/system/"+target+".target")
	}
	write(t, filepath.Join(dir, "multi-user.target"), "[Unit]\nDescription=all\nDefaultDependencies=no\nWants="+unit+"\n")
	for _, command := range []string{"cat", "env", "grep", "ip", "ipvsadm", "mkdir", "mount", "sleep", "tar", "unshare"} {
		path, err := exec.LookPath(command)
		require.NoError(t, err)
		args = append(args, "-add", path)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, guest, append(args, "sh", "testdata/guest.sh")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s%s", stdout.String(), stderr.String())

	for _, series := range []string{
		"ipvs_virtual_server,address=10.0.0.1,address_family=inet,netmask=32,port=80,protocol=tcp,sched=rr connections=0i,",
		"ipvs_real_server,address=10.0.0.2,address_family=inet,port=80,virtual_address=10.0.0.1,virtual_port=80,virtual_protocol=tcp ",
		"ipvs_virtual_server,address=10.0.0.3,address_family=inet,namespace=blue,netmask=32,port=53,protocol=udp,sched=wrr connections=0i,",
	} {
		require.Contains(t, stdout.String(), "\t"+series)
	}
	gathered, said, _ := strings.Cut(stdout.String(), "--- service\n")
	require.NotEmpty(t, gathered)
	require.NotContains(t, said, "[inputs.ipvs]", "nothing to complain of")
}

// archive packs systemd and the libraries that it is linked with, some of which lie
// in a folder of its own.
func archive(t *testing.T, dir string) string {
	t.Helper()
	const systemd = "/usr/lib/systemd/systemd"
	paths := []string{systemd}
	if executor := "/usr/lib/systemd/systemd-executor"; exists(executor) { // from version 254 on
		paths = append(paths, executor)
	}
	for _, found := range regexp.MustCompile(`/\S+`).FindAllString(output(t, "ldd", paths...), -1) {
		paths = append(paths, strings.TrimSuffix(found, ":"))
	}
	path := filepath.Join(dir, "systemd.tar")
	cmd := exec.Command("tar", append([]string{"--create", "--dereference", "--absolute-names", "--file", path}, paths...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	return path
}
