package scenario

import (
	"encoding/csv"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/telegraftest"
)

// A scadaTail follows files as inputs.tail with data_format "csv" does, and does with the rows what the processors behind it
// do. It knows the options that the scenario uses and fails on any other.
type scadaTail struct {
	t          testing.TB
	input      telegraftest.Plugin
	processors []telegraftest.Plugin
	output     telegraftest.Plugin
	zone       *time.Location

	offsets map[string]int64 // how far each file is read: what Telegraf keeps in its statefile at its end
	refused []string         // rows that Telegraf logs as malformed
	dropped []string         // texts that are no numbers, which the converter logs
}

// newScadaTail reads the options. offsets are those of the Telegraf that ran before, nil without its statefile.
func newScadaTail(t testing.TB, config *telegraftest.Config, offsets map[string]int64) *scadaTail {
	t.Helper()
	s := &scadaTail{
		t: t, input: config.Only(t, "inputs.tail"), output: ipvsExecd(t, config, "outputs.execd", "pi.conf"), offsets: map[string]int64{},
		processors: append(config.All("processors.strings"), config.All("processors.converter")...),
	}
	maps.Copy(s.offsets, offsets)
	requireKnown(t, s.input, "files", "initial_read_offset", "watch_method", "max_undelivered_lines", "character_encoding", "path_tag",
		"data_format", "name_override", "csv_delimiter", "csv_column_names", "csv_comment", "csv_column_types", "csv_tag_columns",
		"csv_skip_values", "csv_trim_space", "csv_timestamp_column", "csv_timestamp_format", "csv_timezone")
	// What stands in code below in place of asking for the option.
	require.Equal(t, "saved-or-beginning", s.input.Text("initial_read_offset"))
	require.Equal(t, "utf-8", s.input.Text("character_encoding"))
	require.Equal(t, "", s.input.Options["path_tag"])
	require.Equal(t, "csv", s.input.Text("data_format"))
	for i, kind := range s.input.List("csv_column_types") {
		require.Equal(t, "string", kind, "type of column %d", i+1)
	}
	require.Len(t, s.input.List("csv_column_types"), len(s.input.List("csv_column_names")))
	var err error
	s.zone, err = time.LoadLocation(s.input.Text("csv_timezone"))
	require.NoError(t, err)

	slices.SortStableFunc(s.processors, func(a, b telegraftest.Plugin) int { return int(order(a) - order(b)) })
	for _, p := range s.processors {
		requireKnown(t, p, "order", "replace", "fields")
		require.NotZero(t, order(p), "without an order two processors work in any")
	}
	return s
}

func order(p telegraftest.Plugin) int64 {
	n, _ := p.Options["order"].(int64)
	return n
}

// read returns what comes out of the files since it was last called, as lines for telegraf-ipvs. A row counts when its end is
// there.
func (s *scadaTail) read() string {
	s.t.Helper()
	var lines strings.Builder
	for _, pattern := range s.input.List("files") {
		files, err := filepath.Glob(pattern)
		require.NoError(s.t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(s.t, err)
			content = content[s.offsets[file]:]
			if s.offsets[file] == 0 && strings.HasPrefix(string(content), "\uFEFF") {
				content = content[len("\uFEFF"):]
				s.offsets[file] = int64(len("\uFEFF"))
			}
			whole := content[:strings.LastIndexByte(string(content), '\n')+1]
			s.offsets[file] += int64(len(whole))
			for row := range strings.Lines(string(whole)) {
				row = strings.TrimRight(strings.TrimSuffix(row, "\n"), "\r")
				for _, m := range s.parse(strings.ToValidUTF8(row, "\uFFFD")) {
					lines.WriteString(s.process(m))
				}
			}
		}
	}
	return lines.String()
}

// parse makes metrics of a row: one, or none of a comment or of a row that is refused.
func (s *scadaTail) parse(row string) []telegraftest.Metric {
	s.t.Helper()
	r := csv.NewReader(strings.NewReader(row))
	r.FieldsPerRecord = -1
	for _, c := range s.input.Text("csv_delimiter") { // one character each, if set
		r.Comma = c
	}
	for _, c := range s.input.Text("csv_comment") {
		r.Comment = c
	}
	r.TrimLeadingSpace = s.input.Flag("csv_trim_space", false)
	records, err := r.ReadAll()
	if err != nil {
		s.refused = append(s.refused, row)
		return nil
	}
	var list []telegraftest.Metric
	for _, record := range records {
		m, err := s.metric(record)
		if err != nil {
			s.refused = append(s.refused, row)
			continue
		}
		list = append(list, m)
	}
	return list
}

func (s *scadaTail) metric(record []string) (telegraftest.Metric, error) {
	tags, fields := map[string]string{}, map[string]any{}
	for i, column := range s.input.List("csv_column_names") {
		if i >= len(record) {
			break
		}
		text := record[i]
		if s.input.Flag("csv_trim_space", false) {
			text = strings.Trim(text, " ")
		}
		switch {
		case slices.Contains(s.input.List("csv_skip_values"), text):
		case slices.Contains(s.input.List("csv_tag_columns"), column):
			tags[column] = text
		default:
			fields[column] = text
		}
	}
	column := s.input.Text("csv_timestamp_column")
	text, ok := fields[column].(string)
	if !ok {
		return telegraftest.Metric{}, errors.New("no time")
	}
	delete(fields, column)
	at, err := time.ParseInLocation(s.input.Text("csv_timestamp_format"), text, s.zone)
	return telegraftest.New("tail", tags, fields, at), err
}

// process returns the line that goes to telegraf-ipvs, "" for none.
func (s *scadaTail) process(m telegraftest.Metric) string {
	s.t.Helper()
	m, ok := s.input.Pass(m)
	if !ok {
		return ""
	}
	fields := m.Fields()
	for _, p := range s.processors {
		for _, replace := range p.Tables("replace") {
			if text, ok := fields[replace["field"].(string)].(string); ok {
				fields[replace["field"].(string)] = strings.ReplaceAll(text, replace["old"].(string), replace["new"].(string))
			}
		}
		kinds, _ := p.Options["fields"].(map[string]any)
		for kind, names := range kinds {
			for _, name := range names.([]any) {
				s.convert(fields, name.(string), kind)
			}
		}
	}
	for name, v := range fields {
		_, text := v.(string)
		require.Equal(s.t, name == "message", text, "%s = %#v", name, v) // telegraf-ipvs could read it, others could not
	}
	m, ok = s.output.Pass(telegraftest.New(m.Name(), m.Tags(), fields, m.Time()))
	if !ok {
		return ""
	}
	return m.Line()
}

// convert makes a number of a field that is a text, or drops it.
func (s *scadaTail) convert(fields map[string]any, name, kind string) {
	s.t.Helper()
	text, ok := fields[name].(string)
	if !ok {
		return
	}
	var err error
	switch kind {
	case "float":
		fields[name], err = strconv.ParseFloat(text, 64)
	case "integer":
		fields[name], err = strconv.ParseInt(text, 10, 64)
	default:
		require.Fail(s.t, "the test does not know this kind", kind)
	}
	if err != nil {
		s.dropped = append(s.dropped, text)
		delete(fields, name)
	}
}
