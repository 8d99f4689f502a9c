package piwebapi

import (
	"context"
	"net/http"
	"slices"
)

// maxFailures is how often a stream can make Write pause before it is singled out.
const maxFailures = 3

// doubt asks after a fault whether its streams are to blame at all. When nothing has been taken yet, it tries one value
// each of a few streams from all over the job. If all of them fail the same way, there is no point in searching: a
// server whose database is down, a proxy that lets nothing pass or an identity without any right are nothing that a
// stream or a value could be blamed for, and a search would end with all data in the dead letters. The error then is a
// [*PauseError].
//
// A pause is not for ever: streams that have been through maxFailures of them are judged one by one all the same.
func (j *job) doubt(ctx context.Context, f *fault) error {
	if j.blame = j.blame || j.w.takenSince(j.since); j.blame {
		return nil
	}
	most, least := 5, 5 // streams to try: what could end in dead letters should rest on more than an accident
	if f.status == http.StatusForbidden || f.outage() {
		most, least = 3, 2 // nothing is lost either way
	}
	tried := make([]int, 0, most)
	if middleStream(f.refs) == 0 {
		tried = append(tried, int(f.refs[0].stream)) // it has failed alone
	}
	for len(tried) < most {
		i := j.candidate(f, tried)
		if i < 0 && len(tried) < least {
			j.blame = !f.outage() // too few to tell
			return nil
		}
		if i < 0 {
			break
		}
		same, err := j.try(ctx, i, f)
		if err != nil {
			return err
		}
		if !same {
			j.blame = true
			return nil
		}
		tried = append(tried, i)
	}
	switch {
	case !slices.ContainsFunc(tried, func(i int) bool { return j.streams[i].Failures < maxFailures }):
		j.blame = true
		return nil
	case f.status == http.StatusNotFound && !f.page:
		// Perhaps the points were deleted, perhaps the URL is wrong. Whoever resolves the streams again will see.
		for i, s := range j.streams {
			if j.hasOpen(i) {
				s.Problem = &StreamProblem{Gone, f.detail()}
			}
		}
		return nil
	}
	return j.pauseFor(f)
}

// candidate returns a stream to try, or -1: first the first one of the fault, then the last one of the job, which
// is the least akin to it, then any.
func (j *job) candidate(f *fault, tried []int) int {
	usable := func(i int) bool { return !slices.Contains(tried, i) && j.states[i].aside == nil && j.hasOpen(i) }
	if len(tried) == 0 {
		return int(f.refs[0].stream)
	}
	n := len(j.streams)
	from, step := n-1, n-1 // backwards from the last
	if len(tried) > 1 {
		from, step = int(j.w.cfg.Rand()*float64(n)), 1
	}
	for k := range n {
		if i := (from + k*step) % n; usable(i) {
			return i
		}
	}
	return -1
}

// try sends the first value of a stream alone and reports whether it fails as the others do.
func (j *job) try(ctx context.Context, stream int, f *fault) (same bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	first := slices.IndexFunc(j.streams[stream].Values, func(v Value) bool { return v.Outcome == Unknown })
	refs := []ref{{int32(stream), int32(first)}}
	body, _ := j.encode(refs, noLimits)
	again, err := j.exchange(ctx, refs, body)
	if err != nil || again == nil {
		return false, err
	}
	return again.status == f.status, nil
}

// hasOpen reports whether a stream has a value that is still to be sent.
func (j *job) hasOpen(i int) bool {
	s := j.streams[i]
	return s.Problem == nil && slices.ContainsFunc(s.Values, func(v Value) bool { return v.Outcome == Unknown })
}

// pauseFor returns the error for a fault that is taken for the server's, and notes that the streams of the job had a
// part in it.
func (j *job) pauseFor(f *fault) error {
	for i, s := range j.streams {
		if j.hasOpen(i) {
			s.Failures++
		}
	}
	return &PauseError{After: f.err.RetryAfter, Reason: f.reason(), Cause: f.err}
}
