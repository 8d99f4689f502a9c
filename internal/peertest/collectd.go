package peertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// collectdConfig reads the machine's load and processors each second, and has what it read sent within another.
const collectdConfig = `
Hostname "probe01"
FQDNLookup false
BaseDir "FOLDER"
PIDFile "FOLDER/collectd.pid"
PluginDir "ROOT/usr/lib/collectd"
TypesDB "ROOT/usr/share/collectd/types.db"
Interval 1
LoadPlugin load
LoadPlugin cpu
<LoadPlugin write_tsdb>
  FlushInterval 1
</LoadPlugin>
<Plugin write_tsdb>
  <Node>
    Host "HOST"
    Port "PORT"
    HostTags "status=production"
  </Node>
</Plugin>
`

// Collectd starts collectd 5.12, which sends what it measures as lines of OpenTSDB's to a host and port: the metrics
// load.load.shortterm, .midterm and .longterm, and cpu.N.cpu.MODE, with the tags fqdn=probe01 and status=production, each
// second.
func Collectd(t testing.TB, host, port string) *Process {
	t.Helper()
	root, dir := tree(t), t.TempDir()
	config := strings.NewReplacer("FOLDER", dir, "ROOT", root, "HOST", host, "PORT", port).Replace(collectdConfig)
	file := filepath.Join(dir, "collectd.conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return start(t, root, dir, "usr/sbin/collectd", "-f", "-C", file)
}
