package main

import (
	"maps"
	"net"
	"sync"
	"time"
)

// settledAfter is how long counters must have stood still to be final. The
// kernel's estimator brings them up to date every 2 s.
const settledAfter = 3 * time.Second

// A name tells a virtual server, or one of its real servers, from all others.
type name struct {
	protocol, virtual string
	real              string // empty for the virtual server itself
}

// behind returns the name of a virtual server's real server.
func (n name) behind(real string) name {
	n.real = net.JoinHostPort(real, realPort)
	return n
}

// The virtual servers of the stage.
var (
	web   = name{protocol: "tcp", virtual: net.JoinHostPort(virtualAddress, webPort)}
	empty = name{protocol: "udp", virtual: net.JoinHostPort(virtualAddress, emptyPort)}
)

// names returns the names of all that is on the stage, in the order of the table.
func names() []name {
	list := []name{web}
	for _, r := range realServers {
		list = append(list, web.behind(r.address))
	}
	return append(list, empty)
}

// counterFields are the fields that only grow.
var counterFields = []string{"connections", "pkts_in", "pkts_out", "bytes_in", "bytes_out"}

// A record is what the metrics have told of one server. Fields that are no
// integers are left out.
type record struct {
	fields map[string]int64 // latest value; made anew for each line
	peaks  map[string]int64 // highest value
	at     time.Time        // of the latest line
	since  time.Time        // of the first line with the present counters
}

// A ledger keeps what the metrics have told. It is safe for concurrent use.
type ledger struct {
	mu      sync.Mutex
	records map[name]record
}

func newLedger() *ledger { return &ledger{records: map[name]record{}} }

// snapshot returns a copy of all records.
func (l *ledger) snapshot() map[name]record {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[name]record, len(l.records))
	for n, r := range l.records {
		r.peaks = maps.Clone(r.peaks)
		all[n] = r
	}
	return all
}

// settled reports whether the counters of all names have come to rest after end.
func (l *ledger) settled(names []name, end time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range names {
		r := l.records[n]
		if r.at.Before(end.Add(settledAfter)) || r.at.Before(r.since.Add(settledAfter)) {
			return false
		}
	}
	return true
}

// add takes in one line of line protocol. Measurements other than those of IPVS
// are passed over; the error is that of a line that is no line protocol.
func (l *ledger) add(line []byte) error {
	s, err := decode(line)
	if err != nil {
		return err
	}
	n, fields, at := s.name(), s.integers(), s.at
	if n == (name{}) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r, known := l.records[n]
	if !known {
		r.peaks = map[string]int64{}
	}
	for _, f := range counterFields {
		if !known || r.fields[f] != fields[f] {
			r.since = at
		}
	}
	for key, value := range fields {
		r.peaks[key] = max(r.peaks[key], value)
	}
	r.fields, r.at = fields, at
	l.records[n] = r
	return nil
}
