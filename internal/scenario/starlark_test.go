package scenario

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"telegraf-ipvs/internal/telegraftest"
)

// A script is one of processors.starlark, run by the engine that Telegraf has in it. Of what Telegraf puts around that there
// is what the scenarios' scripts use, after plugins/common/starlark of Telegraf 1.39: the function Metric; metrics with name,
// tags, fields and time; and the dictionary state, which outlives an orderly restart as far as its values are plain.
type script struct {
	t      testing.TB
	plugin telegraftest.Plugin
	source string
	apply  starlark.Value
	thread *starlark.Thread
	state  *starlark.Dict
}

// startScript loads the script that a table [[processors.starlark]] names, from a file of the scenario.
func startScript(t testing.TB, plugin telegraftest.Plugin, file string) *script {
	t.Helper()
	for key := range plugin.Options {
		require.Contains(t, []string{"script", "alias", "namepass"}, key, "an option of processors.starlark that the test does not know")
	}
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	s := &script{t: t, plugin: plugin, source: string(source)}
	s.load(starlark.NewDict(0))
	return s
}

// load runs the script's outermost statements. What they have defined is frozen, save for state.
func (s *script) load(state *starlark.Dict) {
	s.t.Helper()
	s.state, s.thread = state, &starlark.Thread{}
	globals, err := starlark.ExecFileOptions(&syntax.FileOptions{Set: true, GlobalReassign: true, Recursion: true}, s.thread,
		s.plugin.Text("script"), s.source, starlark.StringDict{"Metric": starlark.NewBuiltin("Metric", makeMetric), "state": s.state})
	require.NoError(s.t, err)
	globals.Freeze()
	require.NotContains(s.t, globals, "state", "a script that defines state itself has none that lasts")
	s.apply = globals["apply"]
	require.IsType(s.t, &starlark.Function{}, s.apply)
}

// restart ends the script and begins anew with what Telegraf keeps in its statefile, or after a crash with nothing.
func (s *script) restart(crash bool) {
	s.t.Helper()
	kept := starlark.NewDict(0)
	for _, item := range s.state.Items() {
		_, err := plainValue(item[1])
		require.NoError(s.t, err, "state[%v] does not last", item[0])
		require.IsType(s.t, starlark.String(""), item[0])
		if !crash {
			require.NoError(s.t, kept.SetKey(item[0], item[1]))
		}
	}
	s.load(kept)
}

// process hands metrics to the script one by one, and returns what it lets pass and adds.
func (s *script) process(list []telegraftest.Metric) (after []telegraftest.Metric) {
	s.t.Helper()
	for _, m := range list {
		chosen, ok := s.plugin.Pass(m)
		if !ok {
			after = append(after, m)
			continue
		}
		result, err := starlark.Call(s.thread, s.apply, starlark.Tuple{toStarlark(chosen)}, nil)
		require.NoError(s.t, err, "%s", m)
		switch result := result.(type) {
		case *starlark.List:
			for v := range result.Elements() {
				after = append(after, s.fromStarlark(v))
			}
		case starlark.NoneType:
		default:
			after = append(after, s.fromStarlark(result))
		}
	}
	return after
}

// A starlarkMetric is a metric as a script sees it.
type starlarkMetric struct {
	name         starlark.String
	tags, fields *starlark.Dict
	time         starlark.Int
}

func makeMetric(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	m := &starlarkMetric{tags: starlark.NewDict(0), fields: starlark.NewDict(0), time: starlark.MakeInt64(time.Now().UnixNano())}
	return m, starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &m.name)
}

func toStarlark(m telegraftest.Metric) *starlarkMetric {
	s := &starlarkMetric{
		name: starlark.String(m.Name()), tags: starlark.NewDict(0), fields: starlark.NewDict(0),
		time: starlark.MakeInt64(m.Time().UnixNano()),
	}
	tags, fields := m.Tags(), m.Fields()
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		_ = s.tags.SetKey(starlark.String(key), starlark.String(tags[key])) // strings can be keys
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		var v starlark.Value = starlark.None
		switch field := fields[key].(type) {
		case int64:
			v = starlark.MakeInt64(field)
		case uint64:
			v = starlark.MakeUint64(field)
		case float64:
			v = starlark.Float(field)
		case string:
			v = starlark.String(field)
		case bool:
			v = starlark.Bool(field)
		}
		_ = s.fields.SetKey(starlark.String(key), v)
	}
	return s
}

// fromStarlark returns a metric that a script has given back.
func (s *script) fromStarlark(v starlark.Value) telegraftest.Metric {
	s.t.Helper()
	require.IsType(s.t, &starlarkMetric{}, v)
	m := v.(*starlarkMetric)
	tags, fields := map[string]string{}, map[string]any{}
	for _, item := range m.tags.Items() {
		require.IsType(s.t, starlark.String(""), item[0])
		require.IsType(s.t, starlark.String(""), item[1], "tag %v", item[0])
		tags[string(item[0].(starlark.String))] = string(item[1].(starlark.String))
	}
	for _, item := range m.fields.Items() {
		require.IsType(s.t, starlark.String(""), item[0])
		field, err := plainValue(item[1])
		require.NoError(s.t, err, "field %v", item[0])
		fields[string(item[0].(starlark.String))] = field
	}
	at, ok := m.time.Int64()
	require.True(s.t, ok)
	return telegraftest.New(string(m.name), tags, fields, time.Unix(0, at).UTC())
}

// plainValue returns a value that can be a field.
func plainValue(v starlark.Value) (any, error) {
	switch v := v.(type) {
	case starlark.Int:
		if n, ok := v.Int64(); ok {
			return n, nil
		}
	case starlark.Float:
		return float64(v), nil
	case starlark.String:
		return string(v), nil
	case starlark.Bool:
		return bool(v), nil
	}
	return nil, fmt.Errorf("a value of type %s, %v, is none that a field can have", v.Type(), v)
}

func (m *starlarkMetric) String() string        { return "Metric(" + m.name.String() + ")" }
func (m *starlarkMetric) Type() string          { return "Metric" }
func (m *starlarkMetric) Freeze()               {}
func (m *starlarkMetric) Truth() starlark.Bool  { return true }
func (m *starlarkMetric) Hash() (uint32, error) { return 0, fmt.Errorf("not hashable") }
func (m *starlarkMetric) AttrNames() []string   { return []string{"name", "tags", "fields", "time"} }

// Attr returns a part of the metric. Tags and fields are dictionaries, of whose methods Telegraf's have the same.
func (m *starlarkMetric) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return m.name, nil
	case "tags":
		return m.tags, nil
	case "fields":
		return m.fields, nil
	case "time":
		return m.time, nil
	}
	return nil, nil // there is no such part
}

// SetField changes name or time.
func (m *starlarkMetric) SetField(name string, v starlark.Value) error {
	text, isText := v.(starlark.String)
	at, isInt := v.(starlark.Int)
	switch {
	case name == "name" && isText:
		m.name = text
	case name == "time" && isInt:
		m.time = at
	default:
		return fmt.Errorf("cannot set %s to a %s", name, v.Type())
	}
	return nil
}
