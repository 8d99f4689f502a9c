package main

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-ipvs/internal/cli"
)

// asProduct makes the test binary do what telegraf-ipvs does.
const asProduct = "DEMO_TEST_AS_TELEGRAF_IPVS"

func TestMain(m *testing.M) {
	if os.Getenv(asProduct) != "" {
		os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// product returns the path of a program that is telegraf-ipvs.
func product(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	t.Setenv(asProduct, "yes")
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or the race detector sleeps a second before each end
	return path
}

// output collects what is written by several goroutines.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want options
	}{
		{"alone", []string{"-seconds", "3", "-config", "c", "p"}, options{program: "p", duration: 3 * time.Second, config: "c"}},
		{"host", []string{"-host", "p", "--", "guest", "-x", "--", "y"},
			options{program: "p", duration: 20 * time.Second, host: true, guest: []string{"guest", "-x", "--", "y"}}},
		{"host at an address", []string{"-host", "-simulate-listen", "127.0.0.1:1", "p", "--", "g"},
			options{program: "p", duration: 20 * time.Second, host: true, listen: "127.0.0.1:1", guest: []string{"g"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			got, err := parseOptions(test.args, &stderr)
			require.NoError(t, err, stderr.String())
			require.Equal(t, test.want, got)
		})
	}
}

func TestWrongUsage(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
	}{
		{"nothing", nil},
		{"two programs", []string{"p", "q"}},
		{"no seconds", []string{"-seconds", "0", "p"}},
		{"an address without a host", []string{"-simulate-listen", "127.0.0.1:1", "p"}},
		{"a host without a command", []string{"-host", "p", "--"}},
		{"a host without a mark", []string{"-host", "p", "guest", "x"}},
		{"seconds of a host", []string{"-host", "-seconds", "3", "p", "--", "g"}},
		{"a configuration of a host", []string{"-host", "-config", "c", "p", "--", "g"}},
		{"an unknown flag", []string{"-unknown", "p"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			require.Equal(t, exitUsage, run(test.args, &bytes.Buffer{}, &stderr))
			require.Contains(t, stderr.String(), "Usage: demo")
		})
	}
}
