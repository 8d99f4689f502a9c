package piwebapitest

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// PointInfo describes a point as it is now.
type PointInfo struct {
	PointSpec
	ID         int32
	Path       string // \\SERVER\NAME
	WebID      string // in the Full form
	Values     int    // how many values are stored
	Received   uint64 // how many good and bad values have reached the archive since the start
	Last       *Event // the latest one; nil for none
	Attributes map[string]any
}

// Points returns all points in the order of their names.
func (s *Server) Points() []PointInfo {
	s.flush(false)
	var list []PointInfo
	for _, p := range s.reg.all() {
		list = append(list, s.info(p))
	}
	return list
}

// Point returns one point by its name or path.
func (s *Server) Point(path string) (PointInfo, bool) {
	s.flush(false)
	if p := s.reg.find(path); p != nil {
		return s.info(p), true
	}
	return PointInfo{}, false
}

func (s *Server) info(p *point) PointInfo {
	s.reg.mu.RLock()
	info := PointInfo{
		PointSpec: p.spec, ID: p.id, Path: `\\` + s.config.ServerName + `\` + p.spec.Name,
		WebID:      s.reg.identity(p).webID("Full"),
		Attributes: make(map[string]any),
	}
	for _, name := range p.attributeNames() {
		info.Attributes[name], _ = p.get(name)
	}
	states := s.reg.states(p)
	s.reg.mu.RUnlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	info.Values, info.Received = p.archive.count, p.received
	if e, ok := p.archive.at(forever); ok {
		last := e.public(p.archive.texts[e.num], states)
		info.Last = &last
	}
	return info
}

// Stored returns the values of the point with this name or path in the order of their times, nil for no such point.
// What waits in a buffer is not among them.
func (s *Server) Stored(path string) []Event {
	s.flush(false)
	p := s.reg.find(path)
	if p == nil {
		return nil
	}
	s.reg.mu.RLock()
	states := s.reg.states(p)
	s.reg.mu.RUnlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Event, 0, p.archive.count)
	for e := range p.archive.between(0, forever) {
		list = append(list, e.public(p.archive.texts[e.num], states))
	}
	return list
}

// Received returns the values that came in for a point, in the order of arrival, one entry for each time that a value
// came. Those of requests that were refused as a whole are not among them. It needs Config.KeepLog.
func (s *Server) Received(path string) []Received {
	p := s.reg.find(path)
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// CreatePoint creates a point as an administrator does: no licence limits it, nothing forbids it.
func (s *Server) CreatePoint(spec PointSpec) error {
	_, err := s.create(spec, 0)
	return err
}

// CreateDigitalSet creates a set of digital states, which are numbered from 0.
func (s *Server) CreateDigitalSet(name string, states ...string) error {
	set, err := s.reg.addSet(name, "", states)
	if err != nil {
		return err
	}
	s.keepSet(set)
	return nil
}

// CreateAttribute creates an AF attribute. The Store does not keep it.
func (s *Server) CreateAttribute(spec AttributeSpec) error {
	return s.reg.addAttribute(spec, s.config.Now())
}

// AttributeValue returns the JSON of a static attribute's value.
func (s *Server) AttributeValue(path string) (string, bool) {
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	path = strings.TrimPrefix(path, `\\`)
	for _, full := range []string{path, s.reg.afServer + `\` + s.reg.tree.database + `\` + path} {
		if a := s.reg.tree.attributes[strings.ToUpper(full)]; a != nil {
			return a.value, true
		}
	}
	return "", false
}

// ErrNoPoint is of a name or path without a point.
var ErrNoPoint = errors.New("no such point")

// Rename gives the point with this name or path another name. The error may be [ErrNoPoint].
func (s *Server) Rename(path, name string) error {
	p := s.reg.find(path)
	if p == nil {
		return ErrNoPoint
	}
	return s.rename(p, name)
}

// Delete deletes the point with this name or path and its values. The error may be [ErrNoPoint].
func (s *Server) Delete(path string) error {
	p := s.reg.find(path)
	if p == nil || !s.remove(p) {
		return ErrNoPoint
	}
	return nil
}

// Reset forgets all points, values, AF attributes, digital sets, faults and counts. It must not be called on a server
// with a Store.
func (s *Server) Reset() {
	if s.store != nil {
		panic("piwebapitest: Reset of a server with a Store")
	}
	s.SetFaults(nil)
	s.faults.mu.Lock()
	s.faults.counts = nil
	s.faults.mu.Unlock()
	s.Restart()
	s.reg.reset(s.config.AFDatabase)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = make(map[string]map[int]uint64)
}

func (s *Server) create(spec PointSpec, limit int) (*point, error) {
	p, err := s.reg.create(spec, 0, limit, s.config.Now().Truncate(time.Microsecond))
	if err != nil {
		return nil, err
	}
	s.reg.mu.RLock()
	s.keepPoint(p)
	s.reg.mu.RUnlock()
	return p, s.sync()
}

func (s *Server) rename(p *point, name string) error {
	if err := s.reg.rename(p, name); err != nil {
		return err
	}
	s.reg.mu.RLock()
	s.keepPoint(p)
	s.reg.mu.RUnlock()
	return s.sync()
}

func (s *Server) remove(p *point) bool {
	if !s.reg.delete(p) {
		return false
	}
	if s.store != nil {
		s.store.add(record{Delete: p.id})
	}
	_ = s.sync() // as in flush
	return true
}
