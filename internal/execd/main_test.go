package execd

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"telegraf-ipvs/internal/metric"
)

// roleVar makes the test binary a child with a role instead of running tests.
const roleVar = "EXECD_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := child(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is what the children of the tests do.
func child(role string) error {
	w := NewWriter(os.Stdout, WriterOptions{})
	switch role {
	case "drain":
		for n := range childLines {
			if err := w.Write(numbered(n)); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return w.Drain(ctx)
	case "forever":
		for n := 0; ; n++ {
			if err := w.Write(numbered(n)); err != nil {
				return err
			}
		}
	case "triggers":
		signals, stop := Notify()
		defer stop()
		t := NewTriggers(os.Stdin, signals)
		ticks := t.Subscribe(0)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go t.Run(ctx)
		for n := 0; ; n++ {
			if err := w.Write(numbered(n)); err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
			select {
			case <-ticks:
			case <-t.InputClosed():
				_, err := fmt.Println("eof")
				return err
			case <-t.Stop():
				fmt.Println("stop")
				<-t.Abort()
				_, err := fmt.Println("abort")
				return err
			}
		}
	case "lines":
		signals, stop := Notify()
		defer stop()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			<-signals
			cancel()
		}()
		fmt.Println("ready")
		l := NewLineReader(os.Stdin, LineReaderOptions{})
		delivered := 0
		err := l.Run(ctx, func(batch [][]byte) error {
			delivered += len(batch)
			return nil
		})
		fmt.Printf("%d delivered, %d refused\n", delivered, l.Stats().Rejected)
		return err
	}
	return fmt.Errorf("no role %q", role)
}

const childLines = 20000

// numbered returns a metric whose line tells its own length, so that a torn one is seen.
func numbered(n int) *metric.Metric {
	s, err := metric.NewSeries("m", metric.Tag{Key: "pad", Value: strings.Repeat("x", 1+n*7919%300)})
	if err != nil {
		panic(err)
	}
	return &metric.Metric{Series: s, Time: time.Unix(0, int64(n)+1), Fields: []metric.Field{{Key: metric.NewKey("n"), Value: metric.Int(int64(n))}}}
}

// numberedLine returns the line of numbered(n).
func numberedLine(n int) string {
	return fmt.Sprintf("m,pad=%s n=%di %d\n", strings.Repeat("x", 1+n*7919%300), n, n+1)
}
