package opentsdb

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// A space is a namespace with what is known of it: its series, and what was counted. It is safe for concurrent use.
type space struct {
	namespace
	table   *tsdb.Table
	pinned  bool         // configured, so never forgotten
	seen    atomic.Int64 // when it was last asked for, in nanoseconds since 1970
	parsers map[tsdb.Profile]*sync.Pool

	accepted atomic.Uint64 // data points
	rejected []atomic.Uint64
}

// spaces are the namespaces that data points came for. There are at most max of them; one that was not asked for of late
// makes way for a new one.
type spaces struct {
	cfg    Config
	now    func() time.Time
	expiry time.Duration

	mu  sync.RWMutex
	all map[namespace]*space
}

func newSpaces(cfg Config, now func() time.Time) *spaces {
	return &spaces{cfg: cfg, now: now, expiry: cfg.SeriesExpiry.Duration(), all: make(map[namespace]*space)}
}

// get returns the space of a namespace, nil if there are too many.
func (s *spaces) get(n namespace, pinned bool) *space {
	now := s.now()
	s.mu.RLock()
	found := s.all[n]
	s.mu.RUnlock()
	if found == nil {
		found = s.add(n, pinned, now)
	}
	if found != nil {
		found.seen.Store(now.UnixNano())
	}
	return found
}

func (s *spaces) add(n namespace, pinned bool, now time.Time) *space {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.all[n]; found != nil {
		return found
	}
	if len(s.all) >= s.cfg.MaxNamespaces && !s.forget(now) {
		return nil
	}
	sp := &space{namespace: n, pinned: pinned, rejected: make([]atomic.Uint64, len(tsdb.Reasons())+1)}
	sp.table = tsdb.NewTable(tsdb.TableConfig{
		MaxSeries: s.cfg.MaxSeries, Expire: s.expiry, Make: makeSeries(s.cfg.tags(n)),
	})
	sp.parsers = make(map[tsdb.Profile]*sync.Pool)
	for _, profile := range []tsdb.Profile{tsdb.IRONdb, tsdb.OpenTSDB} {
		cfg := s.parsing(profile)
		sp.parsers[profile] = &sync.Pool{New: func() any { return tsdb.NewParser(cfg, sp.table) }}
	}
	sp.seen.Store(now.UnixNano())
	s.all[n] = sp
	return sp
}

// forget drops the space that was not asked for the longest, if that is long enough ago. The caller holds mu.
func (s *spaces) forget(now time.Time) bool {
	var oldest *space
	for _, sp := range s.all {
		if !sp.pinned && (oldest == nil || sp.seen.Load() < oldest.seen.Load()) {
			oldest = sp
		}
	}
	if oldest == nil || now.Sub(time.Unix(0, oldest.seen.Load())) < s.expiry {
		return false
	}
	delete(s.all, oldest.namespace)
	return true
}

// list returns all spaces.
func (s *spaces) list() []*space {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*space, 0, len(s.all))
	for _, sp := range s.all {
		all = append(all, sp)
	}
	return all
}

// parsing returns the settings of parsers.
func (s *spaces) parsing(profile tsdb.Profile) tsdb.Config {
	age, skew := s.cfg.MaxIngestAge.Duration(), s.cfg.MaxClockSkew.Duration()
	if age == 0 {
		age = -1 // no bound
	}
	if skew == 0 {
		skew = math.MaxInt64 // as far as line protocol goes
	}
	return tsdb.Config{
		Profile: profile, MaxTags: s.cfg.MaxTags, MaxPoints: s.cfg.MaxPoints, Now: s.now,
		MaxIngestAge: age, MaxClockSkew: skew,
	}
}

// parser returns a parser of the space, to be given back.
func (s *space) parser(profile tsdb.Profile) *tsdb.Parser {
	p := s.parsers[profile].Get().(*tsdb.Parser)
	p.Tick()
	return p
}

func (s *space) giveBack(profile tsdb.Profile, p *tsdb.Parser) { s.parsers[profile].Put(p) }

// reject counts a data point that was refused.
func (s *space) reject(reason tsdb.Reason) { s.rejected[reason].Add(1) }

// errNamespaces is what a sender is told when there are too many namespaces.
func (s *spaces) errNamespaces() string {
	return fmt.Sprintf("%d namespaces are in use (max_namespaces): this one is new", s.cfg.MaxNamespaces)
}
