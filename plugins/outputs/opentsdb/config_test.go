package opentsdb

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/config/configtest"
	"telegraf-ipvs/internal/httpauth"
)

const uuid = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85"

// good returns a config that is well, as the rows of the tables below begin.
func good() Config {
	c := Config{URL: "http://irondb:8112", AccountID: 1, CheckUUID: uuid, CheckName: "telegraf", DefaultTagValue: "here"}
	c.QueuePath = "/var/lib/q"
	return c
}

func TestSample(t *testing.T) {
	configtest.CheckSample(t, SampleConfig, "outputs.opentsdb", Config{}.withDefaults())
}

func TestSampleIsValid(t *testing.T) {
	var file struct {
		Outputs struct {
			OpenTSDB []Config `toml:"opentsdb"`
		} `toml:"outputs"`
	}
	require.NoError(t, config.Decode("test", []byte(SampleConfig), nil, &file))
	require.Len(t, file.Outputs.OpenTSDB, 1)
	require.NoError(t, file.Outputs.OpenTSDB[0].withDefaults().validate())

	with := SampleConfig + "\n  [outputs.opentsdb.headers]\n  X-Access-Token = \"${T}\"\n"
	env := func(string) (string, bool) { return "secret", true }
	require.NoError(t, config.Decode("test", []byte(with), env, &file))
	require.Equal(t, "secret", file.Outputs.OpenTSDB[len(file.Outputs.OpenTSDB)-1].Headers["X-Access-Token"].Reveal())
}

// TestReadme looks for every option in the README.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, options, found := strings.Cut(string(text), "## Options")
	require.True(t, found)
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if !f.Anonymous {
			require.Contains(t, options, "`"+f.Tag.Get("toml")+"`")
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestValidate(t *testing.T) {
	secrets := func(pairs ...string) map[string]config.Secret {
		m := make(map[string]config.Secret)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = config.SecretOf(pairs[i+1])
		}
		return m
	}
	for _, test := range []struct {
		name   string
		change func(c *Config)
		want   []string // parts of the error, one on each line
	}{
		{"well", func(*Config) {}, nil},
		{"zero", func(c *Config) { *c = Config{} }, []string{"url is not set", "account_id is not set", "check_uuid is not set", "check_name is not set", "queue_path is not set"}},
		{"url without scheme", func(c *Config) { c.URL = "irondb:8112" }, []string{`url = "irondb:8112": want one such as`}},
		{"url of another scheme", func(c *Config) { c.URL = "udp://irondb:4242" }, []string{"want one such as"}},
		{"url with a password", func(c *Config) { c.URL = "http://u:hidden@irondb" }, []string{"url of irondb holds a user name"}},
		{"url with a query", func(c *Config) { c.URL = "http://irondb?details" }, []string{"want nothing behind the path"}},
		{"url that is none", func(c *Config) { c.URL = "http://u:hidden@%zz" }, []string{"url is no URL"}},
		{"url with the path of puts", func(c *Config) { c.URL = "http://tsd:4242/api/put/" }, []string{"want the address of the server itself"}},
		{"url with a namespace", func(c *Config) { c.URL += "/opentsdb/1/" + uuid + "/x" }, []string{"want the address of the server itself"}},
		{"url with a path", func(c *Config) { c.URL += "/behind/a/proxy/" }, nil},
		{"telnet", func(c *Config) { c.URL = "tcp://irondb:4242" }, nil},
		{"telnet with a path", func(c *Config) { c.URL = "tcp://irondb:4242/x" }, []string{"there are no paths over telnet"}},
		{"telnet without a namespace", func(c *Config) {
			c.URL, c.AccountID, c.CheckUUID, c.CheckName = "tcp://irondb:4242", 0, "", ""
		}, nil},
		{"half a namespace", func(c *Config) { c.URL, c.CheckUUID = "tcp://irondb:4242", "" }, []string{"belong together"}},
		{"telnet with what it has not", func(c *Config) {
			c.URL, c.Auth, c.Username, c.Password, c.Compression = "tcp://irondb:4242", "basic", "u", config.SecretOf("p"), "gzip"
			c.Headers, c.Proxy = secrets("A", "b"), "environment"
		}, []string{"auth is set, but the telnet", "headers is set", "proxy is set", "compression is set", "username is set, but auth", "password is set, but auth"}},
		{"TLS options without TLS", func(c *Config) { c.URL, c.TLSCA, c.TLSServerName = "tcp://irondb", "/ca", "x" },
			[]string{"tls_ca is set, but url", "tls_server_name is set"}},
		{"telnet with TLS", func(c *Config) { c.URL, c.TLSCA, c.TLSServerName = "tls://irondb", "/ca", "x" }, nil},
		{"telnet with half a certificate", func(c *Config) { c.URL, c.TLSCert = "tls://irondb", "/cert" }, []string{"tls_cert and tls_key belong together"}},
		{"target", func(c *Config) { c.Target = "influxdb" }, []string{`target = "influxdb": want one of ["irondb" "opentsdb"]`}},
		{"opentsdb without a namespace", func(c *Config) { c.Target, c.AccountID, c.CheckUUID, c.CheckName = "opentsdb", 0, "", "" }, nil},
		{"account", func(c *Config) { c.AccountID = -1 }, []string{"account_id = -1: want an integer from 1"}},
		{"uuid of zeros", func(c *Config) { c.CheckUUID = "00000000-0000-0000-0000-000000000000" }, []string{"check_uuid = "}},
		{"uuid in braces", func(c *Config) { c.CheckUUID = "{" + uuid + "}" }, []string{"check_uuid = "}},
		{"uuid of an odd variant", func(c *Config) { c.CheckUUID = "8c01e252-e0ed-40bd-d4a3-dc9c7ed3a9b2" }, nil},
		{"check name that a path swallows", func(c *Config) { c.CheckName = ".." }, []string{`check_name = ".."`}},
		{"namespace_tags", func(c *Config) { c.NamespaceTags = "yes" }, []string{`namespace_tags = "yes"`}},
		{"put_path", func(c *Config) { c.PutPath = "api/put?sync" }, []string{`put_path = "api/put?sync"`}},
		{"plain http with a password", func(c *Config) { c.Auth, c.Username, c.Password = "basic", "u", config.SecretOf("p") }, []string{"url is plain http"}},
		{"plain http with a password allowed", func(c *Config) {
			c.Auth, c.Username, c.Password, c.AllowPlaintext = "basic", "u", config.SecretOf("p"), true
		}, nil},
		{"auth", func(c *Config) { c.Auth = "digest" }, []string{`auth = "digest"`}},
		{"headers", func(c *Config) {
			c.URL, c.Headers = "https://irondb", secrets("X-Access-Token", "t", "authorization", "Bearer t")
		}, nil},
		{"Authorization in the open", func(c *Config) { c.Headers = secrets("Authorization", "Bearer hidden") }, []string{"would be read by everybody"}},
		{"Authorization twice", func(c *Config) {
			c.URL, c.Auth, c.Username, c.Password = "https://irondb", "basic", "u", config.SecretOf("p")
			c.Headers = secrets("Authorization", "Bearer hidden")
		}, []string{"Authorization is set by auth"}},
		{"header of its own", func(c *Config) { c.Headers = secrets("content-length", "3") }, []string{"Content-Length is set by this output itself"}},
		{"name of a header", func(c *Config) { c.Headers = secrets("X Y", "3") }, []string{`"X Y" is no name of a header`}},
		{"value of a header", func(c *Config) { c.Headers = secrets("X", "hidden\n") }, []string{"the value of X"}},
		{"max_points", func(c *Config) { c.MaxPoints = -1 }, []string{"max_points = -1"}},
		{"max_request_size", func(c *Config) { c.MaxRequestSize = ptr(config.SizeOf(1)) }, []string{"max_request_size = "}},
		{"compression", func(c *Config) { c.Compression = "zstd" }, []string{`compression = "zstd"`}},
		{"telnet_confirm", func(c *Config) { c.TelnetConfirm = "ack" }, []string{`telnet_confirm = "ack"`}},
		{"timestamp_format", func(c *Config) { c.TimestampFormat = "ns" }, []string{`timestamp_format = "ns"`}},
		{"dotted in JSON", func(c *Config) { c.TimestampFormat = "dotted" }, []string{"in JSON a timestamp may have no dot"}},
		{"dotted over telnet", func(c *Config) { c.URL, c.TimestampFormat = "tcp://irondb", "dotted" }, nil},
		{"template that does not parse", func(c *Config) { c.MetricName = "{{field" }, []string{`metric_name = "{{field"`}},
		{"template of an unknown function", func(c *Config) { c.MetricName = "{{nothing}}" }, []string{"nothing"}},
		{"one name for all fields", func(c *Config) { c.MetricName = "{{measurement}}" }, []string{"use {{field}}"}},
		{"no separator", func(c *Config) { c.Separator = ptr("") }, nil},
		{"separator of OpenTSDB", func(c *Config) { c.Target, c.Separator = "opentsdb", ptr(":") }, []string{`separator = ":": that cannot be sent; what comes nearest is "_"`}},
		{"separator of IRONdb", func(c *Config) { c.Separator = ptr(":") }, nil},
		{"blank over telnet", func(c *Config) { c.URL, c.Prefix, c.DefaultTag = "tcp://irondb", "a b", "a=b" }, []string{`prefix = "a b"`, `default_tag = "a=b"`}},
		{"relative queue", func(c *Config) { c.QueuePath = "q" }, []string{`queue_path = "q": want an absolute path`}},
		{"timeout", func(c *Config) { c.URL, c.Timeout = "tcp://irondb", ptr(config.DurationOf(1)) }, []string{"timeout = "}},
		{"status_address", func(c *Config) { c.StatusAddress = "localhost" }, []string{"status_address = "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := good()
			test.change(&c)
			err := c.withDefaults().validate()
			if err != nil {
				require.NotContains(t, err.Error(), "hidden")
			}
			configtest.RequireProblems(t, err, test.want)
		})
	}
}

func TestDefaultsKeepWhatIsSet(t *testing.T) {
	c := Config{Separator: ptr(""), ValueField: ptr("")}.withDefaults()
	require.Empty(t, *c.Separator)
	require.Empty(t, *c.ValueField)
	require.Equal(t, httpauth.Anonymous, c.Auth)
	require.Equal(t, "irondb", c.Target)
}
