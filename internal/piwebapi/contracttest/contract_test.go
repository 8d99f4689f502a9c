package contracttest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func load(t *testing.T) *Validator {
	t.Helper()
	v, err := Load()
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("The contract of PI Web API is not there: %s", file)
	}
	require.NoError(t, err)
	return v
}

func TestCheck(t *testing.T) {
	v := load(t)
	const value = `{"Timestamp":"2026-01-02T03:04:05.1234567Z","Value":1.5}`
	for _, test := range []struct {
		name, method, path, query, body string
		want                            string // part of the error; "" for none
	}{
		{"home", "GET", "/piwebapi/", "", "", ""},
		{"system", "GET", "/piwebapi/system", "", "", ""},
		{"one point", "GET", "/piwebapi/points", `path=%5C%5CSRV%5CTAG`, "", ""},
		{"many points", "GET", "/piwebapi/points/multiple", `path=a&path=b&webIdType=IDOnly`, "", ""},
		{"server by name", "GET", "/piwebapi/dataservers", "name=SRV", "", ""},
		{"set attribute", "PUT", "/piwebapi/points/F1DPx/attributes/compdev", "", "0.5", ""},
		{"values", "POST", "/piwebapi/streamsets/recorded", "updateOption=NoReplace&bufferOption=DoNotBuffer",
			`[{"WebId":"x","Items":[` + value + `,{"Timestamp":"2026-01-02T03:04:05Z","Value":"on"}]}]`, ""},
		{"values of one", "POST", "/piwebapi/streams/x/recorded", "", "[" + value + "]", ""},
		{"no values", "POST", "/piwebapi/streamsets/recorded", "", "[]", ""},
		{"create", "POST", "/piwebapi/dataservers/x/points", "",
			`{"Name":"A","PointClass":"classic","PointType":"Float64","Step":true,"DisplayDigits":-5}`, ""},
		{"batch", "POST", "/piwebapi/batch", "", `{"1":{"Method":"GET","Resource":"x"}}`, ""},

		{"other base", "GET", "/points", "path=x", "", "is not below /piwebapi"},
		{"no such call", "GET", "/piwebapi/pionts", "", "", "no call GET /pionts"},
		{"no such method", "DELETE", "/piwebapi/points", "", "", "no call DELETE /points"},
		{"empty segment", "GET", "/piwebapi/points//attributes", "", "", "no call"},
		{"no path", "GET", "/piwebapi/points", "", "", "query parameter path is missing"},
		{"empty path", "GET", "/piwebapi/points", "path=", "", "query parameter path is empty"},
		{"two paths", "GET", "/piwebapi/points", "path=a&path=b", "", "path is given 2 times"},
		{"unknown parameter", "GET", "/piwebapi/points", "path=a&paht=b", "", "unknown query parameter paht"},
		{"unknown option", "POST", "/piwebapi/streams/x/value", "updateOption=Maybe", value, `updateOption is "Maybe"`},
		{"body for a GET", "GET", "/piwebapi/system", "", "{}", "the call takes no body"},
		{"not JSON", "POST", "/piwebapi/streams/x/value", "", "{", "not JSON"},
		{"attribute not JSON", "PUT", "/piwebapi/points/x/attributes/span", "", "high", "not JSON"},
		{"more than JSON", "POST", "/piwebapi/streams/x/value", "", value + "1", "something follows"},
		{"object for array", "POST", "/piwebapi/streamsets/recorded", "", "{}", "body: an object"},
		{"array for object", "POST", "/piwebapi/streams/x/value", "", "[]", "body: an array"},
		{"number for text", "POST", "/piwebapi/streamsets/recorded", "", `[{"WebId":1,"Items":[]}]`, "body[0].WebId"},
		{"no items", "POST", "/piwebapi/streamsets/recorded", "", `[{"WebId":"x"}]`, "body[0].Items: missing"},
		{"misspelt", "POST", "/piwebapi/streamsets/recorded", "", `[{"WebID":"x","WebId":"x","Items":[]}]`, "WebID: no such property"},
		{"not for us", "POST", "/piwebapi/streamsets/recorded", "", `[{"WebId":"x","Name":"x","Items":[]}]`, "Name: not allowed in a POST"},
		{"null", "POST", "/piwebapi/streams/x/value", "", `{"Timestamp":"2026-01-02T03:04:05Z","Value":null}`, "body.Value: null"},
		{"no time", "POST", "/piwebapi/streams/x/value", "", `{"Value":1}`, "Timestamp: missing"},
		{"relative time", "POST", "/piwebapi/streams/x/value", "", `{"Timestamp":"*","Value":1}`, "not a time in UTC"},
		{"local time", "POST", "/piwebapi/streams/x/value", "", `{"Timestamp":"2026-01-02T03:04:05+01:00","Value":1}`, "not a time in UTC"},
		{"nanoseconds", "POST", "/piwebapi/streams/x/value", "", `{"Timestamp":"2026-01-02T03:04:05.123456789Z","Value":1}`, "seven decimals"},
		{"span at creation", "POST", "/piwebapi/dataservers/x/points", "",
			`{"Name":"A","PointClass":"classic","PointType":"Float64","Span":1}`, "Span: not allowed in a POST"},
		{"no class", "POST", "/piwebapi/dataservers/x/points", "", `{"Name":"A","PointType":"Float64"}`, "PointClass: missing"},
		{"text for truth", "POST", "/piwebapi/dataservers/x/points", "",
			`{"Name":"A","PointClass":"classic","PointType":"Float64","Step":"1"}`, "body.Step"},
	} {
		t.Run(test.name, func(t *testing.T) {
			query, err := url.ParseQuery(test.query)
			require.NoError(t, err)
			header := http.Header{"X-Requested-With": {"x"}, "Content-Type": {"application/json; charset=utf-8"}}
			err = v.Check(test.method, test.path, query, header, []byte(test.body))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestCheckHeader(t *testing.T) {
	v := load(t)
	check := func(method string, header http.Header, body string) error {
		path := "/piwebapi/streamsets/recorded"
		if method == "GET" {
			path = "/piwebapi/system"
		}
		return v.Check(method, path, nil, header, []byte(body))
	}
	require.NoError(t, check("GET", nil, ""))
	require.ErrorContains(t, check("POST", http.Header{"Content-Type": {"application/json"}}, "[]"), "X-Requested-With")
	require.ErrorContains(t, check("POST", http.Header{"X-Requested-With": {"x"}}, "[]"), `content type ""`)
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{"not JSON": "{", "no calls": `{"swagger":"2.0","info":{},"paths":{}}`} {
		t.Run(name, func(t *testing.T) {
			_, err := parse([]byte(text))
			require.Error(t, err)
		})
	}
}

func TestTransport(t *testing.T) {
	v := load(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer server.Close()
	var reports []error
	client := http.Client{Transport: transport{v, server.Client().Transport, func(err error) { reports = append(reports, err) }}}
	post := func(path, body string) string {
		r, err := http.NewRequest(http.MethodPost, server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("X-Requested-With", "x")
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, "[]", post("/piwebapi/streamsets/recorded", "[]"))
	require.Empty(t, reports)
	require.Equal(t, "[]", post("/piwebapi/streamset/recorded", "[]"), "a bad request is handed on too")
	require.Len(t, reports, 1)
	require.ErrorContains(t, reports[0], "no call POST /streamset/recorded")
}
