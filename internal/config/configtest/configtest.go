// Package configtest checks the sample configuration of a plugin, and what is
// said of a faulty one. Only tests import it.
//
// A sample is written the way Telegraf's are, every line indented by two spaces
// under the header of the plugin's table:
//
//	# One line on what the plugin does
//	[[inputs.example]]
//	  ## Documentation has two number signs
//	  address = "required"
//
//	  ## A line with one number sign is an option that shows its default
//	  # interval = "10s"
//
//	  # [inputs.example.auth]
//	  #   user = ""
//
// The line above the header may have one number sign.
package configtest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"telegraf-ipvs/internal/config"
)

// CheckSample reports as errors of t everything that is wrong with the sample
// configuration of a plugin. table is the plugin's table, such as "inputs.ipvs";
// defaults is the plugin's configuration struct, or a pointer to one, with the
// value of every default filled in.
//
// The sample must decode without error as it stands, and again with every
// commented option put in force. Every field of the struct and of the structs
// in it must have a toml tag and appear in the sample. Every commented option
// must show the value that defaults holds, where an empty list and none, and a
// pointer and what it points to, are the same.
//
// Environment variables have the value "x" here. Commented options with a
// variable in their value, lists of tables and maps are taken for examples, and
// are not compared with defaults.
func CheckSample(t testing.TB, sample, table string, defaults any) {
	t.Helper()
	for _, problem := range problems(sample, table, defaults) {
		t.Errorf("sample of %s: %s", table, problem)
	}
}

func problems(sample, table string, defaults any) []string {
	want := reflect.Indirect(reflect.ValueOf(defaults))
	if want.Kind() != reflect.Struct {
		panic("configtest: CheckSample needs a struct of defaults")
	}
	header := "[[" + table + "]]"
	lines := strings.Split(sample, "\n")
	if n := strings.Count("\n"+sample, "\n"+header); n != 1 {
		return []string{fmt.Sprintf("want one line %s, got %d", header, n)}
	}
	first := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, header) })

	if _, err := decode("sample", sample, table, want.Type()); err != nil {
		return []string{err.Error()}
	}
	full, commented := uncomment(lines, first)
	got, err := decode("sample with its options in force", full, table, want.Type())
	if err != nil {
		return []string{err.Error() + "\n(lines with one # are options; documentation needs ##)"}
	}

	var all []string
	options := readOptions(full, strings.Count(table, ".")+1)
	seen := make(map[string]bool)
	for _, o := range options {
		for i := range o.path {
			seen[strings.Join(o.path[:i+1], ".")] = true
		}
	}
	for _, name := range fieldNames(want.Type(), "") {
		if !seen[name] {
			all = append(all, "option "+name+" is missing")
		}
	}
	all = append(all, untagged(want.Type())...)
	for _, o := range options {
		if !commented[o.line] || o.variable {
			continue
		}
		shown, ok := lookup(got, o.path)
		actual, _ := lookup(want, o.path)
		if ok && isValue(shown.Type()) && !same(shown, actual) {
			all = append(all, fmt.Sprintf("line %d shows %s = %s, but the default is %s",
				o.line, strings.Join(o.path, "."), text(shown), text(actual)))
		}
	}
	return all
}

// decode decodes a sample strictly into a new value of type t.
func decode(name, sample, table string, t reflect.Type) (reflect.Value, error) {
	parts := strings.Split(table, ".")
	wrapped := reflect.SliceOf(t)
	for _, part := range slices.Backward(parts) {
		wrapped = reflect.StructOf([]reflect.StructField{{
			Name: "Table", Type: wrapped, Tag: reflect.StructTag(fmt.Sprintf("toml:%q", part)),
		}})
	}
	v := reflect.New(wrapped)
	env := func(string) (string, bool) { return "x", true }
	if err := config.Decode(name, []byte(sample), env, v.Interface()); err != nil {
		return reflect.Value{}, err
	}
	inner := v.Elem()
	for range parts {
		inner = inner.Field(0)
	}
	return inner.Index(0), nil
}

// uncomment puts the commented options below line first in force. It returns
// the new text, of as many lines, and the numbers of the lines it changed.
func uncomment(lines []string, first int) (full string, commented map[int]bool) {
	lines = slices.Clone(lines)
	commented = make(map[int]bool)
	for i := first + 1; i < len(lines); i++ {
		body := strings.TrimLeft(lines[i], " \t")
		if strings.HasPrefix(body, "#") && !strings.HasPrefix(body, "##") {
			lines[i] = strings.TrimPrefix(body[1:], " ")
			commented[i+1] = true
		}
	}
	return strings.Join(lines, "\n"), commented
}
