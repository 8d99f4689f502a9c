package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Values of flags with a meaning of their own.
const (
	loadUsual = "usual"
	loadNone  = "none"

	whereAuto      = "auto"
	whereQEMU      = "qemu"
	whereNamespace = "namespace"

	kernelAll = "all"
)

// outVariable tells the program where to write what is to stay, in a guest and in a namespace alike.
const outVariable = "GUEST_OUT"

// whereVariable tells the program where it runs: in a machine that is its own, or beside others in a namespace.
const whereVariable = "GUEST_WHERE"

// options is the command line.
type options struct {
	kernel      string
	add         additions
	load        string
	out         string
	env         environ
	mem         int // MiB
	append      string
	timeout     time.Duration
	bootTimeout time.Duration
	where       string
	fetch       bool
	verbose     bool
	program     []string

	guestOnly bool // a flag was given that means nothing outside of a guest
	stderr    io.Writer
}

const usage = `Usage: guest [flags] PROGRAM [ARGUMENT...]

Runs PROGRAM as root in a throw-away QEMU machine whose Debian kernel has IPVS.
Standard input, output and error, signals (TERM, INT, HUP, QUIT, USR1, USR2)
and the exit code pass through. PROGRAM starts in a folder of the same name as
the current one, which holds a copy of ./testdata, with PATH, HOME, TMPDIR,
GUEST_OUT and GUEST_WHERE (qemu or namespace) set, and as /program/NAME.

Flags:
`

const usageEnd = `
Exit codes of its own: 2 wrong usage, 124 timeout, 125 the guest failed,
126 PROGRAM cannot run, 127 PROGRAM not found, 128+N ended by signal N.

Kernels lie in the user's cache folder below telegraf-ipvs/kernels, or below
$TELEGRAF_IPVS_CACHE/kernels. Under "go run" the exit code of a failure is 1
and signals end go itself: build the command where these matter.

Examples:
  guest -load none ./ipvs.test -test.v
  guest -add ./input.conf=/etc/input.conf ./telegraf-ipvs -config /etc/input.conf
  guest -kernel 7.2 sh -c 'ipvsadm -A -t 10.0.0.1:80 -s rr; ipvsadm -Ln'
  go test -exec 'guest -kernel 6.12' ./internal/ipvs
`

// parseOptions reads the command line. It returns flag.ErrHelp after -h, and has then written the help.
func parseOptions(args []string, stderr io.Writer) (*options, error) {
	o := &options{stderr: stderr}
	f := flag.NewFlagSet("guest", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.kernel, "kernel", "6.1", "kernel `SERIES`: 6.1, 6.12 or 7.2; with -fetch also all")
	f.Var(&o.add, "add", "add a file or folder, `HOST[=GUEST]`; dynamic programs bring their libraries; repeatable")
	f.StringVar(&o.load, "load", loadUsual, "kernel modules to load first, a comma `LIST`; usual: ip_vs, its schedulers, dummy, tunnels; none: no IPVS until the program loads it")
	f.StringVar(&o.out, "out", "", "copy what the program writes below /out to this `FOLDER` when it has ended")
	f.Var(&o.env, "env", "set an environment variable, `NAME=VALUE`; repeatable")
	f.IntVar(&o.mem, "mem", 1024, "memory of the guest in `MiB`")
	f.StringVar(&o.append, "append", "", "more kernel `PARAMETERS`")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "end the whole run after this `TIME` with exit code 124; 0 means never")
	f.DurationVar(&o.bootTimeout, "boot-timeout", time.Minute, "boot once more if the guest has not reported after this `TIME`")
	f.StringVar(&o.where, "where", whereAuto, "qemu, namespace (a fresh network namespace of this machine), or auto: `PLACE` is\na namespace where root meets a running kernel with IPVS and no flag asks for a guest")
	f.BoolVar(&o.fetch, "fetch", false, "only download the kernel")
	f.BoolVar(&o.verbose, "v", false, "show the guest's console and the boot time on standard error")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.SetOutput(stderr)
			fmt.Fprint(stderr, usage)
			f.PrintDefaults()
			fmt.Fprint(stderr, usageEnd)
		}
		return nil, err
	}
	o.program = f.Args()
	f.Visit(func(given *flag.Flag) {
		o.guestOnly = o.guestOnly || slices.Contains([]string{"kernel", "load", "append", "mem"}, given.Name)
	})
	o.guestOnly = o.guestOnly || slices.ContainsFunc(o.add, func(a addition) bool { return a.host != a.guest })
	return o, o.check()
}

func (o *options) check() error {
	var errs []error
	if _, err := findSeries(o.kernel); err != nil && !(o.fetch && o.kernel == kernelAll) {
		errs = append(errs, fmt.Errorf("-kernel: %w", err))
	}
	if !slices.Contains([]string{whereAuto, whereQEMU, whereNamespace}, o.where) {
		errs = append(errs, fmt.Errorf("-where: no place %q", o.where))
	}
	if o.where == whereNamespace && o.guestOnly {
		errs = append(errs, errors.New("-where namespace: -kernel, -load, -append, -mem and -add with another path need a guest"))
	}
	if o.mem < 256 {
		errs = append(errs, fmt.Errorf("-mem: %d MiB are too few, 256 are the least", o.mem))
	}
	if o.timeout < 0 || o.bootTimeout <= 0 {
		errs = append(errs, errors.New("-timeout, -boot-timeout: less than nothing"))
	}
	if !o.fetch && len(o.program) == 0 {
		errs = append(errs, errors.New("no PROGRAM: see -h"))
	}
	return errors.Join(errs...)
}

// progress tells people about something that takes a while or goes wrong without ending the run.
func (o *options) progress(format string, args ...any) {
	fmt.Fprintf(o.stderr, "guest: "+format+"\n", args...)
}

// An addition is a file or folder of the host, and where it goes in the guest.
type addition struct{ host, guest string }

type additions []addition

func (a *additions) String() string { return "" }

func (a *additions) Set(text string) error {
	host, guest, ok := strings.Cut(text, "=")
	if host == "" || ok && !filepath.IsAbs(guest) {
		return errors.New("want HOST or HOST=GUEST, GUEST an absolute path")
	}
	host, err := filepath.Abs(host)
	if err != nil {
		return err
	}
	if !ok {
		guest = host
	}
	*a = append(*a, addition{host, guest})
	return nil
}

type environ []string

func (e *environ) String() string { return "" }

func (e *environ) Set(text string) error {
	if name, _, ok := strings.Cut(text, "="); !ok || name == "" {
		return errors.New("want NAME=VALUE")
	}
	*e = append(*e, text)
	return nil
}

// An exitError ends the command with an exit code of its choice.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }
