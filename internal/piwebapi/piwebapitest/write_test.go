package piwebapitest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// set is a body of streamsets/recorded.
func set(streams ...string) string { return "[" + strings.Join(streams, ",") + "]" }

func stream(webID string, values ...string) string {
	return `{"WebId":"` + webID + `","Items":[` + strings.Join(values, ",") + `]}`
}

func TestSuccessCode(t *testing.T) {
	for _, test := range []struct {
		name, buffer string
		code, want   int
	}{
		{"default", "", 0, 202},
		{"if possible", "bufferOption=BufferIfPossible", 0, 202},
		{"buffer", "bufferOption=Buffer", 0, 202},
		{"not", "bufferOption=doNotBuffer", 0, 204},
		{"always 200", "", 200, 200},
		{"always 204", "bufferOption=Buffer", 204, 204},
		{"unknown", "bufferOption=Sometimes", 0, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, Config{SuccessCode: test.code}, PointSpec{Name: "a"})
			a := webID(t, s, "a")
			for _, c := range []struct{ path, body string }{
				{"streams/" + a + "/value", timed(0, "1")},
				{"streams/" + a + "/recorded", "[" + timed(0, "1") + "]"},
				{"streamsets/value", `[{"WebId":"` + a + `","Value":` + timed(0, "1") + `}]`},
				{"streamsets/recorded", set(stream(a, timed(0, "1")))},
			} {
				got := call(t, s, "POST", c.path+"?"+test.buffer, c.body)
				require.Equal(t, test.want, got.status, c.path)
				switch test.want {
				case 200:
					require.Contains(t, got.body, `{"Substatus":204,"Message":null}`)
				case 202, 204:
					require.Empty(t, got.body)
				}
			}
			if test.want < 300 {
				require.Len(t, s.Stored("a"), 1)
			}
		})
	}
}

func TestPartialFailure(t *testing.T) {
	for _, test := range []struct {
		name   string
		config Config
		want   string
	}{
		{"plain", Config{}, `{"Links":{},"Items":[
			{"Items":[{"Substatus":204,"Message":null},{"Substatus":400,"Message":"The specified value is outside the allowable range."},{"Substatus":204,"Message":null}]},
			{"Items":[{"Substatus":404,"Message":"The specified WebID does not refer to a known object."},{"Substatus":404,"Message":"The specified WebID does not refer to a known object."}]},
			{"Items":[{"Substatus":400,"Message":"Unknown or invalid WebID format: 'x\"y'"}]},
			{"Items":[]},
			{"Items":[{"Substatus":403,"Message":"The current user does not have write access to the point."}]}]}`},
		{"switches", Config{GoodSubstatus: 202, EmptyMessage: true, SingleProblem: true, ForbiddenStatus: 500}, `{"Links":{},"Items":[
			{"Items":[{"Substatus":202,"Message":""},{"Substatus":400,"Message":"The specified value is outside the allowable range."},{"Substatus":202,"Message":""}]},
			{"Items":[{"Substatus":404,"Message":"The specified WebID does not refer to a known object."}]},
			{"Items":[{"Substatus":400,"Message":"Unknown or invalid WebID format: 'x\"y'"}]},
			{"Items":[]},
			{"Items":[{"Substatus":500,"Message":"The current user does not have write access to the point."}]}]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.config.WriteForbidden = func(name string) bool { return name == "locked" }
			s := newServer(t, test.config, PointSpec{Name: "a", Type: "Int32"}, PointSpec{Name: "gone"}, PointSpec{Name: "locked"})
			gone := webID(t, s, "gone")
			require.NoError(t, s.Delete("gone"))
			a := webID(t, s, "a")
			got := call(t, s, "POST", "streamsets/recorded", set(
				stream(a, timed(-3, "1"), timed(-2, "2147483648"), timed(-1, "3")),
				stream(gone, timed(0, "1"), timed(1, "1")), stream(`x\"y`, timed(0, "1")), stream(a),
				stream(webID(t, s, "locked"), timed(0, "1"))))
			require.Equal(t, 207, got.status)
			require.JSONEq(t, test.want, got.body)
			require.Equal(t, []any{int64(1), int64(3)}, values(s, "a"))
		})
	}
	t.Run("one value per stream", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		value := func(v string) string {
			return `{"WebId":"` + webID(t, s, "a") + `","Value":` + timed(0, v) + `}`
		}
		got := call(t, s, "POST", "streamsets/value", set(value("1"), value(`"x"`)))
		require.Equal(t, 207, got.status)
		require.JSONEq(t, `{"Links":{},"Items":[{"Substatus":204,"Message":null},{"Substatus":400,"Message":"The value cannot be converted to the type of the point."}]}`, got.body)
	})
	t.Run("one stream", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		got := post(t, s, "", "a", timed(0, `"x"`), timed(1, "1"))
		require.Equal(t, 207, got.status)
		require.JSONEq(t, `{"Links":{},"Items":[{"Substatus":400,"Message":"The value cannot be converted to the type of the point."},{"Substatus":204,"Message":null}]}`, got.body)
	})
}

func TestWhole(t *testing.T) {
	good := timed(0, "1")
	for _, test := range []struct {
		name   string
		config Config
		body   func(a, gone string) string
		want   int
	}{
		{"unknown WebID", Config{UnknownWebID: Whole}, func(a, gone string) string { return set(stream(a, good), stream(gone, good)) }, 404},
		{"unknown WebID as a bad request", Config{UnknownWebID: Whole, UnknownStatus: 400}, func(a, gone string) string { return set(stream(a, good), stream(gone, good)) }, 400},
		{"malformed WebID", Config{UnknownWebID: Whole}, func(a, _ string) string { return set(stream(a, good), stream("?", good)) }, 400},
		{"bad value", Config{BadValue: Whole}, func(a, _ string) string { return set(stream(a, good), stream(a, timed(0, "null"))) }, 400},
		{"bad value after an unknown WebID", Config{BadValue: Whole}, func(a, gone string) string { return set(stream(gone, good), stream(a, good, timed(0, "{}"))) }, 400},
		{"bad value alone", Config{UnknownWebID: Whole}, func(a, _ string) string { return set(stream(a, timed(0, "null"))) }, 207},
		{"unknown WebID alone", Config{BadValue: Whole}, func(_, gone string) string { return set(stream(gone, good)) }, 207},
		{"syntax", Config{}, func(a, _ string) string { return set(stream(a, good)) + "," }, 400},
		{"no list", Config{}, func(a, _ string) string { return stream(a, good) }, 400},
		{"no WebID", Config{}, func(string, string) string { return `[{"Items":[` + good + `]}]` }, 400},
		{"no items", Config{}, func(a, _ string) string { return `[{"WebId":"` + a + `"}]` }, 400},
		{"items null", Config{}, func(a, _ string) string { return `[{"WebId":"` + a + `","Items":null}]` }, 400},
		{"value no object", Config{}, func(a, _ string) string { return set(stream(a, good, "1")) }, 400},
		{"flag no truth", Config{}, func(a, _ string) string { return set(stream(a, `{"Value":1,"Good":"yes"}`)) }, 400},
		{"nothing", Config{}, func(string, string) string { return "" }, 400},
		{"empty list", Config{}, func(string, string) string { return "[]" }, 202},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, test.config, PointSpec{Name: "a"}, PointSpec{Name: "gone"})
			gone := webID(t, s, "gone")
			require.NoError(t, s.Delete("gone"))
			got := call(t, s, "POST", "streamsets/recorded", test.body(webID(t, s, "a"), gone))
			require.Equal(t, test.want, got.status, got.body)
			require.Empty(t, values(s, "a"))
			if test.want == 400 || test.want == 404 {
				require.NotEmpty(t, got.json(t).(map[string]any)["Errors"])
			}
		})
	}
	t.Run("single stream", func(t *testing.T) {
		s := newServer(t, Config{WriteForbidden: func(name string) bool { return name == "locked" }}, PointSpec{Name: "locked"}, PointSpec{Name: "gone"})
		gone := webID(t, s, "gone")
		require.NoError(t, s.Delete("gone"))
		for id, want := range map[string]int{gone: 404, "nonsense": 400, "I1DPxx": 400, webID(t, s, "locked"): 403} {
			require.Equal(t, want, call(t, s, "POST", "streams/"+id+"/recorded", set(good)).status)
			require.Equal(t, want, call(t, s, "POST", "streams/"+id+"/value", good).status)
		}
		got := call(t, s, "POST", "streams/nonsense/value", good)
		require.JSONEq(t, `{"Errors":["Unknown or invalid WebID format: 'nonsense'"]}`, got.body)
	})
}

func TestKeysInAnyCaseAndTwice(t *testing.T) {
	s := newServer(t, Config{}, PointSpec{Name: "a"})
	a := webID(t, s, "a")
	got := call(t, s, "POST", "streamsets/recorded", ` [ {"items":[`+timed(0, "1")+`], "ITEMS" : [{"value":2,"\u0056alue":3,"timestamp":"*", "Other":[{}]}],"webid":"`+a+`"} ] `)
	require.Equal(t, 202, got.status)
	require.Equal(t, []any{3.0}, values(s, "a"))
}

func TestBufferHidesBadValues(t *testing.T) {
	for _, test := range []struct {
		name, query string
		config      Config
		want        int
	}{
		{"buffer", "bufferOption=Buffer", Config{BadValue: Whole}, 202},
		{"subsystem", "", Config{BufferLoses: true}, 202},
		{"subsystem avoided", "bufferOption=DoNotBuffer", Config{BufferLoses: true}, 207},
		{"no subsystem", "", Config{}, 207},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.config.KeepLog = true
			s := newServer(t, test.config, PointSpec{Name: "a"})
			require.Equal(t, test.want, post(t, s, test.query, "a", timed(0, "1"), timed(1, `"x"`)).status)
			require.Equal(t, []any{1.0}, values(s, "a"))
			got := s.Received("a")
			require.Len(t, got, 2)
			require.NotEmpty(t, got[1].Problem)
			if test.want == 202 {
				require.Equal(t, 202, got[1].Status)
			} else {
				require.Equal(t, 400, got[1].Status)
			}
		})
	}
}

func TestRestartLosesTheBuffer(t *testing.T) {
	now := noon()
	s := newServer(t, Config{BufferDelay: time.Minute, Now: func() time.Time { return now }}, PointSpec{Name: "a"})
	post(t, s, "bufferOption=Buffer", "a", timed(0, "1"))
	require.Empty(t, values(s, "a"))
	now = now.Add(time.Minute)
	require.Equal(t, []any{1.0}, values(s, "a"))
	post(t, s, "bufferOption=Buffer", "a", timed(1, "2"))
	post(t, s, "", "a", timed(2, "3"))
	s.Restart()
	now = now.Add(time.Hour)
	require.Equal(t, []any{1.0, 3.0}, values(s, "a"))
	post(t, s, "bufferOption=Buffer", "a", timed(3, "4"))
	s.Close()
	require.Equal(t, []any{1.0, 3.0, 4.0}, values(s, "a"))
}

func TestReceived(t *testing.T) {
	now := noon()
	s := newServer(t, Config{KeepLog: true, Now: func() time.Time { return now }}, PointSpec{Name: "a", Type: "Int32"})
	post(t, s, "updateOption=NoReplace", "a", `{"Timestamp":"2026-03-04T11:00:00.1234567Z","Value":1}`, `{"Value":"x"}`)
	now = now.Add(time.Second)
	post(t, s, "updateOption=NoReplace&bufferOption=DoNotBuffer", "a", `{"Timestamp":"2026-03-04T11:00:00.1234567Z","Value":1}`)
	sent := time.Date(2026, 3, 4, 11, 0, 0, 123456700, time.UTC)
	require.Equal(t, []Received{
		{Time: sent, Value: int64(1), Status: 202, Option: "NoReplace", Arrived: noon()},
		{Time: noon(), Value: json.RawMessage(`"x"`), Status: 400, Problem: problems[badType], Option: "NoReplace", Arrived: noon()},
		{Time: sent, Value: int64(1), Status: 204, Option: "NoReplace", Arrived: now},
	}, s.Received("a"))
	require.Equal(t, []any{int64(1)}, values(s, "a"))
	p, ok := s.Point(`\\pisrv01\A`)
	require.True(t, ok)
	require.EqualValues(t, 3, p.Received)
	require.Equal(t, map[string]map[int]uint64{"POST streams/{webId}/recorded": {207: 1, 204: 1}}, s.Requests())
	require.Nil(t, newServer(t, Config{}, PointSpec{Name: "a"}).Received("a"))
	require.Nil(t, s.Received("b"))
	require.Nil(t, s.Stored("b"))
}

func TestMaxEvents(t *testing.T) {
	s := newServer(t, Config{MaxEvents: 3}, PointSpec{Name: "a", Type: "String"})
	for i := range 10 {
		post(t, s, "", "a", timed(float64(i), `"`+string(rune('a'+i))+`"`))
	}
	require.Equal(t, []any{"h", "i", "j"}, values(s, "a"))
	require.Len(t, s.reg.find("a").archive.texts, 3)
}

func TestCSRF(t *testing.T) {
	for _, test := range []struct{ status, want int }{{0, 400}, {403, 403}, {-1, 202}} {
		s := newServer(t, Config{CSRFStatus: test.status}, PointSpec{Name: "a"})
		r := newRequest("POST", "streams/"+webID(t, s, "a")+"/value", timed(0, "1"))
		r.Header.Del("X-Requested-With")
		require.Equal(t, test.want, send(s, r).status)
		r = newRequest("GET", "system", "")
		r.Header.Del("X-Requested-With")
		require.Equal(t, 200, send(s, r).status)
	}
}

func TestLimits(t *testing.T) {
	t.Run("size", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		got := post(t, s, "", "a", timed(0, "1"+strings.Repeat(" ", 4194304)))
		require.Equal(t, 413, got.status)
		require.JSONEq(t, `{"Errors":["Request content exceeds the maximum allowed length 4194304"]}`, got.body)
		require.Empty(t, values(s, "a"))
		r := newRequest("POST", "streams/"+webID(t, s, "a")+"/recorded", "["+timed(0, "1")+strings.Repeat(" ", 4194304)+"]")
		r.ContentLength = -1
		require.Equal(t, 413, send(s, r).status)
	})
	t.Run("exact size", func(t *testing.T) {
		body := "[" + timed(0, "1") + "]"
		s := newServer(t, Config{MaxRequestBytes: int64(len(body))}, PointSpec{Name: "a"})
		path := "streams/" + webID(t, s, "a") + "/recorded"
		require.Equal(t, 202, call(t, s, "POST", path, body).status)
		require.Equal(t, 413, call(t, s, "POST", path, body+" ").status)
	})
	t.Run("rate", func(t *testing.T) {
		now := noon()
		s := newServer(t, Config{RateLimit: 3, Now: func() time.Time { return now }})
		get := func(remote string) result {
			r := newRequest("GET", "system", "")
			r.RemoteAddr = remote
			return send(s, r)
		}
		for range 3 {
			require.Equal(t, 200, get("10.0.0.1:1000").status)
		}
		limited := get("10.0.0.1:2000")
		require.Equal(t, 429, limited.status)
		require.Contains(t, limited.body, "Rate limit was reached")
		require.Empty(t, limited.header.Get("Retry-After"))
		require.Equal(t, 200, get("10.0.0.2:1000").status)
		now = now.Add(time.Second)
		require.Equal(t, 200, get("10.0.0.1:2000").status)
	})
	t.Run("media type", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		for kind, want := range map[string]int{"": 415, "text/plain": 415, "application/json; charset=utf-8": 202, "text/json": 202} {
			r := newRequest("POST", "streams/"+webID(t, s, "a")+"/value", timed(0, "1"))
			r.Header.Set("Content-Type", kind)
			require.Equal(t, want, send(s, r).status, kind)
		}
	})
}

func TestDateIsThatOfTheServer(t *testing.T) {
	got := call(t, newServer(t, Config{}), "GET", "system", "")
	require.Equal(t, noon().Format(http.TimeFormat), got.header.Get("Date"))
	require.Equal(t, "application/json; charset=utf-8", got.header.Get("Content-Type"))
}

func TestBOM(t *testing.T) {
	s := newServer(t, Config{BOM: true}, PointSpec{Name: "a"})
	require.True(t, strings.HasPrefix(call(t, s, "GET", "system", "").body, "\uFEFF{"))
	require.Empty(t, post(t, s, "", "a", timed(0, "1")).body)
}

func TestPaths(t *testing.T) {
	s := newServer(t, Config{})
	for _, test := range []struct {
		method, path string
		want         int
		contains     string
	}{
		{"GET", "/piwebapi", 200, "DataServers"},
		{"GET", "/PIWebAPI/System/", 200, "ProductVersion"},
		{"HEAD", "/piwebapi/system", 200, ""},
		{"GET", "/piwebapi/nothing", 404, "Message"},
		{"PUT", "/piwebapi/system", 405, "PUT"},
		{"GET", "/piwebapix/system", 404, "<HTML>"},
		{"GET", "/", 404, "<HTML>"},
	} {
		r := newRequest(test.method, "", "")
		r.URL.Path = test.path
		got := send(s, r)
		require.Equal(t, test.want, got.status, test.path)
		require.Contains(t, got.body, test.contains)
	}
}

func TestConfigErrors(t *testing.T) {
	_, err := New(Config{
		CSRFStatus: 401, BadValue: "some", SuccessCode: 201, GoodSubstatus: 1, DuplicateStatus: 1, ForbiddenStatus: 1,
		WebIDType: "x", UnauthorizedBody: "y", MaxEvents: -1, ChildStatus: 200, RateDuration: -1,
	})
	for _, word := range []string{"CSRFStatus", "BadValue", "SuccessCode", "GoodSubstatus", "DuplicateStatus", "ForbiddenStatus", "WebIDType", "UnauthorizedBody", "MaxEvents", "ChildStatus", "RateDuration"} {
		require.ErrorContains(t, err, word)
	}
	_, err = New(Config{ServerID: "no"})
	require.ErrorContains(t, err, "ServerID")
}
