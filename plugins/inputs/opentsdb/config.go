package opentsdb

import (
	"cmp"
	_ "embed"
	"time"

	"telegraf-ipvs/internal/config"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/option"
)

// SampleConfig is the documented configuration of this plugin, with every option at its default.
//
//go:embed sample.conf
var SampleConfig string

// A Config is one [[inputs.opentsdb]] table. The zero value of an option is its default; a pointer stands where zero is
// a choice of its own. sample.conf says what each option means.
type Config struct {
	HTTPAddress string `toml:"http_address"`

	Acknowledge  string           `toml:"acknowledge"`
	QueuePath    string           `toml:"queue_path"`
	QueueMaxSize *config.Size     `toml:"queue_max_size"`
	AckTimeout   *config.Duration `toml:"ack_timeout"`

	MaxIngestAge *config.Duration `toml:"max_ingest_age"` // 0 means any age
	MaxClockSkew *config.Duration `toml:"max_clock_skew"` // 0 means any time ahead
	Profile      string           `toml:"profile"`
	Reply        string           `toml:"reply"`
	TelnetErrors string           `toml:"telnet_errors"`

	DefaultNamespace *Namespace `toml:"default_namespace"`

	AccountIDTag     *string `toml:"account_id_tag"`
	CheckUUIDTag     *string `toml:"check_uuid_tag"`
	CheckNameTag     *string `toml:"check_name_tag"`
	CheckCategoryTag *string `toml:"check_category_tag"`
	CheckCategory    string  `toml:"check_category"`

	MaxConnections int              `toml:"max_connections"`
	MaxLine        *config.Size     `toml:"max_line"`
	MaxBody        *config.Size     `toml:"max_body"`
	MaxMemory      *config.Size     `toml:"max_memory"`
	MaxPoints      int              `toml:"max_points"`
	MaxTags        int              `toml:"max_tags"` // 0 means what the profile says
	MaxSeries      int              `toml:"max_series"`
	SeriesExpiry   *config.Duration `toml:"series_expiry"`
	MaxNamespaces  int              `toml:"max_namespaces"`
	DetectTimeout  *config.Duration `toml:"detect_timeout"`
	HeaderTimeout  *config.Duration `toml:"header_timeout"`
	BodyTimeout    *config.Duration `toml:"body_timeout"`
	IdleTimeout    *config.Duration `toml:"idle_timeout"`

	AllowedNetworks []string `toml:"allowed_networks"`
	TLSCert         string   `toml:"tls_cert"`
	TLSKey          string   `toml:"tls_key"`
	TLSClientCA     string   `toml:"tls_client_ca"`
	TLSMinVersion   string   `toml:"tls_min_version"`
	StatusAddress   string   `toml:"status_address"`

	Credentials []Credential `toml:"credential"`
	Listeners   []Listener   `toml:"listener"`
}

// A Namespace says whose data points are.
type Namespace struct {
	AccountID int64  `toml:"account_id"`
	CheckUUID string `toml:"check_uuid"`
	CheckName string `toml:"check_name"`
}

// A Credential is one of those that HTTP senders have to present, if there are any.
type Credential struct {
	Username     string        `toml:"username"`
	Password     config.Secret `toml:"password"`
	PasswordFile string        `toml:"password_file"`
	Token        config.Secret `toml:"token"`
	TokenFile    string        `toml:"token_file"`
	Namespaces   []string      `toml:"namespaces"` // nil means all
}

// A Listener is a port with a namespace of its own. What it leaves out is as in the table around it.
type Listener struct {
	Address   string `toml:"address"`
	AccountID int64  `toml:"account_id"`
	CheckUUID string `toml:"check_uuid"`
	CheckName string `toml:"check_name"`

	Protocol        string   `toml:"protocol"`
	Profile         string   `toml:"profile"`
	Reply           string   `toml:"reply"`
	TelnetErrors    string   `toml:"telnet_errors"`
	TLS             string   `toml:"tls"`
	AllowedNetworks []string `toml:"allowed_networks"` // nil means those of the table around
}

// The values of options that are words.
const (
	ackStored     = "stored"
	ackHandedOver = "handed_over"

	errorsReply  = "reply"
	errorsSilent = "silent"

	protocolAny    = "any"
	protocolTelnet = "telnet"
	protocolHTTP   = "http"

	tlsOn  = "on"
	tlsOff = "off"
)

const (
	defaultTelnetAddress = "127.0.0.1:4242"
	defaultCategory      = "reconnoiter"
)

// withDefaults returns c with every unset option at its default, but for those whose default is another option.
func (c Config) withDefaults() Config {
	c.Acknowledge = cmp.Or(c.Acknowledge, ackStored)
	c.Profile = cmp.Or(c.Profile, tsdb.IRONdb.String())
	c.TelnetErrors = cmp.Or(c.TelnetErrors, errorsReply)
	c.CheckCategory = cmp.Or(c.CheckCategory, defaultCategory)
	c.MaxConnections = cmp.Or(c.MaxConnections, 1024)
	c.MaxPoints = cmp.Or(c.MaxPoints, 100_000)
	c.MaxSeries = cmp.Or(c.MaxSeries, 1_000_000)
	c.MaxNamespaces = cmp.Or(c.MaxNamespaces, 1000)
	c.TLSMinVersion = cmp.Or(c.TLSMinVersion, "1.2")

	option.Default(&c.AccountIDTag, "account_id")
	option.Default(&c.CheckUUIDTag, "check_uuid")
	option.Default(&c.CheckNameTag, "check_name")
	option.Default(&c.CheckCategoryTag, "check_category")
	option.Default(&c.QueueMaxSize, config.SizeOf(1<<30))
	option.Default(&c.MaxLine, config.SizeOf(64<<10))
	option.Default(&c.MaxBody, config.SizeOf(32<<20))
	option.Default(&c.MaxMemory, config.SizeOf(256<<20))
	option.Default(&c.MaxIngestAge, config.DurationOf(365*24*time.Hour))
	option.Default(&c.MaxClockSkew, config.DurationOf(24*time.Hour))
	option.Default(&c.AckTimeout, config.DurationOf(10*time.Second))
	option.Default(&c.SeriesExpiry, config.DurationOf(time.Hour))
	option.Default(&c.DetectTimeout, config.DurationOf(30*time.Second))
	option.Default(&c.HeaderTimeout, config.DurationOf(10*time.Second))
	option.Default(&c.BodyTimeout, config.DurationOf(time.Minute))
	option.Default(&c.IdleTimeout, config.DurationOf(15*time.Minute))

	listeners := make([]Listener, len(c.Listeners))
	for i, l := range c.Listeners {
		l.Address = cmp.Or(l.Address, defaultTelnetAddress)
		l.Protocol = cmp.Or(l.Protocol, protocolAny)
		l.Profile = cmp.Or(l.Profile, c.Profile)
		l.Reply = cmp.Or(l.Reply, c.Reply, l.Profile)
		l.TelnetErrors = cmp.Or(l.TelnetErrors, c.TelnetErrors)
		if l.TLS == "" && c.TLSCert != "" {
			l.TLS = tlsOn
		}
		l.TLS = cmp.Or(l.TLS, tlsOff)
		if l.AllowedNetworks == nil {
			l.AllowedNetworks = c.AllowedNetworks
		}
		listeners[i] = l
	}
	c.Listeners = listeners
	c.Reply = cmp.Or(c.Reply, c.Profile)
	return c
}

// namespace returns the namespace of the port.
func (l Listener) namespace() Namespace { return Namespace{l.AccountID, l.CheckUUID, l.CheckName} }
