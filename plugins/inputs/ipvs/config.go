package ipvs

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"telegraf-ipvs/internal/config"
)

// SampleConfig is the documented configuration of this plugin, with every
// option at its default.
//
//go:embed sample.conf
var SampleConfig string

// A Config is one [[inputs.ipvs]] table. Its zero value is the default.
type Config struct {
	// Interval is how often to gather when nobody asks. Nil means the agent's;
	// zero means never.
	Interval *config.Duration `toml:"interval"`
	// Fields is "telegraf", "default" or "all". Empty means "default".
	Fields string `toml:"fields"`
	// Namespaces are the network namespaces to read: "self", names, paths, or
	// patterns of these. Nil means ["self"].
	Namespaces []string `toml:"namespaces"`
	// Timeout bounds the wait for the kernel's next answer. Nil means 5 s.
	Timeout *config.Duration `toml:"timeout"`
}

// A fieldSet says how much is written of each server. A larger one holds the
// smaller ones.
type fieldSet int

const (
	fieldsTelegraf fieldSet = iota
	fieldsDefault
	fieldsAll
)

// fieldSets are the values of the option fields.
var fieldSets = []string{fieldsTelegraf: "telegraf", fieldsDefault: "default", fieldsAll: "all"}

const (
	defaultFields  = "default"
	defaultTimeout = 5 * time.Second
	ownNamespace   = "self"
)

// withDefaults returns c with every unset option at its default, but for
// Interval, whose default is the agent's.
func (c Config) withDefaults() Config {
	if c.Fields == "" {
		c.Fields = defaultFields
	}
	if c.Namespaces == nil {
		c.Namespaces = []string{ownNamespace}
	}
	if c.Timeout == nil {
		d := config.DurationOf(defaultTimeout)
		c.Timeout = &d
	}
	return c
}

// validate returns every problem of a config with defaults.
func (c Config) validate() error {
	var problems []error
	if c.Interval != nil {
		problems = append(problems, config.CheckInterval("interval", *c.Interval))
	}
	if !slices.Contains(fieldSets, c.Fields) {
		problems = append(problems, fmt.Errorf("fields = %q: want one of %q", c.Fields, fieldSets))
	}
	if len(c.Namespaces) == 0 {
		problems = append(problems, fmt.Errorf("namespaces is empty: want at least one, such as %q", ownNamespace))
	}
	for _, ns := range c.Namespaces {
		if strings.TrimSpace(ns) == "" {
			problems = append(problems, fmt.Errorf("namespaces holds an empty name: use %q for the process's own", ownNamespace))
		} else if _, err := path.Match(ns, ""); err != nil {
			problems = append(problems, fmt.Errorf("namespaces holds %q: %w", ns, err))
		}
	}
	if d := c.Timeout.Duration(); d < time.Millisecond || d > time.Minute {
		problems = append(problems, fmt.Errorf("timeout = %q: want 1ms to 1m", c.Timeout))
	}
	return errors.Join(problems...)
}
