// Package agent makes one process of the plugins that a configuration names: it
// builds them, joins them to stdin and stdout, gathers when it is time, and
// shuts down in the order and within the time that Telegraf allows.
package agent

import (
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/plugins/inputs/ipvs"
)

//go:embed sample.conf
var agentSample string

// SampleConfig returns a configuration file with every option of the process and
// of all plugins, documented and at its default.
func SampleConfig() string { return agentSample + "\n" + ipvs.SampleConfig }

// A Config is a configuration file. Its zero value has no plugin.
type Config struct {
	Agent  Settings `toml:"agent"`
	Inputs Inputs   `toml:"inputs"`
}

// Settings are those of the process as a whole.
type Settings struct {
	// Interval is how often inputs gather when nobody asks. Nil means 10 s; zero
	// means never.
	Interval *config.Duration `toml:"interval"`
	// LogLevel is "debug", "info", "warn" or "error". Empty means "info".
	LogLevel string `toml:"log_level"`
}

// Inputs are the tables [[inputs.x]], in the order of the file.
type Inputs struct {
	IPVS []ipvs.Config `toml:"ipvs"`
}

const (
	defaultInterval = 10 * time.Second
	defaultLogLevel = "info"
)

// Default returns the configuration used when no file is given: [[inputs.ipvs]]
// with its defaults.
func Default() Config { return Config{Inputs: Inputs{IPVS: []ipvs.Config{{}}}} }

// LoadConfig reads a configuration file. The error lists every problem of it
// that can be seen without touching anything else.
func LoadConfig(path string) (Config, error) {
	var c Config
	if err := config.Load(path, os.LookupEnv, &c); err != nil {
		return Config{}, err
	}
	if err := c.validate(); err != nil {
		return Config{}, within(path, err)
	}
	return c, nil
}

func (c Config) withDefaults() Config {
	if c.Agent.Interval == nil {
		d := config.DurationOf(defaultInterval)
		c.Agent.Interval = &d
	}
	if c.Agent.LogLevel == "" {
		c.Agent.LogLevel = defaultLogLevel
	}
	return c
}

// validate reports what no single plugin can see, and what the plugins see.
func (c Config) validate() error {
	c = c.withDefaults()
	var problems []error
	if _, err := parseLevel(c.Agent.LogLevel); err != nil {
		problems = append(problems, err)
	}
	problems = append(problems, config.CheckInterval("agent.interval", *c.Agent.Interval))
	if len(c.Inputs.IPVS) == 0 {
		problems = append(problems, errors.New("no plugin is configured: add a table such as [[inputs.ipvs]] "+
			"(\"telegraf-ipvs sample-config\" prints all of them)"))
	}
	_, err := c.sources(slog.New(slog.DiscardHandler))
	return errors.Join(append(problems, err)...)
}

// Level returns the least level to log.
func (c Config) Level() slog.Level {
	level, _ := parseLevel(c.withDefaults().Agent.LogLevel)
	return level
}

func parseLevel(name string) (level slog.Level, err error) {
	switch strings.ToLower(name) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("agent.log_level = %q: want debug, info, warn or error", name)
}

// sources builds the configured inputs.
func (c Config) sources(log *slog.Logger) ([]*source, error) {
	c = c.withDefaults()
	var list []*source
	var problems []error
	for i, cfg := range c.Inputs.IPVS {
		log := log.With("plugin", "inputs.ipvs")
		in, err := ipvs.New(cfg, log)
		if err != nil {
			problems = append(problems, within(fmt.Sprintf("[[inputs.ipvs]] number %d", i+1), err))
			continue
		}
		interval := c.Agent.Interval
		if cfg.Interval != nil {
			interval = cfg.Interval
		}
		list = append(list, &source{input: in, name: "inputs.ipvs", interval: interval.Duration(), log: log})
	}
	return list, errors.Join(problems...)
}
