package piwebapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/internal/outlet"
)

// A Listed is what a configuration makes of one field of one series.
type Listed struct {
	// Source names the series and the field; of a line that is none, it is its text.
	Source string
	// Point is nil when the field has none.
	Point *Point
	// Descriptor is what Point.Descriptor returns.
	Descriptor string
	// Problem says why there is no Point. It is nil if there is one.
	Problem error
}

// Points lists, in the order in which they come, the points for the fields of metrics in line protocol. Each is listed
// once. Lines that cannot be read are listed with their problem; empty lines and comments are passed over. The error is
// of the configuration, whose names alone are looked at, or of reading.
func Points(c Config, lines io.Reader) ([]Listed, error) {
	m, err := NewMapper(c, nil)
	if err != nil {
		return nil, err
	}
	l := &lister{mapper: m, parser: metric.NewParser(metric.ParserOptions{}), seen: make(map[string]bool)}
	r := bufio.NewReader(lines)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		l.line(n, bytes.TrimRight(line, "\r\n"))
		if errors.Is(err, io.EOF) {
			return l.all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read line %d: %w", n, err)
		}
	}
}

type lister struct {
	mapper *Mapper
	parser *metric.Parser
	seen   map[string]bool // by source
	all    []Listed
}

func (l *lister) line(n int, line []byte) {
	if text := bytes.TrimSpace(line); len(text) == 0 || text[0] == '#' {
		return
	}
	mt, _, err := l.parser.Parse(line)
	if err != nil {
		const most = 80
		l.all = append(l.all, Listed{Source: string(line[:min(len(line), most)]), Problem: fmt.Errorf("line %d: %w", n, err)})
		return
	}
	sub := l.mapper.naming.subject(mt.Series)
	for i := range mt.Fields {
		f := &mt.Fields[i]
		from := outlet.Source(mt.Series, f.Key.Name())
		if l.seen[from] {
			continue
		}
		l.seen[from] = true
		item := Listed{Source: from}
		e := planned{Key: f.Key}
		l.mapper.resolve(&e, mt.Series, sub, f.Value.Kind())
		if item.Point = e.Target; e.Problem != nil {
			item.Problem = e.Problem
		} else if item.Descriptor, err = e.Target.Descriptor(); err != nil {
			item.Problem = fmt.Errorf("descriptor: %w", err)
		}
		l.all = append(l.all, item)
	}
}

// WritePoints writes a list for people.
func WritePoints(w io.Writer, list []Listed) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(t, "POINT\tTYPE\tSTEP\tUNITS\tSOURCE")
	for _, item := range list {
		if err != nil {
			return err
		}
		p := item.Point
		switch {
		case p == nil:
			_, err = fmt.Fprintf(t, "-\t-\t-\t-\t%s: %v\n", item.Source, item.Problem)
		case p.Fixed || p.IsAttribute():
			_, err = fmt.Fprintf(t, "%s\t(exists)\t-\t-\t%s\n", p.Path, item.Source)
		default:
			step := "no"
			if p.Spec.Step {
				step = "yes"
			}
			_, err = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.Name, p.Spec.Type, step, p.Spec.Units, item.Source)
		}
	}
	return errors.Join(err, t.Flush())
}
