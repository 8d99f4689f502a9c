// Command demo shows telegraf-ipvs at work on a load balancer whose every
// connection and byte is known, and then says whether the metrics tell the same.
//
//	demo [-seconds N] [-config FILE] TELEGRAF_IPVS
//	demo -host [-simulate-listen ADDRESS] TELEGRAF_IPVS -- COMMAND [ARGUMENT...]
//
// The first form makes a virtual server with three real servers, which are HTTP
// servers of this process, sends requests through it, and runs TELEGRAF_IPVS as
// Telegraf does: a child that gathers at each newline on its standard input. At
// the end what IPVS counted is laid next to what clients and servers counted on
// their sockets.
//
// Standard output carries the child's line protocol as it comes and, after an
// empty line, the closing tables; standard error carries the steps, what the
// child logs and, in lines that begin with "# counted ", what was counted. It
// needs root, the commands ip and ipvsadm, and a kernel with IPVS; a network
// namespace or a machine of its own suits it best. What it sets up it takes down
// again, except that lo stays up.
//
// The second form goes the whole way, to the PI System. COMMAND runs the first
// form wherever there is IPVS. Its metrics get a tag host, as Telegraf gives them
// one, and go to a TELEGRAF_IPVS that runs as the child of Telegraf's
// outputs.execd does, which delivers them to another, the PI Web API of
// "pi simulate". At the end the PI points are read back through that API and laid
// next to what COMMAND says was counted. It needs no privilege itself.
//
// The exit code is 0 when the counts agree, 1 when they do not or something
// failed, 2 for wrong usage, and 128+N after signal N.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

func main() {
	// Children die with the thread that started them, see apart. This one lives longest.
	runtime.LockOSThread()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

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
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	if o.host {
		h := host{
			program: o.program, listen: o.listen, guest: o.guest, limit: hostLimit,
			stdout: stdout, stderr: stderr,
		}
		err = h.run(ctx)
	} else {
		d := demo{program: o.program, config: o.config, duration: o.duration, stdout: stdout, stderr: stderr}
		err = d.run(ctx)
	}
	var by interrupted
	if errors.As(context.Cause(ctx), &by) {
		say(stderr, "Ended by signal: %v", by)
		return exitSignal + int(by.Signal)
	}
	if err != nil {
		fmt.Fprintf(stderr, "demo: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// options is the command line.
type options struct {
	program  string // the path of telegraf-ipvs
	duration time.Duration
	config   string // may be empty

	host   bool
	listen string   // of the simulation; empty for a free port
	guest  []string // the command that makes metrics
}

// errUsage is the error of a command line that has been answered with the usage.
var errUsage = errors.New("wrong usage")

// parseOptions reads the command line, and writes to stderr what is wrong with it.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var o options
	seconds := flags.Int("seconds", usualSeconds, fmt.Sprintf("send requests for `N` seconds, 1 to %d", maxSeconds))
	flags.StringVar(&o.config, "config", "", "give telegraf-ipvs the configuration `FILE`")
	flags.BoolVar(&o.host, "host", false, "deliver the metrics that COMMAND prints to a simulated PI Web API")
	flags.StringVar(&o.listen, "simulate-listen", "", "with -host: the simulation's `ADDRESS`, such as 127.0.0.1:8180, in place of a free port")
	flags.Usage = func() {
		fmt.Fprint(stderr, "Usage: demo [flags] TELEGRAF_IPVS\n"+
			"       demo -host [flags] TELEGRAF_IPVS -- COMMAND [ARGUMENT...]\n\nFlags:\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	o.program, o.duration = flags.Arg(0), time.Duration(*seconds)*time.Second
	wrong := flags.NArg() != 1 || *seconds < 1 || *seconds > maxSeconds || given["simulate-listen"]
	if o.host {
		wrong = flags.NArg() < 3 || flags.Arg(1) != "--" || given["seconds"] || given["config"]
	}
	if wrong {
		flags.Usage()
		return o, errUsage
	}
	if o.host {
		o.guest = flags.Args()[2:]
	}
	return o, nil
}

// say tells a step, marked so that nobody takes it for metrics.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "# "+format+"\n", args...)
}
