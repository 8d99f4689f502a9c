package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v3"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/agent"
	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/queue"
)

// queueCommand looks into the queues of the configured inputs and outputs.
func (p *program) queueCommand() *cli.Command {
	output := &cli.StringFlag{Name: "output", Usage: "only the queue of the plugin `NAME`, such as outputs.pi_webapi#2 or inputs.opentsdb"}
	limit := &cli.IntFlag{Name: "limit", Value: 100, Usage: "show at most `N`; 0 shows all"}
	reason := &cli.StringFlag{Name: "reason", Usage: "only those refused for `REASON`"}
	return &cli.Command{
		Name:  "queue",
		Usage: "look into the queues of inputs and outputs",
		Description: "Works beside a running process and without one. Times are those of the machine, in UTC.\n" +
			"Standard output carries the answer, standard error what is said about it.",
		HideHelpCommand: true,
		OnUsageError:    onUsageError,
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usageError{fmt.Errorf("there is no command \"queue %s\"", c.Args().First())}
			}
			return usageError{errors.New("say what to do: queue status, list, dead-letters, replay or export")}
		},
		Commands: []*cli.Command{
			p.queueSubcommand("status", "how much is in the queue, and how old it is", "", p.queueStatus, output),
			p.queueSubcommand("list", "show what waits for delivery, oldest first", "", p.queueList, output, limit),
			p.queueSubcommand("dead-letters", "show what was refused, and why",
				"A line of line protocol follows each reason.", p.deadLetters, output, limit, reason),
			p.queueSubcommand("replay", "put what was refused back at the end of the queue",
				"Of a line with several fields only the refused one is sent again.", p.replay, output, reason),
			p.queueSubcommand("export", "write what waits for delivery as line protocol",
				"Nothing is taken out of the queue.", p.export, output,
				&cli.BoolFlag{Name: "dead-letters", Usage: "write what was refused instead, as it came"}),
		},
	}
}

// queueSubcommand is a command about each of the selected queues.
func (p *program) queueSubcommand(name, usage, description string, do func(context.Context, *cli.Command, openQueue) error, flags ...cli.Flag) *cli.Command {
	c := p.subcommand(name, usage, description, nil)
	c.Flags = append(c.Flags, flags...)
	c.Action = func(ctx context.Context, c *cli.Command) error {
		if err := p.takesOnlyConfig(c, name); err != nil {
			return err
		}
		return p.eachQueue(c.String("output"), func(q openQueue) error { return do(ctx, c, q) })
	}
	return c
}

// An openQueue is one to look into, alive or not.
type openQueue struct {
	agent.QueueInfo
	queue.Inspector
}

// eachQueue calls do for the queue of every plugin, or for the one of the plugin only.
func (p *program) eachQueue(only string, do func(openQueue) error) error {
	c, err := agent.LoadConfig(p.config)
	if err != nil {
		return err
	}
	var names []string
	found := false
	for _, info := range c.Queues() {
		names = append(names, info.Name)
		if only != "" && only != info.Name {
			continue
		}
		found = true
		q, err := queue.Inspect(queue.Config{Dir: info.Dir, RenderReplay: outlet.RenderReplay})
		if err == nil {
			err = errors.Join(do(openQueue{info, q}), q.Close())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", info.Name, err)
		}
	}
	switch {
	case len(names) == 0:
		return fmt.Errorf("%s configures no plugin that has a queue", p.config)
	case !found:
		return fmt.Errorf("there is no queue of %q; there are those of %s", only, strings.Join(names, ", "))
	}
	return nil
}

func (p *program) queueStatus(_ context.Context, _ *cli.Command, q openQueue) error {
	s, err := q.Stats()
	if err != nil {
		return err
	}
	held, err := q.HeldTargets()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	state := "nobody has it open"
	if q.Live() {
		state = "in use by a running process"
	}
	fmt.Fprintf(w, "%s\t%s\n", q.Name, q.Dir)
	fmt.Fprintf(w, "  state\t%s\n", state)
	fmt.Fprintf(w, "  waiting\t%d metrics, %s\n", s.Records, size(s.Bytes))
	if !s.Oldest.IsZero() {
		fmt.Fprintf(w, "  oldest\t%s, %s ago\n", moment(s.Oldest), time.Since(s.Oldest).Round(time.Second))
	}
	fmt.Fprintf(w, "  file\t%s\n", size(s.FileBytes))
	if s.Full {
		fmt.Fprintf(w, "  full\tyes: nothing more is taken until something is delivered\n")
	}
	fmt.Fprintf(w, "  put aside\t%d values for %d targets\n", s.Held, len(held))
	for _, h := range held {
		fmt.Fprintf(w, "    %s\t%d since %s, tried again %s\n", h.Target, h.Count, moment(h.Oldest), moment(h.Due))
	}
	fmt.Fprintf(w, "  dead letters\t%d, %s\n", s.DeadLetters, size(s.DeadBytes))
	if q.Live() {
		fmt.Fprintf(w, "  since the start\t%d taken, %d settled; dropped: %d for space, %d for age, %d old dead letters; damaged: %d\n",
			s.Appended, s.Settled, s.DroppedFull, s.DroppedAge, s.DroppedDead, s.Damaged)
	}
	return w.Flush()
}

// page is how many entries are asked for at a time.
const page = 1000

func (p *program) queueList(_ context.Context, c *cli.Command, q openQueue) error {
	return eachRecord(q, int(c.Int("limit")), func(r queue.Record) error {
		_, err := fmt.Fprintf(p.stdout, "%d\t%s\t%s\n", r.Seq, moment(r.Time), r.Data)
		return err
	})
}

// eachRecord calls do for the oldest records, as many as limit, or all of them.
func eachRecord(q openQueue, limit int, do func(queue.Record) error) error {
	after, shown := uint64(0), 0
	for limit == 0 || shown < limit {
		n := page
		if limit > 0 {
			n = min(n, limit-shown)
		}
		list, err := q.List(after, n)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, r := range list {
			if err := do(r); err != nil {
				return err
			}
			after = r.Seq
			shown++
		}
	}
	return nil
}

func (p *program) deadLetters(_ context.Context, c *cli.Command, q openQueue) error {
	limit := int(c.Int("limit"))
	shown := 0
	return eachLetter(q, c.String("reason"), func(l queue.Letter) (bool, error) {
		what := l.Field
		if l.Target != "" {
			what += " -> " + l.Target
		}
		_, err := fmt.Fprintf(p.stdout, "%d\t%s\t%s\t%s\t%s\n\t%s\n", l.ID, moment(l.Time), l.Reason, what,
			strconv.QuoteToGraphic(l.Detail), l.Line)
		shown++
		return limit == 0 || shown < limit, err
	})
}

// eachLetter calls do for the dead letters with a reason, until it returns false.
func eachLetter(q openQueue, reason string, do func(queue.Letter) (bool, error)) error {
	for after := uint64(0); ; {
		list, err := q.DeadLetters(after, page)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, l := range list {
			after = l.ID
			if reason != "" && l.Reason != reason {
				continue
			}
			if more, err := do(l); err != nil || !more {
				return err
			}
		}
	}
}

func (p *program) replay(ctx context.Context, c *cli.Command, q openQueue) error {
	var ids []uint64
	err := eachLetter(q, c.String("reason"), func(l queue.Letter) (bool, error) {
		ids = append(ids, l.ID)
		return true, nil
	})
	if err != nil {
		return err
	}
	bar := p.bar("replayed", len(ids))
	done := 0
	for done < len(ids) {
		n := min(page, len(ids)-done)
		if err := q.Replay(ctx, ids[done:done+n]); err != nil {
			return fmt.Errorf("%d of %d are back in the queue: %w", done, len(ids), err)
		}
		done += n
		_ = bar.Add(n)
	}
	_ = bar.Finish()
	fmt.Fprintf(p.stdout, "%s: %d dead letters are back in the queue\n", q.Name, done)
	return nil
}

func (p *program) export(_ context.Context, c *cli.Command, q openQueue) error {
	s, err := q.Stats()
	if err != nil {
		return err
	}
	if c.Bool("dead-letters") {
		bar := p.bar("exported", int(s.DeadLetters))
		defer bar.Finish()
		return eachLetter(q, "", func(l queue.Letter) (bool, error) {
			_ = bar.Add(1)
			_, err := fmt.Fprintf(p.stdout, "%s\n", l.Line)
			return true, err
		})
	}
	bar := p.bar("exported", int(s.Records))
	defer bar.Finish()
	return eachRecord(q, 0, func(r queue.Record) error {
		_ = bar.Add(1)
		_, err := fmt.Fprintf(p.stdout, "%s\n", r.Data)
		return err
	})
}

// bar is a progress bar on a terminal, and nothing elsewhere.
func (p *program) bar(what string, n int) *progressbar.ProgressBar {
	return progressbar.NewOptions(n,
		progressbar.OptionSetWriter(p.stderr),
		progressbar.OptionSetVisibility(isTerminal(p.stderr)),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// size renders a number of bytes.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
