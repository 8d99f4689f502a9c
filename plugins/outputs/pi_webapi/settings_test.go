package piwebapi

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/queue"
)

func TestAuthSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("from file\n"), 0o600))
	c := Config{
		URL: "https://pi/piwebapi", Auth: "kerberos", Username: "u", Password: config.SecretOf("from config"), Domain: "d", Realm: "r", Keytab: "k",
		CredentialCache: "cc", SPN: "s", Krb5Conf: "kc", TokenFile: file, TokenURL: "tu", ClientID: "ci", ClientSecretFile: file, Scopes: []string{"a"},
		TLSCA: "ca", TLSCert: "cert", TLSKey: "key", TLSServerName: "sn", TLSMinVersion: "1.3", InsecureSkipVerify: true, AllowPlaintext: true, Proxy: "p",
	}
	got := c.auth()
	for _, secret := range []struct {
		read func() (string, error)
		want string
	}{{got.Password, "from config"}, {got.Token, "from file"}, {got.ClientSecret, "from file"}} {
		text, err := secret.read()
		require.NoError(t, err)
		require.Equal(t, secret.want, text)
	}
	got.Password, got.Token, got.ClientSecret = nil, nil, nil // functions are never equal
	require.EqualExportedValues(t, httpauth.Config{
		URL: "https://pi/piwebapi", Auth: "kerberos", Username: "u", Domain: "d", Realm: "r", Keytab: "k",
		CredentialCache: "cc", SPN: "s", KRB5Conf: "kc", TokenURL: "tu", ClientID: "ci", Scopes: []string{"a"},
		TLSCA: "ca", TLSCert: "cert", TLSKey: "key", TLSServerName: "sn", TLSMinVersion: "1.3", InsecureSkipVerify: true, AllowPlaintext: true, Proxy: "p",
	}, got)

	none := Config{}.auth()
	require.Nil(t, none.Password)
	require.Nil(t, none.Token)
	require.Nil(t, none.ClientSecret)
}

func TestQueueSettings(t *testing.T) {
	called := false
	got := Config{
		QueuePath: "/q", QueueMaxSize: ptr(config.SizeOf(1)), QueueMaxAge: *dur(time.Hour), QueueFull: "drop_oldest", DeadLetterMaxSize: ptr(config.SizeOf(2)),
	}.queue(func(error) { called = true })
	got.OnProblem(nil)
	require.True(t, called)
	require.Equal(t, "/q", got.Dir)
	require.EqualValues(t, 1, got.MaxSize)
	require.EqualValues(t, 2, got.MaxDeadLetters)
	require.Equal(t, time.Hour, got.MaxAge)
	require.Equal(t, queue.DropOldest, got.WhenFull)
	require.Equal(t, queue.Block, Config{}.withDefaults().queue(nil).WhenFull)
}

func TestClientSettings(t *testing.T) {
	got := Config{URL: "https://pi/piwebapi", Timeout: dur(time.Second)}.client(nil)
	require.Equal(t, "https://pi/piwebapi", got.URL)
	require.Equal(t, time.Second, got.Timeout)
}
