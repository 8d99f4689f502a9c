package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

const (
	// hostLimit bounds the command that makes metrics, with what a guest has to fetch.
	hostLimit = 15 * time.Minute
	// guestGrace is how long that command may take to clear up, in a slow machine.
	guestGrace = 20 * time.Second
	// reportLimit bounds the reading back.
	reportLimit = time.Minute
)

// A host is one run of the whole way to the PI System.
type host struct {
	program        string   // the path of telegraf-ipvs
	listen         string   // of the simulation; empty for a free port
	guest          []string // the command that makes metrics
	limit          time.Duration
	stdout, stderr io.Writer
}

// say tells a step on standard error.
func (h *host) say(format string, args ...any) { say(h.stderr, format, args...) }

// run returns errDiffer when all went well but the counts. Wherever it ends, its
// children have ended, those first that feed others, and the queue is removed.
func (h *host) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "telegraf-ipvs-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	simulator, url, err := startSimulator(ctx, h.program, h.listen, h.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, simulator.end()) }()
	h.say("Started %s: it answers at %s", simulator, url)

	output, err := h.startOutput(dir, url)
	if err != nil {
		return err
	}
	h.say("Started %s: line protocol on its stdin, values to PI Web API", output)
	to := newRelay(output.write)
	counted, guestErr := h.runGuest(ctx, to, simulator, output)
	outputErr := output.stop()
	if outputErr == nil {
		h.say("Closed its stdin after %d lines; it has ended with exit code 0", to.lines)
	}
	if err := errors.Join(guestErr, outputErr); err != nil {
		return err
	}
	if err := counted.check(); err != nil {
		return err
	}
	return h.report(ctx, url, to, counted)
}

// startOutput starts telegraf-ipvs as Telegraf's outputs.execd does, with a queue
// in dir.
func (h *host) startOutput(dir, url string) (*child, error) {
	config, err := toml.Marshal(map[string]any{"outputs": map[string]any{"pi_webapi": []map[string]any{{
		"url": url, "data_server": dataServer, "auth": "anonymous", "create_points": true,
		"queue_path": filepath.Join(dir, "queue"), "prefix": pointPrefix,
	}}}})
	if err != nil {
		return nil, fmt.Errorf("write a configuration: %w", err)
	}
	path := filepath.Join(dir, "out.conf")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return nil, err
	}
	return startChild(childConfig{
		name: "telegraf-ipvs with outputs.pi_webapi", command: []string{h.program, "run", "--config", path},
		input: true, apart: true,
		// Where Telegraf would log the one as information, the other as errors.
		stdout: linesTo(h.stderr, "[outputs.execd] "), stderr: linesTo(h.stderr, "[outputs.execd] "),
	})
}

// runGuest runs the command that makes metrics and hands them to a relay, as long
// as the children that take them live. It returns when the command has ended.
func (h *host) runGuest(ctx context.Context, to *relay, takers ...*child) (counted *countedReader, err error) {
	counted = &countedReader{}
	h.say("Running %s", strings.Join(h.guest, " "))
	c, err := startChild(childConfig{
		name: "the command that makes metrics", command: h.guest, apart: true, grace: guestGrace,
		stdout: func(line []byte) error {
			if _, err := h.stdout.Write(line); err != nil {
				return err
			}
			return to.take(line)
		},
		stderr: func(line []byte) error {
			if _, err := h.stderr.Write(line); err != nil {
				return err
			}
			return counted.add(string(line))
		},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.limit, fmt.Errorf("it was still there after %v", h.limit))
	defer cancel()
	for _, t := range takers {
		stop := cancelWith(t, c)
		defer stop()
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		h.say("Ending %s", c.name)
		return counted, errors.Join(fmt.Errorf("%s: %w", c.name, context.Cause(ctx)), c.end())
	}
	for _, t := range takers {
		select {
		case <-t.done:
			return counted, t.ended()
		default:
		}
	}
	return counted, c.result()
}

// cancelWith ends one child when another has ended, until stop is called.
func cancelWith(taker, c *child) (stop func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-taker.done:
			c.terminate()
		case <-quit:
		}
	}()
	return func() { close(quit); <-gone }
}

// report reads the points back and writes the tables.
func (h *host) report(ctx context.Context, url string, to *relay, counted *countedReader) error {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	reader := newPIReader(url)
	defer reader.close()
	points, err := reader.points(ctx, to.first.Add(-time.Second), to.last.Add(time.Second))
	if err != nil {
		return fmt.Errorf("read the points back: %w", err)
	}
	seen := records(points)
	servers, together := compare(seen, counted.servers, counted.events), sums(seen, web)
	writePoints(h.stdout, points)
	writeComparison(h.stdout, "PI", servers, counted.events)
	writeSums(h.stdout, together)
	lost := differences(points, to.points)
	for _, line := range lost {
		fmt.Fprintf(h.stdout, "DIFFERENT: %s\n", line)
	}
	if len(lost) == 0 {
		fmt.Fprintf(h.stdout, "All %d values that were sent are in the %d points, the last of each equal: none lost, none twice.\n", to.values(), len(points))
	}
	if !agree(servers) || !agree(together) || len(lost) > 0 {
		return errDiffer
	}
	fmt.Fprintln(h.stdout, "Everything agrees: PI holds what the clients counted.")
	return nil
}
