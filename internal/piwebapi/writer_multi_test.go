package piwebapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeMulti(t *testing.T) {
	good, bad := item{status: 204}, item{400, "x"}
	for _, row := range []struct {
		name   string
		body   string
		counts []int
		want   []item // nil: does not match
	}{
		{"by value", `{"Items":[{"Items":[{"Substatus":204},{"Substatus":400,"Message":"x"}]},{"Items":[{"Substatus":204}]}]}`, []int{2, 1}, []item{good, bad, good}},
		{"by stream", `{"Items":[{"Substatus":400,"Message":"x"},{"Substatus":204,"Items":null}]}`, []int{2, 1}, []item{bad, bad, good}},
		{"mixed", `{"Items":[{"Substatus":400,"Message":"x","Items":[]},{"Items":[{"Substatus":204}]}]}`, []int{1, 1}, []item{bad, good}},
		{"items beside a substatus", `{"Items":[{"Substatus":207,"Items":[{"Substatus":204},{"Substatus":400,"Message":"x"}]}]}`, []int{2}, []item{good, bad}},
		{"flat, one stream", `{"Items":[{"Substatus":204},{"Substatus":204}]}`, []int{2}, []item{good, good}},
		{"flat, several streams", `{"Items":[{"Substatus":204},{"Substatus":400,"Message":"x"},{"Substatus":204}]}`, []int{2, 1}, []item{good, bad, good}},
		{"bare list", ` [{"Items":[{"Substatus":204}]}]`, []int{1}, []item{good}},
		{"any case", `{"ITEMS":[{"items":[{"subStatus":400,"message":"x"}]}]}`, []int{1}, []item{bad}},
		{"zero", `{"Items":[{"Items":[{"Substatus":0,"Message":null}]}]}`, []int{1}, []item{{}}},
		{"zero with a message", `{"Items":[{"Items":[{"Substatus":0,"Message":"x"}]}]}`, []int{1}, []item{{500, "x"}}},
		{"no status at all", `{"Items":[{"Items":[{"Substatus":1e300}]}]}`, []int{1}, []item{{status: 500}}},
		{"message in a list", `{"Items":[{"Items":[{"Substatus":400,"Message":["x"]}]}]}`, []int{1}, []item{bad}},
		{"message of another kind", `{"Items":[{"Items":[{"Substatus":204,"Message":{"a":1}}]}]}`, []int{1}, []item{good}},
		{"unknown properties", `{"Links":{"a":"b"},"Items":[{"Links":{},"Items":[{"Substatus":204,"New":1}]}]}`, []int{1}, []item{good}},

		{"empty", ``, []int{1}, nil},
		{"no items", `{}`, []int{1}, nil},
		{"null", `null`, []int{1}, nil},
		{"HTML", `<html>`, []int{1}, nil},
		{"cut off", `{"Items":[{"Items":[{"Substatus":204}`, []int{1}, nil},
		{"a stream too few", `{"Items":[{"Items":[{"Substatus":204}]}]}`, []int{1, 1}, nil},
		{"a value too few", `{"Items":[{"Items":[{"Substatus":204}]},{"Items":[{"Substatus":204}]}]}`, []int{2, 1}, nil},
		{"a value too many", `{"Items":[{"Items":[{"Substatus":204},{"Substatus":204}]}]}`, []int{1}, nil},
		{"no substatus", `{"Items":[{"Items":[{"Message":null}]}]}`, []int{1}, nil},
		{"null for a value", `{"Items":[{"Items":[null]}]}`, []int{1}, nil},
		{"null for a stream", `{"Items":[null]}`, []int{1}, nil},
		{"a third level", `{"Items":[{"Items":[{"Substatus":204,"Items":[{"Substatus":400}]}]}]}`, []int{1}, nil},
		{"text for a number", `{"Items":[{"Items":[{"Substatus":"204"}]}]}`, []int{1}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := decodeMulti([]byte(row.body), row.counts)
			require.Equal(t, row.want != nil, ok)
			if ok {
				require.Equal(t, row.want, got)
			}
		})
	}
}

func FuzzDecodeMulti(f *testing.F) {
	for _, body := range []string{
		`{"Links":{},"Items":[{"Items":[{"Substatus":204,"Message":null},{"Substatus":400,"Message":"x"}]},{"Items":[{"Substatus":204}]}]}`,
		`{"Items":[{"Substatus":404},{"Substatus":204}]}`, `[{"Substatus":0,"Message":["a"]}]`, `{"Items":null}`, `{"Items":[null]}`, `[[]]`,
		`{"Items":[{"Items":[{"Substatus":-1e999}]}]}`, `{"items":[{"ITEMS":[{"substatus":599.5}]}]}`, "\xff", `"`,
	} {
		f.Add([]byte(body), uint8(2), uint8(1))
		f.Add([]byte(body), uint8(1), uint8(0))
	}
	f.Fuzz(func(t *testing.T, body []byte, a, b uint8) {
		counts := []int{int(a%8) + 1}
		if b > 0 {
			counts = append(counts, int(b%8)+1)
		}
		total := 0
		for _, n := range counts {
			total += n
		}
		items, ok := decodeMulti(body, counts)
		if !ok {
			return
		}
		require.Len(t, items, total)
		for _, it := range items {
			require.True(t, it.status == 0 || it.status >= 100 && it.status < 600, "%d", it.status)
			require.False(t, it.good() && it.status >= 300)
			require.False(t, it.good() && it.status == 0 && it.message != "")
		}
	})
}
