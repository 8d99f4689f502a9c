package telegraftest

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed keys.toml
var keysText string

// A catalogue is what keys.toml holds: the options that Telegraf knows, by the name of the table that they stand in.
type catalogue struct {
	version string
	places  map[string]place
	absent  map[string]string
}

// A place is a table that options stand in.
type place struct {
	name  string
	reads string            // "parser" or "serializer" where data_format brings in further options; "" for neither
	kinds map[string]string // of the options
	old   map[string]string // what to write instead of an option that is going to go
}

// Kinds of options.
const (
	kindText        = "text"
	kindSecret      = "secret" // a text that may name a secret as @{store:key}
	kindFlag        = "flag"
	kindInteger     = "integer"
	kindNumber      = "number"
	kindDuration    = "duration"
	kindPlain       = "plain_duration" // one without days
	kindSize        = "size"
	kindAny         = "any"
	kindTexts       = "list_text"
	kindIntegers    = "list_integer"
	kindNumbers     = "list_number"
	kindNamedText   = "named_text" // a table with names of the user's
	kindNamedSecret = "named_secret"
	kindNamedTexts  = "named_list_text"
	kindNamedAny    = "named_any"
	kindTable       = "table"
	kindTables      = "tables"
)

// knownKeys reads keys.toml.
func knownKeys() catalogue {
	var file struct {
		Version string
		Table   []map[string]any
		Absent  map[string]string
	}
	if err := toml.Unmarshal([]byte(keysText), &file); err != nil {
		panic("telegraftest: keys.toml: " + err.Error())
	}
	c := catalogue{version: file.Version, places: map[string]place{}, absent: file.Absent}
	for _, t := range file.Table {
		p := place{kinds: map[string]string{}, old: map[string]string{}}
		for key, value := range t {
			switch v := value.(type) {
			case string:
				switch key {
				case "name":
					p.name = v
				case "reads":
					p.reads = v
				}
			case map[string]any: // old
				for option, notice := range v {
					p.old[option] = fmt.Sprint(notice)
				}
			case []any:
				for _, option := range v {
					p.kinds[fmt.Sprint(option)] = key
				}
			}
		}
		c.places[p.name] = p
	}
	return c
}

// format returns the options that the data format of a plugin brings in, and its name.
func (c catalogue) format(p place, options *table) (place, string) {
	format := "influx"
	if p.name == "inputs.exec" {
		format = "json"
	}
	if e := options.find("data_format"); e != nil {
		format, _ = e.value.(string)
	}
	return c.places[p.reads+"s."+format], format
}

// formats returns the data formats that have an option.
func (c catalogue) formats(reads, option string) (list []string) {
	for _, name := range sortedKeys(c.places) {
		format, is := strings.CutPrefix(name, reads+"s.")
		if _, has := c.places[name].kinds[option]; is && has && !strings.Contains(format, ".") {
			list = append(list, format)
		}
	}
	return list
}

// categories are the kinds of plugins.
var categories = []string{"inputs", "outputs", "processors", "aggregators", "secretstores"}

func isCategory(name string) bool { return slices.Contains(categories, name) }
