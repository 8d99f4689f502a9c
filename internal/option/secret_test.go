package option

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/logtest"
)

func TestWarnExposed(t *testing.T) {
	dir := t.TempDir()
	o := HTTP{}
	for name, option := range map[string]*string{
		"password": &o.PasswordFile, "token": &o.TokenFile, "client": &o.ClientSecretFile, "keytab": &o.Keytab, "key": &o.TLSKey,
	} {
		*option = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(*option, []byte("x"), 0o600))
	}
	warnings := func(o HTTP) string {
		log := logtest.New(slog.LevelInfo)
		WarnExposed(log.Logger, o.SecretFiles()...)
		return log.String()
	}
	require.Empty(t, warnings(o))
	require.Empty(t, warnings(HTTP{}))
	for _, path := range o.SecretFiles() {
		require.NoError(t, os.Chmod(path, 0o604))
	}
	text := warnings(o)
	require.Equal(t, 5, strings.Count(text, "can be read by every user; chmod 0640 "+dir), text)
}
