package option

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/config/configtest"
	"telegraf-ipvs/internal/httpauth"
)

func dur(d time.Duration) *config.Duration { v := config.DurationOf(d); return &v }

func bytes(n int64) *config.Size { v := config.SizeOf(n); return &v }

// plugin is the configuration of a plugin as package comment has it.
type plugin struct {
	URL string `toml:"url"`
	HTTP
	Queue
	Output
}

func (p plugin) withDefaults() plugin {
	p.HTTP.SetDefaults(httpauth.Anonymous)
	p.Queue.SetDefaults()
	p.Output.SetDefaults()
	return p
}

const sample = `# Example
[[outputs.example]]
  url = "https://example.com"
  # auth = "anonymous"
  # username = ""
  # password = "${SECRET}"
  # password_file = ""
  # domain = ""
  # realm = ""
  # keytab = ""
  # credential_cache = ""
  # spn = ""
  # krb5_conf = ""
  # token = "${SECRET}"
  # token_file = ""
  # token_url = ""
  # client_id = ""
  # client_secret = "${SECRET}"
  # client_secret_file = ""
  # scopes = []
  # tls_ca = ""
  # tls_cert = ""
  # tls_key = ""
  # tls_server_name = ""
  # tls_min_version = "1.2"
  # insecure_skip_verify = false
  # allow_plaintext = false
  # proxy = ""
  # timeout = "30s"
  queue_path = "/var/lib/example"
  # queue_max_size = "1GiB"
  # queue_max_age = "0s"
  # queue_full = "block"
  # flush_interval = "200ms"
  # max_line = "1MiB"
  # dead_letter_max_size = "100MiB"
  # hold_time = "24h"
  # max_ahead = "10m"
  # requests_in_flight = 2
  # send_interval = "250ms"
  # status_address = ""
`

// TestEmbedded reads the options as those of a plugin, and holds them to the names and defaults that are documented.
func TestEmbedded(t *testing.T) {
	configtest.CheckSample(t, sample, "outputs.example", plugin{}.withDefaults())
	var file struct {
		Outputs struct {
			Example []plugin `toml:"example"`
		} `toml:"outputs"`
	}
	require.NoError(t, config.Decode("test", []byte(sample), nil, &file))
	require.Len(t, file.Outputs.Example, 1)
	got := file.Outputs.Example[0].withDefaults()
	require.Equal(t, "/var/lib/example", got.QueuePath)
	require.NoError(t, errors.Join(got.HTTP.Validate(), got.Queue.Validate(""), got.Output.Validate(&got.Queue)))
}

func TestDefaultsKeepWhatIsSet(t *testing.T) {
	zero := dur(0)
	p := plugin{Output: Output{MaxAhead: zero, RequestsInFlight: 7}, HTTP: HTTP{Auth: "basic"}, Queue: Queue{QueueFull: "drop_oldest"}}.withDefaults()
	require.Same(t, zero, p.MaxAhead, "zero is a choice here")
	require.Equal(t, 7, p.RequestsInFlight)
	require.Equal(t, "basic", p.Auth)
	require.Equal(t, "drop_oldest", p.QueueFull)

	shared := plugin{}
	first := shared.withDefaults()
	*first.MaxAhead = config.DurationOf(time.Hour)
	require.Nil(t, shared.MaxAhead)
	require.Equal(t, 10*time.Minute, shared.withDefaults().MaxAhead.Duration(), "no default is shared")
}

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"word", OneOf("k", "b", "a", "b"), ""},
		{"no word", OneOf("k", "c", "a", "b"), `k = "c": want one of ["a" "b"]`},
		{"least", IntWithin("k", 1, 1, 3), ""},
		{"most", IntWithin("k", 3, 1, 3), ""},
		{"less", IntWithin("k", 0, 1, 3), "k = 0: want 1 to 3"},
		{"more", IntWithin("k", 4, 1, 3), "k = 4: want 1 to 3"},
		{"size", SizeWithin("k", *bytes(2048), 1024, 2048), ""},
		{"small size", SizeWithin("k", *bytes(1023), 1024, 1<<20), `k = "1023B": want 1KiB to 1MiB`},
		{"large size", SizeWithin("k", *bytes(2 << 20), 1024, 1<<20), `k = "2MiB": want 1KiB to 1MiB`},
		{"duration", DurationWithin("k", *dur(0), 0, time.Second), ""},
		{"short duration", DurationWithin("k", *dur(time.Second), time.Minute, time.Hour), `k = "1s": want 1m to 1h`},
		{"long duration", DurationWithin("k", *dur(2 * time.Hour), time.Minute, time.Hour), `k = "2h": want 1m to 1h`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				require.NoError(t, test.err)
				return
			}
			require.EqualError(t, test.err, test.want)
		})
	}
}
