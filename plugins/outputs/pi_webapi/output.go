package piwebapi

import (
	"errors"
	"fmt"
	"log/slog"

	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/option"
	"telegraf-ipvs/internal/outlet"
	pi "telegraf-ipvs/internal/piwebapi"
)

// An Output writes metrics to the PI System, by way of a queue on disk.
type Output struct {
	*outlet.Outlet[*target, value]
	cfg       Config
	log       *slog.Logger
	transport *httpauth.Transport
	client    *pi.Client
	directory *pi.Directory
	writer    *pi.Writer
	mapper    *Mapper
	sink      *sink
	stats     counters
	requests  outlet.Requests
}

// New returns an output. It touches no network and no queue; the error lists every problem of the configuration.
func New(cfg Config, log *slog.Logger) (*Output, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	option.WarnExposed(log, cfg.SecretFiles()...)
	o := &Output{cfg: cfg, log: log}
	if err := o.build(); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *Output) build() (err error) {
	if o.mapper, err = NewMapper(o.cfg, nil); err != nil {
		return err
	}
	if o.transport, err = httpauth.New(o.cfg.Transport(o.cfg.URL)); err != nil {
		return err
	}
	client := o.cfg.client(o.transport)
	client.OnRequest = o.count
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
	o.Outlet = outlet.New(outlet.Config[*target, value]{
		Log: o.log, Queue: o.cfg.Queue, Output: o.cfg.Output, Sink: o.sink, MaxValues: o.cfg.MaxValues,
		Receiver: "PI Web API", Noun: "point", Address: o.client.URL(), Place: o.cfg.place(),
		Requests: &o.requests, Prefix: "telegraf_ipvs_pi_", Metrics: ownMetrics, Collect: o.collect,
		Page: outlet.Page{Template: statusPage, Data: o.view},
	})
	return nil
}

// count counts a request.
func (o *Output) count(r pi.RequestInfo) {
	o.requests.Count(outlet.Request{
		Call: r.Method + " " + r.Call, Status: r.Status, Sent: r.Sent, Received: r.Received, Took: r.Took,
	})
}

// created logs what became of the making of a point.
func (o *Output) created(path string, err error) {
	if err != nil {
		o.log.Error(fmt.Sprintf("Making the point %s failed: %v", path, err))
		return
	}
	o.log.Debug("Made the point " + path)
}

// Close closes the queue and the connections.
func (o *Output) Close() error { return errors.Join(o.transport.Close(), o.Outlet.Close()) }
