package opentsdb

import (
	"cmp"
	_ "embed"
	"net/url"
	"time"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/httpauth"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/option"
)

// SampleConfig is the documented configuration of this plugin, with every option at its default.
//
//go:embed sample.conf
var SampleConfig string

// A Config is one [[outputs.opentsdb]] table. The zero value of an option is its default; a pointer stands where zero is
// a choice of its own. sample.conf says what each option means.
type Config struct {
	URL    string `toml:"url"`    // http://, https:// or, for telnet, tcp:// or tls://
	Target string `toml:"target"` // a profile of internal/opentsdb by its name

	AccountID     int64  `toml:"account_id"`
	CheckUUID     string `toml:"check_uuid"`
	CheckName     string `toml:"check_name"`
	NamespaceTags string `toml:"namespace_tags"`

	option.HTTP
	Headers map[string]config.Secret `toml:"headers"`

	PutPath        string       `toml:"put_path"`
	MaxPoints      int          `toml:"max_points"`
	MaxRequestSize *config.Size `toml:"max_request_size"` // before compression
	Compression    string       `toml:"compression"`

	TelnetConfirm   string `toml:"telnet_confirm"`
	TimestampFormat string `toml:"timestamp_format"`

	MetricName      string  `toml:"metric_name"`
	Prefix          string  `toml:"prefix"`
	Separator       *string `toml:"separator"`
	ValueField      *string `toml:"value_field"` // empty means that every field has its part in names
	DefaultTag      string  `toml:"default_tag"`
	DefaultTagValue string  `toml:"default_tag_value"` // empty means the name of this computer

	option.Queue
	option.Output
}

// The values of options that are words.
const (
	namespaceUse  = "use"
	namespaceKeep = "keep"
	namespaceDrop = "drop"

	compressNone = "none"
	compressGzip = "gzip"

	confirmAuto    = "auto"
	confirmVersion = "version"
	confirmNone    = "none"

	formatMilliseconds = "milliseconds"
	formatSeconds      = "seconds"
	formatDotted       = "dotted"
)

const (
	defaultMetricName = "{{prefix}}{{measurement}}{{separator}}{{field}}"
	defaultPutPath    = "/api/put"
	defaultPort       = "4242" // of telnet, in both OpenTSDB and IRONdb
	defaultMaxPoints  = 1000
	defaultMaxRequest = 1 << 20
)

// withDefaults returns c with every unset option at its default.
func (c Config) withDefaults() Config {
	c.Target = cmp.Or(c.Target, tsdb.IRONdb.String())
	c.NamespaceTags = cmp.Or(c.NamespaceTags, namespaceUse)
	c.PutPath = cmp.Or(c.PutPath, defaultPutPath)
	c.MaxPoints = cmp.Or(c.MaxPoints, defaultMaxPoints)
	c.Compression = cmp.Or(c.Compression, compressNone)
	c.TelnetConfirm = cmp.Or(c.TelnetConfirm, confirmAuto)
	c.TimestampFormat = cmp.Or(c.TimestampFormat, formatMilliseconds)
	c.MetricName = cmp.Or(c.MetricName, defaultMetricName)
	c.DefaultTag = cmp.Or(c.DefaultTag, "host")
	option.Default(&c.MaxRequestSize, config.SizeOf(defaultMaxRequest))
	option.Default(&c.Separator, ".")
	option.Default(&c.ValueField, "value")
	option.Default(&c.MaxAhead, config.DurationOf(24*time.Hour)) // as far as IRONdb's max_clock_skew lets them be
	c.HTTP.SetDefaults(httpauth.Anonymous)
	c.Queue.SetDefaults()
	c.Output.SetDefaults()
	return c
}

// isTelnet reports whether points go as lines over a connection of their own.
func (c Config) isTelnet() bool {
	u, err := url.Parse(c.URL)
	return err == nil && (u.Scheme == schemeTelnet || u.Scheme == schemeTelnetTLS)
}

// The schemes of telnet.
const (
	schemeTelnet    = "tcp"
	schemeTelnetTLS = "tls"
)

// namespace returns the configured namespace, the zero one if there is none.
func (c Config) namespace() namespace { return namespace{c.AccountID, c.CheckUUID, c.CheckName} }
