package config

import (
	"reflect"
	"slices"
	"strings"
)

// telegrafOptions are the options that Telegraf itself gives every plugin, and
// the kinds of plugin that have them (Telegraf's docs/CONFIGURATION.md, "Input
// Plugins", "Output Plugins", "Metric Filtering"). An external plugin never
// sees them.
var telegrafOptions = map[string]string{
	"alias":                  "inputs outputs",
	"collection_jitter":      "inputs",
	"collection_offset":      "inputs",
	"fielddrop":              "inputs outputs",
	"fieldexclude":           "inputs outputs",
	"fieldinclude":           "inputs outputs",
	"fieldpass":              "inputs outputs",
	"flush_interval":         "outputs",
	"flush_jitter":           "outputs",
	"interval":               "inputs",
	"log_level":              "inputs outputs",
	"metric_batch_size":      "outputs",
	"metric_buffer_limit":    "outputs",
	"metricpass":             "inputs outputs",
	"name_override":          "inputs outputs",
	"name_prefix":            "inputs outputs",
	"name_suffix":            "inputs outputs",
	"namedrop":               "inputs outputs",
	"namedrop_separator":     "inputs outputs",
	"namepass":               "inputs outputs",
	"namepass_separator":     "inputs outputs",
	"precision":              "inputs",
	"startup_error_behavior": "inputs outputs",
	"tagdrop":                "inputs outputs",
	"tagexclude":             "inputs outputs",
	"taginclude":             "inputs outputs",
	"tagpass":                "inputs outputs",
	"tags":                   "inputs",
}

// telegrafTables are the tables of Telegraf's own configuration that have no
// counterpart here.
var telegrafTables = []string{"agent", "aggregators", "processors", "secretstores"}

// hint returns what to say about an unknown key whose last part is missing in
// struct type t.
func hint(t reflect.Type, name []string) string {
	last := name[len(name)-1]
	if len(name) == 3 && slices.Contains(strings.Fields(telegrafOptions[last]), name[0]) {
		return last + " is a common option of Telegraf; it belongs to the [[" + name[0] + ".execd]] block of Telegraf's own configuration"
	}
	valid := keys(t)
	if best := Nearest(last, valid); best != "" {
		return `did you mean "` + best + `"?`
	}
	list := "valid keys here: " + strings.Join(valid, ", ")
	if len(valid) == 0 {
		list = "no key is valid here"
	}
	if len(name) == 1 && slices.Contains(telegrafTables, last) {
		return last + " belongs to Telegraf's own configuration; " + list
	}
	return list
}

// Nearest returns the candidate with the fewest typing slips from word, or ""
// when none is near. Case does not count.
func Nearest(word string, candidates []string) string {
	best, found := max(2, len(word)/3)+1, ""
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate), best); d < best && d < len(word) {
			best, found = d, candidate
		}
	}
	return found
}

// distance counts the characters to insert, drop, replace or swap with their
// neighbour to get from a to b (optimal string alignment). Strings whose
// lengths are limit or more apart get limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
