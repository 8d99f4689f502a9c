package piwebapitest

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Received is a value as it came in, whatever became of it.
type Received struct {
	Time time.Time // as sent, to the nanosecond; the time of arrival where none was sent
	// Value is as in [Event], or a [json.RawMessage] of a value that was refused.
	Value   any
	Status  int       // that of the value if it was refused, else that which a request of such values alone has
	Problem string    // why it was refused, or lost in a buffer; "" if it was not
	Option  string    // the updateOption
	Arrived time.Time // by the server's clock
}

// accept hands the good values of w on to the archive, or to the buffer before it. The error is that of the Store.
func (s *Server) accept(w *writing) error {
	next := 0
	for n := range w.streams {
		stream, t := &w.streams[n], &w.targetList[n]
		results := w.results[next : next+stream.to-stream.from]
		next += len(results)
		switch {
		case t.point == nil && t.attribute != nil:
			for i := range results {
				s.setStatic(t.attribute, w, &w.values[stream.from+i], &results[i])
			}
		case t.point != nil:
			if s.config.KeepLog {
				s.note(w, stream, t, results)
			}
			if w.delayed && s.config.BufferDelay > 0 {
				s.buffer.add(pending{t.point, w.option, slices.Clone(results), w.now})
				continue
			}
			s.commit(t.point, w.option, results)
		}
	}
	return s.sync()
}

// commit stores the good ones of values.
func (s *Server) commit(p *point, option updateOption, values []converted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received += uint64(len(values))
	for i := range values {
		if values[i].problem == noProblem {
			p.archive.apply(option, &values[i], s.config.MaxEvents)
		}
	}
	if s.store != nil { // under the lock, so that the file has the order of the archive
		s.store.addValues(p.id, option, values)
	}
}

// sync puts into the file what was accepted, before anybody is told.
func (s *Server) sync() error {
	if s.store == nil {
		return nil
	}
	return s.store.write()
}

// note logs the values of one stream.
func (s *Server) note(w *writing, stream *streamBody, t *target, results []converted) {
	log := make([]Received, len(results))
	for i := range results {
		c, v := &results[i], &w.values[stream.from+i]
		sec, nsec, _ := v.stamp(w.text, w.now)
		r := Received{Time: time.Unix(sec, nsec).UTC(), Option: w.option.String(), Arrived: w.now.UTC(), Status: w.success}
		if c.problem == noProblem {
			r.Value = c.value(c.text, t.states)
		} else {
			r.Value = json.RawMessage(bytes.Clone(v.raw(w.text)))
			r.Problem = c.problem.message("")
			if !w.lossy {
				r.Status = c.problem.status(s.config.ForbiddenStatus)
			}
		}
		log[i] = r
	}
	t.point.mu.Lock()
	defer t.point.mu.Unlock()
	t.point.log = append(t.point.log, log...)
}

// setStatic gives a static attribute its new value.
func (s *Server) setStatic(a *attribute, w *writing, v *timedValue, c *converted) {
	if c.problem != noProblem || w.option == remove {
		return
	}
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	a.value, a.changed = string(v.raw(w.text)), c.at.time()
}

// buffer holds values on their way to the archive, in the order of their arrival.
type buffer struct {
	mu   sync.Mutex
	list []pending
}

type pending struct {
	point  *point
	option updateOption
	values []converted
	since  time.Time
}

func (b *buffer) add(p pending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, p)
}

// flush stores what has waited long enough, or all.
func (s *Server) flush(all bool) {
	if s.config.BufferDelay == 0 {
		return
	}
	s.buffer.mu.Lock()
	defer s.buffer.mu.Unlock()
	until := s.config.Now().Add(-s.config.BufferDelay)
	n := 0
	for ; n < len(s.buffer.list) && (all || !s.buffer.list[n].since.After(until)); n++ {
		p := &s.buffer.list[n]
		s.commit(p.point, p.option, p.values)
	}
	s.buffer.list = slices.Delete(s.buffer.list, 0, n)
	if n > 0 {
		_ = s.sync() // nobody waits for it; the next write call says that the file cannot be written
	}
}

// Restart acts as a restart of the service: it loses what is buffered, ends stalled answers, and forgets connections
// that have proved who they are.
func (s *Server) Restart() {
	s.buffer.mu.Lock()
	s.buffer.list = nil
	s.buffer.mu.Unlock()
	s.ntlm.reset()
	s.limiter.reset()
	s.release()
}
