package telegraftest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A table is one of TOML, with its entries in the order of the file.
type table struct {
	line    int
	inline  bool
	entries []*entry
}

// An entry is a key with what it stands for: a string, bool, int64, float64, []any, *table, or []*table.
type entry struct {
	key   string
	line  int
	value any
}

func (t *table) find(key string) *entry {
	for _, e := range t.entries {
		if e.key == key {
			return e
		}
	}
	return nil
}

// options returns the table as a [Plugin] has it.
func (t *table) options() map[string]any {
	m := make(map[string]any, len(t.entries))
	for _, e := range t.entries {
		m[e.key] = plain(e.value)
	}
	return m
}

func plain(value any) any {
	switch v := value.(type) {
	case *table:
		return v.options()
	case []*table:
		list := make([]map[string]any, len(v))
		for i, t := range v {
			list[i] = t.options()
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = plain(e)
		}
		return list
	}
	return value
}

// A builder makes tables of what the parser sees.
type builder struct {
	parser   unstable.Parser
	env      func(string) (string, bool)
	root     *table
	at       *table // the one that keys go into
	problems []problem
}

// parse reads TOML and replaces the environment variables in its strings.
func parse(text string, env func(string) (string, bool)) (*table, []problem) {
	var all map[string]any
	if err := toml.Unmarshal([]byte(text), &all); err != nil { // which finds duplicates too
		line := 1
		if bad := (*toml.DecodeError)(nil); errors.As(err, &bad) {
			line, _ = bad.Position()
		}
		return nil, []problem{{line, strings.TrimPrefix(err.Error(), "toml: ")}}
	}
	b := &builder{env: env, root: &table{line: 1}}
	b.at = b.root
	b.parser.Reset([]byte(text))
	for b.parser.NextExpression() {
		switch e := b.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			b.open(e)
		case unstable.KeyValue:
			b.add(b.at, e)
		}
	}
	return b.root, b.problems
}

// open enters a table by its header.
func (b *builder) open(header *unstable.Node) {
	keys, line := b.keys(header)
	b.at = b.root
	for i, key := range keys {
		last := i == len(keys)-1
		e := b.at.find(key)
		if e == nil {
			e = &entry{key: key, line: line}
			b.at.entries = append(b.at.entries, e)
			e.value = &table{line: line}
			if last && header.Kind == unstable.ArrayTable {
				e.value = []*table(nil)
			}
		}
		switch v := e.value.(type) {
		case *table:
			b.at = v
			if last {
				v.line = line
			}
		case []*table:
			if last && header.Kind == unstable.ArrayTable {
				v = append(v, &table{line: line})
				e.value = v
			}
			b.at = v[len(v)-1]
		}
	}
}

// add puts a key with its value into a table.
func (b *builder) add(t *table, pair *unstable.Node) {
	keys, line := b.keys(pair)
	if len(keys) > 1 {
		b.problem(line, "the key %s has a dot, which Telegraf does not take: write a table", strings.Join(keys, "."))
		return
	}
	t.entries = append(t.entries, &entry{key: keys[0], line: line, value: b.value(pair.Value(), line)})
}

func (b *builder) keys(n *unstable.Node) (keys []string, line int) {
	for it := n.Key(); it.Next(); {
		keys = append(keys, string(it.Node().Data))
		if line == 0 {
			line = b.parser.Shape(it.Node().Raw).Start.Line
		}
	}
	return keys, line
}

func (b *builder) value(n *unstable.Node, line int) any {
	switch n.Kind {
	case unstable.String:
		value, problems := substitute(string(n.Data), b.env)
		for _, problem := range problems {
			b.problem(line, "%s", problem)
		}
		return value
	case unstable.Array:
		list := []any{}
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				list = append(list, b.value(it.Node(), line))
			}
		}
		if slices.ContainsFunc(list, func(v any) bool { return reflect.TypeOf(v) != reflect.TypeOf(list[0]) }) {
			b.problem(line, "a list has values of several types, which Telegraf does not take")
		}
		return list
	case unstable.InlineTable:
		t := &table{line: line, inline: true}
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				b.add(t, it.Node())
			}
		}
		return t
	default:
		var scalar map[string]any
		if err := toml.Unmarshal(append([]byte("v = "), n.Data...), &scalar); err != nil {
			b.problem(line, "%v", err)
		}
		return scalar["v"]
	}
}

func (b *builder) problem(line int, format string, args ...any) {
	b.problems = append(b.problems, problem{line, fmt.Sprintf(format, args...)})
}
