package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"telegraf-ipvs/internal/agent"
	"telegraf-ipvs/plugins/outputs/pi_webapi"
)

// piCommand is what concerns the PI System alone.
func (p *program) piCommand() *cli.Command {
	output := &cli.StringFlag{Name: "output", Usage: "the output `NAME`, such as outputs.pi_webapi#2, in place of the first"}
	return &cli.Command{
		Name:            "pi",
		Usage:           "try out and prepare an output to the PI System",
		HideHelpCommand: true,
		OnUsageError:    onUsageError,
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usageError{fmt.Errorf("there is no command \"pi %s\"", c.Args().First())}
			}
			return usageError{errors.New("say what to do: pi check, points, simulate or webid")}
		},
		Commands: []*cli.Command{
			p.piSubcommand("check", "try out a PI Web API, and print a table to send to others",
				"Tries whatever the output relies on or that is not the same everywhere. The table holds names of\n"+
					"hosts, users and points, and no secrets. With --write-test it also writes some 1100 values to that\n"+
					"point, at times of the last minute, which stay there. Exit status 1 if something has failed.",
				p.piCheck, output,
				&cli.StringFlag{Name: "write-test", Usage: "write to the PI point `TAG`, which must exist and be of no other use", Validator: given("--write-test names no point")}),
			p.piSubcommand("points", "list the PI points for metrics on stdin",
				"Reads line protocol and prints which points its fields go to, without asking a server. Exit status 1\n"+
					"if a line cannot be read or a field gets no point, other than by the configuration's wish.",
				p.piPoints, output,
				&cli.BoolFlag{Name: "csv", Usage: "print a worksheet for PI Builder, which can make the points"}),
			p.simulateCommand(),
			p.webIDCommand(),
		},
	}
}

// given is the validator of a flag that takes a text.
func given(otherwise string) func(string) error {
	return func(text string) error {
		if text == "" {
			return errors.New(otherwise)
		}
		return nil
	}
}

// piSubcommand is a command about one configured output.
func (p *program) piSubcommand(name, usage, description string,
	do func(context.Context, *cli.Command, piwebapi.Config, *slog.Logger) error, flags ...cli.Flag) *cli.Command {
	c := p.subcommand(name, usage, description, nil)
	c.Flags = append(c.Flags, flags...)
	c.Action = func(ctx context.Context, c *cli.Command) error {
		if err := p.takesOnlyConfig(c, "pi "+name); err != nil {
			return err
		}
		if p.config == "" {
			return usageError{fmt.Errorf("pi %s needs --config FILE, with an [[outputs.pi_webapi]]", name)}
		}
		return p.withConfig(false, func(all agent.Config, log *slog.Logger) error {
			cfg, err := p.selectOutput(all, c.String("output"))
			if err != nil {
				return err
			}
			return do(ctx, c, cfg, log)
		})
	}
	return c
}

// selectOutput returns the configuration of the output with a name, or of the first.
func (p *program) selectOutput(all agent.Config, name string) (piwebapi.Config, error) {
	var names []string
	for i, q := range all.Queues() {
		if name == "" || name == q.Name {
			return all.Outputs.PIWebAPI[i], nil
		}
		names = append(names, q.Name)
	}
	if len(names) == 0 {
		return piwebapi.Config{}, fmt.Errorf("%s configures no [[outputs.pi_webapi]]: \"telegraf-ipvs sample-config\" shows one", p.config)
	}
	return piwebapi.Config{}, fmt.Errorf("there is no output %q; there are %s", name, strings.Join(names, ", "))
}

func (p *program) piCheck(ctx context.Context, c *cli.Command, cfg piwebapi.Config, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out, err := piwebapi.New(cfg, log)
	if err != nil {
		return err
	}
	defer out.Close()
	fmt.Fprintln(p.stdout, version())
	err = out.Accept(ctx, p.stdout, c.String("write-test"))
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}

func (p *program) piPoints(_ context.Context, c *cli.Command, cfg piwebapi.Config, log *slog.Logger) error {
	if isTerminal(p.stdin) {
		log.Info("Reading line protocol from the terminal, until Ctrl-D")
	}
	list, err := piwebapi.Points(cfg, p.stdin)
	if err != nil {
		return err
	}
	write := piwebapi.WritePoints
	if c.Bool("csv") {
		write = piwebapi.WriteCSV
	}
	if err := write(p.stdout, list); err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	pointless := 0
	for _, item := range list {
		var problem *piwebapi.Problem
		if item.Problem == nil || errors.As(item.Problem, &problem) && problem.Code == piwebapi.ProblemSkipped {
			continue
		}
		if item.Point == nil {
			pointless++
		}
		log.Warn(fmt.Sprintf("%s: %v", item.Source, item.Problem))
	}
	if len(list) == 0 {
		log.Info("There were no metrics on stdin")
	}
	if pointless > 0 {
		return fmt.Errorf("%d lines or fields get no point", pointless)
	}
	return nil
}
