package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/require"
)

// TestRoundTrip writes what the program has received on into the program, where it must come out the same.
func TestRoundTrip(t *testing.T) {
	at := time.Now().Add(-time.Hour).Truncate(time.Second).Add(123 * time.Millisecond).UnixNano()
	own := fmt.Sprintf("account_id=1,check_category=reconnoiter,check_name=%s,check_uuid=%s", peerCheck, peerUUID)
	both := []string{
		fmt.Sprintf("a.b,%s,host=x value=9223372036854775807i %d", own, at),
		fmt.Sprintf("a.b,%s,host=x value=-9223372036854775808i %d", own, at+1e6),
		fmt.Sprintf("a.b,%s,host=y value=0.1 %d", own, at),
		fmt.Sprintf("a.b,%s,host=y value=5 %d", own, at+1e6), // a float stays one
		fmt.Sprintf("a.b,%s,host=y value=-1.7976931348623157e+308 %d", own, at+2e6),
		fmt.Sprintf("größe,%s,ort=Køln%%:|,k=a\\=b value=5e-324 %d", own, at),
	}
	blanks := []string{fmt.Sprintf("a\\ b,%s,k\\ k=v\\ v,x=\"y\" value=1i %d", own, at)} // which lines cannot carry
	for _, way := range []struct {
		name, scheme, options string
		lines                 []string
	}{
		{"http", "http", "", append(slices.Clone(both), blanks...)},
		{"gzip", "http", `compression = "gzip"`, append(slices.Clone(both), blanks...)},
		{"telnet", "tcp", "", both},
		{"telnet, seconds with a fraction", "tcp", `timestamp_format = "dotted"`, both},
	} {
		t.Run(way.name, func(t *testing.T) {
			r := startReceiver(t, "irondb")
			p := startPublisher(t, config(t, fmt.Sprintf(`
[[outputs.opentsdb]]
url = "%s://%s"
account_id = 1
check_uuid = %q
check_name = %q
queue_path = %q
flush_interval = "20ms"
%s
`, way.scheme, r.address, peerUUID, peerCheck, filepath.Join(t.TempDir(), "queue"), way.options)))
			text := strings.Join(way.lines, "\n") + "\n"
			_, err := p.stdin.Write([]byte(text))
			require.NoError(t, err)
			var want []decoded
			for d := lineprotocol.NewDecoder(strings.NewReader(text)); d.Next(); {
				m, err := decode(d)
				require.NoError(t, err)
				want = append(want, m)
			}
			require.Len(t, want, len(way.lines))
			require.ElementsMatch(t, want, r.metrics(t, len(want)))
			require.NoError(t, p.stdin.Close())
			require.NoError(t, p.cmd.Wait(), "%s", &p.log)
			require.NotContains(t, p.log.String(), "E! ")
			r.close(t)
		})
	}
}
