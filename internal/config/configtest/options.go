package configtest

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// option is a key of the sample that has a value.
type option struct {
	path     []string // below the plugin's table
	line     int
	variable bool // the value names an environment variable
}

// readOptions lists the options of a text whose plugin table is at a depth.
// Keys of inline tables are options of their own, beside the table.
func readOptions(text string, depth int) []option {
	var all []option
	var table []string
	var p unstable.Parser
	p.Reset([]byte(text))

	var add func(prefix []string, n *unstable.Node)
	add = func(prefix []string, n *unstable.Node) {
		path := append(append([]string(nil), prefix...), parts(n.Key())...)
		if len(path) <= depth {
			return
		}
		all = append(all, option{
			path:     path[depth:],
			line:     p.Shape(n.Raw).Start.Line,
			variable: bytes.Contains(p.Raw(n.Raw), []byte("${")),
		})
		inlineTables(n.Value(), func(n *unstable.Node) { add(path, n) })
	}
	for p.NextExpression() {
		switch n := p.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = parts(n.Key())
		case unstable.KeyValue:
			add(table, n)
		}
	}
	return all
}

// inlineTables calls f for each key-value of the inline tables in a value.
func inlineTables(value *unstable.Node, f func(*unstable.Node)) {
	for it := value.Children(); it.Next(); {
		if value.Kind == unstable.InlineTable {
			f(it.Node())
		} else {
			inlineTables(it.Node(), f)
		}
	}
}

func parts(it unstable.Iterator) []string {
	var all []string
	for it.Next() {
		all = append(all, string(it.Node().Data))
	}
	return all
}

// fieldNames lists the dotted names of the options that struct type t has.
func fieldNames(t reflect.Type, prefix string) []string {
	var all []string
	for f, name := range taggedFields(t) {
		all = append(all, prefix+name)
		if inner := tableType(f.Type); inner != nil && inner != t {
			all = append(all, fieldNames(inner, prefix+name+".")...)
		}
	}
	return all
}

// untagged lists the exported fields of struct type t, and of the structs in
// it, that decode under their Go name because they have no tag.
func untagged(t reflect.Type) []string {
	var all []string
	for _, f := range reflect.VisibleFields(t) {
		if _, tagged := f.Tag.Lookup("toml"); f.IsExported() && !tagged && !f.Anonymous {
			all = append(all, fmt.Sprintf("field %s of %s has no toml tag", f.Name, t))
		}
	}
	for f := range taggedFields(t) {
		if inner := tableType(f.Type); inner != nil && inner != t {
			all = append(all, untagged(inner)...)
		}
	}
	return all
}

// taggedFields yields the fields of struct type t that have a name in TOML,
// those of embedded structs included.
func taggedFields(t reflect.Type) func(yield func(reflect.StructField, string) bool) {
	return func(yield func(reflect.StructField, string) bool) {
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
			if f.IsExported() && name != "" && name != "-" && !yield(f, name) {
				return
			}
		}
	}
}

// tableType returns the struct that a table, or the tables of a list, decode
// into; nil when t is no such type.
func tableType(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	return t
}

// isValue reports whether an option of type t has a default of its own: a table
// has one for each option in it, a list of tables or a map has none.
func isValue(t reflect.Type) bool {
	return tableType(t) == nil && t.Kind() != reflect.Map
}

// lookup returns the value of the option at path; false when the path leads
// through a list of tables or a map. A nil pointer on the way counts as a zero
// value.
func lookup(v reflect.Value, path []string) (reflect.Value, bool) {
	for _, part := range path {
		if v = deref(v); v.Kind() != reflect.Struct {
			return v, false
		}
		var next reflect.Value
		for f, name := range taggedFields(v.Type()) {
			if name == part {
				next = v.FieldByIndex(f.Index)
			}
		}
		if v = next; !v.IsValid() {
			return v, false
		}
	}
	return v, true
}

// same reports whether two values of an option mean the same.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	if a.Kind() == reflect.Pointer && !a.IsNil() && b.IsNil() {
		return false
	}
	return reflect.DeepEqual(deref(a).Interface(), deref(b).Interface())
}

func deref(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return reflect.Zero(v.Type().Elem())
		}
		v = v.Elem()
	}
	return v
}

// text shows a value in an error.
func text(v reflect.Value) string {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "unset"
	}
	v = deref(v)
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	if v.Kind() == reflect.Slice && v.Len() == 0 {
		return "[]"
	}
	return fmt.Sprintf("%#v", v.Interface())
}
