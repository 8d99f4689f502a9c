package opentsdb

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
)

func text(s string) *string { return &s }

// TestNamespaceTags looks at the tags of a namespace, under every name that they may have.
func TestNamespaceTags(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Config)
		want map[string]string
	}{
		{"as IRONdb", func(*Config) {}, map[string]string{
			"account_id": "42", "check_uuid": otherUUID, "check_name": "dev", "check_category": "reconnoiter",
		}},
		{"by other names", func(c *Config) {
			c.AccountIDTag, c.CheckUUIDTag, c.CheckNameTag, c.CheckCategoryTag = text("a"), text("b"), text("c"), text("d")
			c.CheckCategory = "tsd"
		}, map[string]string{"a": "42", "b": otherUUID, "c": "dev", "d": "tsd"}},
		{"some", func(c *Config) { c.CheckUUIDTag, c.CheckCategoryTag = text(""), text("") }, map[string]string{"account_id": "42", "check_name": "dev"}},
		{"none", func(c *Config) {
			c.AccountIDTag, c.CheckUUIDTag, c.CheckNameTag, c.CheckCategoryTag = text(""), text(""), text(""), text("")
		}, map[string]string{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig(t)
			test.edit(&cfg)
			cfg.Listeners[0].AccountID, cfg.Listeners[0].CheckUUID, cfg.Listeners[0].CheckName = 42, strings.ToUpper(otherUUID), "dev"
			r := startRig(t, cfg)
			require.Equal(t, http.StatusOK, r.post("/opentsdb/42/"+strings.ToUpper(otherUUID)+"/dev", object("m", 1)).status)
			require.Empty(t, r.say(putLine("m", 1)))
			points := r.settle()
			require.Len(t, points, 2)
			test.want["host"] = "a"
			for _, p := range points {
				require.Equal(t, test.want, p.Tags)
			}
		})
	}
}

// TestTagCollisions gives a sender's tag another name if it has that of one of the namespace's.
func TestTagCollisions(t *testing.T) {
	space := map[string]string{"account_id": "1", "check_uuid": otherUUID, "check_name": "dev", "check_category": "reconnoiter"}
	tests := []struct {
		name   string
		tags   string // JSON
		want   map[string]string
		reason string
	}{
		{"one", `{"account_id":"7"}`, map[string]string{"sender_account_id": "7"}, ""},
		{"all", `{"account_id":"7","check_uuid":"u","check_name":"n","check_category":"c"}`, map[string]string{
			"sender_account_id": "7", "sender_check_uuid": "u", "sender_check_name": "n", "sender_check_category": "c",
		}, ""},
		{"with the same value", `{"account_id":"1"}`, map[string]string{"sender_account_id": "1"}, ""},
		{"in capitals", `{"Account_ID":"7"}`, map[string]string{"Account_ID": "7"}, ""},
		{"a name that looks like it", `{"sender_account_id":"7"}`, map[string]string{"sender_account_id": "7"}, ""},
		{"both", `{"account_id":"7","sender_account_id":"8"}`, nil, "reserved_tag"},
		{"both, of another", `{"account_id":"7","sender_check_name":"8"}`, map[string]string{"sender_account_id": "7", "sender_check_name": "8"}, ""},
	}
	r := startRig(t, testConfig(t))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := r.post("/opentsdb/1/"+otherUUID+"/dev?details", fmt.Sprintf(`{"metric":"m","timestamp":%d,"value":1,"tags":%s}`, noon.Unix(), test.tags))
			points := r.settle()
			if test.reason != "" {
				require.Equal(t, http.StatusBadRequest, got.status, got.body)
				require.Contains(t, got.body, `"reason":"`+test.reason+`"`)
				require.Empty(t, points)
				return
			}
			require.Equal(t, http.StatusOK, got.status, got.body)
			require.Len(t, points, 1)
			namespace, tags := own(points[0])
			require.Equal(t, space, namespace)
			require.Equal(t, test.want, tags)
		})
	}
	t.Run("when the name is switched off", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.AccountIDTag = text("")
		r := startRig(t, cfg)
		require.Equal(t, http.StatusOK, r.post("/api/put", fmt.Sprintf(`{"metric":"m","timestamp":%d,"value":1,"tags":{"account_id":"7"}}`, noon.Unix())).status)
		points := r.settle()
		require.Equal(t, "7", points[0].Tags["account_id"])
	})
	t.Run("when the new name belongs to the namespace", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.CheckNameTag = text("sender_account_id")
		r := startRig(t, cfg)
		require.Equal(t, http.StatusBadRequest, r.post("/api/put", fmt.Sprintf(`{"metric":"m","timestamp":%d,"value":1,"tags":{"account_id":"7"}}`, noon.Unix())).status)
	})
}

// TestUnfaithfulNames refuses what Telegraf would not read as it was sent, and takes what it would.
func TestUnfaithfulNames(t *testing.T) {
	tests := []struct {
		name, metric, key, value string
		good                     bool
	}{
		{"plain", "m", "k", "v", true},
		{"blanks", "a b", "c d", "e f", true},
		{"commas and equals signs", "a,b=c", "d,e=f", "g,h=i", true},
		{"quotes", `a"b`, `c"d`, `e"f`, true},
		{"a number sign behind", "a#", "#k", "#v", true},
		{"letters", "größe", "ort", "köln 你好", true},
		{"backslashes", `a\b`, `c\d`, `e\f`, true},
		{"backslashes before what is escaped in tags", "m", `k\=l`, `v\ w\,x`, true},

		{"a number sign before", "#m", "k", "v", false},
		{"a backslash at the end of the metric", `m\`, "k", "v", false},
		{"a backslash at the end of a key", "m", `k\`, "v", false},
		{"a backslash at the end of a value", "m", "k", `v\`, false},
		{"a backslash before a comma", `a\,b`, "k", "v", false},
		{"a backslash before a blank", `a\ b`, "k", "v", false},
		{"a newline in the metric", "a\nb", "k", "v", false},
		{"a newline in a value", "m", "k", "a\nb", false},
		{"a carriage return", "m", "k", "a\rb", false},
		{"NUL", "m", "k", "a\x00b", false},
		{"a tab", "m", "a\tb", "v", false},
	}
	r := startRig(t, testConfig(t))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{
				"metric": test.metric, "timestamp": noon.UnixMilli(), "value": 1, "tags": map[string]string{test.key: test.value},
			})
			require.NoError(t, err)
			got := r.post("/opentsdb/1/"+otherUUID+"/dev?details", string(body))
			points := r.settle()
			if faithful := metric.Faithful(test.metric, []metric.Tag{{Key: test.key, Value: test.value}}) == nil; !faithful {
				require.False(t, test.good)
				require.Equal(t, http.StatusBadRequest, got.status, got.body)
				require.Contains(t, got.body, `"reason":"line_protocol"`)
				require.Empty(t, points)
				return
			}
			require.True(t, test.good)
			require.Equal(t, http.StatusOK, got.status, got.body)
			require.Len(t, points, 1)
			require.Equal(t, test.metric, points[0].Metric)
			_, tags := own(points[0])
			require.Equal(t, map[string]string{test.key: test.value}, tags)
		})
	}
}

// TestSeriesLimit refuses new series beyond the limit of a namespace, and takes the known ones, over both protocols.
func TestSeriesLimit(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxSeries = 3
	cfg.DefaultNamespace = &Namespace{1, ownUUID, "telnet"} // as the listener
	r := startRig(t, cfg)
	send := func(metric string) string { return r.post("/api/put?details", object(metric, 1)).body }
	const fine = `{"errors":[],"failed":0,"success":1}`
	require.JSONEq(t, fine, send("a"))
	require.Empty(t, r.say(putLine("b", 1)))
	require.Empty(t, r.say(putLine("a", 1)), "which HTTP has brought")
	require.JSONEq(t, fine, send("b"))
	require.JSONEq(t, fine, send("c"))
	require.Contains(t, send("d"), `"reason":"series_limit"`)
	require.Contains(t, r.say(putLine("e", 1)+putLine("c", 1)), "put: illegal argument: ")
	require.JSONEq(t, fine, send("a"))
	require.Equal(t, http.StatusOK, r.post("/opentsdb/1/"+otherUUID+"/x", object("d", 1)).status, "another namespace is untouched")
	sp := r.in.ports[1].own
	require.Same(t, r.in.ports[0].own, sp)
	require.Equal(t, 3, sp.table.Series())
	require.EqualValues(t, 7, sp.accepted.Load())
	require.EqualValues(t, 2, sp.rejected[tsdb.TooManySeries].Load())
	heads := map[string]bool{}
	for _, line := range r.arrive(8) {
		head, _, _ := strings.Cut(line, " ")
		heads[head] = true
	}
	require.Len(t, heads, 4)
}

// TestStatus reads what is counted for each namespace, and whether points are taken in.
func TestStatus(t *testing.T) {
	cfg := testConfig(t)
	cfg.StatusAddress, cfg.QueueMaxSize = "127.0.0.1:0", bytesOf(1<<20)
	r := startRig(t, cfg)
	base := statusAddress(t, r)
	var connections atomic.Int64 // by HTTP; a client need not use one again
	var dialer net.Dialer
	r.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == r.in.ports[0].listener.Addr().String() {
			connections.Add(1)
		}
		return dialer.DialContext(ctx, network, address)
	}
	get := func(path string) response {
		t.Helper()
		return r.do(r.request(http.MethodGet, base+path, nil))
	}
	require.Equal(t, http.StatusOK, r.post("/api/put", object("m", 1)).status)
	require.Equal(t, http.StatusOK, r.post("/opentsdb/2/"+otherUUID+`/a"b`, "["+object("m", 1)+","+object("n", 1)+`,{"metric":"x"}]`).status)
	require.NotEmpty(t, r.say(putLine("m", 1)+"put m\nput m 1 1 a=b\n"))
	require.Equal(t, http.StatusBadRequest, r.post("/api/put", "nonsense").status)
	require.Equal(t, http.StatusNotFound, r.post("/nowhere", "").status)
	r.arrive(4)
	require.Eventually(t, func() bool { return r.in.queue.Stats().Records == 0 }, patience, time.Millisecond)

	text := get("/metrics").body
	for _, want := range []string{
		`points_accepted_total{account_id="1",check_name="put",check_uuid="` + ownUUID + `"} 1`,
		`points_accepted_total{account_id="2",check_name="a\"b",check_uuid="` + otherUUID + `"} 2`,
		`points_accepted_total{account_id="1",check_name="telnet",check_uuid="` + ownUUID + `"} 1`,
		`points_refused_total{account_id="2",check_name="a\"b",check_uuid="` + otherUUID + `",reason="no_timestamp"} 1`,
		`points_refused_total{account_id="1",check_name="telnet",check_uuid="` + ownUUID + `",reason="missing_words"} 1`,
		`points_refused_total{account_id="1",check_name="telnet",check_uuid="` + ownUUID + `",reason="too_old"} 1`,
		`series{account_id="2",check_name="a\"b",check_uuid="` + otherUUID + `"} 2`,
		`namespaces 3`, `requests_total{status="200"} 2`, `requests_total{status="400"} 1`, `requests_total{status="404"} 1`,
		`refused_total{reason="not_object_or_array"} 1`, `keeps_total 2`, `queue_records 0`, `handed_over_total 4`, `queue_full 0`,
		fmt.Sprintf(`connections_total %d`, 1+connections.Load()),
	} {
		require.Contains(t, text, "\n"+metricPrefix+want+"\n")
	}
	for _, m := range metrics {
		if m.Labels == nil {
			require.Contains(t, text, "\n"+metricPrefix+m.Name+" ", "every metric without labels is there")
		}
		require.NotEmpty(t, m.Help)
	}
	got := get("/health")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "ok", got.json(t)["status"])

	goOn := r.to.stall()
	defer goOn()
	body := "[" + strings.TrimSuffix(strings.Repeat(object("m", 1)+",", 1000), ",") + "]"
	for r.post("/api/put", body).status == http.StatusOK {
	}
	got = get("/health")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Equal(t, "full", got.json(t)["status"])
	require.NotZero(t, got.json(t)["queue_records"])
	require.Contains(t, get("/metrics").body, "\n"+metricPrefix+"queue_full 1\n")
	require.Contains(t, get("/metrics").body, "\n"+metricPrefix+"keeps_failed_total 1\n")
	goOn()
	require.Eventually(t, func() bool { return get("/health").status == http.StatusOK }, patience, 10*time.Millisecond)
}

// statusAddress returns where the status is, which the log tells.
func statusAddress(t *testing.T, r *rig) string {
	t.Helper()
	var base string
	require.Eventually(t, func() bool {
		_, rest, ok := strings.Cut(r.log.String(), `"Status: `)
		base, _, _ = strings.Cut(rest, "/\"")
		return ok
	}, patience, time.Millisecond)
	return base
}

// TestLogOfRefusals tells of points that were refused, and does not tell of each.
func TestLogOfRefusals(t *testing.T) {
	r := startRig(t, testConfig(t))
	r.say(strings.Repeat("put m\n", 1000) + strings.Repeat("put m x 1 a=b\n", 1000))
	log := r.log.String()
	require.Equal(t, 2, strings.Count(log, "Refused a data point"), log)
	require.Contains(t, log, "(missing_words)")
	require.Contains(t, log, "(bad_timestamp)")
}

// TestPanic answers a request that meets a mistake of the program, and goes on.
func TestPanic(t *testing.T) {
	r := startRigWith(t, testConfig(t), noon, &bin{}, func(in *Input) { in.keeper = panicking{in.keeper} })
	got := r.post("/api/put", object("panic", 1))
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.Equal(t, "Internal error", got.message(t))
	require.Equal(t, http.StatusOK, r.post("/api/put", object("m", 1)).status)
	require.EqualValues(t, 1, r.in.stats.why(tsdb.Internal))
	require.Contains(t, r.log.String(), "a mistake of this program")
	require.NoError(t, r.stop())
}

type panicking struct{ keeper }

func (p panicking) keep(ctx context.Context, block []byte) error {
	if strings.HasPrefix(string(block), "panic") {
		panic("on purpose")
	}
	return p.keeper.keep(ctx, block)
}
