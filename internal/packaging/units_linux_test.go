package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The exposure that systemd 252 finds, from 0 to 10: no more than that may come of
// a change. What is left is what the program is for: networks, netlink and
// CAP_NET_ADMIN, in this machine's own root. Others weigh a little differently.
const (
	mostOfService = 1.5
	mostOfDropIn  = 6.8
	leastWithout  = 8.5 // of Telegraf's own unit
	otherScales   = 0.5
)

// telegrafUnit says of Telegraf's own unit what a drop-in for it meets.
const telegrafUnit = `[Unit]
Description=Telegraf, as far as tests need it
Wants=network-online.target
After=network-online.target
[Service]
Type=notify
NotifyAccess=all
EnvironmentFile=-/etc/default/telegraf
User=telegraf
ExecStart=/usr/bin/telegraf $TELEGRAF_OPTS
Restart=on-failure
KillMode=mixed
LimitMEMLOCK=8M:8M
PrivateMounts=true
[Install]
WantedBy=multi-user.target
`

// unitRoot returns a folder with the package and with Telegraf's unit. Of that only
// the name of its program has to exist.
func unitRoot(t *testing.T) string {
	t.Helper()
	root := unpack(t, deb(t, first))
	units := filepath.Join(root, "usr/lib/systemd/system")
	for _, name := range []string{"sysinit", "basic", "multi-user", "network-online", "shutdown"} {
		write(t, filepath.Join(units, name+".target"), "[Unit]\nDescription="+name+"\nDefaultDependencies=no\n")
	}
	write(t, filepath.Join(units, "telegraf.service"), telegrafUnit)
	write(t, filepath.Join(root, "usr/bin/telegraf"), "#!/bin/sh\n")
	require.NoError(t, os.Chmod(filepath.Join(root, "usr/bin/telegraf"), 0o755))
	return root
}

// addDropIn puts the example where an administrator copies it to.
func addDropIn(t *testing.T, root, text string) {
	t.Helper()
	write(t, filepath.Join(root, "etc/systemd/system/telegraf.service.d/telegraf-ipvs.conf"), text)
}

// TestUnitsAreWell has systemd read the units, as they are and with everything that
// their comments offer. It says nothing if all is well.
func TestUnitsAreWell(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(string) string
	}{
		{"as they are", func(text string) string { return text }},
		{"with what they offer", func(text string) string {
			return setting.ReplaceAllStringFunc(text, func(line string) string { return line[1:] })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := unitRoot(t)
			path := filepath.Join(root, "usr/lib/systemd/system", unit)
			before := read(t, path)
			write(t, path, test.edit(before))
			addDropIn(t, root, test.edit(read(t, filepath.Join(root, examples, "telegraf.service.d/telegraf-ipvs.conf"))))
			t.Setenv("MANPATH", filepath.Join(root, "usr/share/man")) // Documentation= is looked up
			for _, name := range []string{unit, "telegraf.service"} {
				require.Empty(t, output(t, "systemd-analyze", "verify", "--root="+root, name))
			}
		})
	}
	t.Run("and would not be", func(t *testing.T) {
		root := unitRoot(t)
		addDropIn(t, root, "[Service]\nNoSuchKey=yes\n")
		text, _ := status(t, "systemd-analyze", "verify", "--root="+root, "telegraf.service")
		require.Contains(t, text, "NoSuchKey")
		require.NoError(t, os.Remove(filepath.Join(root, programPath)))
		text, _ = status(t, "systemd-analyze", "verify", "--root="+root, unit)
		require.Contains(t, text, "/usr/bin/telegraf-ipvs is not executable")
	})
}

func TestExposure(t *testing.T) {
	root := unitRoot(t)
	exposure := func(name string) float64 {
		text := output(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "--root="+root, name)
		found := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+) `).FindStringSubmatch(text)
		require.NotNil(t, found, text)
		level, err := strconv.ParseFloat(found[1], 64)
		require.NoError(t, err)
		return level
	}
	slack := 0.0
	if !strings.HasPrefix(output(t, "systemd-analyze", "--version"), "systemd 252 ") {
		slack = otherScales
	}
	require.LessOrEqual(t, exposure(unit), mostOfService+slack)
	require.GreaterOrEqual(t, exposure("telegraf.service"), leastWithout)
	addDropIn(t, root, read(t, filepath.Join(root, examples, "telegraf.service.d/telegraf-ipvs.conf")))
	require.LessOrEqual(t, exposure("telegraf.service"), mostOfDropIn+slack)
}

// TestUnitsSuitTheProgram compares what units allow with what the program takes.
func TestUnitsSuitTheProgram(t *testing.T) {
	service, dropIn := read(t, "units/telegraf-ipvs.service"), read(t, "units/telegraf-ipvs.conf")
	value := func(text, key string) int {
		found := regexp.MustCompile(`(?m)^` + key + `=([0-9]+)s$`).FindStringSubmatch(text)
		require.NotNil(t, found, key)
		return number(t, found[1])
	}
	const gone = 4 // seconds after the first signal, as the help of run says
	help := output(t, program(t), "help", "run")
	require.Contains(t, help, "within four seconds")
	require.GreaterOrEqual(t, value(service, "TimeoutStopSec"), 2*gone)
	require.GreaterOrEqual(t, value(dropIn, "TimeoutStopSec"), 5+5+gone, "Telegraf's own ladder")
	require.Contains(t, help, "unless that is /dev/null")
	require.Contains(t, service, "\nStandardInput=null\n")
	for _, text := range []string{service, dropIn} {
		require.NotRegexp(t, `(?m)^(PrivateUsers|PrivateNetwork)=`, text, "capabilities would be none")
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, len(line), 121, line)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
