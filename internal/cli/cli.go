// Package cli is the command line of telegraf-ipvs: flags, subcommands and exit
// codes. What the commands do is in package agent.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"telegraf-ipvs/internal/agent"
	"telegraf-ipvs/internal/execd"
)

// Exit codes of the program.
const (
	exitWell   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake on the command line.
type usageError struct{ error }

// Main runs the program with its arguments, of which the first is its own name,
// and returns its exit code.
func Main(args []string, stdin, stdout, stderr *os.File) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr}
	err := p.command().Run(context.Background(), args)
	if err == nil {
		return exitWell
	}
	var usage usageError
	if errors.As(err, &usage) {
		p.complain(err)
		fmt.Fprintln(stderr, "I! \"telegraf-ipvs help\" shows what can be said")
		return exitUsage
	}
	p.complain(err)
	return exitFailed
}

// A program is one run of the command line.
type program struct {
	stdin, stdout, stderr *os.File
	config                string // path; empty for none
}

func (p *program) command() *cli.Command {
	return &cli.Command{
		Name:  "telegraf-ipvs",
		Usage: "Linux IPVS metrics, and metrics into the PI System, with Telegraf or without",
		Description: "With --config alone it does what run does, which is how Telegraf's execd plugins start\n" +
			"external ones.",
		Flags:           []cli.Flag{configFlag()},
		HideHelpCommand: true,
		HideVersion:     true,
		Writer:          p.stdout,
		ErrWriter:       io.Discard, // Main reports
		ExitErrHandler:  func(context.Context, *cli.Command, error) {},
		OnUsageError:    onUsageError,
		Commands: []*cli.Command{
			p.subcommand("run", "gather, deliver, or both, as the configuration says",
				"With inputs alone, as the child of Telegraf's inputs.execd, it gathers at each newline on\n"+
					"stdin and at SIGHUP, SIGUSR1 and SIGUSR2, or every interval until the first of these, and\n"+
					"writes line protocol to stdout and messages to stderr.\n"+
					"With outputs alone, as the child of outputs.execd, it stores the line protocol from stdin\n"+
					"and delivers it; information goes to stdout, problems to stderr.\n"+
					"With both it needs no Telegraf. It ends when stdin is closed, unless that is /dev/null,\n"+
					"and at SIGTERM and SIGINT, within four seconds.\n"+
					"Without --config it reads IPVS with default settings.", p.run),
			p.subcommand("once", "gather once, as line protocol on stdout",
				"Without --config it reads IPVS with default settings. Exit status 1 if anything could\n"+
					"not be gathered.", p.once),
			p.subcommand("check", "say whether configuration, kernel and privileges suffice",
				"Prints a line for each thing that a gather needs, and how to mend what is not well.\n"+
					"Exit status 1 if anything is not.", p.check),
			p.queueCommand(),
			p.piCommand(),
			p.configCommand(),
			{
				Name: "sample-config", Usage: "print a configuration file with every option",
				ArgsUsage:       "[PLUGIN...]",
				Description:     "With plugins named, such as inputs.ipvs or outputs.pi_webapi, it has only these.",
				HideHelpCommand: true,
				OnUsageError:    onUsageError,
				Action: func(_ context.Context, c *cli.Command) error {
					text, err := agent.SampleConfig(c.Args().Slice()...)
					if err != nil {
						return usageError{err}
					}
					_, err = fmt.Fprint(p.stdout, text)
					return err
				},
			},
			p.plain("version", "print the version", func() error {
				_, err := fmt.Fprintln(p.stdout, version())
				return err
			}),
			{
				Name: "help", Usage: "show this, or the help of a command", ArgsUsage: "[COMMAND]",
				Action: func(ctx context.Context, c *cli.Command) error {
					if name := c.Args().First(); name != "" {
						if c.Root().Command(name) == nil {
							return unknownCommand(name)
						}
						return cli.ShowCommandHelp(ctx, c.Root(), name)
					}
					return cli.ShowRootCommandHelp(c)
				},
			},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return unknownCommand(c.Args().First())
			}
			if err := p.readConfigFlag(c); err != nil {
				return err
			}
			if p.config == "" {
				return usageError{errors.New("say what to do: run, once, check, queue, pi, config, sample-config, version or help")}
			}
			return p.run(ctx)
		},
	}
}

// subcommand is a command that takes a configuration.
func (p *program) subcommand(name, usage, description string, do func(context.Context) error) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Description: description,
		Flags:           []cli.Flag{configFlag()},
		HideHelpCommand: true,
		OnUsageError:    onUsageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			if err := p.takesOnlyConfig(c, name); err != nil {
				return err
			}
			return do(ctx)
		},
	}
}

// takesOnlyConfig refuses arguments, and reads --config.
func (p *program) takesOnlyConfig(c *cli.Command, name string) error {
	if c.Args().Present() {
		return usageError{fmt.Errorf("%s takes no argument %q", name, c.Args().First())}
	}
	return p.readConfigFlag(c)
}

// plain is a command that takes nothing.
func (p *program) plain(name, usage string, do func() error) *cli.Command {
	c := p.subcommand(name, usage, "", func(context.Context) error { return do() })
	c.Flags = nil
	return c
}

func configFlag() cli.Flag {
	return &cli.StringFlag{
		Name:     "config",
		Usage:    "read the configuration from `FILE`",
		Local:    true, // or every subcommand would take it
		OnlyOnce: true,
		Validator: func(path string) error {
			if path == "" {
				return errors.New("--config names no file")
			}
			return nil
		},
	}
}

// readConfigFlag takes --config from before or behind the name of the command.
func (p *program) readConfigFlag(c *cli.Command) error {
	before, behind := c.Root().String("config"), ""
	if c != c.Root() {
		behind = c.String("config")
	}
	if before != "" && behind != "" {
		return usageError{errors.New("--config is given twice")}
	}
	p.config = cmp.Or(before, behind)
	return nil
}

func onUsageError(_ context.Context, _ *cli.Command, err error, _ bool) error { return usageError{err} }

func unknownCommand(name string) error { return usageError{fmt.Errorf("there is no command %q", name)} }

func (p *program) run(context.Context) error {
	return p.withConfig(true, func(c agent.Config, log *slog.Logger) error {
		return agent.Run(c, log, p.stdin, p.stdout)
	})
}

func (p *program) once(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return p.withConfig(false, func(c agent.Config, log *slog.Logger) error {
		return agent.Once(ctx, c, log, p.stdout)
	})
}

func (p *program) check(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return p.withConfig(false, func(c agent.Config, log *slog.Logger) error {
		if p.config != "" {
			fmt.Fprintf(p.stdout, "ok    configuration %s\n", p.config)
		}
		return agent.Check(ctx, c, log, p.stdout)
	})
}

// withConfig calls do with the configuration and a logger to stderr. With receives set, a configuration without inputs
// means to be the child of outputs.execd.
func (p *program) withConfig(receives bool, do func(agent.Config, *slog.Logger) error) error {
	c := agent.Default()
	if p.config != "" {
		var err error
		if c, err = agent.LoadConfig(p.config); err != nil {
			return err
		}
	}
	options := execd.HandlerOptions{Level: c.Level()}
	if receives && !c.HasInputs() {
		options.Info = p.stdout // outputs.execd logs what comes on stderr as errors, and stdout as information
	}
	h := execd.NewHandler(p.stderr, options)
	defer h.Close()
	return do(c, slog.New(h))
}

// complain logs err, a line of it at a time, since hosts take log messages by
// the line.
func (p *program) complain(err error) {
	h := execd.NewHandler(p.stderr, execd.HandlerOptions{})
	defer h.Close()
	for line := range strings.Lines(err.Error()) {
		slog.New(h).Error(strings.TrimRight(line, "\n"))
	}
}

// version describes the build.
func version() string {
	v := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
	}
	return fmt.Sprintf("telegraf-ipvs %s (%s %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
