package execd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// running is a LineReader that runs.
type running struct {
	collected
	reader *LineReader
	cancel context.CancelFunc
	done   chan error
}

func runLines(t *testing.T, r io.Reader, opt LineReaderOptions) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s := &running{cancel: cancel, done: make(chan error, 1)}
	s.reader = NewLineReader(r, s.options(opt))
	go func() { s.done <- s.reader.Run(ctx, s.deliver) }()
	return s
}

// blocking makes a pipe what a child finds as its stdin: a file without deadlines.
func blocking(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	require.NoError(t, err)
	f = os.NewFile(uintptr(fd), "stdin")
	require.ErrorIs(t, f.SetReadDeadline(time.Now()), os.ErrNoDeadline)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestLineReaderStopsWithPipe(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (io.Reader, io.Writer){
		"pipe": func(t *testing.T) (io.Reader, io.Writer) { r, w := pipe(t); return r, w },
		"blocking pipe": func(t *testing.T) (io.Reader, io.Writer) {
			r, w := pipe(t)
			return blocking(t, r), w
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := open(t)
			s := runLines(t, r, LineReaderOptions{FlushInterval: time.Hour})
			_, err := io.WriteString(w, "m v=1 5\n")
			require.NoError(t, err)
			require.Eventually(t, func() bool { return s.reader.Stats().Lines == 1 }, 10*time.Second, time.Millisecond)

			_, err = io.WriteString(w, strings.Repeat("m v=2 6\n", 5000)+"m v=3") // what fits the pipe
			require.NoError(t, err)
			s.cancel()
			require.NoError(t, <-s.done)
			require.Len(t, s.lines, 5001)
			require.Equal(t, []string{"m v=3"}, s.refused)
			require.ErrorIs(t, s.errs[0], ErrUnterminated)
		})
	}
}

func TestLineReaderStopsAtOnceWithNothingToRead(t *testing.T) {
	r, _ := pipe(t)
	l := NewLineReader(blocking(t, r), LineReaderOptions{})
	l.drain = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, func([][]byte) error { return nil }) }()
	cancel()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		require.Fail(t, "it waits for what may come")
	}
}

func TestLineReaderStopsAlthoughMoreComes(t *testing.T) {
	r, w := pipe(t)
	s := runLines(t, r, LineReaderOptions{})
	go func() {
		for {
			if _, err := io.WriteString(w, "m v=1 5\n"); err != nil {
				return
			}
		}
	}()
	require.Eventually(t, func() bool { return s.reader.Stats().Lines > 1000 }, 10*time.Second, time.Millisecond)
	start := time.Now()
	s.cancel()
	require.NoError(t, <-s.done)
	require.Less(t, time.Since(start), 10*time.Second)
	require.Equal(t, s.reader.Stats().Lines, uint64(len(s.lines)))
	require.NoError(t, r.Close())
}

func TestLineReaderStopsBeforeItStarts(t *testing.T) {
	r, w := pipe(t)
	_, err := io.WriteString(w, "m v=1 5\n")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var c collected
	require.NoError(t, NewLineReader(r, c.options(LineReaderOptions{})).Run(ctx, c.deliver))
	require.Equal(t, []string{"m v=1 5"}, c.lines)
}

func TestLineReaderStopsWithRegularFile(t *testing.T) {
	name := t.TempDir() + "/lines"
	require.NoError(t, os.WriteFile(name, []byte("m v=1 5\nm v=2 6\n"), 0o600))
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	c, _ := readAll(t, f, LineReaderOptions{})
	require.Equal(t, []string{"m v=1 5", "m v=2 6"}, c.lines)
}

func TestLineReaderStopsWithDeadline(t *testing.T) {
	local, remote := net.Pipe()
	defer remote.Close()
	defer local.Close()
	s := runLines(t, local, LineReaderOptions{FlushInterval: time.Hour})
	_, err := io.WriteString(remote, "m v=1 5\nm v=2")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.reader.Stats().Lines == 1 }, 10*time.Second, time.Millisecond)
	s.cancel()
	require.NoError(t, <-s.done)
	require.Equal(t, []string{"m v=1 5"}, s.lines)
	require.Equal(t, []string{"m v=2"}, s.refused)
}

// TestLineReaderLeavesBlockedReadBehind is about a reader that offers no way to end a Read.
func TestLineReaderLeavesBlockedReadBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := runLines(t, struct{ io.Reader }{r}, LineReaderOptions{FlushInterval: time.Hour})
		_, err := io.WriteString(w, "m v=1 5\nm v=2 6\nm v")
		require.NoError(t, err)
		synctest.Wait()
		s.cancel()
		require.NoError(t, <-s.done)
		require.Equal(t, []string{"m v=1 5", "m v=2 6"}, s.lines)
		require.Equal(t, []string{"m v"}, s.refused)
		require.NoError(t, w.Close()) // ends the goroutine, or the bubble would wait for it
	})
}

// TestLineReaderStopsWhileBatchesAreFull stops it while deliver does not return, and lets that go on later.
func TestLineReaderStopsWhileBatchesAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		delivered := 0
		go func() {
			done <- NewLineReader(r, LineReaderOptions{BatchLines: 2}).Run(ctx, func(batch [][]byte) error {
				<-release
				delivered += len(batch)
				return nil
			})
		}()
		_, err := io.WriteString(w, strings.Repeat("m v=1 5\n", 11))
		require.NoError(t, err)
		synctest.Wait()
		cancel()
		time.Sleep(time.Hour)
		require.Empty(t, done)
		close(release)
		require.NoError(t, <-done)
		require.Equal(t, 11, delivered)
	})
}

// TestLineReaderChild stops a process as systemd does it, which sends a signal while the host still holds the pipe.
func TestLineReaderChild(t *testing.T) {
	for _, how := range []string{"end of input", "signal"} {
		t.Run(how, func(t *testing.T) {
			const lines = 50_000
			cmd, stdin, stdout := start(t, "lines")
			out := bufio.NewReader(stdout)
			_, err := out.ReadString('\n') // it is ready
			require.NoError(t, err)
			for n := range lines {
				_, err := io.WriteString(stdin, numberedLine(n)+"no line\n")
				require.NoError(t, err)
			}
			if how == "signal" {
				require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			} else {
				require.NoError(t, stdin.Close())
			}
			got, err := io.ReadAll(out)
			require.NoError(t, err)
			require.NoError(t, cmd.Wait())
			require.Equal(t, fmt.Sprintf("%d delivered, %d refused\n", lines, lines), string(got))
		})
	}
}

// TestLineReaderStopsWhileDeliverIsSlow stops it with a full pipe, and takes longer for that than what comes later
// would be read.
func TestLineReaderStopsWhileDeliverIsSlow(t *testing.T) {
	const lines = 100_000 // much more than one Read gets
	r, w := pipe(t)
	_, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 1<<20)
	require.NoError(t, err)
	_, err = io.WriteString(w, strings.Repeat("m v=1 5\n", lines))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	delivered := 0
	const batch = 1000
	slow := time.NewTicker(2 * drainFor / (lines / batch))
	defer slow.Stop()
	l := NewLineReader(r, LineReaderOptions{BatchLines: batch})
	l.opt.OnReject = func(line []byte, err error) { t.Errorf("%q is refused: %v", line, err) }
	require.NoError(t, l.Run(ctx, func(batch [][]byte) error {
		cancel()
		<-slow.C
		delivered += len(batch)
		return nil
	}))
	require.Equal(t, lines, delivered)
}
