package opentsdb

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"

	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/publish"
)

// A carrier takes data points to a receiver.
type carrier interface {
	// carry sends those points of a batch whose numbers are given, in that order, to the path, and says what came of
	// them. The error is a [*publish.Pause]: the receiver takes nothing.
	carry(ctx context.Context, path string, b *batch, list []int) (verdict, error)
}

// A verdict is what a receiver says of the points of one request.
type verdict struct {
	judged []judgement // points that are not taken
	unsure bool        // of the others some are not taken either, and which is not known
	reason string      // why; a word for counters
	detail string      // the same for people
}

// A judgement is what a receiver says of one point that it has not taken.
type judgement struct {
	point          int
	kind           judgementKind
	reason, detail string
}

type judgementKind uint8

const (
	refused judgementKind = iota // for good
	putOff                       // for the time being: its series, or everything
	held                         // until somebody does something about its series
)

// sender sends batches by a carrier and finds out what became of each point. It is safe for concurrent use.
type sender struct {
	carrier  carrier
	limit    *limit
	count    func(delivered int)
	failures atomic.Int64 // requests in a row to which the receiver answered that something in it is broken
}

// send sends a batch. The error is that of the carrier, or says that the receiver has put off all there was.
func (s *sender) send(ctx context.Context, path string, b *batch) error {
	for list := b.all(); len(list) > 0; {
		points, bytes := s.limit.get()
		n := b.fit(list, points, bytes)
		if err := s.settle(ctx, path, b, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// settle sends points in one request or, if that leaves it open which of them are bad, in ever more and smaller ones. So
// each bad point costs at most twice as many further requests as their number can be halved, and none is sent again that
// a receiver has taken.
func (s *sender) settle(ctx context.Context, path string, b *batch, list []int) error {
	faults, cut := 0, false
	var well []int // the largest part of which all was taken
	var ill suspicion
	for work := [][]int{list}; len(work) > 0; {
		part := work[len(work)-1]
		work = work[:len(work)-1]
		v, err := s.carrier.carry(ctx, path, b, part)
		switch {
		case err == nil:
			s.failures.Store(0)
		case s.suspect(err, ill.fails > 0) && ill.goesOn(err, len(list), well != nil):
			if len(part) == 1 {
				ill.points = append(ill.points, part[0])
				continue
			}
			v = verdict{unsure: true}
		default:
			if isBroken(err) { // by what it got, for all that is known
				s.limit.shrink(len(part)/2, b.size(part)/2)
			}
			return err
		}
		rest, err := s.judge(b, part, v.judged)
		faults += len(v.judged)
		switch {
		case err != nil:
			return err
		case len(rest) == 0:
		case !v.unsure:
			s.done(b, rest)
			if len(rest) > len(well) {
				well = rest
			}
		case len(rest) < len(part): // what is left may be well
			work = append(work, rest)
		case len(rest) == 1:
			p := b.points[rest[0]]
			p.d.Refuse(p.i, v.reason, v.detail)
			faults++
		default:
			half := len(rest) / 2
			work, cut = append(work, rest[half:], rest[:half]), true
		}
	}
	switch {
	case len(ill.points) > 0 && well == nil && faults == 0:
		return ill.err
	case len(ill.points) > 0:
		for _, i := range ill.points {
			b.points[i].d.Hold(publish.Hold{Reason: ill.reason(), Detail: ill.err.Error()})
		}
	case faults > 0:
	case cut: // each part was well: together they were too much
		s.limit.shrink(len(well), b.size(well))
	default:
		s.limit.grow()
	}
	return nil
}

// suspectAfter is how many requests in a row may fail inside the receiver until the points are suspected.
const suspectAfter = 3

// suspect reports whether it may be the points that make the receiver fail; already says that it was so before.
func (s *sender) suspect(err error, already bool) bool {
	var p *publish.Pause
	if !errors.As(err, &p) {
		return false
	}
	switch p.Reason {
	case reasonClosed:
		return true
	case outlet.PauseServerError:
		return s.failures.Add(1) >= suspectAfter || already
	}
	return false
}

// A suspicion is that some points make a receiver fail that is well otherwise. Then they must not hold up all others.
type suspicion struct {
	points []int // that fail alone
	err    error // the last one
	fails  int
}

// reason returns what becomes the reason for which the points are held.
func (s *suspicion) reason() string {
	var p *publish.Pause
	if errors.As(s.err, &p) && p.Reason == reasonClosed {
		return reasonClosed
	}
	return reasonFailing
}

// goesOn notes that a part of so many points failed, and reports whether it makes sense to try smaller ones: some part
// was taken, or not so many have failed yet that it must be the receiver.
func (s *suspicion) goesOn(err error, points int, well bool) bool {
	s.err = err
	s.fails++
	return well || s.fails <= bits.Len(uint(points))+8
}

// judge notes what is said of single points, and returns the others. The error says that all points of the request were
// put off, so that it is the receiver that is in no good state.
func (s *sender) judge(b *batch, part []int, list []judgement) (rest []int, err error) {
	if len(list) == 0 {
		return part, nil
	}
	off := 0
	for _, j := range list {
		if j.kind == putOff {
			off++
		}
	}
	if off == len(part) {
		j := list[0]
		return nil, &publish.Pause{Reason: j.reason, Err: fmt.Errorf("each of %d data points was put off: %s", len(part), j.detail)}
	}
	judged := make(map[int]bool, len(list))
	for _, j := range list {
		judged[j.point] = true
		p := b.points[j.point]
		if j.kind == refused {
			p.d.Refuse(p.i, j.reason, j.detail)
		} else {
			p.d.Hold(publish.Hold{Reason: j.reason, Detail: j.detail})
		}
	}
	for _, i := range part {
		if !judged[i] {
			rest = append(rest, i)
		}
	}
	return rest, nil
}

func (s *sender) done(b *batch, list []int) {
	for _, i := range list {
		p := b.points[i]
		p.d.Done(p.i)
	}
	s.count(len(list))
}
