package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/metric"
)

func TestNewlineIsOneGather(t *testing.T) {
	in := &fakeInput{}
	h := start(t, nil, 0, in)
	lines := h.lines()
	for n := 1; n <= 5; n++ {
		h.ask(t, "\n")
		require.Equal(t, fmt.Sprintf("m n=%di", n), receive(t, lines))
	}
	h.stdin.Close()
	_, err := h.ended(t)
	require.NoError(t, err)
	require.Empty(t, all(t, lines))
	require.EqualValues(t, 5, in.gathers.Load())
	require.True(t, in.closed.Load())
}

// TestNewlinesDuringGather asks five times during a gather: that is one more.
func TestNewlinesDuringGather(t *testing.T) {
	for _, test := range []struct {
		name string
		asks []string
	}{
		{"one by one", []string{"\n", "\n", "\n", "\n", "\n"}},
		{"all at once", []string{"\n\n\n\n\n"}},
		{"with text", []string{"a\nb", "\r\n\n", "c\n\n", "the end of no line"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, stdout *os.File, lines <-chan string) {
				proceed := make(chan struct{})
				in := &fakeInput{gathered: make(chan int, 10)}
				in.do = func(_ context.Context, n int, emit func(*metric.Metric) error) error {
					if n == 1 {
						<-proceed
					}
					return emit(numbered(n))
				}
				h := startTo(t, stdout, nil, 0, in)
				h.ask(t, "\n")
				require.Equal(t, 1, receive(t, in.gathered))
				for _, text := range test.asks {
					h.ask(t, text)
				}
				h.stdin.Close() // everything before it has been heard when this is
				synctest.Wait()
				require.Contains(t, h.log.String(), "stdin is closed")
				close(proceed)
				_, err := h.ended(t)
				require.NoError(t, err)
				require.Equal(t, []string{"m n=1i", "m n=2i"}, all(t, lines))
			})
		})
	}
}

// TestLastTickIsServed closes stdin right behind a newline, which is when the
// two are most likely to overtake one another.
func TestLastTickIsServed(t *testing.T) {
	for range 300 {
		inBubble(t, func(t *testing.T, stdout *os.File, lines <-chan string) {
			h := startTo(t, stdout, nil, 0, &fakeInput{})
			h.ask(t, "\n")
			h.stdin.Close()
			require.Equal(t, []string{"m n=1i"}, all(t, lines))
			_, err := h.ended(t)
			require.NoError(t, err)
		})
	}
}

func TestSignalIsOneGather(t *testing.T) {
	in := &fakeInput{}
	h := start(t, nil, 0, in)
	lines := h.lines()
	for n, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
		h.signals <- s
		require.Equal(t, fmt.Sprintf("m n=%di", n+1), receive(t, lines))
	}
	h.signals <- syscall.SIGUSR1
	h.signals <- syscall.SIGTERM
	_, err := h.ended(t)
	require.NoError(t, err)
	require.Equal(t, []string{"m n=4i"}, all(t, lines), "what was asked before the end is served")
}

// TestNothingIsLostAtTheEnd closes stdin while a long gather goes to a slow reader.
func TestNothingIsLostAtTheEnd(t *testing.T) {
	const metrics = 30_000
	in := &fakeInput{do: func(_ context.Context, _ int, emit func(*metric.Metric) error) error {
		for n := range metrics {
			if err := emit(numbered(n)); err != nil {
				return err
			}
		}
		return nil
	}}
	inBubble(t, func(t *testing.T, stdout *os.File, lines <-chan string) {
		h := startTo(t, stdout, nil, 0, in, in)
		h.ask(t, "\n")
		h.stdin.Close()
		count := 0
		for line := range lines {
			require.Regexp(t, `^m n=\d+i$`, line)
			count++
		}
		_, err := h.ended(t)
		require.NoError(t, err)
		require.Equal(t, 2*metrics, count)
	})
}

// TestHangingGather does not wait for a gather that hears nothing, nor, longer
// than it must, for one that does.
func TestHangingGather(t *testing.T) {
	for _, test := range []struct {
		name string
		deaf bool
		took time.Duration
		want string
	}{
		{"deaf", true, waitLimit, "Stopped in the middle of a gather"},
		{"listening", false, finishLimit, "Gathering failed: context canceled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, stdout *os.File, lines <-chan string) {
				release := make(chan struct{})
				defer close(release)
				in := &fakeInput{gathered: make(chan int, 1)}
				in.do = func(ctx context.Context, n int, emit func(*metric.Metric) error) error {
					if err := emit(numbered(n)); err != nil {
						return err
					}
					if test.deaf {
						ctx = context.WithoutCancel(ctx)
					}
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-release:
						return nil
					}
				}
				h := startTo(t, stdout, nil, 0, in)
				h.ask(t, "\n")
				receive(t, in.gathered)
				h.ask(t, "\n") // which is not begun any more
				h.stdin.Close()
				took, err := h.ended(t)
				require.NoError(t, err)
				require.Equal(t, test.took, took)
				require.Equal(t, []string{"m n=1i"}, all(t, lines), "what was gathered before")
				require.EqualValues(t, 1, in.gathers.Load())
				require.Contains(t, h.log.String(), test.want)
				require.NotEqual(t, test.deaf, in.closed.Load(), "it is in use")
			})
		})
	}
}

func TestSecondSignal(t *testing.T) {
	inBubble(t, func(t *testing.T, stdout *os.File, _ <-chan string) {
		release := make(chan struct{})
		defer close(release)
		in := &fakeInput{gathered: make(chan int, 1), do: func(context.Context, int, func(*metric.Metric) error) error {
			<-release
			return nil
		}}
		h := startTo(t, stdout, nullDevice(t), 0, in)
		h.signals <- syscall.SIGHUP
		receive(t, in.gathered)
		h.signals <- syscall.SIGTERM
		h.signals <- syscall.SIGINT
		took, err := h.ended(t)
		require.NoError(t, err)
		require.Zero(t, took, "asked twice")
	})
}

// TestNobodyReads closes stdin while stdout is full.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	returned := make(chan error, 1)
	in := &fakeInput{gathered: make(chan int, 1), do: func(_ context.Context, _ int, emit func(*metric.Metric) error) (err error) {
		for err == nil {
			err = emit(numbered(1))
		}
		returned <- err
		return err
	}}
	h := start(t, nil, 0, in)
	h.ask(t, "\n")
	receive(t, in.gathered)
	h.stdin.Close()
	took, err := h.ended(t)
	require.ErrorContains(t, err, "write metrics to stdout: drain: a full pipe is not read")
	require.Less(t, took, 4*time.Second)
	require.Error(t, receive(t, returned), "the gather is freed")
	require.Regexp(t, `Nobody has read stdout for \d+s`, h.log.String())
	for _, line := range all(t, h.lines()) {
		require.Equal(t, "m n=1i", line, "no line is torn")
	}
}

func TestReaderGone(t *testing.T) {
	in := &fakeInput{}
	h := start(t, nil, 0, in, &fakeInput{})
	require.NoError(t, h.stdout.Close())
	h.ask(t, "\n")
	took, err := h.ended(t)
	require.ErrorIs(t, err, execd.ErrReaderGone)
	require.ErrorContains(t, err, "write metrics to stdout: ")
	require.Less(t, took, waitLimit, "nothing is waited for in vain")
	require.True(t, in.closed.Load())
}

// TestNullStdin runs as under systemd: the end of stdin means nothing, the own
// interval goes on, and a signal ends it.
func TestNullStdin(t *testing.T) {
	h := start(t, nullDevice(t), 10*time.Millisecond, &fakeInput{})
	lines := h.lines()
	for n := 1; n <= 5; n++ {
		require.Equal(t, fmt.Sprintf("m n=%di", n), receive(t, lines))
	}
	h.signals <- syscall.SIGTERM
	_, err := h.ended(t)
	require.NoError(t, err)
}

// TestOwnIntervalIsTakenOver gathers by itself until it is asked for the first time.
func TestOwnIntervalIsTakenOver(t *testing.T) {
	const interval = time.Second
	inBubble(t, func(t *testing.T, stdout *os.File, _ <-chan string) {
		in := &fakeInput{}
		h := startTo(t, stdout, nullDevice(t), interval, in)
		time.Sleep(3*interval + interval/4)
		require.EqualValues(t, 3, in.gathers.Load())
		h.signals <- syscall.SIGHUP // which passes by an input that has just gathered
		time.Sleep(20 * interval)
		require.EqualValues(t, 3, in.gathers.Load(), "it goes on by itself")
		h.signals <- syscall.SIGHUP
		synctest.Wait()
		require.EqualValues(t, 4, in.gathers.Load())
		h.signals <- syscall.SIGTERM
		_, err := h.ended(t)
		require.NoError(t, err)
	})
}

func TestInputsAreIndependent(t *testing.T) {
	release := make(chan struct{})
	stuck := &fakeInput{do: func(context.Context, int, func(*metric.Metric) error) error {
		<-release
		return nil
	}}
	h := start(t, nil, 0, stuck, &fakeInput{})
	lines := h.lines()
	for n := 1; n <= 3; n++ {
		h.ask(t, "\n")
		require.Equal(t, fmt.Sprintf("m n=%di", n), receive(t, lines))
	}
	close(release)
	h.stdin.Close()
	_, err := h.ended(t)
	require.NoError(t, err)
}

// TestFailingGather goes on after a gather that has failed, with what it had.
func TestFailingGather(t *testing.T) {
	in := &fakeInput{do: func(_ context.Context, n int, emit func(*metric.Metric) error) error {
		empty := numbered(0)
		empty.Fields = nil
		if err := errors.Join(emit(numbered(n)), emit(empty), emit(numbered(-n))); err != nil {
			return err
		}
		return errors.Join(errors.New("first problem"), errors.New("second problem"))
	}}
	h := start(t, nil, 0, in)
	lines := h.lines()
	for n := 1; n <= 2; n++ {
		h.ask(t, "\n")
		require.Equal(t, fmt.Sprintf("m n=%di", n), receive(t, lines))
		require.Equal(t, fmt.Sprintf("m n=%di", -n), receive(t, lines))
	}
	h.stdin.Close()
	_, err := h.ended(t)
	require.NoError(t, err)
	text := h.log.String()
	require.Equal(t, 2, strings.Count(text, `level=ERROR msg="Gathering failed: first problem"`), text)
	require.Equal(t, 2, strings.Count(text, `level=ERROR msg="Gathering failed: second problem"`))
	require.Equal(t, 2, strings.Count(text, `level=ERROR msg="Dropped a metric: write m: no field that line protocol can carry"`))
}

func TestStallMessages(t *testing.T) {
	l := newLog()
	opt := stallMessages(l.Logger)
	opt.OnStall(1040 * time.Millisecond)
	opt.OnResume(1234567 * time.Microsecond)
	require.Contains(t, l.String(), `level=WARN msg="Nobody has read stdout for 1s and its pipe is full: the next gather waits, nothing is lost"`)
	require.Contains(t, l.String(), `level=INFO msg="Stdout is being read again after 1.235s"`)
}

func TestIsNull(t *testing.T) {
	is := func(path string) bool {
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		return isNull(f)
	}
	require.True(t, is("/dev/null"))
	require.False(t, is("/dev/zero"))
	require.False(t, is("/dev"))
	require.False(t, is("run_test.go"))
	r, _ := pipe(t)
	require.False(t, isNull(r))
	r.Close()
	require.False(t, isNull(r))

	t.Run("of another place", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "null")
		if err := unix.Mknod(other, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
			t.Skip("cannot make a device: ", err)
		}
		f, err := os.Open(other)
		if errors.Is(err, os.ErrPermission) {
			t.Skip("devices are off here: ", err)
		}
		require.NoError(t, err)
		defer f.Close()
		require.True(t, isNull(f))
	})
}
