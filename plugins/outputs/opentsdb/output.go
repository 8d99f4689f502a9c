package opentsdb

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/httpreply"
	"telegraf-ipvs/internal/option"
	"telegraf-ipvs/internal/outlet"
)

// An Output writes metrics to IRONdb or OpenTSDB, by way of a queue on disk.
type Output struct {
	*outlet.Outlet[*target, value]
	cfg       Config
	log       *slog.Logger
	transport *httpauth.Transport // nil for telnet
	http      *httpCarrier        // nil for telnet
	telnet    *telnetCarrier      // nil for HTTP
	sink      *sink
	requests  outlet.Requests

	delivered, late atomic.Uint64
	limiter         execd.Limiter
}

// New returns an output. It touches no network and no queue; the error lists every problem of the configuration.
func New(cfg Config, log *slog.Logger) (*Output, error) {
	cfg = cfg.withDefaults()
	err := cfg.nameComputer()
	if err = errors.Join(err, cfg.validate()); err != nil {
		return nil, err
	}
	option.WarnExposed(log, cfg.SecretFiles()...)
	o := &Output{cfg: cfg, log: log}
	if err := o.build(); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *Output) build() error {
	mapper, err := newMapper(o.cfg, nil)
	if err != nil {
		return err
	}
	s := &sender{
		limit: newLimit(o.cfg.MaxPoints, int(o.cfg.MaxRequestSize.Bytes())),
		count: func(delivered int) { o.delivered.Add(uint64(delivered)) },
	}
	if o.cfg.isTelnet() {
		if o.telnet, err = newTelnetCarrier(o.cfg, &o.requests, o.saidLate, o.isMute); err != nil {
			return err
		}
		s.carrier = o.telnet
	} else {
		if o.transport, err = httpauth.New(o.cfg.Transport(o.cfg.URL)); err != nil {
			return err
		}
		o.http = newHTTPCarrier(o.cfg, o.transport, &o.requests)
		s.carrier = o.http
	}
	o.sink = newSink(mapper, encodingOf(o.cfg), s)
	o.Outlet = outlet.New(outlet.Config[*target, value]{
		Log: o.log, Queue: o.cfg.Queue, Output: o.cfg.Output, Sink: o.sink, MaxValues: max(o.cfg.MaxPoints, defaultMaxPoints),
		Receiver: receiverOf(o.cfg), Noun: "metric", Address: strings.TrimRight(o.cfg.URL, "/"), Place: o.place(),
		Requests: &o.requests, Prefix: "telegraf_ipvs_opentsdb_", Metrics: metrics(), Collect: o.collect,
		Page: outlet.Page{Template: statusPage, Data: o.view},
	})
	return nil
}

// place says where values go at the receiver.
func (o *Output) place() string {
	if n := o.cfg.namespace(); n != (namespace{}) {
		return fmt.Sprintf("account %d, check %s (%s)", n.account, n.check, n.uuid)
	}
	return receiverOf(o.cfg)
}

// saidLate logs what a receiver says when no batch waits for it: it is too late for anything else.
func (o *Output) saidLate(line string, more int) {
	o.late.Add(uint64(1 + more))
	if skipped, ok := o.limiter.Allow("late", time.Now()); ok {
		also := ""
		if more > 0 {
			also = fmt.Sprintf(", and %d more lines", more)
		}
		o.log.Error(fmt.Sprintf("%s says of what counts as delivered: %q%s%s", receiverOf(o.cfg), httpreply.OneLine(line), also, skipped))
	}
}

// isMute logs that a receiver confirms nothing.
func (o *Output) isMute(why string) {
	if skipped, ok := o.limiter.Allow("mute", time.Now()); ok {
		o.log.Warn(fmt.Sprintf("%s confirms nothing, so data points count as delivered when this computer has taken them: %s%s", receiverOf(o.cfg), why, skipped))
	}
}

// Close closes the queue and the connections.
func (o *Output) Close() error {
	var err error
	if o.transport != nil {
		err = o.transport.Close()
	}
	if o.telnet != nil {
		o.telnet.close()
	}
	return errors.Join(err, o.Outlet.Close())
}
