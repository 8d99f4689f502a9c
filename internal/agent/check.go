package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// errUnwell is Check's error; the details are in what it has written.
var errUnwell = errors.New("not everything is well, see above")

// Check writes to out how everything stands that the configured plugins need, a
// line each, and under what is not well how to mend it. The error says only that
// something is not.
func Check(ctx context.Context, c Config, log *slog.Logger, out io.Writer) error {
	in, sinks, err := c.plugins(log)
	if err != nil {
		return err
	}
	return check(ctx, in, sinks, out)
}

func check(ctx context.Context, in inputs, sinks []*sink, out io.Writer) error {
	well := true
	var failed error
	width := 12
	for _, s := range in.services {
		width = max(width, len(s.name))
	}
	for _, s := range sinks {
		width = max(width, len(s.name))
	}
	report := func(name string) func(string, string, error) {
		return func(subject, state string, err error) {
			mark := "ok  "
			if err != nil {
				mark, well = "FAIL", false
			}
			_, werr := fmt.Fprintf(out, "%s  %-*s %-12s %s\n", mark, width, name, subject, state)
			failed = errors.Join(failed, werr)
			if err != nil {
				_, werr = fmt.Fprintln(out, problem{"      ", err})
				failed = errors.Join(failed, werr)
			}
		}
	}
	for _, s := range in.sources {
		s.Check(ctx, report(s.name))
		_ = s.Close() // only sockets that were read from
	}
	for _, s := range in.services {
		s.Check(ctx, report(s.name))
	}
	for _, s := range sinks {
		s.Check(ctx, report(s.name))
		_ = s.Close() // nothing was stored
	}
	if failed == nil && !well {
		return errUnwell
	}
	return failed
}
