package telegraftest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value checks the value of an option of a kind. inner is what may stand in it if it is a table.
func (k *checker) value(where string, e *entry, kind string, inner scope) {
	want := func(what string) {
		k.complain(e.line, "%s: %s wants %s, and has %s", where, e.key, what, shown(e.value))
	}
	switch kind {
	case kindText, kindSecret:
		k.text(where, e, e.value, kind, want)
	case kindFlag:
		if _, ok := e.value.(bool); !ok {
			want("true or false")
		}
	case kindInteger:
		if _, ok := e.value.(int64); !ok {
			want("an integer")
		}
	case kindNumber:
		if _, ok := e.value.(float64); !ok { // Telegraf refuses an integer
			want("a number with a decimal point")
		}
	case kindDuration, kindPlain:
		if !isDuration(e.value, kind) {
			want(`a duration such as "10s"`)
		}
	case kindSize:
		if !isSize(e.value) {
			want(`a size such as "64KiB"`)
		}
	case kindTexts, kindIntegers, kindNumbers:
		k.list(e, kind, want)
	case kindNamedText, kindNamedSecret, kindNamedTexts, kindNamedAny:
		k.named(where, e, kind, inner, want)
	case kindTable:
		t, ok := e.value.(*table)
		if !ok {
			want("a table")
			return
		}
		k.table(deeper(where, e.key, kind), t, inner)
	case kindTables:
		list, ok := tablesOf(e.value)
		if !ok {
			want("tables in double brackets")
			return
		}
		for _, t := range list {
			k.table(deeper(where, e.key, kind), t, inner)
		}
	}
}

// deeper names a table inside another.
func deeper(where, key, kind string) string {
	name := strings.TrimPrefix(strings.Trim(where, "[]")+"."+key, ".")
	if kind == kindTables {
		return "[[" + name + "]]"
	}
	return "[" + name + "]"
}

// tablesOf returns tables in double brackets, or a list of inline ones.
func tablesOf(value any) ([]*table, bool) {
	switch v := value.(type) {
	case []*table:
		return v, true
	case []any:
		var list []*table
		for _, e := range v {
			t, ok := e.(*table)
			if !ok {
				return nil, false
			}
			list = append(list, t)
		}
		return list, true
	}
	return nil, false
}

// anyReference is what looks like a reference to a secret, well formed or not.
var anyReference = regexp.MustCompile(`@\{([^}]*)\}`)

// text checks a text, and the secrets that it names.
func (k *checker) text(where string, e *entry, value any, kind string, want func(string)) {
	text, ok := value.(string)
	if !ok {
		want("a text")
		return
	}
	for _, match := range anyReference.FindAllStringSubmatch(text, -1) {
		store, _, _ := strings.Cut(match[1], ":")
		switch {
		case kind != kindSecret:
			k.complain(e.line, "%s: %s is no secret to Telegraf, which takes %s as it stands", where, e.key, match[0])
		case !reference.MatchString(match[0]):
			k.complain(e.line, "%s: %s: %s is no reference to a secret: write @{store:key} with letters, digits and _", where, e.key, match[0])
		case !slices.Contains(k.stores, store):
			k.complain(e.line, "%s: %s: there is no secret store with id = %q", where, e.key, store)
		}
	}
}

func (k *checker) list(e *entry, kind string, want func(string)) {
	list, ok := e.value.([]any)
	if !ok {
		want("a list")
		return
	}
	for _, v := range list {
		_, isText := v.(string)
		_, isInteger := v.(int64)
		_, isNumber := v.(float64)
		switch {
		case kind == kindTexts && !isText:
			want("a list of texts")
		case kind == kindIntegers && !isInteger:
			want("a list of integers")
		case kind == kindNumbers && !isNumber:
			want("a list of numbers with decimal points")
		default:
			continue
		}
		return
	}
}

// named checks a table whose keys are the user's own. An option of the plugin among them may stand there by mistake: what
// follows the header of a table belongs to that.
func (k *checker) named(where string, e *entry, kind string, inner scope, want func(string)) {
	t, ok := e.value.(*table)
	if !ok {
		want("a table")
		return
	}
	header := deeper(where, e.key, kindTable)
	for _, option := range t.entries {
		if p := inner.owner(option.key); p != "" && !t.inline {
			k.complain(option.line, "%s swallows %s, which is an option of %s: write it before that header, or if it is meant so, write %s = { ... }",
				header, option.key, p, e.key)
			continue
		}
		if element := elements[kind]; element != "" {
			k.value(header, option, element, scope{})
		}
	}
}

// elements are the kinds of the values in tables whose keys are the user's own.
var elements = map[string]string{kindNamedText: kindText, kindNamedSecret: kindSecret, kindNamedTexts: kindTexts}

// isDuration reports whether Telegraf takes a value as a duration: a text such as "1m30s" or "1d", or a number of seconds. The
// options of Telegraf itself know no days, and ignore numbers.
func isDuration(value any, kind string) bool {
	text, ok := value.(string)
	if !ok {
		_, isInteger := value.(int64)
		_, isNumber := value.(float64)
		return (isInteger || isNumber) && kind == kindDuration
	}
	if kind == kindDuration {
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return true
		}
		text = days.ReplaceAllString(text, "${1}h") // never mind how long
	}
	_, err := time.ParseDuration(text)
	return err == nil
}

// days is what Telegraf adds to Go's durations.
var days = regexp.MustCompile(`(\d+(?:\.\d+)?)d`)

// size is a number of bytes with or without a unit.
var size = regexp.MustCompile(`^\d+(\.\d+)?(kB|[KMGTPE]i?B|B)?$`)

func isSize(value any) bool {
	switch v := value.(type) {
	case int64:
		return true
	case string:
		return size.MatchString(v)
	}
	return false
}

// shown describes a value in a message.
func shown(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v)
	case *table:
		return "a table"
	case []*table:
		return "tables in double brackets"
	case []any:
		return "a list"
	}
	return fmt.Sprint(value)
}
