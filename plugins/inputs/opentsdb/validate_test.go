package opentsdb

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/httpauth/pkitest"
	"telegraf-ipvs/internal/queue"
)

// TestWrongOptions meets every problem that an option can have, by its text.
func TestWrongOptions(t *testing.T) {
	listener := func(edit func(*Listener)) func(*Config) {
		return func(c *Config) { edit(&c.Listeners[0]) }
	}
	credential := func(cred Credential) func(*Config) {
		return func(c *Config) { c.Credentials = append(c.Credentials, cred) }
	}
	secret := config.SecretOf("x")
	tests := []struct {
		name string
		edit func(*Config)
		want []string
	}{
		{"nothing to listen to", func(c *Config) { c.HTTPAddress, c.Listeners = "", nil }, []string{"neither http_address nor a table [[inputs.opentsdb.listener]] is set"}},
		{"no port", func(c *Config) { c.HTTPAddress = "127.0.0.1" }, []string{`http_address = "127.0.0.1": want an address with a port, such as "127.0.0.1:4242"`}},
		{"an empty port", func(c *Config) { c.HTTPAddress = "127.0.0.1:" }, []string{`http_address = "127.0.0.1:": want an address with a port`}},
		{"no port of the status", func(c *Config) { c.StatusAddress = "here" }, []string{`status_address = "here": want an address with a port`}},
		{"no port of a listener", listener(func(l *Listener) { l.Address = "x" }), []string{`listener[0].address = "x": want an address with a port`}},
		{"one port twice", func(c *Config) { c.HTTPAddress, c.Listeners[0].Address = ":4242", ":4242" }, []string{`http_address and listener[0].address are both ":4242": each needs a port of its own`}},
		{"one port of two listeners", func(c *Config) {
			c.Listeners[0].Address = ""
			c.Listeners = append(c.Listeners, c.Listeners[0])
		}, []string{`listener[0].address and listener[1].address are both "127.0.0.1:4242"`}},
		{"status at the port of HTTP", func(c *Config) { c.HTTPAddress, c.StatusAddress = ":8112", ":8112" }, []string{`http_address and status_address are both ":8112"`}},

		{"no namespace", listener(func(l *Listener) { l.AccountID, l.CheckUUID, l.CheckName = 0, "", "" }), []string{
			"listener[0].account_id = 0: want an integer from 1", `listener[0].check_uuid = "": want a UUID such as`, "listener[0].check_name is empty",
		}},
		{"a nil UUID", listener(func(l *Listener) { l.CheckUUID = "00000000-0000-0000-0000-000000000000" }), []string{`, and not the one of zeros alone`}},
		{"a name with a newline", listener(func(l *Listener) { l.CheckName = "a\nb" }), []string{`listener[0].check_name = "a\nb": line protocol cannot carry it`}},
		{"a default namespace", func(c *Config) { c.DefaultNamespace = &Namespace{-1, "x", `a\`} }, []string{
			"default_namespace.account_id = -1: want an integer from 1", `default_namespace.check_uuid = "x"`, `default_namespace.check_name = "a\\": line protocol cannot carry it`,
		}},
		{"words of a listener", listener(func(l *Listener) { l.Protocol, l.Profile, l.Reply, l.TelnetErrors, l.TLS = "udp", "a", "b", "c", "d" }), []string{
			`listener[0].protocol = "udp": want one of ["any" "telnet" "http"]`, `listener[0].profile = "a": want one of ["irondb" "opentsdb"]`,
			`listener[0].reply = "b": want one of ["irondb" "opentsdb"]`, `listener[0].telnet_errors = "c": want one of ["reply" "silent"]`, `listener[0].tls = "d": want one of ["on" "off"]`,
		}},
		{"words of the table", func(c *Config) { c.Profile, c.Reply, c.TelnetErrors, c.TLSMinVersion = "a", "b", "c", "1.1" }, []string{
			`profile = "a": want one of`, `reply = "b": want one of`, `telnet_errors = "c": want one of`, `tls_min_version = "1.1": want one of ["1.2" "1.3"]`,
		}},

		{"no queue", func(c *Config) { c.QueuePath = "" }, []string{`queue_path is not set: want a directory of its own that survives restarts, such as "/var/lib/telegraf-ipvs/opentsdb"`}},
		{"a relative queue", func(c *Config) { c.QueuePath = "queue" }, []string{`queue_path = "queue": want an absolute path`}},
		{"a small queue", func(c *Config) { c.QueueMaxSize = bytesOf(1000) }, []string{"queue_max_size = "}},
		{"another acknowledgement", func(c *Config) { c.Acknowledge = "never" }, []string{`acknowledge = "never": want one of ["stored" "handed_over"]`}},
		{"a queue for nothing", func(c *Config) { c.Acknowledge = "handed_over" }, []string{`queue_path is set, but acknowledge = "handed_over" stores nothing: leave one of them out`}},

		{"tags with one name", func(c *Config) { c.CheckNameTag = text("check_uuid") }, []string{`check_uuid_tag and check_name_tag are both "check_uuid": give one of them another name`}},
		{"a tag that cannot be", func(c *Config) { c.AccountIDTag = text("a\n") }, []string{`account_id_tag = "a\n": line protocol cannot carry it`}},
		{"a category that cannot be", func(c *Config) { c.CheckCategory = "a\\" }, []string{`check_category = "a\\": line protocol cannot carry it`}},

		{"numbers", func(c *Config) {
			c.MaxConnections, c.MaxPoints, c.MaxTags, c.MaxSeries, c.MaxNamespaces = -1, -1, 257, -1, -1
		}, []string{
			"max_connections = -1: want 1 to 1000000", "max_points = -1: want 1 to 100000000", "max_tags = 257: want 0 to 256",
			"max_series = -1: want 1 to 100000000", "max_namespaces = -1: want 1 to 1000000",
		}},
		{"sizes", func(c *Config) { c.MaxLine, c.MaxBody, c.MaxMemory = bytesOf(10), bytesOf(2<<30), bytesOf(10) }, []string{
			`max_line = "10B": want 1KiB to 16MiB`, `max_body = "2GiB": want 1KiB to 1GiB`, `max_memory = "10B": want 1MiB to 1TiB`,
		}},
		{"times", func(c *Config) {
			c.AckTimeout, c.SeriesExpiry, c.DetectTimeout, c.HeaderTimeout, c.BodyTimeout, c.IdleTimeout = millis(99), seconds(59), millis(999), millis(999), millis(999), millis(999)
		}, []string{
			`ack_timeout = "99ms": want 100ms to 1h`, `series_expiry = "59s": want 1m to 366d`, `detect_timeout = "999ms": want 1s to 1h`,
			`header_timeout = "999ms": want 1s to 1h`, `body_timeout = "999ms": want 1s to 1d`, `idle_timeout = "999ms": want 1s to 366d`,
		}},
		{"more listeners than namespaces", func(c *Config) { c.MaxNamespaces = 1 }, []string{"max_namespaces = 1: 1 listeners have one each; want more"}},

		{"a certificate without its key", func(c *Config) { c.TLSCert = "a" }, []string{"tls_cert and tls_key belong together: set both or none"}},
		{"an authority without TLS", func(c *Config) { c.TLSClientCA = "a" }, []string{"tls_client_ca is set without tls_cert and tls_key"}},
		{"TLS without a certificate", listener(func(l *Listener) { l.TLS = "on" }), []string{`listener[0].tls = "on" needs tls_cert and tls_key`}},
		{"networks", func(c *Config) {
			c.AllowedNetworks, c.Listeners[0].AllowedNetworks = []string{"10.0.0.0/8", "localhost"}, []string{"10.0.0.0/33"}
		}, []string{
			`allowed_networks: "localhost" is no network: want one such as "10.0.0.0/8"`, `listener[0].allowed_networks: "10.0.0.0/33" is no network`,
		}},

		{"an empty credential", credential(Credential{}), []string{"credential[0]: want username and password_file, or token_file"}},
		{"a user alone", credential(Credential{Username: "a"}), []string{"credential[0]: username needs password or password_file, and the other way round"}},
		{"a user with a token", credential(Credential{Username: "a", Token: secret}), []string{"credential[0]: username needs password"}},
		{"a password alone", credential(Credential{Password: secret}), []string{"credential[0]: username needs password"}},
		{"two passwords", credential(Credential{Username: "a", Password: secret, PasswordFile: "b"}), []string{"credential[0]: password and password_file are both set: want one of them"}},
		{"two tokens", credential(Credential{Token: secret, TokenFile: "b"}), []string{"credential[0]: token and token_file are both set: want one of them"}},
		{"a password and a token", credential(Credential{Username: "a", Password: secret, Token: secret}), []string{"credential[0]: a password and a token are set: make two credentials of it"}},
		{"patterns", credential(Credential{Token: secret, Namespaces: []string{"1/2", "0/*/*", "1/x/*", "1/*/", "x/*/*"}}), []string{
			`credential[0]: namespaces: "1/2": want "account_id/check_uuid/check_name", any of which may be *`, `"0/*/*": account_id "0": want an integer from 1`,
			`"1/x/*": "x" is no UUID`, `"1/*/": the name is empty; want * for any`, `"x/*/*": account_id "x"`,
		}},
		{"much at once", func(c *Config) { c.HTTPAddress, c.QueuePath, c.MaxPoints, c.Profile = "x", "", -1, "y" }, []string{"http_address", "queue_path", "max_points", "profile"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig(t)
			test.edit(&cfg)
			_, err := New(cfg, slog.New(slog.DiscardHandler))
			require.Error(t, err)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Len(t, strings.Split(err.Error(), "\n"), len(test.want), "a line for each problem: %v", err)
		})
	}
}

// TestRightOptions takes what stands at the bounds.
func TestRightOptions(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Config)
	}{
		{"HTTP alone", func(c *Config) { c.Listeners = nil }},
		{"a listener alone", func(c *Config) { c.HTTPAddress = "" }},
		{"any port twice", func(c *Config) { c.HTTPAddress, c.Listeners[0].Address = ":0", ":0" }},
		{"no bounds of time", anyAge},
		{"handed over", func(c *Config) { c.Acknowledge, c.QueuePath = "handed_over", "" }},
		{"an address as a network", func(c *Config) { c.AllowedNetworks = []string{"10.0.0.1", "2001:db8::1", "fe80::/10"} }},
		{"a UUID that is not of RFC 9562", func(c *Config) { c.DefaultNamespace.CheckUUID = "8C01E252-e0ed-40bd-d4a3-dc9c7ed3a9b2" }},
		{"one tag", func(c *Config) { c.MaxTags = 1 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig(t)
			test.edit(&cfg)
			_, err := New(cfg, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
		})
	}
}

// TestCheck looks at everything without making or holding anything.
func TestCheck(t *testing.T) {
	ca := pkitest.New(t, "a")
	check := func(t *testing.T, cfg Config) map[string]string {
		t.Helper()
		in, err := New(cfg, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		got := map[string]string{}
		in.Check(context.Background(), func(subject, state string, err error) {
			require.NotContains(t, got, subject, "each is told once")
			if got[subject] = state; err != nil {
				got[subject] = "FAIL " + state + ": " + err.Error()
			}
		})
		return got
	}
	t.Run("well", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.QueuePath = filepath.Join(t.TempDir(), "not", "yet")
		cfg.TLSCert, cfg.TLSKey = pkitest.Save(t, t.TempDir(), ca.Issue("127.0.0.1", nil), time.Now())
		cfg.Credentials = []Credential{{Token: config.SecretOf("s3cret")}}
		got := check(t, cfg)
		require.Equal(t, "1 credentials", got["access"])
		require.Equal(t, cfg.TLSCert, got["tls"])
		require.Equal(t, "127.0.0.1:0 is free (HTTP)", got["http"])
		require.Equal(t, "127.0.0.1:0 is free (any)", got["listener[0]"])
		require.NotContains(t, got["queue"], "FAIL")
		require.NoDirExists(t, cfg.QueuePath)
		require.NotContains(t, fmt.Sprint(got), "s3cret")
	})
	t.Run("while it runs", func(t *testing.T) {
		r := startRig(t, testConfig(t))
		cfg := r.cfg
		cfg.HTTPAddress, cfg.Listeners = r.in.ports[0].listener.Addr().String(), []Listener{cfg.Listeners[0]}
		cfg.Listeners[0].Address = r.port()
		got := check(t, cfg)
		require.Equal(t, cfg.HTTPAddress+" is in use: by this program if it runs already", got["http"])
		require.Equal(t, cfg.Listeners[0].Address+" is in use: by this program if it runs already", got["listener[0]"])
		require.NotContains(t, got["queue"], "FAIL")
		require.Equal(t, "everybody may send over HTTP", got["access"])
	})
	t.Run("not well", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.HTTPAddress, cfg.Listeners[0].Address = "192.0.2.1:8112", "nowhere.invalid:1"
		cfg.TLSCert, cfg.TLSKey = "/nonexistent/cert", "/nonexistent/key"
		cfg.Credentials = []Credential{{TokenFile: "/nonexistent/token"}}
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		cfg.QueuePath = filepath.Join(file, "queue")
		got := check(t, cfg)
		for _, subject := range []string{"access", "tls", "http", "listener[0]", "queue"} {
			require.Contains(t, got[subject], "FAIL", subject)
		}
		require.Contains(t, got["http"], "choose another address")
	})
	t.Run("no queue", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.Acknowledge, cfg.QueuePath = "handed_over", ""
		require.Equal(t, "none: what is acknowledged is not on disk", check(t, cfg)["queue"])
	})
}

// TestQueueCommand answers the command queue while the input runs.
func TestQueueCommand(t *testing.T) {
	r := startRig(t, testConfig(t))
	defer r.to.stall()()
	require.Equal(t, 200, r.post("/api/put", object("m", 1)).status)
	var q queue.Inspector
	require.Eventually(t, func() bool {
		var err error
		q, err = queue.Inspect(queue.Config{Dir: r.cfg.QueuePath})
		return err == nil
	}, patience, time.Millisecond)
	defer q.Close()
	require.True(t, q.Live())
	list, err := q.List(0, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.True(t, strings.HasPrefix(string(list[0].Data), "m,account_id=1,"), "%s", list[0].Data)
	require.NotContains(t, string(list[0].Data), "\n")
}

// TestOrderOfDefaults has a listener take from the table what it leaves out.
func TestOrderOfDefaults(t *testing.T) {
	cfg := Config{
		Profile: "opentsdb", TelnetErrors: "silent", TLSCert: "c", AllowedNetworks: []string{"10.0.0.0/8"},
		Listeners: []Listener{{}, {Profile: "irondb", TLS: "off", AllowedNetworks: []string{}, TelnetErrors: "reply"}, {Reply: "irondb"}},
	}.withDefaults()
	require.Equal(t, "opentsdb", cfg.Reply, "as the profile")
	want := []Listener{
		{Address: "127.0.0.1:4242", Protocol: "any", Profile: "opentsdb", Reply: "opentsdb", TelnetErrors: "silent", TLS: "on", AllowedNetworks: []string{"10.0.0.0/8"}},
		{Address: "127.0.0.1:4242", Protocol: "any", Profile: "irondb", Reply: "irondb", TelnetErrors: "reply", TLS: "off", AllowedNetworks: []string{}},
		{Address: "127.0.0.1:4242", Protocol: "any", Profile: "opentsdb", Reply: "irondb", TelnetErrors: "silent", TLS: "on", AllowedNetworks: []string{"10.0.0.0/8"}},
	}
	require.Equal(t, want, cfg.Listeners)
	l := Config{Reply: "opentsdb", Listeners: []Listener{{Profile: "irondb"}}}.withDefaults().Listeners[0]
	require.Equal(t, "opentsdb", l.Reply, "the table's word comes before the profile's")
}

// TestPorts tells by name what a port is for.
func TestPorts(t *testing.T) {
	r := startRig(t, testConfig(t))
	require.Equal(t, "HTTP, namespace 1/"+ownUUID+"/put", r.in.ports[0].describe())
	require.Equal(t, "telnet and HTTP, namespace 1/"+ownUUID+"/telnet", r.in.ports[1].describe())
	require.False(t, isInUse(os.ErrNotExist))
	_, err := net.Listen("tcp", r.port())
	require.True(t, isInUse(err))
}
