package piwebapitest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// store keeps what was accepted in a file of JSON lines, to which lines are added and never changed. It survives the
// end of the process, not that of the machine: nothing is synced. Three kinds of lines stand in it:
//
//	{"point":…}                       a point was created or changed
//	{"set":…}, {"delete":id}          a digital set; the end of a point
//	{"id":id,"option":"NoReplace","values":[[ticks,flags,value],…]}
type store struct {
	mu   sync.Mutex
	file *os.File
	buf  []byte // lines that are not in the file yet
	err  error  // of the first write that failed; nothing is written after it
}

// record is one line.
type record struct {
	Point  *pointRecord         `json:"point,omitempty"`
	Set    *setRecord           `json:"set,omitempty"`
	Delete int32                `json:"delete,omitempty"`
	ID     int32                `json:"id,omitempty"`
	Option string               `json:"option,omitempty"`
	Values [][3]json.RawMessage `json:"values,omitempty"`
}

type pointRecord struct {
	ID         int32
	Created    time.Time
	Spec       PointSpec
	Attributes map[string]any
}

type setRecord struct {
	Name, Description string
	States            []string
}

// openStore opens a file and does again to s what its lines say. A last line without its end is one that nobody was
// told of, and is cut off.
func openStore(name string, s *Server) (*store, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store of the PI Web API double: %w", err)
	}
	if err := s.load(file); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s of the PI Web API double: %w", name, err), file.Close())
	}
	return &store{file: file}, nil
}

func (s *Server) load(file *os.File) error {
	if err := lockFile(file); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(file, 1<<20)
	size := int64(0)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := s.replay(&r); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		size += int64(len(line))
	}
	if err := file.Truncate(size); err != nil {
		return err
	}
	_, err := file.Seek(size, io.SeekStart)
	return err
}

// replay does what a line says.
func (s *Server) replay(r *record) error {
	switch {
	case r.Set != nil:
		if s.reg.replaceStates(r.Set.Name, r.Set.States) {
			return nil
		}
		_, err := s.reg.addSet(r.Set.Name, r.Set.Description, r.Set.States)
		return err
	case r.Point != nil:
		return s.replayPoint(r.Point)
	case r.Delete != 0:
		if p := s.reg.byID[r.Delete]; p != nil {
			s.reg.delete(p)
		}
		return nil
	}
	p := s.reg.byID[r.ID]
	if p == nil {
		return nil // written while it was being deleted
	}
	option, ok := parseUpdateOption(r.Option)
	if !ok {
		return fmt.Errorf("unknown option %q", r.Option)
	}
	for _, v := range r.Values {
		c, err := readValue(v)
		if err != nil {
			return err
		}
		p.archive.apply(option, &c, s.config.MaxEvents)
	}
	return nil
}

func (s *Server) replayPoint(r *pointRecord) error {
	p := s.reg.byID[r.ID]
	if p == nil {
		var err error
		if p, err = s.reg.create(r.Spec, r.ID, 0, r.Created); err != nil {
			return err
		}
	}
	if p.spec.Name != r.Spec.Name {
		if err := s.reg.rename(p, r.Spec.Name); err != nil {
			return err
		}
	}
	p.spec, p.attributes = r.Spec, r.Attributes
	return nil
}

// replaceStates gives the states of a set anew, and reports whether there is one of that name.
func (r *registry) replaceStates(name string, states []string) bool {
	set := r.sets[strings.ToUpper(name)]
	if set != nil {
		set.states = states
	}
	return set != nil
}

// keepPoint puts down what describes p. The caller holds the lock of the registry.
func (s *Server) keepPoint(p *point) {
	if s.store != nil {
		s.store.add(record{Point: &pointRecord{ID: p.id, Created: p.created, Spec: p.spec, Attributes: p.attributes}})
	}
}

// keepSet puts down a digital set.
func (s *Server) keepSet(set *digitalSet) {
	if s.store == nil {
		return
	}
	s.reg.mu.RLock()
	s.store.add(record{Set: &setRecord{set.name, set.descr, set.states}})
	s.reg.mu.RUnlock()
	_ = s.sync() // as in flush
}

func (s *store) add(r record) {
	line, err := json.Marshal(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = errors.Join(s.err, err)
		return
	}
	s.buf = append(append(s.buf, line...), '\n')
}

// addValues adds the good ones of values.
func (s *store) addValues(id int32, option updateOption, values []converted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := strconv.AppendInt(append(s.buf, `{"id":`...), int64(id), 10)
	b = append(append(append(b, `,"option":"`...), option.String()...), `","values":[`...)
	n := len(b)
	for i := range values {
		c := &values[i]
		if c.problem != noProblem {
			continue
		}
		b = strconv.AppendInt(append(b, '['), int64(c.at), 10)
		b = strconv.AppendUint(append(b, ','), uint64(c.flags), 10)
		b = append(b, ',')
		switch c.kind() {
		case kindFloat64, kindFloat32:
			b = appendFloat(b, math.Float64frombits(c.num), 64)
		case kindText, kindSystem:
			b = appendString(b, c.text)
		default:
			b = strconv.AppendInt(b, int64(c.num), 10)
		}
		b = append(b, "],"...)
	}
	if len(b) == n {
		return // none is good
	}
	s.buf = append(trimComma(b), "]}\n"...)
}

// readValue is the inverse of what addValues does to a value.
func readValue(v [3]json.RawMessage) (c converted, err error) {
	at, err1 := strconv.ParseInt(string(v[0]), 10, 64)
	flags, err2 := strconv.ParseUint(string(v[1]), 10, 8)
	c.at, c.flags = ticks(at), uint8(flags)
	var err3 error
	switch c.kind() {
	case kindFloat64, kindFloat32:
		var f float64
		f, err3 = strconv.ParseFloat(string(v[2]), 64)
		c.num = math.Float64bits(f)
	case kindText, kindSystem:
		err3 = json.Unmarshal(v[2], &c.text)
	default:
		var n int64
		n, err3 = strconv.ParseInt(string(bytes.TrimSpace(v[2])), 10, 64)
		c.num = uint64(n)
	}
	return c, errors.Join(err1, err2, err3)
}

// write puts all lines into the file. An error stays.
func (s *store) write() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && len(s.buf) > 0 {
		_, s.err = s.file.Write(s.buf)
	}
	s.buf = s.buf[:0]
	return s.err
}

func (s *store) close() {
	_ = s.write() // as all errors of this file it stays in s.err
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, s.file.Close())
}
