package outlet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/option"
	"telegraf-ipvs/internal/publish"
	"telegraf-ipvs/internal/queue"
)

// Config is what an [Outlet] works with. T is a target and V a value with its time, as the Sink has them.
type Config[T comparable, V any] struct {
	Log    *slog.Logger
	Queue  option.Queue  // with defaults
	Output option.Output // with defaults

	Sink      publish.Sink[T, V]
	MaxValues int // in one call of Send; 0 means as many as package publish sees fit

	Receiver string // for the log: who takes values, such as "PI Web API"
	Noun     string // what a target is called, such as "point"
	Address  string // of the receiver, for the status page; without secrets
	Place    string // where values go there, for the status page

	// Requests counts those to the receiver; nil means that nobody does.
	Requests *Requests
	// Prefix begins the name of each metric, as in "telegraf_ipvs_pi_".
	Prefix string
	// Metrics are the plugin's own beside those that each outlet has, and Collect gives their values at a scrape. It is
	// called by any goroutine, between Start and Close. Nil means that there are none.
	Metrics []Metric
	Collect func(*Meter)

	Page Page // what the status page shows beside what each outlet has
}

// An Outlet takes metrics into a queue on disk and delivers them out of it.
type Outlet[T comparable, V any] struct {
	cfg     Config[T, V]
	started time.Time

	// From Start to Close.
	queue     *queue.Queue
	publisher *publish.Publisher[T, V]
}

// New returns an outlet. It touches no queue and nothing else.
func New[T comparable, V any](cfg Config[T, V]) *Outlet[T, V] {
	return &Outlet[T, V]{cfg: cfg, started: time.Now()}
}

// Intake says how lines from stdin are to be taken: how long one may wait for others before it is stored, and how long
// one may be, in bytes.
func (o *Outlet[T, V]) Intake() (flush time.Duration, maxLine int) {
	return o.cfg.Output.FlushInterval.Duration(), int(o.cfg.Output.MaxLine.Bytes())
}

// Start opens the queue. The error wraps a *[queue.LockedError] if another process does not leave it within ten seconds
// or until ctx ends.
func (o *Outlet[T, V]) Start(ctx context.Context) error {
	q, err := OpenQueue(ctx, o.queueConfig())
	if err != nil {
		return err
	}
	o.queue = q
	o.publisher = publish.New(o.publishing())
	return nil
}

// lockWait is how long OpenQueue waits for the process before, which after a restart of Telegraf may still be writing
// down what it has read.
const lockWait = 10 * time.Second

// OpenQueue opens a queue. The error wraps a *[queue.LockedError] if another process does not leave it within ten seconds
// or until ctx ends.
func OpenQueue(ctx context.Context, cfg queue.Config) (*queue.Queue, error) {
	give := time.Now().Add(lockWait)
	for {
		q, err := queue.Open(cfg)
		if err == nil {
			return q, nil
		}
		var locked *queue.LockedError
		if !errors.As(err, &locked) || time.Now().After(give) {
			return nil, fmt.Errorf("open the queue: %w", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("open the queue: %w", err)
		}
	}
}

func (o *Outlet[T, V]) queueConfig() queue.Config {
	cfg := o.cfg.Queue.Config()
	cfg.MaxDeadLetters = o.cfg.Output.DeadLetterMaxSize.Bytes()
	cfg.OnProblem = func(err error) { o.cfg.Log.Error("Queue: " + err.Error()) }
	cfg.RenderReplay = RenderReplay
	return cfg
}

// RenderReplay leaves of a dead letter what was refused: for [queue.Config], of whoever replays the letters of an outlet.
func RenderReplay(l queue.Letter) []byte {
	if l.Field == "" {
		return l.Line
	}
	if reduced, ok := metric.ReduceLine(l.Line, l.Field); ok {
		return reduced
	}
	return l.Line
}

// Queue returns the queue, nil before Start.
func (o *Outlet[T, V]) Queue() *queue.Queue { return o.queue }

// Write stores lines and returns when they are on disk. The error is [queue.ErrFull] when there is no room, unless
// beyond says to take some more than allowed.
func (o *Outlet[T, V]) Write(ctx context.Context, lines [][]byte, beyond bool) error {
	if beyond {
		return o.queue.AppendBeyond(ctx, lines)
	}
	return o.queue.Append(ctx, lines)
}

// WaitForRoom waits until Write would not return [queue.ErrFull].
func (o *Outlet[T, V]) WaitForRoom(ctx context.Context) error { return o.queue.WaitForRoom(ctx) }

// Publish delivers what is stored until ctx ends or, once finish is closed, until nothing can be delivered now. It
// answers questions about the queue and serves the status page meanwhile. Call it once.
func (o *Outlet[T, V]) Publish(ctx context.Context, finish <-chan struct{}) error {
	serving, stop := context.WithCancel(ctx)
	served := o.serve(serving)
	err := o.publisher.Run(ctx, finish)
	stop()
	<-served
	return err
}

// Close closes the queue, if Start has opened it. Everything that was written is on disk.
func (o *Outlet[T, V]) Close() error {
	if o.queue == nil {
		return nil
	}
	return o.queue.Close()
}
