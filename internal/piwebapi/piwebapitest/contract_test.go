package piwebapitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestContract holds answers against the vendor's description of version 1.11: every property must be there, with its
// type. Statuses are not compared, since the reference is newer in those.
func TestContract(t *testing.T) {
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		require.NotEqual(t, dir, filepath.Dir(dir), "no go.mod above the test")
		dir = filepath.Dir(dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "..", "shared", "contracts", "pi-web-api-1.11-swagger.json"))
	if err != nil {
		t.Skip("the vendor's description is not beside this checkout")
	}
	var c contract
	require.NoError(t, json.Unmarshal(text, &c))

	s := newServer(t, Config{Auth: Auth{User: "pi", Password: "x"}}, PointSpec{Name: "a"}, PointSpec{Name: "b"})
	require.NoError(t, s.CreateDigitalSet("Updown", "Up"))
	require.NoError(t, s.CreateAttribute(AttributeSpec{Path: "E|static", Value: "1"}))
	attribute := escape(`\\AFSRV01\Network\E|static`)
	a, server := webID(t, s, "a"), s.serverIdentity().webID("Full")
	setID := s.reg.setIdentity(s.reg.sets["UPDOWN"]).webID("Full")
	partial := `[{"WebId":"` + a + `","Items":[` + timed(0, "1") + `,` + timed(0, `"x"`) + `]}]`
	for _, test := range []struct{ method, pattern, path, body string }{
		{"GET", "/", "", ""},
		{"GET", "/system", "system", ""},
		{"GET", "/system/versions", "system/versions", ""},
		{"GET", "/system/status", "system/status", ""},
		{"GET", "/system/userinfo", "system/userinfo", ""},
		{"GET", "/dataservers", "dataservers", ""},
		{"GET", "/dataservers/{webId}", "dataservers/" + server, ""},
		{"GET", "/dataservers/{webId}/points", "dataservers/" + server + "/points", ""},
		{"GET", "/dataservers/{webId}/enumerationsets", "dataservers/" + server + "/enumerationsets", ""},
		{"GET", "/enumerationsets/{webId}/enumerationvalues", "enumerationsets/" + setID + "/enumerationvalues", ""},
		{"GET", "/points", "points?path=" + escape(`\\PISRV01\a`), ""},
		{"GET", "/points/{webId}", "points/" + a, ""},
		{"GET", "/points/multiple", "points/multiple?path=x&webId=" + a, ""},
		{"GET", "/points/{webId}/attributes/{name}", "points/" + a + "/attributes/span", ""},
		{"GET", "/points/{webId}/attributes", "points/" + a + "/attributes", ""},
		{"GET", "/attributes", "attributes?path=" + attribute, ""},
		{"GET", "/attributes/multiple", "attributes/multiple?path=x&path=" + attribute, ""},
		{"GET", "/elements", "elements?path=" + escape(`\\AFSRV01\Network\E`), ""},
		{"GET", "/assetservers", "assetservers", ""},
		{"POST", "/streamsets/recorded", "streamsets/recorded", partial},
		{"POST", "/streamsets/value", "streamsets/value", `[{"WebId":"` + a + `","Value":` + timed(0, `"x"`) + `}]`},
		{"POST", "/streams/{webId}/recorded", "streams/" + a + "/recorded", `[` + timed(0, `"x"`) + `]`},
		{"POST", "/batch", "batch", `{"A":{"Method":"GET","Resource":"/piwebapi/points/` + a + `"}}`},
		{"GET", "/streams/{webId}/value", "streams/" + a + "/value", ""},
		{"GET", "/streams/{webId}/recorded", "streams/" + a + "/recorded", ""},
		{"GET", "/streamsets/value", "streamsets/value?webId=" + a, ""},
		{"GET", "/streamsets/recorded", "streamsets/recorded?webId=" + a, ""},
	} {
		t.Run(test.method+" "+test.pattern, func(t *testing.T) {
			r := newRequest(test.method, test.path, test.body)
			r.SetBasicAuth("pi", "x")
			got := send(s, r)
			require.Less(t, got.status, 300, got.body)
			responses := c.Paths[test.pattern][strings.ToLower(test.method)].Responses
			schema := responses[strconv.Itoa(got.status)].Schema
			if schema == nil {
				schema = responses["200"].Schema
			}
			require.NotNil(t, schema, "the description has no schema")
			require.Empty(t, c.faults(schema, got.json(t), "$"))
		})
	}
	t.Run("errors", func(t *testing.T) {
		r := newRequest(http.MethodGet, "points/x", "")
		r.SetBasicAuth("pi", "x")
		require.Empty(t, c.faults(&schema{Ref: "#/definitions/Errors"}, send(s, r).json(t), "$"))
	})
	t.Run("the check itself", func(t *testing.T) {
		point := &schema{Ref: "#/definitions/Point"}
		require.Len(t, c.faults(point, map[string]any{"Colour": "x", "Name": 5.0, "Id": 1.5, "Links": []any{}}, "$"), 4)
	})
}

type contract struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct{ Schema *schema }
	}
	Definitions map[string]*schema
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Properties           map[string]*schema
	Items                *schema
	AdditionalProperties *schema
}

// faults lists what in v is not as a schema says.
func (c *contract) faults(s *schema, v any, at string) (all []string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/definitions/"); ok {
		s = c.Definitions[name]
		if s == nil {
			return []string{at + ": no definition " + name}
		}
	}
	if v == nil {
		return nil
	}
	wrong := func() []string { return []string{fmt.Sprintf("%s: %v is no %s", at, v, s.Type)} }
	switch {
	case s.Properties != nil:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		for key, value := range m {
			if s.Properties[key] == nil {
				all = append(all, at+"."+key+" is not described")
				continue
			}
			all = append(all, c.faults(s.Properties[key], value, at+"."+key)...)
		}
	case s.AdditionalProperties != nil:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		for key, value := range m {
			all = append(all, c.faults(s.AdditionalProperties, value, at+"."+key)...)
		}
	case s.Type == "array":
		list, ok := v.([]any)
		if !ok {
			return wrong()
		}
		for i, value := range list {
			all = append(all, c.faults(s.Items, value, at+"["+strconv.Itoa(i)+"]")...)
		}
	case s.Type == "string":
		if _, ok := v.(string); !ok {
			return wrong()
		}
	case s.Type == "boolean":
		if _, ok := v.(bool); !ok {
			return wrong()
		}
	case s.Type == "integer", s.Type == "number":
		f, ok := v.(float64)
		if !ok || s.Type == "integer" && f != float64(int64(f)) {
			return wrong()
		}
	}
	return all
}
