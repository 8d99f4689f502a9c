package metric_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func TestReduceLine(t *testing.T) {
	for _, tt := range []struct {
		name, line, key string
		want            string // empty: not ok
	}{
		{"only one", "m,b=2,a=1 v=1i 5", "v", "m,b=2,a=1 v=1i 5"},
		{"first", "m v=1.50,w=2i 5", "v", "m v=1.50 5"},
		{"middle", "m a=1,v=1,b=2 5", "v", "m v=1 5"},
		{"last", "m a=1,v=1 5", "v", "m v=1 5"},
		{"no time", "m a=1,v=1", "v", "m v=1"},
		{"space at the end", "m a=1,v=1 ", "v", "m v=1"},
		{"carriage return", " m  a=1,v=1  5 \r", "v", "m v=1 5"},
		{"text", "m a=\"x,v=1 \\\"\",v=\"y\n,a=2\",b=t 5", "v", "m v=\"y\n,a=2\" 5"},
		{"empty text", `m a="",v=1 5`, "v", "m v=1 5"},
		{"escaped key", `m\ n,a=\,  f\ f\=\,=1,v=2 5`, "f f=,", `m\ n,a=\, f\ f\=\,=1 5`},
		{"key that is cleaned", "m a\\\\,b=1,\x00=2 5", "a,b", `m a\\,b=1 5`},
		{"control character", "m a=1,\x00=2 5", "\uFFFD", "m \x00=2 5"},
		{"not UTF-8", "m a=1,\xff=2 5", "\uFFFD", "m \xff=2 5"},
		{"twice", "m v=1,w=2,v=3 5", "v", "m v=3 5"},
		{"no such field", "m v=1 5", "w", ""},
		{"begin of a key", "m vw=1 5", "v", ""},
		{"escaped name", `m a\ b=1 5`, `a\ b`, ""},
		{"empty key", "m v=1 5", "", ""},
		{"no fields", "m", "m", ""},
		{"nothing", "", "", ""},
		{"no value", "m v= 5", "v", ""},
		{"no equals sign", "m v=1,w 5", "v", ""},
		{"text without end", `m v=1,w="x 5`, "v", ""},
		{"text and more", `m v=1,w="x"x 5`, "v", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := []byte(tt.line)
			got, ok := metric.ReduceLine(line, tt.key)
			require.Equal(t, tt.want != "", ok)
			require.Equal(t, tt.want, string(got))
			clear(line)
			require.Equal(t, tt.want, string(got), "it is a copy")
		})
	}
}
