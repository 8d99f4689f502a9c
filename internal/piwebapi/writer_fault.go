package piwebapi

import (
	"context"
	"net/http"
	"time"
)

// request sends one request, and does after a fault what it takes to give every value an outcome or its stream a
// problem.
func (j *job) request(ctx context.Context, refs []ref, body []byte, depth int) error {
	f, err := j.retry(ctx, refs, body, depth)
	switch {
	case err != nil || f == nil:
		return err
	case f.items:
		return j.judgeItems(f)
	case f.status == http.StatusRequestEntityTooLarge && len(refs) > 1:
		j.w.limits.shrink(len(refs), len(body))
		return j.deliver(ctx, refs, depth+1)
	}
	if err := j.doubt(ctx, f); err != nil {
		return err
	}
	return j.narrow(ctx, f, depth)
}

// retry sends a request, and again after a 500: a part of a larger request only when nothing is left to split, since
// the halves are a second attempt themselves.
func (j *job) retry(ctx context.Context, refs []ref, body []byte, depth int) (*fault, error) {
	for try := 0; ; try++ {
		f, err := j.exchange(ctx, refs, body)
		if err != nil || f == nil || f.status < 500 {
			return f, err
		}
		if try >= j.w.cfg.Retries || j.retries <= 0 || depth > 0 && len(f.refs) > 1 && !f.items {
			return f, nil
		}
		j.retries--
		if err := sleep(ctx, j.w.backoff(try)); err != nil {
			return nil, err
		}
		if len(f.refs) < len(refs) {
			refs = f.refs
			body, _ = j.encode(refs, noLimits)
		}
	}
}

// backoff returns the pause before a retry.
func (w *Writer) backoff(try int) time.Duration {
	d := min(w.cfg.Backoff<<min(try, 10), time.Second)
	return d + time.Duration(w.cfg.Rand()*float64(d)/2)
}

// narrow splits a request that the server objects to, by streams first and then by values, until the culprit stands
// alone.
func (j *job) narrow(ctx context.Context, f *fault, depth int) error {
	refs := f.refs
	middle := middleStream(refs)
	if middle == 0 {
		if done, err := j.judgeStream(f); done || err != nil {
			return err
		}
		if len(refs) == 1 {
			return j.judgeValue(f)
		}
		middle = len(refs) / 2
	}
	j.w.bisections.Add(1)
	if err := j.deliver(ctx, refs[:middle], depth+1); err != nil {
		return err
	}
	return j.deliver(ctx, refs[middle:], depth+1)
}

// middleStream returns where to split refs between two streams, as near to the middle as possible, and 0 if they are
// of one stream.
func middleStream(refs []ref) int {
	middle := len(refs) / 2
	for d := range len(refs)/2 + 1 {
		for _, i := range [...]int{middle - d, middle + d} {
			if i > 0 && i < len(refs) && refs[i-1].stream != refs[i].stream {
				return i
			}
		}
	}
	return 0
}

// judgeStream ends the search where the answer is about the whole stream. done is false when its values are to be
// looked at one by one.
func (j *job) judgeStream(f *fault) (done bool, err error) {
	switch f.status {
	case http.StatusNotFound:
		return true, j.condemn(f, Gone)
	case http.StatusForbidden:
		return true, j.condemn(f, Forbidden)
	case http.StatusConflict:
		for _, r := range f.refs {
			j.refuse(r, ReasonConflict, f.detail())
		}
		return true, nil
	}
	return false, nil
}

// judgeValue decides about a value that failed alone.
func (j *job) judgeValue(f *fault) error {
	const enough = 3 // values that fail in a row to suspect their stream
	r := f.refs[0]
	st, s := &j.states[r.stream], j.stream(r)
	st.streak++
	switch {
	case f.status >= 500 && st.taken && st.streak < enough:
		st.aside = &StreamProblem{Failing, f.detail()} // the stream takes others
		return nil
	case f.status >= 500:
		return j.condemn(f, Failing)
	}
	reason := ReasonBadValue
	if f.status == http.StatusRequestEntityTooLarge {
		reason = ReasonTooLarge
	}
	j.refuse(r, reason, f.detail())
	// Many values that are refused one by one would take two requests each. Have the stream looked at first; if it
	// comes back unchanged, allow twice as many, so that an end is reached.
	if st.streak >= enough<<min(s.Failures, 10) && j.hasOpen(int(r.stream)) {
		s.Failures++
		s.Problem = &StreamProblem{Gone, f.detail()}
	}
	return nil
}

// condemn gives the stream of a fault its problem, unless it may as well be the server's: then the error says to
// pause, which a stream can bring about only so often.
func (j *job) condemn(f *fault, kind ProblemKind) error {
	const recently = 30 * time.Second
	s := j.stream(f.refs[0])
	if f.outage() && !j.blame && s.Failures < maxFailures && !j.w.takenSince(j.w.cfg.Now().Add(-recently)) {
		return j.pauseFor(f)
	}
	s.Problem = &StreamProblem{kind, f.detail()}
	return nil
}

// judgeItems decides about values for which the server reported errors of its own, again and again.
func (j *job) judgeItems(f *fault) error {
	works := j.blame || j.w.takenSince(j.since)
	left := false
	for _, r := range f.refs {
		s := j.stream(r)
		switch {
		case s.Problem != nil:
		case works || s.Failures >= maxFailures:
			s.Problem = &StreamProblem{Failing, f.detail()}
		default:
			left = true
		}
	}
	if left {
		return j.pauseFor(f)
	}
	return nil
}
