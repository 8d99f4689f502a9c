package httpauth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// counter is a source of 1, 2, 3 ... that live for a while.
type counter struct {
	source[int]
	n    int
	fail error
	took time.Duration
	life time.Duration
}

func newCounter() *counter {
	c := &counter{took: time.Second, life: time.Hour}
	c.fetch = func(ctx context.Context) (int, error) {
		select {
		case <-time.After(c.took):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if c.fail != nil {
			return 0, c.fail
		}
		c.n++
		return c.n, nil
	}
	c.source.life = func(int) (time.Time, time.Time) {
		now := time.Now()
		return now.Add(c.life * 3 / 4), now.Add(c.life)
	}
	return c
}

func (c *counter) want(t *testing.T, want int) *lease[int] {
	t.Helper()
	l, err := c.get(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, want, l.value)
	return l
}

func TestSource(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		run  func(*testing.T, *counter)
	}{
		{"many share a fetch", func(t *testing.T, c *counter) {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { c.want(t, 1) })
			}
			all.Wait()
			require.Equal(t, 1, c.n)
		}},
		{"many share a renewal", func(t *testing.T, c *counter) {
			old := c.want(t, 1)
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					l, err := c.get(t.Context(), old)
					if err != nil || l.value != 2 {
						t.Error(l, err)
					}
				})
			}
			all.Wait()
			l, err := c.get(t.Context(), old) // a late one finds it done
			require.NoError(t, err)
			require.Equal(t, 2, l.value)
			require.Equal(t, 2, c.n)
		}},
		{"refreshed aside", func(t *testing.T, c *counter) {
			c.want(t, 1)
			time.Sleep(c.life * 4 / 5)
			begin := time.Now()
			c.want(t, 1)
			require.Equal(t, begin, time.Now(), "waited")
			time.Sleep(2 * c.took)
			c.want(t, 2)
		}},
		{"failing refresh", func(t *testing.T, c *counter) {
			c.want(t, 1)
			c.fail = broken
			time.Sleep(c.life * 4 / 5)
			for range 5 {
				c.want(t, 1)
				time.Sleep(time.Second)
			}
			c.fail = nil
			time.Sleep(retryRefresh)
			c.want(t, 1)
			time.Sleep(2 * c.took)
			c.want(t, 2)
		}},
		{"ended", func(t *testing.T, c *counter) {
			c.want(t, 1)
			time.Sleep(c.life)
			c.want(t, 2)
			c.fail = broken
			time.Sleep(c.life)
			_, err := c.get(t.Context(), nil)
			require.ErrorIs(t, err, broken)
			c.fail = nil
			c.want(t, 3)
		}},
		{"impatient", func(t *testing.T, c *counter) {
			ctx, cancel := context.WithTimeout(t.Context(), c.took/2)
			defer cancel()
			_, err := c.get(ctx, nil)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			time.Sleep(c.took)
			begin := time.Now()
			c.want(t, 1) // the fetch went on
			require.Equal(t, begin, time.Now(), "waited")
		}},
		{"the same again", func(t *testing.T, c *counter) {
			c.same = func(int, int) bool { return true }
			old := c.want(t, 1)
			l, err := c.get(t.Context(), old)
			require.NoError(t, err)
			require.Same(t, old, l)
		}},
		{"closed under way", func(t *testing.T, c *counter) {
			failed := make(chan error, 1)
			go func() {
				_, err := c.get(context.Background(), nil)
				failed <- err
			}()
			synctest.Wait()
			begin := time.Now()
			c.close()
			require.Equal(t, begin, time.Now(), "waited")
			require.ErrorIs(t, <-failed, ErrClosed)
			_, err := c.get(t.Context(), nil)
			require.ErrorIs(t, err, ErrClosed)
		}},
		{"panic", func(t *testing.T, c *counter) {
			c.fetch = func(context.Context) (int, error) {
				var empty []int
				return empty[len(empty)], nil
			}
			_, err := c.get(t.Context(), nil)
			require.ErrorContains(t, err, "malformed data")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounter()
				test.run(t, c)
				c.close()
			})
		})
	}
}

func TestPenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong, other := []byte("wrong"), []byte("other")
		refusal := &cause{kind: ErrCredentials}
		var p penalty
		require.NoError(t, p.refuse(wrong))
		require.Equal(t, errors.ErrUnsupported, p.note(wrong, errors.ErrUnsupported))
		require.NoError(t, p.refuse(wrong), "an error of another kind")
		for _, wait := range []time.Duration{1, 2, 4, 8, 15, 15} {
			require.Equal(t, refusal, p.note(wrong, refusal))
			time.Sleep(wait*time.Minute - time.Second)
			require.Equal(t, refusal, p.refuse(wrong))
			require.NoError(t, p.refuse(other))
			time.Sleep(time.Second)
			require.NoError(t, p.refuse(wrong))
		}
		require.Equal(t, refusal, p.note(other, refusal))
		time.Sleep(minPenalty)
		require.NoError(t, p.refuse(other))
		require.NoError(t, p.note(other, nil))
		require.Equal(t, penalty{}, p)
	})
}
