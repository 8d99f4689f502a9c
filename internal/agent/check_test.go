package agent

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	well := &fakeInput{reports: func(report func(string, string, error)) {
		report("kernel", "Linux 6.1", nil)
		report("capability", "CAP_NET_ADMIN is held", nil)
	}}
	ill := &fakeInput{reports: func(report func(string, string, error)) {
		report("module", "ip_vs is not loaded", errors.New("run \"modprobe ip_vs\""))
		report("namespace", "cannot be read", errors.Join(errors.New("a is missing"), errors.New("b is missing")))
	}}
	for _, test := range []struct {
		name   string
		inputs []input
		want   string
		err    error
	}{
		{"well", []input{well}, "" +
			"ok    inputs.fake  kernel       Linux 6.1\n" +
			"ok    inputs.fake  capability   CAP_NET_ADMIN is held\n", nil},
		{"ill", []input{ill, well}, "" +
			"FAIL  inputs.fake  module       ip_vs is not loaded\n" +
			"      run \"modprobe ip_vs\"\n" +
			"FAIL  inputs.fake  namespace    cannot be read\n" +
			"      a is missing\n" +
			"      b is missing\n" +
			"ok    inputs.fake  kernel       Linux 6.1\n" +
			"ok    inputs.fake  capability   CAP_NET_ADMIN is held\n", errUnwell},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sources []*source
			for _, in := range test.inputs {
				sources = append(sources, newSource(in, 0, newLog()))
			}
			var out strings.Builder
			require.Equal(t, test.err, check(t.Context(), inputs{sources: sources}, nil, &out))
			require.Equal(t, test.want, out.String())
		})
	}
	require.True(t, well.closed.Load())

	r, w := pipe(t)
	require.NoError(t, r.Close())
	require.NoError(t, w.Close())
	err := check(t.Context(), inputs{sources: []*source{newSource(ill, 0, newLog())}}, nil, w)
	require.ErrorIs(t, err, os.ErrClosed, "that nothing could be written is worse than what was to be")
}
