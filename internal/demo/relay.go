package main

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

const (
	hostTag     = "lb01" // the tag host, which Telegraf gives to every metric
	pointPrefix = "LB"
)

// A relay does what Telegraf does between an inputs.execd and an outputs.execd: it
// takes the lines of one, gives them its tag, and hands them to the other. One
// goroutine may use it.
type relay struct {
	deliver func(line []byte) error
	now     func() time.Time // for lines that tell no time

	tables      bool             // an empty line has come: what follows are no metrics
	lines       int              // so many delivered
	points      map[string]*sent // by the name that the point has in PI
	first, last time.Time        // of the lines
}

// sent is what has been delivered of one point.
type sent struct {
	values int
	last   lineprotocol.Value
	at     time.Time // of the last
}

func newRelay(deliver func([]byte) error) *relay {
	return &relay{deliver: deliver, now: time.Now, points: map[string]*sent{}}
}

// take delivers one line.
func (r *relay) take(line []byte) error {
	if len(bytes.TrimSpace(line)) == 0 {
		r.tables = true
	}
	if r.tables {
		return nil
	}
	s, err := decode(line)
	if err != nil {
		return err
	}
	if s.at.IsZero() {
		s.at = r.now()
	}
	if s.tags["host"] == "" {
		s.tags["host"] = hostTag
	}
	tagged, err := s.encode()
	if err != nil {
		return fmt.Errorf("give a tag to %q: %w", line, err)
	}
	if err := r.deliver(tagged); err != nil {
		return err
	}
	r.note(s)
	return nil
}

// note keeps what a delivered line makes of its points.
func (r *relay) note(s *sample) {
	if r.lines++; r.lines == 1 || s.at.Before(r.first) {
		r.first = s.at
	}
	if s.at.After(r.last) {
		r.last = s.at
	}
	n := s.name()
	if n == (name{}) {
		return
	}
	for _, f := range s.fields {
		point := n.point(f.key)
		known := r.points[point]
		if known == nil {
			known = &sent{}
			r.points[point] = known
		}
		if known.values++; !s.at.Before(known.at) {
			known.last, known.at = f.value, s.at
		}
	}
}

// values returns how many values have been delivered.
func (r *relay) values() int {
	n := 0
	for _, p := range r.points {
		n += p.values
	}
	return n
}

// point returns the name that a field of a server has in PI unless the
// configuration says otherwise.
func (n name) point(field string) string {
	kind, behind := "vs", ""
	if n.real != "" {
		kind, behind = "rs", "."+underscored(n.real)
	}
	return pointPrefix + "." + hostTag + ".ipvs." + kind + "." + n.protocol + "_" + underscored(n.virtual) + behind + "." + field
}

// underscored writes an address and a port as names of points have them.
func underscored(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host + "_" + port
}
