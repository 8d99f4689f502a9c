package piwebapi

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/config/configtest"
	"telegraf-ipvs/internal/option"
)

func TestSample(t *testing.T) {
	configtest.CheckSample(t, SampleConfig, "outputs.pi_webapi", Config{}.withDefaults())
}

func TestSampleIsValid(t *testing.T) {
	c := decodeConfig(t, SampleConfig)
	err := c.withDefaults().validate()
	require.EqualError(t, err, `auth = "kerberos" needs keytab with username, or credential_cache, or username and password_file`,
		"all that the sample leaves open is how to log in")
}

// TestSampleExamples puts the rule and the override of the sample in force.
func TestSampleExamples(t *testing.T) {
	head, examples, found := strings.Cut(SampleConfig, "  # [[outputs.pi_webapi.point]]")
	require.True(t, found)
	text := head + "\n" + strings.ReplaceAll(
		strings.ReplaceAll("  # [[outputs.pi_webapi.point]]"+examples, "\n  ## ", "\n  #"), "  # ", "  ")
	c := decodeConfig(t, text)
	require.Len(t, c.Points, 1)
	require.Len(t, c.Overrides, 1)
	c.Points[0].DigitalSet = ""
	c.Auth, c.CredentialCache = "kerberos", "/tmp/cc"
	require.NoError(t, c.withDefaults().validate())
}

func decodeConfig(t *testing.T, text string) Config {
	t.Helper()
	var file struct {
		Outputs struct {
			PI []Config `toml:"pi_webapi"`
		} `toml:"outputs"`
	}
	require.NoError(t, config.Decode("test", []byte(text), nil, &file))
	require.Len(t, file.Outputs.PI, 1)
	return file.Outputs.PI[0]
}

func TestDefaultsKeepWhatIsSet(t *testing.T) {
	d := config.DurationOf(0)
	c := Config{Output: option.Output{MaxAhead: &d}, HTTP: option.HTTP{Auth: "basic"}}.withDefaults()
	require.Zero(t, c.MaxAhead.Duration(), "zero is a choice here")
	require.Equal(t, "basic", c.Auth)
	require.Equal(t, 24*time.Hour, c.HoldTime.Duration())
	require.EqualValues(t, 1<<30, c.QueueMaxSize.Bytes())
}

// good returns a config that is well, as the rows of the tables below begin.
func good() Config {
	return Config{
		URL: "https://pi.example.com/piwebapi", DataServer: "PISRV1",
		Queue: option.Queue{QueuePath: "/var/lib/q"},
		HTTP:  option.HTTP{Auth: "basic", Username: "u", Password: config.SecretOf("p")},
	}
}

func ptr[T any](v T) *T { return &v }

func dur(d time.Duration) *config.Duration { return ptr(config.DurationOf(d)) }

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *Config)
		want   []string // the lines of the error, or parts of them
	}{
		{"well", func(*Config) {}, nil},
		{"zero", func(c *Config) { *c = Config{} }, []string{"url is not set", "data_server is not set", `auth = "kerberos" needs`, "queue_path is not set"}},
		{"url without scheme", func(c *Config) { c.URL = "pi.example.com/piwebapi" }, []string{`url = "pi.example.com/piwebapi": want one such as`}},
		{"url of another scheme", func(c *Config) { c.URL = "ftp://pi/piwebapi" }, []string{"want one such as"}},
		{"url with a password", func(c *Config) { c.URL = "https://u:hidden@pi/piwebapi" }, []string{"url of pi holds a user name"}},
		{"url with a query", func(c *Config) { c.URL = "https://pi/piwebapi?x=1" }, []string{"want nothing behind the path"}},
		{"url of a controller", func(c *Config) { c.URL = "https://pi/piwebapi/omf/" }, []string{"without /omf"}},
		{"url that is none", func(c *Config) { c.URL = "https://u:hidden@%zz" }, []string{"url is no URL"}},
		{"trailing slash", func(c *Config) { c.URL += "/" }, nil},
		{"plain http", func(c *Config) { c.URL = "http://pi/piwebapi" }, []string{"url is plain http"}},
		{"plain http allowed", func(c *Config) { c.URL, c.AllowPlaintext = "http://pi/piwebapi", true }, nil},
		{"plain http to this computer", func(c *Config) { c.URL = "http://127.0.0.1:8080/piwebapi" }, nil},
		{"data server as a path", func(c *Config) { c.DataServer = `\\PISRV1` }, []string{"data_server = "}},
		{"AF alone", func(c *Config) { c.DataServer, c.AFDatabase = "", `\\AF\DB` }, nil},
		{"AF without backslashes", func(c *Config) { c.AFDatabase = `AF\DB` }, []string{"af_database = "}},
		{"AF without database", func(c *Config) { c.AFDatabase = `\\AF` }, []string{"af_database = "}},
		{"AF with an element", func(c *Config) { c.AFDatabase = `\\AF\DB\E` }, []string{"af_database = "}},
		{"AF and create_points", func(c *Config) { c.AFDatabase, c.CreatePoints = `\\AF\DB`, true }, []string{"create_points = true: it makes PI points only"}},
		{"path and create_points", func(c *Config) { c.WebID, c.CreatePoints = "path", true }, []string{`webid = "path"`}},
		{"webid", func(c *Config) { c.WebID = "Full" }, []string{`webid = "Full": want one of ["resolve" "path"]`}},
		{"tls_cert alone", func(c *Config) { c.TLSCert = "/c" }, []string{"tls_cert and tls_key"}},
		{"skip verify and CA", func(c *Config) { c.TLSCA, c.InsecureSkipVerify = "/c", true }, []string{"insecure_skip_verify = true"}},
		{"TLS 1.1", func(c *Config) { c.TLSMinVersion = "1.1" }, []string{`tls_min_version = "1.1"`}},
		{"proxy", func(c *Config) { c.Proxy = "proxy:3128" }, []string{"proxy: want"}},
		{"proxy of the environment", func(c *Config) { c.Proxy = "environment" }, nil},
		{"relative queue", func(c *Config) { c.QueuePath = "q" }, []string{`queue_path = "q": want an absolute path`}},
		{"queue_full", func(c *Config) { c.QueueFull = "drop" }, []string{`queue_full = "drop"`}},
		{"small queue", func(c *Config) { c.QueueMaxSize = ptr(config.SizeOf(1000)) }, []string{"queue_max_size = ", "max_line = "}},
		{"max age", func(c *Config) { c.QueueMaxAge = *dur(time.Second) }, []string{`queue_max_age = "1s"`}},
		{"hold time", func(c *Config) { c.HoldTime = dur(0) }, []string{`hold_time = "0s": want 1m to 366d`}},
		{"timeout", func(c *Config) { c.Timeout = dur(time.Millisecond) }, []string{`timeout = "1ms"`}},
		{"numbers", func(c *Config) { c.MaxValues, c.RequestsInFlight = -1, 1000 }, []string{"max_values = -1: want 1 to 150000", "requests_in_flight = 1000"}},
		{"update_option", func(c *Config) { c.UpdateOption = "noreplace" }, []string{`update_option = "noreplace": want one of`}},
		{"removing update_option", func(c *Config) { c.UpdateOption = "Remove" }, []string{"it stores no new value"}},
		{"inserting resend_option", func(c *Config) { c.ResendOption = "Insert" }, []string{"would be stored twice"}},
		{"buffer_option", func(c *Config) { c.BufferOption = "yes" }, []string{"buffer_option"}},
		{"status_address", func(c *Config) { c.StatusAddress = "9273" }, []string{`status_address = "9273"`}},
		{"unchanged", func(c *Config) { c.UnchangedMaxInterval = *dur(time.Millisecond) }, []string{"unchanged_max_interval"}},
		{"empty glob", func(c *Config) { c.FieldsInclude = []string{"a", ""} }, []string{"fields_include holds an empty pattern"}},
		{"prefix", func(c *Config) { c.Prefix = `a\b` }, []string{`prefix = "a\\b": PI allows none of`}},
		{"AF prefix", func(c *Config) { c.AFDatabase, c.Prefix = `\\AF\DB`, `a\b` }, nil},
		{"several", func(c *Config) { c.URL, c.QueuePath, c.Auth = "", "", "x" }, []string{"url is not set", `auth = "x"`, "queue_path is not set"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := good()
			test.change(&c)
			configtest.RequireProblems(t, c.withDefaults().validate(), test.want)
		})
	}
}

func TestErrorsHideSecrets(t *testing.T) {
	c := Config{URL: "https://u:hidden@pi", HTTP: option.HTTP{Auth: "anonymous", Password: config.SecretOf("hidden"),
		Token: config.SecretOf("hidden"), ClientSecret: config.SecretOf("hidden"), Proxy: "://u:hidden@p"}}
	require.NotContains(t, c.withDefaults().validate().Error(), "hidden")
}
