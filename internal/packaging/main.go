// Command packaging makes a Debian package of telegraf-ipvs.
//
//	packaging [flags]
//
// It takes a binary that was built before, reads documents and examples from the
// source tree, adds what lies beside its own source (units for systemd, the man
// page, what dpkg needs), and has dpkg-deb put it together. It prints the name of
// the file. The same binary and tree give the same bytes on every machine with
// the same xz; times in the package are SOURCE_DATE_EPOCH or, without that, the
// time of the commit that the binary was built from.
//
// The version is that of the binary, in Debian's order: what was built from a
// commit behind v1.2.3 comes after 1.2.3 and before 1.2.4.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	path, err := build(ctx, o)
	if err != nil {
		fmt.Fprintf(stderr, "packaging: %v\n", err)
		return exitFailed
	}
	fmt.Fprintln(stdout, path)
	return exitOK
}

// options is the command line.
type options struct {
	binary     string // path of telegraf-ipvs
	tree       string // path of the source tree
	out        string // directory for the package
	version    string // of the package; empty for the binary's
	maintainer string // as the field Maintainer has it
	level      int    // of compression
}

// errUsage is the error of a command line that has been answered with the usage.
var errUsage = errors.New("wrong usage")

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("packaging", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.binary, "binary", "bin/telegraf-ipvs", "put this `FILE` into the package")
	flags.StringVar(&o.tree, "tree", ".", "read documents and examples from the source tree in `DIRECTORY`")
	flags.StringVar(&o.out, "out", ".", "write the package into `DIRECTORY`")
	flags.StringVar(&o.version, "version", "", "give the package this `VERSION` in place of the binary's")
	flags.StringVar(&o.maintainer, "maintainer", "The telegraf-ipvs authors <telegraf-ipvs@packages.invalid>",
		"name this `PERSON` as who made the package")
	flags.IntVar(&o.level, "level", 6, "compress by xz at level `N`: 0 is ten times faster than 6 and a fifth larger")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "packaging takes no argument %q\n", flags.Arg(0))
		flags.Usage()
		return o, errUsage
	}
	return o, nil
}
