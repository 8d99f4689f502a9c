package piwebapi

import (
	"cmp"
	_ "embed"
	"time"

	"telegraf-ipvs/internal/config"
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

	Auth             string        `toml:"auth"`
	Username         string        `toml:"username"`
	Password         config.Secret `toml:"password"`
	PasswordFile     string        `toml:"password_file"`
	Domain           string        `toml:"domain"`
	Realm            string        `toml:"realm"`
	Keytab           string        `toml:"keytab"`
	CredentialCache  string        `toml:"credential_cache"`
	SPN              string        `toml:"spn"`
	Krb5Conf         string        `toml:"krb5_conf"`
	Token            config.Secret `toml:"token"`
	TokenFile        string        `toml:"token_file"`
	TokenURL         string        `toml:"token_url"`
	ClientID         string        `toml:"client_id"`
	ClientSecret     config.Secret `toml:"client_secret"`
	ClientSecretFile string        `toml:"client_secret_file"`
	Scopes           []string      `toml:"scopes"`

	TLSCA              string `toml:"tls_ca"`
	TLSCert            string `toml:"tls_cert"`
	TLSKey             string `toml:"tls_key"`
	TLSServerName      string `toml:"tls_server_name"`
	TLSMinVersion      string `toml:"tls_min_version"`
	InsecureSkipVerify bool   `toml:"insecure_skip_verify"`
	AllowPlaintext     bool   `toml:"allow_plaintext"`
	Proxy              string `toml:"proxy"`

	WebID        string `toml:"webid"`
	CreatePoints bool   `toml:"create_points"`

	QueuePath         string           `toml:"queue_path"`
	QueueMaxSize      *config.Size     `toml:"queue_max_size"`
	QueueMaxAge       config.Duration  `toml:"queue_max_age"` // 0 means for ever
	QueueFull         string           `toml:"queue_full"`
	DeadLetterMaxSize *config.Size     `toml:"dead_letter_max_size"`
	HoldTime          *config.Duration `toml:"hold_time"`
	MaxAhead          *config.Duration `toml:"max_ahead"`

	Timeout          *config.Duration `toml:"timeout"`
	MaxValues        int              `toml:"max_values"`
	MaxRequestSize   *config.Size     `toml:"max_request_size"`
	RequestsInFlight int              `toml:"requests_in_flight"`
	SendInterval     *config.Duration `toml:"send_interval"`
	UpdateOption     string           `toml:"update_option"`
	ResendOption     string           `toml:"resend_option"`
	BufferOption     string           `toml:"buffer_option"`
	FlushInterval    *config.Duration `toml:"flush_interval"`
	MaxLine          *config.Size     `toml:"max_line"`
	StatusAddress    string           `toml:"status_address"`

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
	authKerberos  = "kerberos"
	authBasic     = "basic"
	authBearer    = "bearer"
	authNTLM      = "ntlm"
	authAnonymous = "anonymous"

	webIDResolve = "resolve"
	webIDPath    = "path"

	fullBlock      = "block"
	fullDropOldest = "drop_oldest"
)

const (
	defaultPointName = "{{prefix}}.{{host}}.{{measurement}}.{{tags}}.{{field}}"
	defaultAFPath    = `{{prefix}}\{{host}}\{{measurement}}\{{tags}}|{{field}}`
	defaultMaxValues = 5000
	defaultInFlight  = 2
)

// withDefaults returns c with every unset option at its default.
func (c Config) withDefaults() Config {
	c.Auth = cmp.Or(c.Auth, authKerberos)
	c.TLSMinVersion = cmp.Or(c.TLSMinVersion, "1.2")
	c.WebID = cmp.Or(c.WebID, webIDResolve)
	c.QueueFull = cmp.Or(c.QueueFull, fullBlock)
	c.MaxValues = cmp.Or(c.MaxValues, defaultMaxValues)
	c.RequestsInFlight = cmp.Or(c.RequestsInFlight, defaultInFlight)
	c.UpdateOption = cmp.Or(c.UpdateOption, "NoReplace")
	c.ResendOption = cmp.Or(c.ResendOption, "NoReplace")
	c.BufferOption = cmp.Or(c.BufferOption, "BufferIfPossible")
	c.PointName = cmp.Or(c.PointName, defaultPointName)
	c.AFPath = cmp.Or(c.AFPath, defaultAFPath)

	size(&c.QueueMaxSize, 1<<30)
	size(&c.DeadLetterMaxSize, 100<<20)
	size(&c.MaxRequestSize, 1<<20)
	size(&c.MaxLine, 1<<20)
	duration(&c.HoldTime, 24*time.Hour)
	duration(&c.MaxAhead, 10*time.Minute)
	duration(&c.Timeout, 30*time.Second)
	duration(&c.SendInterval, 250*time.Millisecond)
	duration(&c.FlushInterval, 200*time.Millisecond)
	return c
}

// size sets an option that is unset. It never writes through a pointer that a caller may share.
func size(option **config.Size, bytes int64) {
	if *option == nil {
		s := config.SizeOf(bytes)
		*option = &s
	}
}

// duration is size for durations.
func duration(option **config.Duration, d time.Duration) {
	if *option == nil {
		v := config.DurationOf(d)
		*option = &v
	}
}
