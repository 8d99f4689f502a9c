package piwebapi

import (
	"crypto/tls"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pi "telegraf-ipvs/internal/piwebapi"
)

func tlsOf(pair tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func TestSubstatuses(t *testing.T) {
	two := []testStream{{"a", make([]testValue, 2)}, {"b", make([]testValue, 1)}}
	for _, test := range []struct {
		name, body string
		want       string // substatuses, streams apart; "" for none
	}{
		{"nested", `{"Items":[{"Items":[{"Substatus":204,"Message":null},{"Substatus":400,"Message":"no"}]},{"Items":[{"Substatus":200,"Message":""}]}]}`,
			`204,400 "no"|200 with an empty message`},
		{"one for all", `{"Items":[{"Items":[{"Substatus":404}]},{"Items":[{"Substatus":204}]}]}`, "404,404|204"},
		{"flat", `{"Items":[{"Substatus":404},{"Substatus":204}]}`, "404,404|204"},
		{"stream missing", `{"Items":[{"Items":[{"Substatus":204},{"Substatus":204}]}]}`, ""},
		{"value missing", `{"Items":[{"Items":[{"Substatus":204},{"Substatus":204}]},{"Items":[]}]}`, ""},
		{"value too many", `{"Items":[{"Items":[{},{},{}]},{"Items":[{}]}]}`, ""},
		{"no JSON", `<html>`, ""},
		{"nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var streams []string
			for _, s := range substatuses(&pi.TrialReply{Status: 207, Body: []byte(test.body)}, two) {
				var list []string
				for _, one := range s {
					list = append(list, one.String())
				}
				streams = append(streams, strings.Join(list, ","))
			}
			require.Equal(t, test.want, strings.Join(streams, "|"))
		})
	}
}

func FuzzSubstatuses(f *testing.F) {
	f.Add([]byte(`{"Items":[{"Items":[{"Substatus":204},{"Substatus":400,"Message":"no"}]},{"Substatus":404}]}`))
	f.Add([]byte(`{"Items":[null,{"Items":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		streams := []testStream{{"a", make([]testValue, 2)}, {"b", make([]testValue, 1)}}
		list := substatuses(&pi.TrialReply{Status: 207, Body: body}, streams)
		if list == nil {
			return
		}
		require.Len(t, list, 2)
		require.Len(t, list[0], 2)
		require.Len(t, list[1], 1)
	})
}

func TestSameValue(t *testing.T) {
	for _, test := range []struct {
		name      string
		typ       pi.PointType
		sent, got string
		want      bool
	}{
		{"integer", pi.Int32, "12", "12", true},
		{"other integer", pi.Int32, "12", "13", false},
		{"float", pi.Float32, "12", "12.000001", true},
		{"other float", pi.Float64, "12", "12.1", false},
		{"scaled", pi.Float16, "12", "12.002", true},
		{"scaled off", pi.Float16, "12", "12.01", false},
		{"negative", pi.Float64, "-12", "-12", true},
		{"state", pi.Digital, `"Up"`, `{"Name":"UP","Value":1,"IsSystem":false}`, true},
		{"other state", pi.Digital, `"Up"`, `{"Name":"Down","Value":0}`, false},
		{"number of a state", pi.Digital, `1`, `{"Name":"Up","Value":1}`, true},
		{"system state", pi.Float64, `1`, `{"Name":"No Data","Value":248,"IsSystem":true}`, false},
		{"text", pi.String, `"a"`, `"a"`, true},
		{"time", pi.Timestamp, `"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.0000000Z"`, true},
		{"text and number", pi.String, `1`, `"1"`, false},
		{"no JSON", pi.Float64, `NaN`, `1`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &testPoint{Item: pi.Item{PointType: test.typ}, Span: 100}
			require.Equal(t, test.want, p.same(test.sent, json.RawMessage(test.got)))
		})
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{""}},
		{"short", "a b", []string{"a b"}},
		{"exact", "abcd efghi", []string{"abcd efghi"}},
		{"long", "abcd efghij k", []string{"abcd", "efghij k"}},
		{"long word", "a bcdefghijklmno p", []string{"a", "bcdefghijklmno", "p"}},
		{"line ends", "a\nb\r\nc", []string{"a b c"}},
		{"characters", "äöüß äöüßä", []string{"äöüß äöüßä"}},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, wrap(test.text, 10)) })
	}
}
