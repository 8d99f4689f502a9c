package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"telegraf-ipvs/internal/execd"
)

// Once gathers every input once and writes the metrics to stdout. What one input
// could not gather does not keep the others from it; the error tells all of it. An
// input that others send to has nothing to gather.
func Once(ctx context.Context, c Config, log *slog.Logger, stdout *os.File) error {
	sources, err := c.sources(log)
	if err != nil {
		return err
	}
	if n := len(c.Inputs.OpenTSDB); n > 0 {
		log.Info("[[inputs.opentsdb]] is left out: it listens, and has nothing to gather")
	}
	return once(ctx, sources, log, stdout)
}

func once(ctx context.Context, sources []*source, log *slog.Logger, stdout *os.File) error {
	w := execd.NewWriter(stdout, execd.WriterOptions{})
	var problems []error
	for _, s := range sources {
		gathered, written := s.gather(ctx, w)
		_ = s.Close() // only sockets that were read from
		if gathered != nil {
			problems = append(problems, within(s.name, gathered))
		}
		if written != nil {
			problems = append(problems, fmt.Errorf("write metrics to stdout: %w", written))
			break
		}
	}
	if w.Stats().Lines == 0 && len(problems) == 0 {
		log.Info("There is nothing to report: the table of every configured input is empty")
	}
	return errors.Join(problems...)
}
