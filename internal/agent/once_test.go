package agent

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/metric"
)

// gatherOnce runs once and returns what it has written to stdout and to the log.
func gatherOnce(t *testing.T, inputs ...input) (lines []string, logged string, err error) {
	t.Helper()
	l := newLog()
	var sources []*source
	for _, in := range inputs {
		sources = append(sources, newSource(in, 0, l))
	}
	r, w := pipe(t)
	h := &host{stdout: r}
	c := h.lines()
	err = once(t.Context(), sources, l.Logger, w)
	w.Close()
	return all(t, c), l.String(), err
}

func failing(ctx context.Context, n int, emit func(*metric.Metric) error) error {
	if err := emit(numbered(n)); err != nil {
		return err
	}
	return errors.Join(errors.New("first problem"), errors.New("second problem"))
}

func TestOnce(t *testing.T) {
	silent := func(context.Context, int, func(*metric.Metric) error) error { return nil }
	t.Run("well", func(t *testing.T) {
		in := &fakeInput{}
		lines, logged, err := gatherOnce(t, in, &fakeInput{})
		require.NoError(t, err)
		require.Equal(t, []string{"m n=1i", "m n=1i"}, lines)
		require.Empty(t, logged)
		require.True(t, in.closed.Load())
	})
	t.Run("error", func(t *testing.T) {
		lines, logged, err := gatherOnce(t, &fakeInput{do: failing}, &fakeInput{})
		require.EqualError(t, err, "inputs.fake: first problem\ninputs.fake: second problem")
		require.Equal(t, []string{"m n=1i", "m n=1i"}, lines, "the rest all the same")
		require.Empty(t, logged)
	})
	t.Run("nothing", func(t *testing.T) {
		lines, logged, err := gatherOnce(t, &fakeInput{do: silent})
		require.NoError(t, err)
		require.Empty(t, lines)
		require.Contains(t, logged, "level=INFO")
		require.Contains(t, logged, "There is nothing to report: the table of every configured input is empty")
	})
	t.Run("nothing but an error", func(t *testing.T) {
		_, logged, err := gatherOnce(t, &fakeInput{do: func(context.Context, int, func(*metric.Metric) error) error {
			return errors.New("no")
		}})
		require.EqualError(t, err, "inputs.fake: no")
		require.Empty(t, logged)
	})
	t.Run("metric without fields", func(t *testing.T) {
		lines, logged, err := gatherOnce(t, &fakeInput{do: func(_ context.Context, n int, emit func(*metric.Metric) error) error {
			m := numbered(n)
			m.Fields = nil
			return errors.Join(emit(m), emit(numbered(n)))
		}})
		require.NoError(t, err)
		require.Equal(t, []string{"m n=1i"}, lines)
		require.Contains(t, logged, "Dropped a metric")
	})
	t.Run("reader gone", func(t *testing.T) {
		r, w := pipe(t)
		r.Close()
		l := newLog()
		second := &fakeInput{}
		err := once(t.Context(), []*source{newSource(&fakeInput{}, 0, l), newSource(second, 0, l)}, l.Logger, w)
		require.ErrorIs(t, err, execd.ErrReaderGone)
		require.EqualError(t, err, "write metrics to stdout: "+execd.ErrReaderGone.Error())
		require.Zero(t, second.gathers.Load())
		require.Empty(t, l.String())
	})
}
