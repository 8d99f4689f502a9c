package queue

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"
)

// roleVar makes the test binary a child with a role instead of running tests.
const roleVar = "QUEUE_TEST_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func() error{"crash": crashChild, "hold": holdChild}
	role := roles[os.Getenv(roleVar)]
	if role == nil {
		goleak.VerifyTestMain(m)
		return
	}
	if err := role(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const patience = 20 * time.Second

// small makes everything happen early: many chunks, little memory, frequent compaction.
func small() tuning {
	return tuning{
		chunkBytes: 1 << 10, cacheBytes: 4 << 10, batchBytes: 64 << 10, reserveBytes: 64 << 10,
		compactFile: 512 << 10, compactLive: 1 << 20, tick: 20 * time.Millisecond,
	}
}

// problems collects what OnProblem is told.
type problems struct {
	mu  sync.Mutex
	all []error
}

func (p *problems) add(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, err)
}

func (p *problems) list() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// openWell opens a queue that must report no problem, and whose totals must be right when the test is over.
func openWell(t testing.TB, cfg Config, tune tuning) *Queue {
	t.Helper()
	if cfg.OnProblem == nil {
		cfg.OnProblem = func(err error) { t.Errorf("problem: %v", err) }
	}
	q, err := open(cfg, tune)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, q.Close())
		verify(t, cfg.Dir)
	})
	return q
}

// verify checks the file of a closed queue: its structure by bbolt's own means, and the totals by counting.
func verify(t testing.TB, dir string) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, dataName), 0o600, &bolt.Options{Timeout: time.Second, NoFreelistSync: true})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			require.NoError(t, err)
		}
		return nil
	}))
	tx, err := db.Begin(true)
	require.NoError(t, err)
	defer tx.Rollback()
	b, err := openBuckets(tx)
	require.NoError(t, err)
	want, err := b.totals()
	require.NoError(t, err)
	ids := count(b.heldIDs)
	require.NoError(t, recount(b, want, 0))
	got, err := b.totals()
	require.NoError(t, err)
	require.Equal(t, want, got, "the totals are not what is there")
	require.EqualValues(t, want.held, ids)
	require.NoError(t, b.held.ForEachBucket(func(k []byte) error {
		target := b.held.Bucket(k)
		n, _ := decodeSum(target.Get([]byte(sumKey)))
		require.Positive(t, n)
		require.EqualValues(t, 2*n+1, count(target), "as many due times as letters")
		return nil
	}))
	require.NoError(t, b.settled.ForEach(func(k, _ []byte) error {
		require.NotNil(t, b.records.Bucket(k), "marks of chunk %d, which is gone", numberOf(k))
		return nil
	}))
}

func count(b *bolt.Bucket) int {
	n := 0
	_ = b.ForEach(func(_, _ []byte) error {
		n++
		return nil
	})
	return n
}

func add(t testing.TB, q *Queue, records ...string) {
	t.Helper()
	require.NoError(t, q.Append(t.Context(), bytesOf(records)))
}

func bytesOf(records []string) [][]byte {
	all := make([][]byte, len(records))
	for i, r := range records {
		all[i] = []byte(r)
	}
	return all
}

func settle(t testing.TB, q *Queue, ranges ...Range) {
	t.Helper()
	require.NoError(t, q.Settle(t.Context(), Settlement{Done: ranges}))
}

// contents returns all that waits in a queue.
func contents(t testing.TB, q *Queue) []string {
	t.Helper()
	var all []string
	for _, r := range records(t, q) {
		all = append(all, string(r.Data))
	}
	return all
}

func records(t testing.TB, q *Queue) []Record {
	t.Helper()
	var all []Record
	for after := uint64(0); ; {
		page, err := q.List(after, 100)
		require.NoError(t, err)
		if len(page) == 0 {
			return all
		}
		for _, r := range page {
			require.Greater(t, r.Seq, after)
			after = r.Seq
		}
		all = append(all, page...)
	}
}

// numbered returns records "r1" to "rN", as long as they are asked to be.
func numbered(from, to, length int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf("r%-*d", max(length-1, 0), i))
	}
	return all
}

// within is a context for calls that must not hang.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
