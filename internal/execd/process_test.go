package execd

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/require"
)

// command returns the test binary as a child with a role. Under the race detector it does not sleep before it exits,
// which would hide what happens there.
func command(t *testing.T, role string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"="+role, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// start starts the test binary as a child with a role, and kills it at the end of the test if it still runs.
func start(t *testing.T, role string) (cmd *exec.Cmd, stdin io.WriteCloser, stdout io.ReadCloser) {
	t.Helper()
	cmd = command(t, role)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err = cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, stdin, stdout
}

// hostReads runs a child as Telegraf's internal/process does: a parser reads its stdout while Wait waits, which closes
// the pipe once the child has ended. It returns how many whole lines came, one after the other, and what was wrong
// with the next: the host may have read half of it when it closed the pipe.
func hostReads(t *testing.T, role string) (lines int, wrong error) {
	t.Helper()
	cmd, _, stdout := start(t, role)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for d := lineprotocol.NewDecoder(stdout); d.Next(); lines++ {
			key, n, err := d.NextField()
			if err != nil || string(key) != "n" || n.IntV() != int64(lines) {
				wrong = fmt.Errorf("line %d: %s=%s, %v", lines, key, n, err)
				return
			}
			if at, err := d.TimeBytes(); err != nil || string(at) != strconv.Itoa(lines+1) {
				wrong = fmt.Errorf("line %d: time %s, %v", lines, at, err)
				return
			}
		}
	}()
	err := cmd.Wait()
	<-read
	require.NoError(t, err)
	return lines, wrong
}

func TestDrainLosesNothingAtExit(t *testing.T) {
	for run := range 30 {
		t.Run(strconv.Itoa(run), func(t *testing.T) {
			t.Parallel()
			lines, wrong := hostReads(t, "drain")
			require.NoError(t, wrong)
			require.Equal(t, childLines, lines)
		})
	}
}

// TestKilledWhileWriting kills a child that writes to a full pipe, at a random instant. What is in the pipe then must
// be whole lines.
func TestKilledWhileWriting(t *testing.T) {
	for range 60 {
		cmd, _, stdout := start(t, "forever")
		var got strings.Builder
		// The reader takes odd amounts, so that the child goes on in the middle of pages, and then waits again.
		for range 1 + rand.IntN(40) {
			_, err := io.CopyN(&got, stdout, 1+rand.Int64N(9000))
			require.NoError(t, err)
		}
		require.NoError(t, cmd.Process.Kill())
		_, err := cmd.Process.Wait() // which leaves the pipe open
		require.NoError(t, err)
		_, err = io.Copy(&got, stdout)
		require.NoError(t, err)
		require.Error(t, cmd.Wait())

		n := 0
		for line := range strings.SplitAfterSeq(got.String(), "\n") {
			if line != "" {
				require.Equal(t, numberedLine(n), line, "line %d is torn", n)
				n++
			}
		}
		require.NotZero(t, n)
	}
}

func TestChildTriggers(t *testing.T) {
	expect := func(t *testing.T, r *bufio.Reader, want string) {
		t.Helper()
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, line)
	}
	t.Run("signals", func(t *testing.T) {
		cmd, _, stdout := start(t, "triggers")
		r := bufio.NewReader(stdout)
		expect(t, r, numberedLine(0))
		for n, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
			require.NoError(t, cmd.Process.Signal(s))
			expect(t, r, numberedLine(n+1))
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		expect(t, r, "stop\n")
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		expect(t, r, "abort\n")
		require.NoError(t, cmd.Wait())
	})
	t.Run("stdin", func(t *testing.T) {
		cmd, stdin, stdout := start(t, "triggers")
		r := bufio.NewReader(stdout)
		expect(t, r, numberedLine(0))
		for n, text := range []string{"\n", "some text\r\n", strings.Repeat("x", 200_000) + "\n"} {
			_, err := io.WriteString(stdin, text)
			require.NoError(t, err)
			expect(t, r, numberedLine(n+1))
		}
		require.NoError(t, stdin.Close())
		expect(t, r, "eof\n")
		require.NoError(t, cmd.Wait())
	})
}

// TestStdoutWithoutReader shows that a closed stdout is an error of the child and not its death by SIGPIPE.
func TestStdoutWithoutReader(t *testing.T) {
	cmd := command(t, "forever")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Minute
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = io.CopyN(io.Discard, stdout, 100)
	require.NoError(t, err)
	require.NoError(t, stdout.Close())
	err = cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode(), "%v", exit)
	require.Equal(t, ErrReaderGone.Error()+"\n", stderr.String())
}
