package piwebapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/metric"
	pi "telegraf-ipvs/internal/piwebapi"
	"telegraf-ipvs/internal/publish"
	"telegraf-ipvs/internal/queue"
)

// An Output writes metrics to the PI System, by way of a queue on disk.
type Output struct {
	cfg       Config
	log       *slog.Logger
	transport *httpauth.Transport
	client    *pi.Client
	directory *pi.Directory
	writer    *pi.Writer
	mapper    *Mapper
	sink      *sink
	stats     *counters

	// From Start to Close.
	queue     *queue.Queue
	publisher *publish.Publisher[*target, value]
}

// New returns an output. It touches no network and no queue; the error lists every problem of the configuration.
func New(cfg Config, log *slog.Logger) (*Output, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	o := &Output{cfg: cfg, log: log, stats: newCounters()}
	if err := o.build(); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *Output) build() (err error) {
	if o.mapper, err = NewMapper(o.cfg, nil); err != nil {
		return err
	}
	if o.transport, err = httpauth.New(o.cfg.auth()); err != nil {
		return err
	}
	client := o.cfg.client(o.transport)
	client.OnRequest = o.stats.request
	if o.client, err = pi.New(client); err != nil {
		return err
	}
	o.directory = pi.NewDirectory(pi.DirectoryConfig{
		Client: o.client, DataServer: o.cfg.DataServer,
		PathOnly: o.cfg.WebID == webIDPath, CreatePoints: o.cfg.CreatePoints,
		OnCreate: o.created, OnWarn: func(path, warning string) { o.log.Warn(path + ": " + warning) },
	})
	o.writer = pi.NewWriter(pi.WriterConfig{
		Client: o.client, MaxValues: o.cfg.MaxValues, MaxBytes: int(o.cfg.MaxRequestSize.Bytes()),
		UpdateOption: o.cfg.UpdateOption, ResendOption: o.cfg.ResendOption, BufferOption: o.cfg.BufferOption,
	})
	o.sink = newSink(&sender{o.directory, o.writer, o.stats.taken}, o.mapper, o.cfg.CreatePoints)
	return nil
}

// Intake says how lines from stdin are to be taken: how long one may wait for others before it is stored, and how long
// one may be, in bytes.
func (o *Output) Intake() (flush time.Duration, maxLine int) {
	return o.cfg.FlushInterval.Duration(), int(o.cfg.MaxLine.Bytes())
}

// lockWait is how long Start waits for the process before, which after a restart of Telegraf may still be writing
// down what it has read.
const lockWait = 10 * time.Second

// Start opens the queue.
func (o *Output) Start(ctx context.Context) error {
	give := time.Now().Add(lockWait)
	for {
		cfg := o.cfg.queue(func(err error) { o.log.Error("Queue: " + err.Error()) })
		cfg.RenderReplay = renderReplay
		q, err := queue.Open(cfg)
		var locked *queue.LockedError
		switch {
		case err == nil:
			o.queue = q
			o.publisher = publish.New(o.publishing())
			return nil
		case !errors.As(err, &locked) || time.Now().After(give):
			return fmt.Errorf("open the queue: %w", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("open the queue: %w", err)
		}
	}
}

// renderReplay leaves of a dead letter what was refused.
func renderReplay(l queue.Letter) []byte {
	if l.Field == "" {
		return l.Line
	}
	if reduced, ok := metric.ReduceLine(l.Line, l.Field); ok {
		return reduced
	}
	return l.Line
}

// publishing returns the settings of the publisher.
func (o *Output) publishing() publish.Config[*target, value] {
	linger := o.cfg.SendInterval.Duration()
	if linger == 0 {
		linger = -1
	}
	var refusals, holds, taken execd.Limiter
	return publish.Config[*target, value]{
		Queue: o.queue, Sink: o.sink,
		MaxValues: o.cfg.MaxValues, InFlight: o.cfg.RequestsInFlight, Linger: linger,
		MaxAhead: o.cfg.MaxAhead.Duration(), HoldTime: o.cfg.HoldTime.Duration(),
		OnPause: func(p *publish.Pause, wait time.Duration) {
			text := httpauth.Explain(p.Err)
			if text == "" {
				text = p.Error()
			}
			o.log.Error(fmt.Sprintf("PI Web API takes nothing (%s), metrics stay in the queue, next try in %v: %s", p.Reason, wait.Round(100*time.Millisecond), text))
		},
		OnResume: func(after time.Duration) {
			o.log.Info(fmt.Sprintf("PI Web API takes values again after %v", after.Round(time.Second)))
		},
		OnRefuse: func(target, reason, detail string) {
			more, ok := refusals.Allow(reason, time.Now())
			if !ok {
				return
			}
			if target != "" {
				detail = target + ": " + detail
			}
			o.log.Error(fmt.Sprintf("Refused a value (%s), it is now a dead letter: %s%s", reason, detail, more))
		},
		OnHold: func(target string, h publish.Hold, until time.Time) {
			more, ok := holds.Allow(h.Reason, time.Now())
			if !ok {
				return
			}
			o.log.Error(fmt.Sprintf("%s takes no values (%s), they are put aside until %s: %s", target, h.Reason, until.UTC().Format(time.TimeOnly), h.Detail+more))
		},
		OnTaken: func(target string) {
			if more, ok := taken.Allow("", time.Now()); ok {
				o.log.Info(target + " takes values again" + more)
			}
		},
		OnError: func(doing string, err error) { o.log.Error(fmt.Sprintf("Queue: %s: %v", doing, err)) },
	}
}

// created logs what became of the making of a point.
func (o *Output) created(path string, err error) {
	if err != nil {
		o.log.Error(fmt.Sprintf("Making the point %s failed: %v", path, err))
		return
	}
	o.log.Debug("Made the point " + path)
}

// Write stores lines and returns when they are on disk.
func (o *Output) Write(ctx context.Context, lines [][]byte, beyond bool) error {
	if beyond {
		return o.queue.AppendBeyond(ctx, lines)
	}
	return o.queue.Append(ctx, lines)
}

// WaitForRoom waits until Write would not return [queue.ErrFull].
func (o *Output) WaitForRoom(ctx context.Context) error { return o.queue.WaitForRoom(ctx) }

// Publish delivers what is stored until ctx ends or, once finish is closed, until nothing can be delivered now. It
// answers questions about the queue and serves the status page meanwhile.
func (o *Output) Publish(ctx context.Context, finish <-chan struct{}) error {
	serving, stop := context.WithCancel(ctx)
	served := o.serve(serving)
	err := o.publisher.Run(ctx, finish)
	stop()
	<-served
	return err
}

// Close closes the queue and the connections.
func (o *Output) Close() error {
	err := o.transport.Close()
	if o.queue != nil {
		err = errors.Join(err, o.queue.Close())
	}
	return err
}
