// Command demo shows telegraf-ipvs at work on a load balancer whose every
// connection and byte is known, and then says whether the metrics tell the same.
//
//	demo [-seconds N] [-config FILE] TELEGRAF_IPVS
//
// It makes a virtual server with three real servers, which are HTTP servers of
// this process, sends requests through it, and runs TELEGRAF_IPVS as Telegraf
// does: a child that gathers at each newline on its standard input. At the end
// what IPVS counted is laid next to what clients and servers counted on their
// sockets.
//
// Standard output carries the child's line protocol as it comes and, after an
// empty line, the closing tables; standard error carries the steps and what the
// child logs. The exit code is 0 when the counts agree, 1 when they do not or
// something failed, 2 for wrong usage, and 128+N after signal N.
//
// It needs root, the commands ip and ipvsadm, and a kernel with IPVS; a network
// namespace or a machine of its own suits it best. What it sets up it takes down
// again, except that lo stays up.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128 // plus the signal's number
)

const (
	usualSeconds = 20
	// maxSeconds keeps well away from using up the client's ports.
	maxSeconds = 300
)

// run is main with its surroundings as arguments.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seconds := flags.Int("seconds", usualSeconds, fmt.Sprintf("send requests for `N` seconds, 1 to %d", maxSeconds))
	config := flags.String("config", "", "give telegraf-ipvs the configuration `FILE`")
	flags.Usage = func() {
		fmt.Fprint(stderr, "Usage: demo [flags] TELEGRAF_IPVS\n\nFlags:\n")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case flags.NArg() != 1 || *seconds < 1 || *seconds > maxSeconds:
		flags.Usage()
		return exitUsage
	}

	ctx, stop := withSignals(context.Background())
	defer stop()
	d := demo{
		program:  flags.Arg(0),
		config:   *config,
		duration: time.Duration(*seconds) * time.Second,
		stdout:   stdout,
		stderr:   stderr,
	}
	err := d.run(ctx)
	var by interrupted
	if errors.As(context.Cause(ctx), &by) {
		d.say("Ended by signal: %v", by)
		return exitSignal + int(by.Signal)
	}
	if err != nil {
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// interrupted is the cause of a context that a signal has cancelled.
type interrupted struct{ syscall.Signal }

func (i interrupted) Error() string { return i.String() }

// withSignals returns a context that SIGINT and SIGTERM cancel with an
// interrupted, until stop is called.
func withSignals(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case s := <-signals:
			cancel(interrupted{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
		waiting.Wait()
	}
}
