package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// name is the program's. Under it the test binary is the program.
const name = "telegraf-ipvs"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){name: main})
}

// TestScripts tells what the program does on the command line, a story a file.
// Beside testscript's own words there are
//
//	exits CODE [-in DURATION] [ARGUMENT...]
//	        runs the program; every line that it writes to stderr must begin with a level
//	[ipvs]  whether this process can read IPVS
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(5 * time.Minute), // for all of them together
		Setup: func(env *testscript.Env) error {
			// The race detector sleeps a second before a process exits.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "ipvs" {
				return false, fmt.Errorf("no condition %q", cond)
			}
			_, err := os.Stat("/proc/net/ip_vs")
			return err == nil && os.Getuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

var level = regexp.MustCompile(`^[EWID]! .`)

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: exits CODE [-in DURATION] [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args, limit := args[1:], time.Minute
	if len(args) > 1 && args[0] == "-in" {
		limit, err = time.ParseDuration(args[1])
		ts.Check(err)
		args = args[2:]
	}
	start := time.Now()
	err = ts.Exec(name, args...)
	took := time.Since(start)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if took > limit {
		ts.Fatalf("took %v, want at most %v", took, limit)
	}
	for line := range strings.Lines(ts.ReadFile("stderr")) {
		if !level.MatchString(line) || !strings.HasSuffix(line, "\n") {
			ts.Fatalf("line on stderr without level: %q", line)
		}
	}
}
