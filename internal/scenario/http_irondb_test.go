package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/telegraftest"
	stockhttp "telegraf-ipvs/plugins/outputs/http"
)

// TestHTTPIRONdb sends IPVS metrics by plugins/outputs/http/irondb.conf to the listener of this program, which takes data
// points as IRONdb does, and reads what comes out of it.
func TestHTTPIRONdb(t *testing.T) {
	address := childtest.Address(t)
	listener := start(t, "run", "--config", save(t, "in.conf", fmt.Sprintf("[[inputs.opentsdb]]\n  http_address = %q\n  acknowledge = \"handed_over\"\n", address)))
	eventually(t, func() bool { return strings.Contains(listener.stderr(), address) }, "the listener is up", listener.stderr)

	out := telegraftest.NewHTTP(t, telegraftest.Load(t, strings.Replace(stockhttp.IRONdb, "http://irondb.example.com:8112", "http://"+address, 1)).Only(t, "outputs.http"), nil)
	at := time.Now().Truncate(time.Second).Add(-time.Minute + 123456789)
	var list []telegraftest.Metric
	want := map[string]any{}
	for _, m := range ipvsServers(t) {
		m = telegraftest.New(m.Name(), ipvsTagged(m, map[string]string{"host": "lb1", "site": `"söuth" \ <1>`}).Tags(), m.Fields(), at)
		for field, value := range m.Fields() {
			want[fmt.Sprint(m.Name()+"."+field, m.Tags())] = value
		}
		list = append(list, m)
	}
	require.Greater(t, len(want), 20)
	odd := map[string]any{"truth": true, "text": "left out", "float": 2.0}
	list = append(list, telegraftest.New("ipvs_virtual_server", map[string]string{"host": "lb1"}, odd, at))
	want["ipvs_virtual_server.truth"+fmt.Sprint(map[string]string{"host": "lb1"})] = int64(1)
	want["ipvs_virtual_server.float"+fmt.Sprint(map[string]string{"host": "lb1"})] = 2.0

	done := out.Write(list)
	require.Len(t, done, 1)
	require.Equal(t, telegraftest.Written, done[0].Outcome, done[0].Reply)
	var reply map[string]any
	require.NoError(t, json.Unmarshal([]byte(done[0].Reply), &reply), done[0].Reply)
	require.EqualValues(t, len(want), reply["records"], done[0].Reply)
	require.EqualValues(t, 0, reply["errors"], done[0].Reply)

	nothing := out.Write([]telegraftest.Metric{telegraftest.New("ipvs_virtual_server", map[string]string{"host": "lb1"}, map[string]any{"text": "x"}, at)})
	require.Equal(t, "[]", nothing[0].Request)
	require.Equal(t, telegraftest.Lost, nothing[0].Outcome, "with nothing to lose: %s", nothing[0].Reply)

	eventually(t, func() bool { return strings.Count(listener.stdout(), "\n") >= len(want) }, "all points come out", listener.stdout)
	listener.close()
	got := map[string]any{}
	for _, m := range telegraftest.Parse(t, listener.stdout()) {
		tags := m.Tags()
		require.Equal(t, "549a90ee-c5bb-4b0f-bcb4-e942b0503f85", tags["check_uuid"])
		for _, key := range []string{"account_id", "check_uuid", "check_name", "check_category"} {
			delete(tags, key)
		}
		key := fmt.Sprint(m.Name(), tags)
		require.NotContains(t, got, key)
		got[key] = m.Field("value")
		require.Equal(t, at.Truncate(time.Millisecond).UnixNano(), m.Time().UnixNano())
	}
	require.Equal(t, want, got)
}
