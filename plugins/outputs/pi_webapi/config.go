package piwebapi

import (
	"cmp"
	_ "embed"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/option"
)

// SampleConfig is the documented configuration of this plugin, with every option at its default.
//
//go:embed sample.conf
var SampleConfig string

// A Config is one [[outputs.pi_webapi]] table. The zero value of an option is its default; a pointer stands where zero
// is a choice of its own. sample.conf says what each option means.
type Config struct {
	URL        string `toml:"url"`         // of PI Web API, with its path
	DataServer string `toml:"data_server"` // PI Data Archive that holds the points
	AFDatabase string `toml:"af_database"` // \\SERVER\DATABASE; when set, targets are attributes in it

	option.HTTP

	WebID        string `toml:"webid"`
	CreatePoints bool   `toml:"create_points"`

	option.Queue
	option.Output

	MaxValues      int          `toml:"max_values"`
	MaxRequestSize *config.Size `toml:"max_request_size"`
	UpdateOption   string       `toml:"update_option"`
	ResendOption   string       `toml:"resend_option"`
	BufferOption   string       `toml:"buffer_option"`

	Prefix               string          `toml:"prefix"`
	PointName            string          `toml:"point_name"`
	AFPath               string          `toml:"af_path"`
	NameTagsExclude      []string        `toml:"name_tags_exclude"`
	FieldsInclude        []string        `toml:"fields_include"` // nil means all
	FieldsExclude        []string        `toml:"fields_exclude"`
	UnchangedMaxInterval config.Duration `toml:"unchanged_max_interval"` // 0 means every value is sent

	Points    []Rule     `toml:"point"`
	Overrides []Override `toml:"override"`
}

// The values of options that are words.
const (
	webIDResolve = "resolve"
	webIDPath    = "path"
)

const (
	defaultPointName = "{{prefix}}.{{host}}.{{measurement}}.{{tags}}.{{field}}"
	defaultAFPath    = `{{prefix}}\{{host}}\{{measurement}}\{{tags}}|{{field}}`
	defaultMaxValues = 5000
)

// withDefaults returns c with every unset option at its default.
func (c Config) withDefaults() Config {
	c.HTTP.SetDefaults(httpauth.Kerberos)
	c.Queue.SetDefaults()
	c.Output.SetDefaults()
	c.WebID = cmp.Or(c.WebID, webIDResolve)
	c.MaxValues = cmp.Or(c.MaxValues, defaultMaxValues)
	option.Default(&c.MaxRequestSize, config.SizeOf(1<<20))
	c.UpdateOption = cmp.Or(c.UpdateOption, "NoReplace")
	c.ResendOption = cmp.Or(c.ResendOption, "NoReplace")
	c.BufferOption = cmp.Or(c.BufferOption, "BufferIfPossible")
	c.PointName = cmp.Or(c.PointName, defaultPointName)
	c.AFPath = cmp.Or(c.AFPath, defaultAFPath)
	return c
}
