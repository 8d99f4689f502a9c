// Package agent makes one process of the plugins that a configuration names: it
// builds them, joins them to stdin and stdout, gathers when it is time, and
// shuts down in the order and within the time that Telegraf allows.
package agent

import (
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/metric"
	"telegraf-ipvs/plugins/inputs/ipvs"
	"telegraf-ipvs/plugins/inputs/opentsdb"
	opentsdbout "telegraf-ipvs/plugins/outputs/opentsdb"
	"telegraf-ipvs/plugins/outputs/pi_webapi"
)

//go:embed sample.conf
var agentSample string

// samples are the sample configurations of the plugins.
func samples() []sample {
	return []sample{
		{"inputs.ipvs", ipvs.SampleConfig}, {"inputs.opentsdb", opentsdb.SampleConfig},
		{"outputs.opentsdb", opentsdbout.SampleConfig}, {"outputs.pi_webapi", piwebapi.SampleConfig},
	}
}

type sample struct{ name, text string }

// SampleConfig returns a configuration file with every option of the process and of the named plugins, or of all if
// none is named, documented and at its default.
func SampleConfig(names ...string) (string, error) {
	text, known := agentSample, []string(nil)
	for _, s := range samples() {
		known = append(known, s.name)
		if len(names) == 0 || slices.Contains(names, s.name) {
			text += "\n" + s.text
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return "", fmt.Errorf("there is no plugin %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return text, nil
}

// A Config is a configuration file. Its zero value has no plugin.
type Config struct {
	Agent Settings `toml:"agent"`
	// GlobalTags are given to what inputs gather for outputs of the same process, unless it has such tags.
	GlobalTags map[string]string `toml:"global_tags"`
	Inputs     Inputs            `toml:"inputs"`
	Outputs    Outputs           `toml:"outputs"`
}

// Settings are those of the process as a whole.
type Settings struct {
	// Interval is how often inputs gather when nobody asks. Nil means 10 s; zero
	// means never.
	Interval *config.Duration `toml:"interval"`
	// LogLevel is "debug", "info", "warn" or "error". Empty means "info".
	LogLevel string `toml:"log_level"`
	// Hostname is the value of the tag host, added like GlobalTags. Nil means the system's, empty none.
	Hostname *string `toml:"hostname"`
}

// Inputs are the tables [[inputs.x]], in the order of the file.
type Inputs struct {
	IPVS     []ipvs.Config     `toml:"ipvs"`
	OpenTSDB []opentsdb.Config `toml:"opentsdb"`
}

// Outputs are the tables [[outputs.x]], in the order of the file.
type Outputs struct {
	OpenTSDB []opentsdbout.Config `toml:"opentsdb"`
	PIWebAPI []piwebapi.Config    `toml:"pi_webapi"`
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
	if !c.HasInputs() && !c.HasOutputs() {
		problems = append(problems, errors.New("no plugin is configured: add a table such as [[inputs.ipvs]] "+
			"(\"telegraf-ipvs sample-config\" prints all of them)"))
	}
	_, _, err := c.plugins(slog.New(slog.DiscardHandler))
	return errors.Join(append(problems, err, c.checkQueues())...)
}

// checkQueues reports plugins that would share a queue.
func (c Config) checkQueues() error {
	var problems []error
	seen := make(map[string]string)
	for _, q := range c.Queues() {
		dir := filepath.Clean(q.Dir)
		if first := seen[dir]; q.Dir != "" && first != "" {
			problems = append(problems, fmt.Errorf("%s and %s have the same queue_path %q: each plugin needs a directory of its own", first, q.Name, q.Dir))
		}
		seen[dir] = q.Name
	}
	return errors.Join(problems...)
}

// HasInputs reports whether any input is configured.
func (c Config) HasInputs() bool { return len(c.Inputs.IPVS)+len(c.Inputs.OpenTSDB) > 0 }

// HasOutputs reports whether any output is configured.
func (c Config) HasOutputs() bool { return len(c.Outputs.OpenTSDB)+len(c.Outputs.PIWebAPI) > 0 }

// A QueueInfo is where a configured plugin keeps its queue.
type QueueInfo struct {
	Name string // the plugin's, with its number if there are several
	Dir  string
}

// Queues returns the queues of the configured inputs and outputs, in the order of the file.
func (c Config) Queues() []QueueInfo {
	var list []QueueInfo
	for i, cfg := range c.Inputs.OpenTSDB {
		if cfg.QueuePath != "" {
			list = append(list, QueueInfo{label("inputs.opentsdb", i, len(c.Inputs.OpenTSDB)), cfg.QueuePath})
		}
	}
	for i, cfg := range c.Outputs.OpenTSDB {
		list = append(list, QueueInfo{label("outputs.opentsdb", i, len(c.Outputs.OpenTSDB)), cfg.QueuePath})
	}
	for i, cfg := range c.Outputs.PIWebAPI {
		list = append(list, QueueInfo{label("outputs.pi_webapi", i, len(c.Outputs.PIWebAPI)), cfg.QueuePath})
	}
	return list
}

// label tells apart the tables of one name, where there are several.
func label(name string, i, of int) string {
	if of == 1 {
		return name
	}
	return fmt.Sprintf("%s#%d", name, i+1)
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

// plugins builds all that is configured. The error tells what is wrong with any of them.
func (c Config) plugins(log *slog.Logger) (in inputs, sinks []*sink, err error) {
	var problems [3]error
	in.sources, problems[0] = c.sources(log)
	in.services, problems[1] = c.services(log)
	sinks, problems[2] = c.sinks(log)
	return in, sinks, errors.Join(problems[:]...)
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

// services builds the configured inputs that others send to.
func (c Config) services(log *slog.Logger) ([]*service, error) {
	var list []*service
	var problems []error
	for i, cfg := range c.Inputs.OpenTSDB {
		name := label("inputs.opentsdb", i, len(c.Inputs.OpenTSDB))
		log := log.With("plugin", name)
		in, err := opentsdb.New(cfg, log)
		if err != nil {
			problems = append(problems, within(fmt.Sprintf("[[inputs.opentsdb]] number %d", i+1), err))
			continue
		}
		list = append(list, &service{listener: in, name: name, log: log})
	}
	return list, errors.Join(problems...)
}

// sinks builds the configured outputs.
func (c Config) sinks(log *slog.Logger) ([]*sink, error) {
	var list []*sink
	var problems []error
	add := func(kind string, i, of int, build func(*slog.Logger) (output, error)) {
		name := label(kind, i, of)
		log := log.With("plugin", name)
		out, err := build(log)
		if err != nil {
			problems = append(problems, within(fmt.Sprintf("[[%s]] number %d", kind, i+1), err))
			return
		}
		list = append(list, &sink{output: out, name: name, log: log})
	}
	for i, cfg := range c.Outputs.OpenTSDB {
		add("outputs.opentsdb", i, len(c.Outputs.OpenTSDB), func(log *slog.Logger) (output, error) { return opentsdbout.New(cfg, log) })
	}
	for i, cfg := range c.Outputs.PIWebAPI {
		add("outputs.pi_webapi", i, len(c.Outputs.PIWebAPI), func(log *slog.Logger) (output, error) { return piwebapi.New(cfg, log) })
	}
	return list, errors.Join(problems...)
}

// globalTags returns the tags that this process adds.
func (c Config) globalTags(log *slog.Logger) []metric.Tag {
	var tags []metric.Tag
	host := c.Agent.Hostname
	if host == nil {
		name, err := os.Hostname()
		if err != nil {
			log.Warn("The host has no name, so metrics get no tag host: " + err.Error())
		}
		host = &name
	}
	tags = append(tags, metric.Tag{Key: "host", Value: *host}) // one that is empty does not count
	for _, key := range slices.Sorted(maps.Keys(c.GlobalTags)) {
		tags = append(tags, metric.Tag{Key: key, Value: c.GlobalTags[key]})
	}
	return tags
}
