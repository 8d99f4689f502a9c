package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// described is implemented by the types of this package, for error messages.
type described interface {
	describe() (what, examples string)
}

// field returns the type of the field of struct type t that key fills.
func field(t reflect.Type, key string) (reflect.Type, bool) {
	found, ok := fields(t)[key]
	return found, ok
}

// keys returns the keys of struct type t in alphabetical order.
func keys(t reflect.Type) []string {
	var all []string
	for key := range fields(t) {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// fields returns what go-toml sees in struct type t: exported fields under the
// name of their tag or else their own, and the fields of embedded structs.
func fields(t reflect.Type) map[string]reflect.Type {
	all := make(map[string]reflect.Type)
	var embedded []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case f.Tag.Get("toml") == "-":
		case f.Anonymous && name == "":
			if e := indirect(f.Type); e.Kind() == reflect.Struct && e != t {
				embedded = append(embedded, e)
			}
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			all[name] = f.Type
		}
	}
	for _, e := range embedded {
		for name, t := range fields(e) {
			if _, shadowed := all[name]; !shadowed {
				all[name] = t
			}
		}
	}
	return all
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// isText reports whether t reads its values itself.
func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func isDateTime(t reflect.Type) bool { return t == reflect.TypeFor[time.Time]() }

// isTable reports whether a TOML table fits t.
func isTable(t reflect.Type) bool {
	return (t.Kind() == reflect.Struct || t.Kind() == reflect.Map) && !isText(t)
}

// isList reports whether t is a list of tables.
func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && isTable(indirect(t.Elem()))
}

// describe names what t takes, in the words of a configuration's author.
func describe(t reflect.Type) (what, examples string) {
	t = indirect(t)
	if d, ok := reflect.Zero(t).Interface().(described); ok {
		return d.describe()
	}
	switch {
	case isDateTime(t):
		return "date and time", "example: 2026-01-31T12:00:00Z"
	case isText(t):
		return "string", ""
	case isTable(t):
		return "table", ""
	}
	switch t.Kind() {
	case reflect.String:
		return "string", ""
	case reflect.Bool:
		return "boolean", "write true or false without quotes"
	case reflect.Float32, reflect.Float64:
		return "number", ""
	case reflect.Slice:
		element, examples := describe(t.Elem())
		return "list of " + element + "s", examples
	}
	if low, high, ok := limits(t); ok {
		if t.Bits() == 64 {
			return "integer", ""
		}
		return fmt.Sprintf("integer from %s to %s", low, high), ""
	}
	return t.String(), ""
}
