package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/urfave/cli/v3"

	"telegraf-ipvs/internal/execd"
	stockhttp "telegraf-ipvs/plugins/outputs/http"
	"telegraf-ipvs/plugins/outputs/pi_webapi"
)

// configCommand makes configurations for a Telegraf that runs nothing of ours.
func (p *program) configCommand() *cli.Command {
	return &cli.Command{
		Name:            "config",
		Usage:           "make configurations for a stock Telegraf",
		HideHelpCommand: true,
		OnUsageError:    onUsageError,
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usageError{fmt.Errorf("there is no command \"config %s\"", c.Args().First())}
			}
			return usageError{errors.New("say what to make: config pi-http")}
		},
		Commands: []*cli.Command{{
			Name: "pi-http", Usage: "print an [[outputs.http]] for each PI point",
			Description: "Prints what a stock Telegraf needs to write one field of one series to one PI point, which must\n" +
				"exist: --point, --server, --measurement, --field and, as often as needed, --tag.\n" +
				"With --from it prints that for each series and field in a file of line protocol, as Telegraf's\n" +
				"outputs.file writes it, or of those that --measurement, --field and --tag leave. The points have the\n" +
				"names that outputs.pi_webapi gives by default, or by the template in --point. If two come to have\n" +
				"the same name, or a line cannot be read, nothing is printed and the exit status is 1.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "point", Usage: "the PI point `TAG`; with --from a template for names, such as {{host}}.{{tags}}.{{field}}", OnlyOnce: true},
				&cli.StringFlag{Name: "server", Usage: "the PI Data Archive `SERVER`, as PI clients show its name", OnlyOnce: true},
				&cli.StringFlag{Name: "measurement", Usage: "metrics called `M`", OnlyOnce: true},
				&cli.StringFlag{Name: "field", Usage: "their field `F`", OnlyOnce: true},
				&cli.StringSliceFlag{Name: "tag", Usage: "those with the tag `K=V`; K= for those without a tag K"},
				&cli.StringFlag{Name: "url", Value: exampleURL, Usage: "the address `URL` of PI Web API", OnlyOnce: true},
				&cli.StringFlag{Name: "webid", Usage: "the WebID `ID` of the point, in place of the one that its name makes", OnlyOnce: true},
				&cli.StringFlag{Name: "from", Usage: "a block for each series in `FILE`, or - for stdin", OnlyOnce: true},
				&cli.StringFlag{Name: "prefix", Usage: "with --from, begin the names of points with `TEXT`", OnlyOnce: true},
				&cli.BoolFlag{Name: "blocks-only", Usage: "leave out the head, for a file that has it already"},
			},
			DisableSliceFlagSeparator: true, // a tag may hold a comma
			HideHelpCommand:           true,
			OnUsageError:              onUsageError,
			Action: func(_ context.Context, c *cli.Command) error {
				if c.Args().Present() {
					return usageError{fmt.Errorf("config pi-http takes no argument %q", c.Args().First())}
				}
				h := execd.NewHandler(p.stderr, execd.HandlerOptions{})
				defer h.Close()
				return p.piHTTP(c, slog.New(h))
			},
		}},
	}
}

const exampleURL = "https://pi.example.com/piwebapi"

func (p *program) piHTTP(c *cli.Command, log *slog.Logger) error {
	want := stockhttp.Selection{Measurement: c.String("measurement"), Field: c.String("field")}
	var err error
	if want.Tags, want.Without, err = stockhttp.ParseTags(c.StringSlice("tag")); err != nil {
		return usageError{fmt.Errorf("--tag: %w", err)}
	}
	var blocks []stockhttp.Block
	if c.IsSet("from") {
		if err := allowed(c, []string{"server", "from"}, []string{"webid"}, "with --from"); err != nil {
			return err
		}
		if blocks, err = p.blocksFrom(c, want, log); err != nil {
			return err
		}
	} else {
		if err := allowed(c, []string{"point", "server", "measurement", "field"}, []string{"prefix"}, "without --from"); err != nil {
			return err
		}
		blocks = []stockhttp.Block{want.Block(c.String("url"), c.String("server"), c.String("point"))}
		blocks[0].WebID = c.String("webid")
	}
	made, err := stockhttp.Render(blocks, c.Bool("blocks-only"))
	if err != nil && !c.IsSet("from") {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	for _, text := range made.Warnings {
		log.Warn(text)
	}
	if !c.IsSet("url") {
		log.Warn("There is no --url: put the address of your PI Web API in the place of " + exampleURL)
	}
	if _, err := io.WriteString(p.stdout, made.Text); err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	return nil
}

// allowed checks which flags are given.
func allowed(c *cli.Command, needed, refused []string, when string) error {
	for _, name := range needed {
		if c.String(name) == "" {
			return usageError{fmt.Errorf("config pi-http needs --%s %s", name, when)}
		}
	}
	for _, name := range refused {
		if c.IsSet(name) {
			return usageError{fmt.Errorf("config pi-http takes no --%s %s", name, when)}
		}
	}
	return nil
}

// blocksFrom returns blocks for the series in a file.
func (p *program) blocksFrom(c *cli.Command, want stockhttp.Selection, log *slog.Logger) ([]stockhttp.Block, error) {
	name, file := c.String("from"), p.stdin
	if name == "-" {
		name = "stdin"
		if isTerminal(file) {
			log.Info("Reading line protocol from the terminal, until Ctrl-D")
		}
	} else {
		var err error
		if file, err = os.Open(name); err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
		defer file.Close()
	}
	capture, err := stockhttp.ReadCapture(file, want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	cfg := piwebapi.Config{DataServer: c.String("server"), PointName: c.String("point"), Prefix: c.String("prefix")}
	list, err := piwebapi.Points(cfg, capture.Lines())
	if err != nil {
		return nil, usageError{fmt.Errorf("--point is point_name, and --prefix is prefix, of outputs.pi_webapi: %w", err)}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no metric is as --measurement, --field and --tag want it", name)
	}
	var blocks []stockhttp.Block
	var problems []error
	for _, item := range list {
		if item.Problem != nil {
			problems = append(problems, fmt.Errorf("%s: %w", item.Source, item.Problem))
			continue
		}
		blocks = append(blocks, capture.Block(c.String("url"), c.String("server"), item.Point.Name, item.Point.Series, item.Point.Field))
	}
	if hostless := capture.Hostless(); hostless != "" {
		log.Warn(fmt.Sprintf("%s has no tag host, which Telegraf adds: take lines that Telegraf's outputs.file has written", hostless))
	}
	return blocks, errors.Join(problems...)
}
