package opentsdb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// stats are what the listener counts, apart from data points, which each space counts. It is safe for concurrent use.
type stats struct {
	started        time.Time
	connections    atomic.Uint64
	bytes          atomic.Uint64 // of telnet
	repliesDropped atomic.Uint64
	lost           atomic.Uint64 // telnet points that could not be kept

	mu       sync.Mutex             // guards all below
	refused  map[tsdb.Reason]uint64 // connections, requests, and bodies as a whole
	requests map[int]*requestCount  // by status
	keeps    keepCount
}

type requestCount struct {
	n    uint64
	took time.Duration
}

// keepCount is how long it took to make points safe.
type keepCount struct {
	n, failed uint64
	took      time.Duration
}

func newStats(now time.Time) stats {
	return stats{
		started: now, refused: make(map[tsdb.Reason]uint64), requests: make(map[int]*requestCount),
	}
}

// refuse counts a connection, a request or a body that was refused as a whole.
func (s *stats) refuse(reason tsdb.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[reason]++
}

func (s *stats) request(status int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests[status]
	if r == nil {
		r = &requestCount{}
		s.requests[status] = r
	}
	r.n++
	r.took += took
}

// kept counts the time until points of a request were safe, or could not be made so.
func (s *stats) kept(took time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.keeps.failed++
		return
	}
	s.keeps.n++
	s.keeps.took += took
}

// statsText is the answer to the command stats, in OpenTSDB's form.
func (in *Input) statsText() string {
	now := in.now().Unix()
	var b strings.Builder
	put := func(name string, v uint64, tags string) {
		fmt.Fprintf(&b, "tsd.%s %d %d host=%s%s\n", name, now, v, in.host, tags)
	}
	put("uptime", uint64(in.now().Sub(in.stats.started).Seconds()), "")
	put("connectionmgr.connections", in.stats.connections.Load(), " type=total")
	put("connectionmgr.connections", uint64(max(0, in.open.Load())), " type=open")
	accepted, rejected := in.totals()
	put("rpc.requests", accepted+sum(rejected), " type=put")
	for _, reason := range slices.Sorted(maps.Keys(rejected)) {
		put("rpc.errors", rejected[reason], " type="+reason.String())
	}
	return b.String()
}

// totals adds up the data points of all namespaces.
func (in *Input) totals() (accepted uint64, rejected map[tsdb.Reason]uint64) {
	rejected = make(map[tsdb.Reason]uint64)
	for _, sp := range in.spaces.list() {
		accepted += sp.accepted.Load()
		for _, reason := range tsdb.Reasons() {
			if n := sp.rejected[reason].Load(); n > 0 {
				rejected[reason] += n
			}
		}
	}
	return accepted, rejected
}

func sum(counts map[tsdb.Reason]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// versionText is the answer to the command version: two lines as OpenTSDB has them, which senders look for.
func versionText(version string) string {
	return fmt.Sprintf("telegraf-ipvs %s built at revision %s (listening as OpenTSDB does)\nBuilt on %s by %s\n", version, version, "linux", "go")
}
