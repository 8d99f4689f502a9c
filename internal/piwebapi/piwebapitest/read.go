package piwebapitest

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// reading says what a call reads of a stream.
type reading uint8

const (
	valueOf    reading = iota // the last value up to a time
	endOf                     // the last value of all
	recordedOf                // the values from a time to another
	plotOf                    // few of them, enough to draw
)

// readWindow is what a reading asks for.
type readWindow struct {
	kind      reading
	from, to  ticks
	backwards bool
	max       int
	intervals int
}

// window reads a query.
func (s *Server) window(r *request, kind reading) (w readWindow, refused *reply) {
	now := s.config.Now()
	w = readWindow{kind: kind, to: forever}
	if kind == endOf {
		return w, nil
	}
	instant := func(key, otherwise string) ticks {
		text := r.query.Get(key)
		if text == "" {
			text = otherwise
		}
		sec, nsec, ok := parseTime([]byte(text), now)
		if !ok {
			refused = failure(http.StatusBadRequest, "The "+key+" could not be parsed.")
		}
		return toTicks(sec, nsec)
	}
	if kind == valueOf {
		if r.query.Get("time") != "" {
			w.to = instant("time", "*")
		}
		return w, refused
	}
	w.from, w.to = instant("startTime", "*-1d"), instant("endTime", "*")
	if w.from > w.to {
		w.from, w.to, w.backwards = w.to, w.from, true
	}
	var ok1, ok2 bool
	w.max, ok1 = count(r.query.Get("maxCount"), min(1000, s.config.MaxItems))
	w.intervals, ok2 = count(r.query.Get("intervals"), 24)
	switch {
	case refused != nil:
	case !ok1 || !ok2:
		refused = failure(http.StatusBadRequest, "maxCount and intervals must be numbers.")
	case w.max > s.config.MaxItems:
		refused = s.tooMany(w.max)
	case w.intervals < 1 || w.intervals > 100000:
		refused = failure(http.StatusBadRequest, "intervals must be a number from 1 to 100000.")
	}
	return w, refused
}

func (s *Server) getStream(kind reading) func(*request) *reply {
	return func(r *request) *reply {
		w, refused := s.window(r, kind)
		if refused != nil {
			return refused
		}
		t, err := s.targetOf(r.args[0])
		if err != nil {
			return notFound(err, r.args[0])
		}
		body := s.read(&t, w)
		if kind == recordedOf || kind == plotOf {
			return answer(http.StatusOK, object{"Items": body, "UnitsAbbreviation": ""})
		}
		return answer(http.StatusOK, body)
	}
}

func (s *Server) getStreams(kind reading) func(*request) *reply {
	return func(r *request) *reply {
		w, refused := s.window(r, kind)
		if refused != nil {
			return refused
		}
		var list []object
		for _, id := range r.query["webId"] {
			t, err := s.targetOf(id)
			if err != nil {
				return notFound(err, id)
			}
			one := object{"WebId": id, "Name": t.name, "Path": `\\` + s.config.ServerName + `\` + t.name, "Links": object{}}
			if t.point == nil {
				one["Name"], one["Path"] = t.attribute.name, `\\`+t.attribute.path
			}
			if body := s.read(&t, w); kind == recordedOf || kind == plotOf {
				one["Items"], one["UnitsAbbreviation"] = body, ""
			} else {
				one["Value"] = body
			}
			list = append(list, one)
		}
		if len(list) == 0 {
			return failure(http.StatusBadRequest, "At least one webId is required.")
		}
		return items(http.StatusOK, list)
	}
}

func (s *Server) targetOf(webID string) (target, error) {
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	return s.reg.target(webID)
}

// read renders one value, or a list of values.
func (s *Server) read(t *target, w readWindow) json.RawMessage {
	list := w.kind == recordedOf || w.kind == plotOf
	if t.point == nil {
		s.reg.mu.RLock()
		defer s.reg.mu.RUnlock()
		value := staticTimed(t.attribute)
		if list {
			return append(append(json.RawMessage("["), value...), ']')
		}
		return value
	}
	p := t.point
	p.mu.Lock()
	defer p.mu.Unlock()
	if list {
		b := json.RawMessage("[")
		for _, e := range p.window(w) {
			b = append(e.appendTimed(b, p.archive.texts[e.num], t.states), ',')
		}
		return append(trimComma(b), ']')
	}
	e, ok := p.archive.at(w.to)
	if !ok { // as a new point has it
		e = event{at: timeTicks(p.created), flags: kindSystem | flagBad}
		return e.appendTimed(nil, "Pt Created", nil)
	}
	return e.appendTimed(nil, p.archive.texts[e.num], t.states)
}

// window returns the events that w asks for, in the order that it asks for. The caller holds the lock of p.
func (p *point) window(w readWindow) []event {
	var list []event
	for e := range p.archive.between(w.from, w.to) {
		if w.kind == recordedOf && !w.backwards && len(list) == w.max {
			break
		}
		list = append(list, e)
	}
	if w.kind == plotOf {
		list = thin(list, w.from, w.to, w.intervals)
	}
	if w.backwards {
		slices.Reverse(list)
	}
	if w.kind == recordedOf {
		list = list[:min(len(list), w.max)]
	}
	return list
}

// thin keeps the first, the last, the lowest and the highest event of each interval, which is what a plot can show.
func thin(list []event, from, to ticks, intervals int) []event {
	width := max(1, (to-from)/ticks(intervals))
	var kept []event
	for len(list) > 0 {
		end := from + ((list[0].at-from)/width+1)*width
		n := slices.IndexFunc(list, func(e event) bool { return e.at >= end })
		if n < 0 {
			n = len(list)
		}
		low, high := 0, 0
		for i, e := range list[:n] {
			if e.number() < list[low].number() {
				low = i
			}
			if e.number() > list[high].number() {
				high = i
			}
		}
		at := []int{0, low, high, n - 1}
		slices.Sort(at)
		for _, i := range slices.Compact(at) {
			kept = append(kept, list[i])
		}
		list = list[n:]
	}
	return kept
}

// number returns what a plot has for e, 0 for what is no number.
func (e event) number() float64 {
	switch v := e.value("", nil).(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	case time.Time:
		return float64(v.Unix())
	}
	if e.kind() == kindState {
		return float64(e.num)
	}
	return 0
}
