package piwebapi

import (
	"context"
	"math"
	"slices"
	"time"
)

// job is one call of Write.
type job struct {
	w       *Writer
	streams []*Stream
	states  []state // by stream
	refs    []ref   // to the values that are to be sent
	enc     encoder

	// since is when this job began, or last had a value taken.
	since time.Time
	// blame says that the server works, so that a stream that fails alone is to blame itself: it has taken a value,
	// or has answered differently about different streams.
	blame   bool
	row     int // of requests that failed one after the other
	retries int // left for this job: they wait, and must not wait for long where much fails
}

// state is what a job knows of a stream.
type state struct {
	taken  bool           // the server has taken a value of it
	streak int            // of its values that failed alone, one after the other
	aside  *StreamProblem // of a value that was left, while others of the stream are taken
}

// ref refers to a value of a stream of the job.
type ref struct{ stream, value int32 }

func newJob(w *Writer, streams []*Stream) *job {
	j := &job{w: w, since: w.cfg.Now(), streams: streams, states: make([]state, len(streams)), retries: 3 * max(0, w.cfg.Retries)}
	count := 0
	for _, s := range streams {
		s.Problem = nil
		count += len(s.Values)
	}
	j.refs = make([]ref, 0, count)
	for i, s := range streams {
		for k := range s.Values {
			v := &s.Values[k]
			switch {
			case v.Outcome != Unknown:
			case !encodable(v.V):
				v.Outcome, v.Reason, v.Detail = Refused, ReasonNaN, "PI Web API takes neither NaN nor infinity"
			default:
				j.refs = append(j.refs, ref{int32(i), int32(k)})
			}
		}
	}
	if w.cfg.UpdateOption != w.cfg.ResendOption {
		// A request has one option, so bring together what needs the same.
		slices.SortStableFunc(j.refs, func(a, b ref) int { return j.attempt(a) - j.attempt(b) })
	}
	return j
}

// attempt is 0 for a value that the server may have already, and 1 for a new one.
func (j *job) attempt(r ref) int {
	if j.value(r).Unsure {
		return 0
	}
	return 1
}

func (j *job) stream(r ref) *Stream { return j.streams[r.stream] }
func (j *job) value(r ref) *Value   { return &j.streams[r.stream].Values[r.value] }

// finish gives a problem to the streams of which values were left.
func (j *job) finish() {
	for i, s := range j.streams {
		if s.Problem == nil {
			s.Problem = j.states[i].aside
		}
	}
}

// deliver sends values in as many requests as the limits demand. depth says how often the request that held them
// was split.
func (j *job) deliver(ctx context.Context, refs []ref, depth int) error {
	for {
		refs = j.open(refs)
		if len(refs) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		body, n := j.encode(refs, j.w.limits.current)
		if err := j.request(ctx, refs[:n], body, depth); err != nil {
			return err
		}
		refs = refs[n:]
	}
}

// open keeps of refs, in place, what is still to be sent.
func (j *job) open(refs []ref) []ref {
	return slices.DeleteFunc(refs, func(r ref) bool {
		return j.value(r).Outcome != Unknown || j.stream(r).Problem != nil
	})
}

// noLimits is for what is known to fit.
func noLimits() (values, bytes int) { return math.MaxInt, math.MaxInt }

// encode returns the body of a request for the first n values of refs: as many as the limits allow, at least one, and
// none that needs another option. The body is never written to again, because a transport may still read it after
// it has returned an answer.
func (j *job) encode(refs []ref, limit func() (values, bytes int)) (body []byte, n int) {
	const (
		perValue = 64 // bytes, about
		behind   = len(`]}]`)
	)
	maxValues, maxBytes := limit()
	body = append(make([]byte, 0, min(min(len(refs), maxValues)*perValue+1024, maxBytes)), '[')
	unsure := j.value(refs[0]).Unsure
	current := int32(-1)
	for ; n < len(refs) && n < maxValues; n++ {
		r, v := refs[n], j.value(refs[n])
		if v.Unsure != unsure && j.w.cfg.UpdateOption != j.w.cfg.ResendOption {
			break
		}
		mark := len(body)
		switch {
		case r.stream == current:
			body = append(body, ',')
		default:
			if n > 0 {
				body = append(body, `]},`...)
			}
			body = appendString(append(body, `{"WebId":`...), j.stream(r).WebID)
			body = append(body, `,"Items":[`...)
			current = r.stream
		}
		body = j.enc.appendValue(body, v.Time, v.V)
		if n > 0 && len(body)+behind > maxBytes {
			body = body[:mark]
			break
		}
	}
	return append(body, `]}]`...), n
}

// take gives values that the server has taken their outcome.
func (j *job) take(refs []ref, as Outcome) {
	for _, r := range refs {
		j.value(r).Outcome = as
		j.stream(r).Failures = 0
		j.states[r.stream].taken, j.states[r.stream].streak = true, 0
	}
	j.blame, j.row, j.since = true, 0, j.w.cfg.Now()
	j.w.lastTaken.Store(j.since.UnixNano())
}

// refuse gives a value its outcome.
func (j *job) refuse(r ref, reason, detail string) {
	v := j.value(r)
	v.Outcome, v.Reason, v.Detail = Refused, reason, detail
}

// unsure notes that the server may have stored the values.
func (j *job) unsure(refs []ref) {
	for _, r := range refs {
		j.value(r).Unsure = true
	}
}
