package piwebapitest

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// writing is one write request on its way through.
type writing struct {
	*writeBody
	request *request
	form    form
	option  updateOption
	lossy   bool // nobody hears of bad values
	delayed bool // may wait in a buffer
	success int
	now     time.Time
}

// single reports whether the call is of one stream, whose failure is that of the call.
func (w *writing) single() bool { return w.form == formValue || w.form == formValues }

func (s *Server) postStreamValue(r *request) *reply     { return s.write(r, formValue) }
func (s *Server) postStreamRecorded(r *request) *reply  { return s.write(r, formValues) }
func (s *Server) postStreamsValue(r *request) *reply    { return s.write(r, formSet) }
func (s *Server) postStreamsRecorded(r *request) *reply { return s.write(r, formSetOfLists) }

// write carries out a write call. Everything is converted before anything is stored, so that a request can be refused
// as a whole.
func (s *Server) write(r *request, f form) *reply {
	body := s.writes.Get().(*writeBody)
	defer s.writes.Put(body)
	w := &writing{writeBody: body, request: r, form: f, now: s.config.Now()}
	if refused := s.options(w); refused != nil {
		return refused
	}
	if err := body.decode(r.body, f); err != nil {
		return failure(http.StatusBadRequest, err.Error())
	}
	if refused := s.targets(w); refused != nil {
		return refused
	}
	w.results = w.results[:0]
	for n, stream := range w.streams {
		for i := stream.from; i < stream.to; i++ {
			w.results = append(w.results, w.targetList[n].convert(&w.values[i], w.text, w.now, s.config.DigitalNumbers))
		}
	}
	bad := noProblem // that of a value before that of a stream, since it may spoil more
	for i := range w.results {
		if p := w.results[i].problem; bad == noProblem || bad.ofStream() && p != noProblem {
			bad = p
		}
		if bad != noProblem && !bad.ofStream() {
			break
		}
	}
	if refused := s.whole(w, bad); refused != nil {
		return refused
	}
	if err := s.accept(w); err != nil {
		return failure(http.StatusInternalServerError, "The store of the simulator: "+err.Error())
	}
	return s.written(w, bad != noProblem)
}

// options reads what the query asks for.
func (s *Server) options(w *writing) *reply {
	var ok bool
	if w.option, ok = parseUpdateOption(w.request.query.Get("updateOption")); !ok {
		return failure(http.StatusBadRequest, "The updateOption is unknown.")
	}
	w.success = http.StatusAccepted
	switch strings.ToLower(w.request.query.Get("bufferOption")) {
	case "donotbuffer":
		w.success = http.StatusNoContent
	case "", "bufferifpossible":
		w.lossy = s.config.BufferLoses
		w.delayed = w.lossy
	case "buffer":
		w.lossy, w.delayed = true, true
	default:
		return failure(http.StatusBadRequest, "The bufferOption is unknown.")
	}
	if s.config.SuccessCode != 0 {
		w.success = s.config.SuccessCode
	}
	return nil
}

// targets finds what each stream stands for. Streams are then in the order of their values.
func (s *Server) targets(w *writing) *reply {
	w.targetList = w.targetList[:0]
	var failed error
	about := ""
	s.reg.mu.RLock()
	for _, stream := range w.streams {
		if p := s.reg.byFull[string(w.text[stream.webID.from:stream.webID.to])]; p != nil {
			t := target{point: p}
			s.reg.describe(&t)
			w.targetList = append(w.targetList, t)
			continue
		}
		id := ""
		if w.single() {
			id = w.request.args[0]
		} else {
			id = unquote(w.text, stream.webIDKind, stream.webID)
		}
		t, err := s.reg.target(id)
		if err != nil {
			if failed == nil {
				failed, about = err, id
			}
			t.problem = unknownID
			if errors.Is(err, errWebID) {
				t.problem, t.about = malformedID, id
			}
		}
		w.targetList = append(w.targetList, t)
	}
	s.reg.mu.RUnlock()
	if failed != nil && (w.single() || s.config.UnknownWebID == Whole) {
		refused := notFound(failed, about)
		if !w.single() && errors.Is(failed, errMissing) {
			refused.status = s.config.UnknownStatus
		}
		return refused
	}
	for i := range w.targetList { // no lock is held while code of others runs
		t := &w.targetList[i]
		switch {
		case t.problem != noProblem:
		case t.point == nil && (w.form == formValues || w.form == formSetOfLists):
			t.problem = unsupported
		case t.point != nil && s.config.WriteForbidden(t.name):
			t.problem = forbidden
		}
	}
	return nil
}

// notFound is the answer to a WebID without an object.
func notFound(err error, webID string) *reply {
	if errors.Is(err, errWebID) {
		return failure(http.StatusBadRequest, malformedID.message(webID))
	}
	return failure(http.StatusNotFound, unknownID.message(""))
}

// whole returns the answer to a request that fails as a whole because of its first problem.
func (s *Server) whole(w *writing, bad problem) *reply {
	if bad == noProblem || w.lossy {
		return nil
	}
	if w.form == formValue || w.single() && bad.ofStream() || s.config.BadValue == Whole && !bad.ofStream() {
		return failure(bad.status(s.config.ForbiddenStatus), bad.message(""))
	}
	return nil
}

// written renders the answer of a request that was carried out, in part at least.
func (s *Server) written(w *writing, bad bool) *reply {
	status := w.success
	if bad && !w.hidden() || w.request.short {
		status = http.StatusMultiStatus
	}
	rep := &reply{status: status}
	if status == http.StatusOK || status == http.StatusMultiStatus {
		rep.body = s.substatuses(w)
	}
	if w.single() && status != http.StatusMultiStatus {
		rep.with("Location", w.request.base+"/streams/"+w.request.args[0]+"/value")
	}
	return rep
}

// hidden reports whether every problem of w is one that buffering hides.
func (w *writing) hidden() bool {
	if !w.lossy {
		return false
	}
	for i := range w.targetList {
		if p := w.targetList[i].problem; p == unknownID || p == malformedID {
			return false
		}
	}
	return true
}

// substatuses renders the list of what became of each value, in the order of the request.
func (s *Server) substatuses(w *writing) []byte {
	b := append(make([]byte, 0, 64+40*len(w.results)), `{"Links":{},"Items":[`...)
	streams := len(w.streams)
	if w.request.short && !w.single() {
		streams--
	}
	next := 0
	for n := range max(0, streams) {
		stream := &w.streams[n]
		results := w.results[next : next+stream.to-stream.from]
		next += len(results)
		t := &w.targetList[n]
		if w.form == formSetOfLists {
			b = append(b, `{"Items":[`...)
		}
		if s.config.SingleProblem && t.problem != noProblem && len(results) > 1 {
			results = results[:1]
		}
		if w.request.short && w.single() && len(results) > 0 {
			results = results[:len(results)-1]
		}
		for i := range results {
			b = s.substatus(b, w, results[i].problem, t)
		}
		b = trimComma(b)
		if w.form == formSetOfLists {
			b = append(b, `]},`...)
		} else if len(results) > 0 {
			b = append(b, ',')
		}
	}
	return append(trimComma(b), `]}`...)
}

func (s *Server) substatus(b []byte, w *writing, p problem, t *target) []byte {
	if p == noProblem || w.lossy && p != unknownID && p != malformedID {
		b = strconv.AppendInt(append(b, `{"Substatus":`...), int64(s.config.GoodSubstatus), 10)
		if s.config.EmptyMessage {
			return append(b, `,"Message":""},`...)
		}
		return append(b, `,"Message":null},`...)
	}
	b = strconv.AppendInt(append(b, `{"Substatus":`...), int64(p.status(s.config.ForbiddenStatus)), 10)
	return append(appendString(append(b, `,"Message":`...), p.message(t.about)), `},`...)
}

func trimComma(b []byte) []byte {
	if b[len(b)-1] == ',' {
		return b[:len(b)-1]
	}
	return b
}
