package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRelayTagsLines(t *testing.T) {
	for _, test := range []struct{ name, line, want string }{
		{"between tags",
			"cpu,cpu=cpu0,rack=1 usage=1i,text=\"a b\\\"c\" 1700000000000000001\n",
			"cpu,cpu=cpu0,host=lb01,rack=1 usage=1i,text=\"a b\\\"c\" 1700000000000000001\n"},
		{"without tags", "cpu a=1.5,b=true,c=7u 1700000000000000001\n", "cpu,host=lb01 a=1.5,b=true,c=7u 1700000000000000001\n"},
		{"with a host of its own", "cpu,host=x a=1i 1700000000000000001\n", "cpu,host=x a=1i 1700000000000000001\n"},
		{"escaped", "a\\ b,t\\,ag=x\\ y a=1i 1700000000000000001\n", "a\\ b,host=lb01,t\\,ag=x\\ y a=1i 1700000000000000001\n"},
		{"without a time", "cpu a=1i\n", "cpu,host=lb01 a=1i 1700000000000000000\n"},
		{"without a newline", "cpu a=1i 5", "cpu,host=lb01 a=1i 5\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got string
			r := newRelay(func(line []byte) error { got += string(line); return nil })
			r.now = func() time.Time { return at }
			require.NoError(t, r.take([]byte(test.line)))
			require.Equal(t, test.want, got)
			require.Equal(t, 1, r.lines)
		})
	}
}

func TestRelayKnowsWhatItSent(t *testing.T) {
	r := newRelay(func([]byte) error { return nil })
	for _, line := range []string{virtualLine(2, 9, 3), virtualLine(0, 1, 0), virtualLine(1, 5, 0), "cpu a=1i 1600000000000000000\n", "\n", "IPVS, as\n"} {
		require.NoError(t, r.take([]byte(line)))
	}
	require.Equal(t, 4, r.lines, "tables are no metrics")
	require.Equal(t, 18, r.values())
	last := r.points["LB.lb01.ipvs.vs.tcp_10.1.0.1_80.connections"]
	require.Equal(t, 3, last.values)
	require.EqualValues(t, 9, last.last.IntV(), "the latest by time")
	require.True(t, last.at.Equal(at.Add(2*time.Second)))
	require.True(t, r.last.Equal(at.Add(2*time.Second)))
	require.EqualValues(t, 1_600_000_000, r.first.Unix())
}

func TestRelayFails(t *testing.T) {
	broken := errors.New("broken")
	r := newRelay(func([]byte) error { return broken })
	require.ErrorIs(t, r.take([]byte(virtualLine(0, 1, 0))), broken)
	require.Zero(t, r.lines)
	require.Empty(t, r.points)
	require.ErrorContains(t, r.take([]byte("E! broken\n")), "no line protocol")
}

func TestPointNames(t *testing.T) {
	for _, test := range []struct {
		want string
		name name
	}{
		{"LB.lb01.ipvs.vs.tcp_10.1.0.1_80.cps", web},
		{"LB.lb01.ipvs.rs.tcp_10.1.0.1_80.10.1.0.12_8080.cps", web.behind("10.1.0.12")},
		{"LB.lb01.ipvs.vs.tcp_2001:db8::1_443.cps", name{protocol: "tcp", virtual: "[2001:db8::1]:443"}},
	} {
		require.Equal(t, test.want, test.name.point("cps"))
	}
}

func FuzzRelay(f *testing.F) {
	f.Add([]byte("cpu,cpu=cpu0,rack=1 usage=1i,text=\"a b\\\"c\" 1700000000000000001\n"))
	f.Add([]byte("a\\ b,t\\,ag=x\\ y a=1i,b=2u,c=3.5,d=false 5"))
	f.Add([]byte(virtualLine(1, 2, 3)))
	f.Fuzz(func(t *testing.T, line []byte) {
		var got []byte
		r := newRelay(func(line []byte) error { got = line; return nil })
		r.now = func() time.Time { return at }
		if r.take(line) != nil || r.lines == 0 {
			require.Empty(t, got)
			return
		}
		before, err := decode(line)
		require.NoError(t, err)
		after, err := decode(got)
		require.NoError(t, err, "%q", got)
		if before.tags["host"] == "" {
			before.tags["host"] = hostTag
		}
		require.Equal(t, before.measurement, after.measurement)
		require.Equal(t, before.tags, after.tags)
		require.Len(t, after.fields, len(before.fields))
		for i, f := range before.fields {
			require.Equal(t, f.key, after.fields[i].key)
			require.True(t, f.value.Equal(after.fields[i].value), "%v %v", f.value, after.fields[i].value)
		}
	})
}
