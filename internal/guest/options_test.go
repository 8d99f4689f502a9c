package main

import (
	"bytes"
	"flag"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{
		"-kernel", "6.12", "-add", "/a", "-add", "/b=/c", "-load", "ip_vs,dummy", "-out", "o", "-env", "A=b=c", "-env", "D=",
		"-mem", "2048", "-append", "x=y", "-timeout", "1m", "-boot-timeout", "5s", "-where", "qemu", "-v", "prog", "-v", "--", "x",
	}, io.Discard)
	require.NoError(t, err)
	o.stderr = nil
	require.Equal(t, &options{
		kernel: "6.12", add: additions{{"/a", "/a"}, {"/b", "/c"}}, load: "ip_vs,dummy", out: "o", env: environ{"A=b=c", "D="},
		mem: 2048, append: "x=y", timeout: time.Minute, bootTimeout: 5 * time.Second, where: whereQEMU, verbose: true,
		program: []string{"prog", "-v", "--", "x"}, guestOnly: true,
	}, o)

	o, err = parseOptions([]string{"prog"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "6.1", o.kernel)
	require.Equal(t, loadUsual, o.load)
	require.False(t, o.guestOnly)

	_, err = parseOptions([]string{"-fetch", "-kernel", "all"}, io.Discard)
	require.NoError(t, err)
}

func TestParseOptionsRefuses(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no program", nil, "no PROGRAM"},
		{"no such kernel", []string{"-kernel", "5.10", "p"}, "6.1, 6.12, 7.2"},
		{"all kernels at once", []string{"-kernel", "all", "p"}, "-kernel"},
		{"no such place", []string{"-where", "moon", "p"}, "moon"},
		{"a namespace with a kernel", []string{"-where", "namespace", "-kernel", "6.1", "p"}, "need a guest"},
		{"a namespace with other paths", []string{"-where", "namespace", "-add", "/a=/b", "p"}, "need a guest"},
		{"too little memory", []string{"-mem", "64", "p"}, "-mem"},
		{"no time to boot", []string{"-boot-timeout", "0s", "p"}, "-boot-timeout"},
		{"a relative path in the guest", []string{"-add", "a=b", "p"}, "absolute"},
		{"no variable", []string{"-env", "A", "p"}, "NAME=VALUE"},
		{"no such flag", []string{"-x", "p"}, "-x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseOptions(tt.args, io.Discard)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestHelp(t *testing.T) {
	var help bytes.Buffer
	_, err := parseOptions([]string{"-h"}, &help)
	require.ErrorIs(t, err, flag.ErrHelp)
	flag.NewFlagSet("", flag.ContinueOnError).VisitAll(func(f *flag.Flag) { require.Contains(t, help.String(), f.Name) })
	require.Contains(t, help.String(), "Usage: guest [flags] PROGRAM")
	require.Contains(t, help.String(), "-boot-timeout TIME")
}
