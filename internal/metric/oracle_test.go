package metric_test

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

// The other decoder is the oracle of the parser, up to these differences, all deliberate:
//   - what it refuses because of a control character in a name, tag or key, or because of a byte that is not UTF-8, is
//     read with U+FFFD in its place: Telegraf writes such lines;
//   - \n, \r and \t in a text are two characters each: they are so to whoever writes a path without escapes, and
//     Telegraf's serializer escapes nothing but quotation marks and backslashes;
//   - names and keys are those of NewSeries and NewKey;
//   - of fields with the same key the last value counts, in the first place, as it is in Telegraf's metrics;
//   - a line end is not part of a line.

// want is what the oracle says about a line.
type want struct {
	point
	hasTime bool
	head    string
}

var (
	heads        = regexp.MustCompile(`(?s)^ *(?:\\ |[^ ])*`)
	texts        = regexp.MustCompile(`(?s)[^\\]="(?:\\.|[^"\\])*"`) // among the fields
	textEscapes  = regexp.MustCompile(`(?s)\\.`)
	errLineEnd   = errors.New("a line end outside of a text")
	errNoMetric  = errors.New("no metric")
	errMoreLines = errors.New("more than one metric")
)

// ask decodes a line with the oracle and applies the differences.
func ask(line []byte) (want, error) {
	head := heads.Find(line)
	fields := line[len(head):]
	if bytes.ContainsRune(head, '\n') || bytes.ContainsRune(texts.ReplaceAllLiteral(fields, nil), '\n') {
		return want{}, errLineEnd
	}
	fields = texts.ReplaceAllFunc(fields, func(text []byte) []byte {
		return textEscapes.ReplaceAllFunc(text, func(escape []byte) []byte {
			if bytes.ContainsAny(escape[1:], "nrt") {
				return append([]byte{'\\'}, escape...)
			}
			return escape
		})
	})
	w, err := decodeAny([]byte(withoutControls(string(head) + string(fields))))
	if err != nil {
		return w, err
	}
	s, err := metric.NewSeries(w.name, w.tags...)
	if err != nil {
		return w, err
	}
	w.head = s.Head()
	var unique []value
	for _, f := range w.fields {
		f.key = metric.NewKey(f.key).Name()
		if i := slices.IndexFunc(unique, func(g value) bool { return f.key == g.key }); i >= 0 {
			unique[i].Value = f.Value
		} else {
			unique = append(unique, f)
		}
	}
	w.fields = unique
	return w, nil
}

// withoutControls makes a line one that the oracle can read.
func withoutControls(s string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' || r == 0x7f) && !strings.ContainsRune("\t\n\f\r", r) {
			return '\uFFFD'
		}
		return r
	}, string([]rune(s)))
}

// decodeAny decodes what must be one line, as the oracle sees it.
func decodeAny(line []byte) (w want, err error) {
	d := lineprotocol.NewDecoderWithBytes(line)
	if !d.Next() {
		return w, errNoMetric
	}
	name, err := d.Measurement()
	if err != nil {
		return w, err
	}
	w.name = string(name)
	for {
		k, v, err := d.NextTag()
		if err != nil {
			return w, err
		}
		if k == nil {
			break
		}
		w.tags = append(w.tags, metric.Tag{Key: string(k), Value: string(v)})
	}
	for {
		k, v, err := d.NextField()
		if err != nil {
			return w, err
		}
		if k == nil {
			break
		}
		w.fields = append(w.fields, value{string(k), fromOracle(v)})
	}
	at, err := d.Time(lineprotocol.Nanosecond, time.Time{})
	if err != nil {
		return w, err
	}
	if w.hasTime = !at.IsZero(); w.hasTime {
		w.ns = at.UnixNano()
	}
	if d.Next() {
		return w, errMoreLines
	}
	return w, nil
}

func fromOracle(v lineprotocol.Value) metric.Value {
	switch v.Kind() {
	case lineprotocol.Int:
		return metric.Int(v.IntV())
	case lineprotocol.Uint:
		return metric.Uint(v.UintV())
	case lineprotocol.Float:
		return metric.Float(v.FloatV())
	case lineprotocol.Bool:
		return metric.Bool(v.BoolV())
	}
	return metric.String(v.StringV())
}

// requireSame compares what p says about a line with what the oracle says.
func requireSame(t testing.TB, p *metric.Parser, line []byte) {
	t.Helper()
	w, refused := ask(line)
	m, hasTime, err := p.Parse(line)
	if refused != nil {
		require.Error(t, err, "%q is refused by the oracle: %v", line, refused)
		var e *metric.ParseError
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Reason)
		require.GreaterOrEqual(t, e.Offset, 0)
		require.LessOrEqual(t, e.Offset, len(line))
		require.Nil(t, m)
		return
	}
	require.NoError(t, err, "%q", line)
	require.Equal(t, w.head, m.Series.Head(), "%q", line)
	require.Equal(t, w.hasTime, hasTime, "%q", line)
	require.Equal(t, hasTime, !m.Time.IsZero(), "%q", line)
	if hasTime {
		require.Equal(t, w.ns, m.Time.UnixNano(), "%q", line)
	}
	var got []value
	for _, f := range m.Fields {
		v := f.Value
		if v.Kind() == metric.KindString {
			v = metric.String(withoutControls(v.Str())) // as they were taken from the oracle
		}
		got = append(got, value{f.Key.Name(), v})
	}
	require.Equal(t, w.fields, got, "%q", line)
}
