package piwebapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFilter(t *testing.T) {
	const line = "m f="
	for _, test := range []struct {
		name  string
		c     Config
		lines []string // values and times in nanoseconds
		want  []string
	}{
		{"off", Config{}, []string{"1i 1", "1i 2"}, []string{"m.f 1@1", "m.f 1@2"}},
		{"a step needs changes alone", Config{UnchangedMaxInterval: *dur(time.Second)},
			[]string{"1i 1", "1i 2", "1i 3", "2i 4", "2i 5", "1i 6"}, []string{"m.f 1@1", "m.f 2@4", "m.f 1@6"}},
		{"a line needs where it begins to change", Config{UnchangedMaxInterval: *dur(time.Second)},
			[]string{"1 1", "1 2", "1 3", "2 4", "3 5", "3 6", "3 7"}, []string{"m.f 1@1", "m.f 1@3", "m.f 2@4", "m.f 3@5"}},
		{"a sign of life", Config{UnchangedMaxInterval: *dur(time.Second)},
			[]string{"1i 0", "1i 999999999", "1i 1000000000", "1i 1999999999", "1i 2000000001"}, []string{"m.f 1@0", "m.f 1@1000000000", "m.f 1@2000000001"}},
		{"a sign of life on a line", Config{UnchangedMaxInterval: *dur(time.Second)},
			[]string{"1 0", "1 999999999", "1 1000000000", "2 1000000001"}, []string{"m.f 1@0", "m.f 1@1000000000", "m.f 2@1000000001"}},
		{"out of order", Config{UnchangedMaxInterval: *dur(time.Second)},
			[]string{"1i 10", "1i 5", "2i 6", "1i 10", "1i 11", "1i 12"}, []string{"m.f 1@10", "m.f 1@5", "m.f 2@6", "m.f 1@10"}},
		{"out of order among the dropped", Config{UnchangedMaxInterval: *dur(time.Second)},
			[]string{"1 1", "1 9", "1 5", "2 7", "2 12"}, []string{"m.f 1@1", "m.f 2@7"}},
		{"another kind is another value", Config{UnchangedMaxInterval: *dur(time.Second)}, []string{"1i 1", "1 2", `"1" 3`}, []string{"m.f 1@1", "m.f 1@2", `m.f "1"@3`}},
		{"texts", Config{UnchangedMaxInterval: *dur(time.Second)}, []string{`"a" 1`, `"a" 2`, `"b" 3`}, []string{`m.f "a"@1`, `m.f "b"@3`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMapping(t, test.c)
			var got []string
			for _, l := range test.lines {
				got = append(got, m.do(t, line+l)...)
			}
			require.Equal(t, test.want, got)
			require.EqualValues(t, len(test.lines)-len(test.want), m.Stats().Unchanged)
		})
	}
}

// TestFilterLetsPassWhatWasKept: a value that comes back from the dead letters stands for itself.
func TestFilterLetsPassWhatWasKept(t *testing.T) {
	m := newMapping(t, Config{UnchangedMaxInterval: *dur(time.Hour)})
	require.Equal(t, []string{"m.f 1@1"}, m.do(t, "m f=1i 1"))
	require.Equal(t, []string{"m.f 1@2"}, m.only(t, "m f=1i 2", "f"))
	require.Empty(t, m.do(t, "m f=1i 3"), "and changes nothing for the others")
}

// TestFilterOfSeveralSeries keeps them apart.
func TestFilterOfSeveralSeries(t *testing.T) {
	m := newMapping(t, Config{UnchangedMaxInterval: *dur(time.Hour)})
	require.Len(t, m.do(t, "m,host=a f=1i,g=1i 1"), 2)
	require.Len(t, m.do(t, "m,host=b f=1i,g=1i 1"), 2)
	require.Len(t, m.do(t, "m,host=a f=1i,g=2i 2"), 1)
}
