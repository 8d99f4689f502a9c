package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// gatherEvery is the pace of gathers, ten times that of a usual Telegraf, to
	// have something to look at.
	gatherEvery = time.Second
	// settleLimit is how long after the last request the kernel's counters may
	// take to come to rest.
	settleLimit = 12 * time.Second
)

// A demo is one run of the whole.
type demo struct {
	program, config string // config may be empty
	duration        time.Duration
	stdout, stderr  io.Writer
}

// say tells a step on standard error.
func (d *demo) say(format string, args ...any) { say(d.stderr, format, args...) }

// run returns errDiffer when all went well but the counts. Wherever it ends, the
// child has ended and the stage is struck.
func (d *demo) run(ctx context.Context) (err error) {
	d.say("Setting up a virtual server with three real servers, and one without any")
	s := stage{say: d.say}
	defer func() { err = errors.Join(err, s.strike()) }()
	if err := s.build(ctx); err != nil {
		return err
	}
	load, err := newTraffic()
	if err != nil {
		return err
	}
	defer load.close()

	metrics := newLedger()
	c, err := d.startInput(func(line []byte) error {
		if _, err := d.stdout.Write(line); err != nil {
			return err
		}
		return metrics.add(line)
	})
	if err != nil {
		return err
	}
	d.say("Started %s: a newline on its stdin every %v, metrics on its stdout", c, gatherEvery)
	err = d.observe(ctx, load, c, metrics)
	if err := cmp.Or(err, c.stop()); err != nil {
		return err
	}
	d.say("Closed its stdin; it has ended with exit code 0")
	return d.report(load, metrics)
}

// startInput starts telegraf-ipvs as Telegraf's inputs.execd does.
func (d *demo) startInput(line func([]byte) error) (*child, error) {
	command := []string{d.program, "run"}
	if d.config != "" {
		command = append(command, "--config", d.config)
	}
	return startChild(childConfig{
		name: "telegraf-ipvs", command: command, input: true,
		stdout: line, stderr: linesTo(d.stderr, ""),
	})
}

// observe gathers while requests are sent, and then until the counters rest.
func (d *demo) observe(ctx context.Context, load *traffic, c *child, metrics *ledger) error {
	d.say("Sending up to %d requests a second for %v, each over a connection of its own", requestRate, d.duration)
	ctx, cancel := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() { sent <- load.run(ctx, time.After(d.duration)) }()
	sending := true
	defer func() {
		cancel()
		if sending {
			<-sent
		}
	}()

	ticker := time.NewTicker(gatherEvery)
	defer ticker.Stop()
	var end time.Time // of the last request
	for {
		select {
		case err := <-sent:
			sending, end = false, time.Now()
			if err != nil {
				return err
			}
			d.say("All requests are answered; waiting for the kernel, which adds up its counters every 2 s")
		case <-ticker.C:
			if !sending && (metrics.settled(names(), end) || time.Since(end) > settleLimit) {
				return nil
			}
			if err := c.gather(); err != nil {
				return err
			}
		case <-c.done:
			return c.ended()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// errDiffer is the error of a run whose counts do not agree.
var errDiffer = errors.New("the counts do not agree, see above")

// report writes the tables.
func (d *demo) report(load *traffic, metrics *ledger) error {
	events, err := load.events()
	if err != nil {
		return err
	}
	seen, counted := metrics.snapshot(), load.counts()
	writeCounted(d.stderr, counted, events)
	servers, together := compare(seen, counted, events), sums(seen, web)
	writeMetrics(d.stdout, seen)
	writeRates(d.stdout, seen[web], counted[web], d.duration)
	writeComparison(d.stdout, "IPVS", servers, events)
	writeSums(d.stdout, together)
	if !agree(servers) || !agree(together) {
		return errDiffer
	}
	fmt.Fprintln(d.stdout, "Everything agrees: telegraf-ipvs tells what the sockets carried.")
	return nil
}
