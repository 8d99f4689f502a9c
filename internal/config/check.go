package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// checker compares a document with the type it is to be decoded into. go-toml
// would stop at the first wrong value, take [x] for [[x]], ignore the case of
// keys, and lose the place of a number that a type refuses.
type checker struct {
	doc     *document
	parser  unstable.Parser
	lists   map[string]bool // lists of tables that have an element to go on with
	unknown map[string]bool // headers refused; what is below them goes with them
	errs    Errors
}

// key is a dotted key, and where each of its parts stands in the full text.
type key struct {
	parts   []string
	offsets []int
}

func readKey(it unstable.Iterator) key {
	var k key
	for it.Next() {
		k.parts = append(k.parts, string(it.Node().Data))
		k.offsets = append(k.offsets, int(it.Node().Raw.Offset))
	}
	return k
}

// check returns every fault of the document for a target of type root.
func (d *document) check(root reflect.Type) Errors {
	c := &checker{doc: d, lists: make(map[string]bool), unknown: make(map[string]bool)}
	c.parser.Reset(d.full)
	table, prefix := root, []string(nil)
	for c.parser.NextExpression() {
		switch e := c.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			k := readKey(e.Key())
			table, prefix = c.header(root, k, e.Kind == unstable.ArrayTable), k.parts
		case unstable.KeyValue:
			if table != nil {
				c.keyValue(table, prefix, e)
			}
		}
	}
	if err := c.parser.Error(); err != nil {
		c.errs = append(c.errs, d.syntaxError(&c.parser, err))
	}
	return c.errs
}

// header returns the type that the key-values below a [table] or [[list]] line
// fill, or nil when they are to be passed over.
func (c *checker) header(root reflect.Type, k key, list bool) reflect.Type {
	for i := 1; i < len(k.parts); i++ {
		if c.unknown[path(k.parts[:i])] {
			c.unknown[path(k.parts)] = true
			return nil
		}
	}
	t := root
	for i, part := range k.parts {
		if isList(t) {
			if !c.lists[path(k.parts[:i])] {
				name := dotted(k.parts[:i])
				c.report(k.offsets[0], name, name+" is a list of tables",
					fmt.Sprintf("write [[%s]] before [%s]", name, dotted(k.parts)))
				c.lists[path(k.parts[:i])] = true
			}
			t = indirect(t.Elem())
		}
		next, ok := c.step(t, part)
		if !ok {
			c.unknown[path(k.parts)] = true
			if t.Kind() == reflect.Struct {
				c.report(k.offsets[i], dotted(k.parts), "unknown table "+quoted(dotted(k.parts)), hint(t, k.parts[:i+1]))
			} else {
				c.mismatch(k.offsets[i], k.parts[:i], t, "table")
			}
			return nil
		}
		if t = next; t.Kind() == reflect.Interface {
			return t
		}
	}
	return c.brackets(t, k, list)
}

// brackets checks the kind of a header against the type it leads to, and
// returns the type of the table that it opens.
func (c *checker) brackets(t reflect.Type, k key, list bool) reflect.Type {
	name := dotted(k.parts)
	switch {
	case isList(t):
		if list {
			c.forget(k.parts)
		} else {
			c.report(k.offsets[0], name, name+" is a list of tables", "use double brackets: [["+name+"]]")
		}
		c.lists[path(k.parts)] = true
		return indirect(t.Elem())
	case !isTable(t):
		got := "table"
		if list {
			got = "list of tables"
		}
		c.mismatch(k.offsets[0], k.parts, t, got)
		return nil
	case list:
		c.report(k.offsets[0], name, name+" is a single table", "use single brackets: ["+name+"]")
	}
	return t
}

// forget drops the lists inside a list that has got a new element.
func (c *checker) forget(parts []string) {
	below := path(parts) + "\x00"
	for list := range c.lists {
		if strings.HasPrefix(list, below) {
			delete(c.lists, list)
		}
	}
}

// step returns the type that part names inside t.
func (c *checker) step(t reflect.Type, part string) (reflect.Type, bool) {
	switch {
	case t.Kind() == reflect.Interface:
		return t, true
	case !isTable(t):
		return nil, false
	case t.Kind() == reflect.Map:
		return indirect(t.Elem()), true
	}
	next, ok := field(t, part)
	if !ok {
		return nil, false
	}
	return indirect(next), true
}

// keyValue checks one key = value in a table of type t.
func (c *checker) keyValue(t reflect.Type, prefix []string, expr *unstable.Node) {
	k := readKey(expr.Key())
	for i, part := range k.parts {
		full := join(prefix, k.parts[:i+1])
		next, ok := c.step(t, part)
		switch {
		case ok && next.Kind() == reflect.Interface:
			return
		case ok:
			t = next
		case isList(t):
			list := dotted(full[:len(full)-1])
			c.report(k.offsets[0], list, list+" is a list of tables", "use double brackets: [["+list+"]]")
			return
		case t.Kind() == reflect.Struct && isTable(t):
			c.report(k.offsets[i], dotted(full), "unknown key "+quoted(dotted(full)), hint(t, full))
			return
		default:
			c.mismatch(k.offsets[i], full[:len(full)-1], t, "table")
			return
		}
	}
	c.value(t, join(prefix, k.parts), k.offsets[0], expr.Value())
}

// value checks a value for a target of type t. offset is where to point when
// the value has no place of its own.
func (c *checker) value(t reflect.Type, name []string, offset int, n *unstable.Node) {
	t = indirect(t)
	if n.Raw.Length > 0 {
		offset = int(n.Raw.Offset)
	}
	if t.Kind() == reflect.Interface {
		return
	}
	switch n.Kind {
	case unstable.String, unstable.Integer, unstable.Float:
		c.scalar(t, name, offset, n)
	case unstable.Bool:
		if t.Kind() != reflect.Bool {
			c.mismatch(offset, name, t, "boolean")
		}
	case unstable.Array:
		if t.Kind() != reflect.Slice || isText(t) {
			c.mismatch(offset, name, t, "list")
			return
		}
		i := 0
		for it := n.Children(); it.Next(); i++ {
			c.value(t.Elem(), element(name, i), offset, it.Node())
		}
	case unstable.InlineTable:
		if !isTable(t) {
			c.mismatch(offset, name, t, "table")
			return
		}
		for it := n.Children(); it.Next(); {
			c.keyValue(t, name, it.Node())
		}
	default:
		if !isDateTime(t) {
			c.mismatch(offset, name, t, "date or time")
		}
	}
}

// scalar checks a string or number, and asks the type that reads it.
func (c *checker) scalar(t reflect.Type, name []string, offset int, n *unstable.Node) {
	edit := c.doc.editAt(offset)
	if edit != nil && edit.failed {
		return
	}
	if isText(t) && (!isDateTime(t) || n.Kind == unstable.String) {
		err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText(n.Data)
		switch {
		case err == nil:
		case edit != nil: // err quotes the value, which may be a secret
			c.mismatch(offset, name, t, "the value of "+strings.Join(edit.variables, " and "))
		default:
			c.report(offset, dotted(name), dotted(name)+": "+err.Error(), "")
		}
		return
	}
	switch kind := t.Kind(); n.Kind {
	case unstable.String:
		if kind != reflect.String {
			c.mismatch(offset, name, t, "string")
		}
	case unstable.Float:
		if kind != reflect.Float32 && kind != reflect.Float64 {
			c.mismatch(offset, name, t, "number with a fraction or exponent")
		}
	default:
		if kind == reflect.Float32 || kind == reflect.Float64 {
			return
		}
		low, high, ok := limits(t)
		if !ok {
			c.mismatch(offset, name, t, "integer")
		} else if !within(t, string(n.Data)) {
			c.report(offset, dotted(name), fmt.Sprintf("%s: want integer from %s to %s, got %s", dotted(name), low, high, n.Data), "")
		}
	}
}

func (c *checker) mismatch(offset int, name []string, want reflect.Type, got string) {
	what, examples := describe(want)
	key := dotted(name)
	c.report(offset, key, fmt.Sprintf("%s: want %s, got %s", key, what, got), examples)
}

func (c *checker) report(offset int, key, reason, hint string) {
	c.errs = append(c.errs, c.doc.errorAt(offset, key, reason, hint))
}

// limits returns the range of an integer type.
func limits(t reflect.Type) (low, high string, ok bool) {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		top := int64(1)<<(t.Bits()-1) - 1
		return strconv.FormatInt(-top-1, 10), strconv.FormatInt(top, 10), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return "0", strconv.FormatUint(1<<t.Bits()-1, 10), true
	case reflect.Uint64: // TOML has no integer above those of 64 bits with sign
		return "0", strconv.FormatInt(1<<63-1, 10), true
	}
	return "", "", false
}

// within reports whether a TOML integer fits integer type t.
func within(t reflect.Type, number string) bool {
	n, err := strconv.ParseInt(strings.ReplaceAll(number, "_", ""), 0, 64)
	if errors.Is(err, strconv.ErrRange) {
		return false
	}
	if t.Kind() >= reflect.Uint {
		return n >= 0 && !t.OverflowUint(uint64(n))
	}
	return !t.OverflowInt(n)
}

// path is the form of a dotted key that serves as a map key.
func path(parts []string) string { return strings.Join(parts, "\x00") }

// join returns a fresh slice of a followed by b.
func join(a, b []string) []string {
	return append(append(make([]string, 0, len(a)+len(b)), a...), b...)
}
