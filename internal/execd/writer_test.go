package execd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/metric"
)

func TestWriterWritesChunksOfWholeLines(t *testing.T) {
	r, out := pipe(t)
	// A packet pipe keeps each write apart, and gives it to one read.
	_, err := unix.FcntlInt(out.Fd(), unix.F_SETFL, unix.O_DIRECT)
	require.NoError(t, err)
	w := NewWriter(out, WriterOptions{})
	const lines = 500
	go func() {
		defer out.Close()
		for n := range lines {
			if err := w.Write(numbered(n)); err != nil {
				t.Error(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
	}()
	var all []byte
	writes := 0
	for buf := make([]byte, 2*pipeChunk); ; writes++ {
		n, err := r.Read(buf)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.LessOrEqual(t, n, pipeChunk)
		require.Equal(t, byte('\n'), buf[n-1], "write %d ends in a line", writes)
		all = append(all, buf[:n]...)
	}
	require.Equal(t, numberedLines(lines), string(all))
	require.Less(t, writes, len(all)/(pipeChunk-400)+2)
	require.Equal(t, WriterStats{Lines: lines, Bytes: uint64(len(all))}, w.Stats())
}

func TestWriterLongLine(t *testing.T) {
	r, out := pipe(t)
	w := NewWriter(out, WriterOptions{})
	long := numbered(1)
	long.Fields = []metric.Field{{Key: metric.NewKey("s"), Value: metric.String(strings.Repeat("y", 300_000))}}
	done := make(chan error, 1)
	go func() {
		defer out.Close()
		for _, m := range []*metric.Metric{numbered(0), long, numbered(2)} {
			if err := w.Write(m); err != nil {
				done <- err
				return
			}
		}
		done <- w.Drain(context.Background())
	}()
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, <-done)
	want, err := long.AppendLine(nil)
	require.NoError(t, err)
	require.Equal(t, numberedLine(0)+string(want)+numberedLine(2), string(got))
	require.LessOrEqual(t, cap(w.buf), 2*fileChunk, "the buffer of a long line is not kept")
}

func TestWriterToFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	out, err := os.Create(name)
	require.NoError(t, err)
	defer out.Close()
	w := NewWriter(out, WriterOptions{})
	const lines = 2000
	for n := range lines {
		require.NoError(t, w.Write(numbered(n)))
	}
	require.NoError(t, w.Drain(context.Background()))
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, numberedLines(lines), string(got))
}

func TestWriterDropsUnwritableMetric(t *testing.T) {
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer out.Close()
	w := NewWriter(out, WriterOptions{})
	m := numbered(0)
	m.Fields = nil
	require.ErrorIs(t, w.Write(m), metric.ErrNoFields)
	require.NoError(t, w.Write(numbered(1)))
	require.NoError(t, w.Drain(context.Background()))
	require.Equal(t, WriterStats{Lines: 1, Bytes: uint64(len(numberedLine(1))), Dropped: 1}, w.Stats())
}

func TestWriterReaderGone(t *testing.T) {
	r, out := pipe(t)
	w := NewWriter(out, WriterOptions{})
	require.NoError(t, w.Write(numbered(0)))
	require.NoError(t, r.Close())
	require.ErrorIs(t, w.Flush(), ErrReaderGone)
	require.ErrorIs(t, w.Write(numbered(1)), ErrReaderGone)
	require.ErrorIs(t, w.Flush(), ErrReaderGone)
	require.ErrorIs(t, w.Drain(context.Background()), ErrReaderGone)
}

func TestDrainReaderGoesWithoutReading(t *testing.T) {
	r, out := pipe(t)
	w := NewWriter(out, WriterOptions{})
	require.NoError(t, w.Write(numbered(0)))
	require.NoError(t, w.Flush())
	drained := make(chan error)
	go func() { drained <- w.Drain(context.Background()) }()
	require.NoError(t, r.Close())
	require.ErrorIs(t, <-drained, ErrReaderGone)
}

func TestDrainWaitsForReader(t *testing.T) {
	r, out := pipe(t)
	w := NewWriter(out, WriterOptions{})
	require.NoError(t, w.Write(numbered(0)))
	drained := make(chan error, 1)
	go func() { drained <- w.Drain(context.Background()) }()

	one := make([]byte, 1)
	for range len(numberedLine(0)) - 1 {
		_, err := r.Read(one)
		require.NoError(t, err)
		select {
		case err := <-drained:
			t.Fatalf("drained with bytes in the pipe: %v", err)
		default:
		}
	}
	_, err := r.Read(one)
	require.NoError(t, err)
	require.NoError(t, <-drained)
}

func TestDrainGivesUp(t *testing.T) {
	t.Run("unread", func(t *testing.T) {
		_, out := pipe(t)
		w := NewWriter(out, WriterOptions{})
		require.NoError(t, w.Write(numbered(0)))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := w.Drain(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, fmt.Sprint(len(numberedLine(0)), " bytes"))
	})
	t.Run("blocked", func(t *testing.T) {
		r, out := pipe(t)
		stalled := make(chan time.Duration, 100)
		w := NewWriter(out, WriterOptions{StallAfter: 5 * time.Millisecond, OnStall: func(d time.Duration) { stalled <- d }})
		written := make(chan error)
		go func() {
			for n := 0; ; n++ {
				if err := w.Write(numbered(n)); err != nil {
					written <- err
					return
				}
			}
		}()
		<-stalled
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, w.Drain(ctx), context.Canceled)
		require.ErrorIs(t, <-written, errAbandoned)

		require.NoError(t, out.Close())
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, byte('\n'), got[len(got)-1], "no line is torn")
	})
}

func TestWriterStall(t *testing.T) {
	r, out := pipe(t)
	stalled, resumed := make(chan time.Duration, 100), make(chan time.Duration, 100) // of more than one stall, if reading is slow
	const after = 10 * time.Millisecond
	w := NewWriter(out, WriterOptions{
		StallAfter: after,
		OnStall:    func(d time.Duration) { stalled <- d },
		OnResume:   func(d time.Duration) { resumed <- d },
	})
	done := make(chan error, 1)
	go func() {
		defer out.Close()
		n := 0
		for ; w.Stats().Bytes < 1<<16-pipeChunk; n++ { // until the pipe is full
			if err := w.Write(numbered(n)); err != nil {
				done <- err
				return
			}
		}
		for end := n + 200; n < end; n++ {
			if err := w.Write(numbered(n)); err != nil {
				done <- err
				return
			}
		}
		done <- w.Flush()
	}()
	first, second, third := <-stalled, <-stalled, <-stalled
	require.GreaterOrEqual(t, first, after)
	require.GreaterOrEqual(t, second, 2*after)
	require.GreaterOrEqual(t, third, 4*after)
	require.Empty(t, resumed)

	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.GreaterOrEqual(t, <-resumed, third)
	require.Equal(t, numberedLines(strings.Count(string(got), "\n")), string(got))
}

func TestWriterConcurrent(t *testing.T) {
	r, out := pipe(t)
	w := NewWriter(out, WriterOptions{})
	const writers, lines = 8, 2000
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := range lines {
				if err := w.Write(numbered(n)); err != nil {
					t.Error(err)
				}
				if n%100 == 0 {
					if err := w.Flush(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	go func() {
		wg.Wait()
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
		out.Close()
	}()
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	seen := map[string]int{}
	for line := range strings.Lines(string(got)) {
		seen[line]++
	}
	require.Len(t, seen, lines)
	for n := range lines {
		require.Equal(t, writers, seen[numberedLine(n)])
	}
}

func TestWriterAllocations(t *testing.T) {
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer out.Close()
	w := NewWriter(out, WriterOptions{})
	m := numbered(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if err := w.Write(m); err != nil {
			t.Error(err)
		}
	}))
}

// BenchmarkWriter compares the sizes of writes to a pipe. One operation is one line of 500 bytes.
func BenchmarkWriter(b *testing.B) {
	for _, chunk := range []int{pipeChunk, fileChunk} {
		b.Run(fmt.Sprint("chunk=", chunk), func(b *testing.B) {
			r, out := pipe(b)
			go func() {
				buf := make([]byte, 64<<10)
				for {
					if _, err := r.Read(buf); err != nil {
						return
					}
				}
			}()
			m := numbered(0)
			m.Fields = append(m.Fields, metric.Field{Key: metric.NewKey("pad"), Value: metric.String(strings.Repeat("y", 470))})
			line, err := m.AppendLine(nil)
			require.NoError(b, err)
			w := NewWriter(out, WriterOptions{})
			w.chunk = chunk
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Write(m); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Drain(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func numberedLines(lines int) string {
	var b bytes.Buffer
	for n := range lines {
		b.WriteString(numberedLine(n))
	}
	return b.String()
}

// pipe returns a pipe that is closed at the end of the test.
func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

func TestWriteLines(t *testing.T) {
	r, out := pipe(t)
	_, err := unix.FcntlInt(out.Fd(), unix.F_SETFL, unix.O_DIRECT)
	require.NoError(t, err)
	w := NewWriter(out, WriterOptions{})
	long := "m s=\"" + strings.Repeat("y", 3*pipeChunk) + "\"\n"
	block := numberedLines(400) + long + numberedLines(3)
	var positions []uint64
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer out.Close()
		if err := w.Write(numbered(7)); err != nil {
			t.Error(err)
		}
		for range 2 {
			position, err := w.WriteLines([]byte(block))
			if err != nil {
				t.Error(err)
			}
			positions = append(positions, position)
		}
	}()
	var all []byte
	for buf := make([]byte, 2*pipeChunk); ; {
		n, err := r.Read(buf)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if inLong := n == pipeChunk && buf[n-1] == 'y'; !inLong {
			require.Equal(t, byte('\n'), buf[n-1], "a write ends in a line")
		}
		all = append(all, buf[:n]...)
	}
	<-written
	want := numberedLine(7) + block + block
	require.Equal(t, want, string(all))
	first := uint64(len(numberedLine(7) + block))
	require.Equal(t, []uint64{first, uint64(len(want))}, positions)
	require.Equal(t, WriterStats{Lines: uint64(strings.Count(want, "\n")), Bytes: uint64(len(want))}, w.Stats())
}

func TestReceived(t *testing.T) {
	r, out := pipe(t)
	w := NewWriter(out, WriterOptions{})
	received := func() uint64 {
		t.Helper()
		n, err := w.Received()
		require.NoError(t, err)
		return n
	}
	require.Zero(t, received())
	end, err := w.WriteLines([]byte(numberedLines(2)))
	require.NoError(t, err)
	require.Zero(t, received(), "nobody has read it")
	buf := make([]byte, len(numberedLine(0)))
	_, err = io.ReadFull(r, buf)
	require.NoError(t, err)
	require.EqualValues(t, len(buf), received())
	_, err = io.ReadFull(r, make([]byte, int(end)-len(buf)))
	require.NoError(t, err)
	require.Equal(t, end, received())
	require.NoError(t, r.Close())
	_, err = w.Received()
	require.ErrorIs(t, err, ErrReaderGone)
	_, err = w.WriteLines([]byte(numberedLines(1)))
	require.ErrorIs(t, err, ErrReaderGone)

	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	w = NewWriter(file, WriterOptions{})
	end, err = w.WriteLines([]byte(numberedLines(2)))
	require.NoError(t, err)
	require.Equal(t, end, received(), "a file has what was written")
}
