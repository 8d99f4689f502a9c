package publish

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"telegraf-ipvs/internal/queue"
)

// Config is what a [Publisher] works with. Zero values mean what the comments say.
type Config[T comparable, V any] struct {
	Queue *queue.Queue
	Sink  Sink[T, V]

	MaxValues int           // values in one call of Send; 0 means 5000
	InFlight  int           // calls of Send at the same time; 0 means 2
	Linger    time.Duration // how long a value waits for company; 0 means 250 ms, less than 0 not at all
	Window    int           // values in memory; 0 means 8 times MaxValues for each call in flight
	MaxAhead  time.Duration // values with a later time wait until it is only so far ahead; 0 means they do not wait
	HoldTime  time.Duration // how long values wait for a target that takes nothing; 0 means a day

	// Events, of which each may be nil. They are called by one goroutine and must not block.
	OnPause  func(p *Pause, wait time.Duration)           // the receiver takes nothing; told once, until it resumes
	OnResume func(after time.Duration)                    // it takes values again
	OnRefuse func(target, reason, detail string)          // a value became a dead letter
	OnHold   func(target string, h Hold, until time.Time) // a target's values are put aside
	OnTaken  func(target string)                          // and delivered after all
	OnError  func(doing string, err error)                // the queue fails; it is tried again
}

func (c Config[T, V]) withDefaults() Config[T, V] {
	c.MaxValues = cmp.Or(c.MaxValues, 5000)
	c.InFlight = cmp.Or(c.InFlight, 2)
	c.Linger = max(0, cmp.Or(c.Linger, 250*time.Millisecond))
	c.Window = cmp.Or(c.Window, 8*c.MaxValues*c.InFlight)
	c.HoldTime = cmp.Or(c.HoldTime, 24*time.Hour)
	return c
}

// A Publisher carries values from a queue to a [Sink]. Make one by [New] and call [Publisher.Run] once.
type Publisher[T comparable, V any] struct {
	cfg Config[T, V]

	// Owned by the goroutine of Run.
	lanes    map[T]*lane[T, V]
	spare    []*lane[T, V] // emptied ones, for use by other targets
	ready    []*lane[T, V] // lanes to send from, in the order in which they became so
	sendable int           // values in ready lanes
	waiting  int           // values in all lanes, those on their way included
	flying   int           // calls of Send under way
	answered bool          // one of them ended well
	held     map[string]*heldTarget
	mapped   Mapped[T, V]
	pause    pause
	records  chan []queue.Record
	results  chan result[T, V]
	settler  *settler

	mu    sync.Mutex // guards stats
	stats Stats
}

type result[T comparable, V any] struct {
	deliveries []*Delivery[T, V]
	err        error
}

// New returns a publisher.
func New[T comparable, V any](cfg Config[T, V]) *Publisher[T, V] {
	cfg = cfg.withDefaults()
	return &Publisher[T, V]{
		cfg:     cfg,
		lanes:   make(map[T]*lane[T, V]),
		held:    make(map[string]*heldTarget),
		pause:   newPause(),
		records: make(chan []queue.Record),
		results: make(chan result[T, V], cfg.InFlight),
		settler: newSettler(cfg.Queue, cfg.OnError),
		stats:   Stats{Refused: map[string]uint64{}, Holding: map[string]uint64{}},
	}
}

// sendGrace is how long what is on its way may take when Run is to end.
const sendGrace = time.Second

// Run delivers until ctx ends, or, once finish is closed, until nothing is left that could be delivered now. Values
// on their way then have a second to arrive. It returns when all goroutines that it started have ended; the error is
// that of the queue being closed under it, or nil.
func (p *Publisher[T, V]) Run(ctx context.Context, finish <-chan struct{}) error {
	if err := p.loadHeld(); err != nil {
		return err
	}
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	reading, stopReading := context.WithCancel(ctx)
	var work sync.WaitGroup
	var readErr error
	work.Go(func() { readErr = p.read(reading) })
	settling := make(chan struct{})
	go func() { defer close(settling); p.settler.run() }()

	p.loop(ctx, finish, &work, sending)

	stopReading()
	grace := time.AfterFunc(sendGrace, stopSending)
	for ; p.flying > 0; p.flying-- {
		p.finish(<-p.results)
	}
	grace.Stop()
	stopSending()
	work.Wait()
	p.settler.close()
	<-settling
	return readErr
}

func (p *Publisher[T, V]) loop(ctx context.Context, finish <-chan struct{}, work *sync.WaitGroup, sending context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	finishing := false
	for {
		now := time.Now()
		if !finishing {
			p.retryHeld(now)
		}
		p.dispatch(now, finishing, work, sending)
		p.publishGauges()
		if finishing && p.idle(now) {
			return
		}
		var records chan []queue.Record
		if p.waiting < p.cfg.Window && p.settler.room() {
			records = p.records
		}
		timer.Reset(p.nextLook(now, finishing))
		select {
		case <-ctx.Done():
			return
		case <-finish:
			finish, finishing = nil, true
		case batch := <-records:
			p.take(batch)
		case r := <-p.results:
			p.flying--
			p.finish(r)
		case <-p.settler.progress:
		case <-timer.C:
		}
	}
}

// idle reports whether nothing can be done now: everything is settled, or the receiver takes nothing.
func (p *Publisher[T, V]) idle(now time.Time) bool {
	if p.flying > 0 {
		return false
	}
	if p.pause.is(now) {
		return true
	}
	return p.waiting == 0 && p.settler.idle() && p.cfg.Queue.Stats().Records == 0
}

// nextLook returns how long nothing happens by itself.
func (p *Publisher[T, V]) nextLook(now time.Time, finishing bool) time.Duration {
	wait := time.Second // gauges and held targets that other goroutines change
	if finishing {
		wait = 20 * time.Millisecond
	}
	if len(p.ready) > 0 && p.flying < p.inFlight() {
		next := p.ready[0].since.Add(p.cfg.Linger)
		if p.pause.is(now) {
			next = p.pause.until
		}
		wait = min(wait, max(0, next.Sub(now)))
	}
	return wait
}

// read hands over what the queue holds, in order, until ctx ends.
func (p *Publisher[T, V]) read(ctx context.Context) error {
	after := uint64(0)
	for {
		batch, err := p.cfg.Queue.Read(ctx, after, p.cfg.MaxValues, 1<<20)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, queue.ErrClosed):
			return err
		case err != nil:
			p.settler.complain("read the queue", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return nil
			}
			continue
		case len(batch) == 0:
			continue
		}
		after = batch[len(batch)-1].Seq
		select {
		case p.records <- batch:
		case <-ctx.Done():
			return nil
		}
	}
}

// take maps records and puts their values into lanes.
func (p *Publisher[T, V]) take(batch []queue.Record) {
	now := time.Now()
	recs := make([]record, len(batch))
	for i := range batch {
		b := &batch[i]
		recs[i] = record{seq: b.Seq, data: b.Data, appended: b.Time}
		p.mapped.Reset()
		p.cfg.Sink.Map(b.Data, "", &p.mapped)
		p.place(&recs[i], now)
	}
}

// place puts what Map has made of a record where it belongs.
func (p *Publisher[T, V]) place(rec *record, now time.Time) {
	rec.remaining = len(p.mapped.values) + 1 // one for this function
	for i := range p.mapped.refusals {
		r := &p.mapped.refusals[i]
		p.refuse(rec, "", r.field, r.reason, r.detail, now)
	}
	for i := range p.mapped.values {
		m := &p.mapped.values[i]
		if ahead := time.Duration(m.at - now.UnixNano()); p.cfg.MaxAhead > 0 && ahead > p.cfg.MaxAhead {
			p.delay(rec, m, ahead-p.cfg.MaxAhead, now)
			continue
		}
		l := p.lane(m.target)
		if l.held != nil && rec.from != l.held.name {
			p.putAside(rec, l.held, m.field, now)
			p.release(l)
			continue
		}
		l.push(m.value, meta{rec, m.field})
		p.waiting++
		if l.ready {
			p.sendable++
		} else if !l.busy {
			l.since = now
			p.makeReady(l)
		}
	}
	p.settled(rec)
}

// lane returns the lane of a target.
func (p *Publisher[T, V]) lane(target T) *lane[T, V] {
	l := p.lanes[target]
	if l != nil {
		return l
	}
	if n := len(p.spare); n > 0 {
		l, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		l = &lane[T, V]{}
	}
	l.target = target
	if len(p.held) > 0 {
		l.held = p.held[p.cfg.Sink.Name(target)]
	}
	p.lanes[target] = l
	return l
}

// release gives up a lane that holds nothing.
func (p *Publisher[T, V]) release(l *lane[T, V]) {
	if l.busy || len(l.values) > 0 {
		return
	}
	delete(p.lanes, l.target)
	var none T
	l.target, l.held = none, nil
	if len(p.spare) < 1000 && cap(l.values) < 1000 {
		p.spare = append(p.spare, l)
	}
}

func (p *Publisher[T, V]) makeReady(l *lane[T, V]) {
	l.ready = true
	p.ready = append(p.ready, l)
	p.sendable += len(l.values)
}

// settled counts one value of a record as dealt with, and settles the record with the last one.
func (p *Publisher[T, V]) settled(rec *record) {
	if rec.remaining--; rec.remaining == 0 {
		p.settler.add(rec)
	}
}

// refuse makes a dead letter of a field of a record.
func (p *Publisher[T, V]) refuse(rec *record, target, field, reason, detail string, now time.Time) {
	rec.dead = append(rec.dead, queue.Letter{
		Time: now, Reason: reason, Detail: detail, Target: target, Field: field, Line: rec.data, Appended: rec.appended,
	})
	p.count(func(s *Stats) { s.Refused[reason]++; s.note(now, target, reason, detail) })
	if p.cfg.OnRefuse != nil {
		p.cfg.OnRefuse(target, reason, detail)
	}
}
