package telegraftest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"telegraf-ipvs/internal/config"
)

// A problem is something in a configuration that Telegraf refuses, or takes for something else than is meant.
type problem struct {
	line int
	text string
}

func (p problem) Error() string { return fmt.Sprintf("line %d: %s", p.line, p.text) }

// load reads a configuration, and lists what is wrong with it.
func load(text string, env func(string) (string, bool)) (*Config, []error) {
	root, problems := parse(text, env)
	c := &Config{}
	if root != nil {
		k := &checker{catalogue: knownKeys(), problems: problems}
		k.file(c, root)
		problems = k.problems
	}
	slices.SortStableFunc(problems, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	slices.SortStableFunc(c.plugins, func(a, b Plugin) int { return cmp.Compare(a.Line, b.Line) })
	var errs []error
	for _, p := range problems {
		errs = append(errs, p)
	}
	return c, errs
}

// A checker compares a configuration with what Telegraf knows.
type checker struct {
	catalogue
	stores   []string // ids of the secret stores
	problems []problem
}

func (k *checker) complain(line int, format string, args ...any) {
	k.problems = append(k.problems, problem{line, fmt.Sprintf(format, args...)})
}

// file checks a whole file and fills c.
func (k *checker) file(c *Config, root *table) {
	k.stores = storeIDs(root)
	for _, e := range root.entries {
		t, isTable := e.value.(*table)
		switch {
		case isTable && e.key == "agent":
			c.plugins = append(c.plugins, Plugin{e.key, t.options(), t.line})
			k.table("[agent]", t, scope{place: k.places[e.key]})
		case isTable && e.key == "global_tags":
			c.plugins = append(c.plugins, Plugin{e.key, t.options(), t.line})
			k.named("", e, kindNamedText, scope{up: &scope{place: k.places["agent"]}}, func(string) {})
		case isTable && isCategory(e.key):
			for _, group := range t.entries {
				k.group(c, e.key, group)
			}
		default:
			k.complain(e.line, "%s is no table of a Telegraf configuration%s", e.key,
				didYouMean(e.key, append(slices.Clone(categories), "agent", "global_tags")))
		}
	}
}

// group checks the plugins of one kind.
func (k *checker) group(c *Config, category string, group *entry) {
	kind := category + "." + group.key
	list, isList := group.value.([]*table)
	if !isList {
		k.complain(group.line, "a plugin has double brackets: write [[%s]]", kind)
		return
	}
	p, known := k.places[kind]
	if !known {
		var kinds []string
		for name := range k.places {
			if strings.HasPrefix(name, category+".") && strings.Count(name, ".") == 1 {
				kinds = append(kinds, name)
			}
		}
		k.complain(group.line, "the plugin %s is not in the list of known ones, keys.toml%s", kind, didYouMean(kind, kinds))
	}
	for _, t := range list {
		c.plugins = append(c.plugins, Plugin{kind, t.options(), t.line})
		if !known {
			continue
		}
		s := scope{place: p, more: []place{k.places[category]}}
		if p.reads != "" {
			format, name := k.format(p, t)
			if format.name == "" {
				k.complain(t.line, "[[%s]]: the data format %q is not in the list of known ones, keys.toml", kind, name)
			}
			s.more = append(s.more, format, place{kinds: map[string]string{"data_format": kindText}})
		}
		k.table("[["+kind+"]]", t, s)
		if category == "secretstores" && t.find("id") == nil {
			k.complain(t.line, "[[%s]]: a secret store needs an id", kind)
		}
	}
}

// A scope is what may stand in a table.
type scope struct {
	place
	more []place // what else may, in the order in which it is asked
	up   *scope  // that of the table around this one
}

// kind returns the kind of an option, and the place that has it.
func (s scope) kind(key string) (string, place) {
	for _, p := range append([]place{s.place}, s.more...) {
		if kind, has := p.kinds[key]; has {
			return kind, p
		}
	}
	return "", place{}
}

// owner names the place around this one that has an option, "" if none has.
func (s scope) owner(key string) string {
	for up := s.up; up != nil; up = up.up {
		if kind, _ := up.kind(key); kind != "" {
			return up.name
		}
	}
	return ""
}

func (s scope) keys() (list []string) {
	for _, p := range append([]place{s.place}, s.more...) {
		list = append(list, sortedKeys(p.kinds)...)
	}
	return list
}

// table checks the entries of a table, which where names.
func (k *checker) table(where string, t *table, s scope) {
	for _, e := range t.entries {
		kind, p := s.kind(e.key)
		switch {
		case kind != "":
			k.value(where, e, kind, scope{place: k.places[p.name+"."+e.key], up: &s})
		case s.old[e.key] != "":
			k.complain(e.line, "%s: %s is going to be removed from Telegraf: %s", where, e.key, s.old[e.key])
		default:
			k.complain(e.line, "%s: Telegraf %s does not know the key %s here%s", where, k.version, e.key, k.advice(e.key, s))
		}
	}
}

// advice says what may have been meant by an unknown key.
func (k *checker) advice(key string, s scope) string {
	if owner := s.owner(key); owner != "" {
		return fmt.Sprintf("; it is an option of %s: write it before the headers of tables inside that", owner)
	}
	if s.reads != "" {
		if formats := k.formats(s.reads, key); len(formats) > 0 {
			return fmt.Sprintf("; it is for data_format = %q", strings.Join(formats, `" or "`))
		}
	}
	if instead := k.absent[key]; instead != "" {
		return "; write " + instead
	}
	return didYouMean(key, s.keys())
}

func didYouMean(word string, candidates []string) string {
	slices.Sort(candidates)
	if best := config.Nearest(word, candidates); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}

// storeIDs returns the ids of the secret stores of a configuration.
func storeIDs(root *table) (ids []string) {
	stores := root.find("secretstores")
	if stores == nil {
		return nil
	}
	t, _ := stores.value.(*table)
	for _, group := range entriesOf(t) {
		list, _ := group.value.([]*table)
		for _, store := range list {
			if id := store.find("id"); id != nil {
				ids = append(ids, fmt.Sprint(id.value))
			}
		}
	}
	return ids
}

func entriesOf(t *table) []*entry {
	if t == nil {
		return nil
	}
	return t.entries
}
