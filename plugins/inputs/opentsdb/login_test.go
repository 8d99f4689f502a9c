package opentsdb

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	tsdb "telegraf-ipvs/internal/opentsdb"

	"telegraf-ipvs/internal/config"
)

// TestLogin presents right and wrong credentials, and writes to namespaces that they may and may not write to.
func TestLogin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("from-a-file\n"), 0o600))
	cfg := testConfig(t)
	cfg.Credentials = []Credential{
		{Username: "all", Password: config.SecretOf("s3cret")},
		{Username: "site-a", Password: config.SecretOf("s3cret"), Namespaces: []string{"2/*/*"}},
		{Token: config.SecretOf("tok"), Namespaces: []string{"*/" + strings.ToUpper(otherUUID) + "/one", "3/*/a/b"}},
		{TokenFile: file, Namespaces: []string{"1/" + ownUUID + "/put"}},
	}
	r := startRig(t, cfg)
	basic := func(user, password string) string {
		req, _ := http.NewRequest(http.MethodGet, "http://a", nil)
		req.SetBasicAuth(user, password)
		return req.Header.Get("Authorization")
	}
	space := func(rest string) string { return "/opentsdb/" + rest }
	tests := []struct {
		name, authorization, path string
		status                    int
	}{
		{"nobody", "", "/api/put", 401},
		{"nobody to a namespace", "", space("1/" + ownUUID + "/x"), 401},
		{"nobody with metadata", "", "/api/metadata/put", 401},
		{"a wrong password", basic("all", "s3cre"), "/api/put", 401},
		{"a longer password", basic("all", "s3crett"), "/api/put", 401},
		{"no password", basic("all", ""), "/api/put", 401},
		{"a wrong user", basic("al", "s3cret"), "/api/put", 401},
		{"no user", basic("", "s3cret"), "/api/put", 401},
		{"a token as a password", basic("tok", ""), "/api/put", 401},
		{"a password as a token", "Bearer all:s3cret", "/api/put", 401},
		{"another scheme", "Digest all:s3cret", "/api/put", 401},
		{"nothing of basic", "Basic", "/api/put", 401},
		{"no base64", "Basic !!", "/api/put", 401},
		{"an empty token", "Bearer ", "/api/put", 401},
		{"a wrong token", "Bearer token", space("1/" + otherUUID + "/one"), 401},
		{"a token without its scheme", "tok", space("1/" + otherUUID + "/one"), 401},

		{"everywhere", basic("all", "s3cret"), space("77/" + ownUUID + "/x"), 200},
		{"everywhere by default", basic("all", "s3cret"), "/api/put", 200},
		{"metadata", basic("all", "s3cret"), "/api/metadata/put", 204},
		{"its account", basic("site-a", "s3cret"), space("2/" + otherUUID + "/y"), 200},
		{"another account", basic("site-a", "s3cret"), space("1/" + otherUUID + "/y"), 403},
		{"another account by default", basic("site-a", "s3cret"), "/api/put", 403},
		{"metadata of another account", basic("site-a", "s3cret"), "/api/metadata/put", 403},
		{"its check", "Bearer tok", space("9/" + otherUUID + "/one"), 200},
		{"its check, the scheme in capitals", "BEARER tok", space("9/" + otherUUID + "/one"), 200},
		{"its check by another name", "Bearer tok", space("9/" + otherUUID + "/two"), 403},
		{"a name with a slash", "Bearer tok", space("3/" + ownUUID + "/a%2Fb"), 200},
		{"a part of that name", "Bearer tok", space("3/" + ownUUID + "/a"), 403},
		{"from a file", "Bearer from-a-file", "/api/put", 200},
		{"from a file, elsewhere", "Bearer from-a-file", space("1/" + ownUUID + "/put2"), 403},
	}
	good := 0
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			headers := []string{"X", "x"}
			if test.authorization != "" {
				headers = append(headers, "Authorization", test.authorization)
			}
			logins, spaces := r.in.stats.why(tsdb.Unauthorized), r.in.stats.why(tsdb.Forbidden)
			got := r.post(test.path, object("m", 1), headers...)
			require.Equal(t, test.status, got.status, got.body)
			switch test.status {
			case http.StatusUnauthorized:
				require.Equal(t, []string{`Basic realm="telegraf-ipvs", charset="UTF-8"`, `Bearer realm="telegraf-ipvs"`}, got.header.Values("WWW-Authenticate"))
				require.Equal(t, "Authentication failed", got.message(t))
				require.Equal(t, logins+1, r.in.stats.why(tsdb.Unauthorized))
			case http.StatusForbidden:
				require.Equal(t, "Forbidden", got.message(t))
				require.Equal(t, spaces+1, r.in.stats.why(tsdb.Forbidden))
			case http.StatusOK:
				good++
			}
			require.NotContains(t, got.body, "s3cret")
		})
	}
	// Where nobody may write nothing is looked at, so that namespaces cannot be filled by strangers.
	before := len(r.in.spaces.list())
	require.Equal(t, http.StatusUnauthorized, r.post(space("5/"+ownUUID+"/new"), object("m", 1)).status)
	require.Equal(t, http.StatusForbidden, r.post(space("5/"+ownUUID+"/new"), object("m", 1), "Authorization", "Bearer tok").status)
	require.Len(t, r.in.spaces.list(), before)
	r.arrive(good)
	require.Len(t, r.settle(), good)
	require.NotContains(t, r.log.String(), "s3cret")
}

// TestChallenge offers the schemes that lead in.
func TestChallenge(t *testing.T) {
	tests := []struct {
		name string
		list []Credential
		want []string
	}{
		{"basic", []Credential{{Username: "a", Password: config.SecretOf("b")}}, []string{`Basic realm="telegraf-ipvs", charset="UTF-8"`}},
		{"bearer", []Credential{{Token: config.SecretOf("b")}}, []string{`Bearer realm="telegraf-ipvs"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := newAccess(test.list)
			require.NoError(t, err)
			require.Equal(t, test.want, a.challenge())
		})
	}
}

// TestSecretsThatCannotBeRead lists every problem.
func TestSecretsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	_, err := newAccess([]Credential{{TokenFile: filepath.Join(dir, "none")}, {Username: "a", PasswordFile: empty}})
	require.ErrorContains(t, err, "credential[0]: read the secret: ")
	require.ErrorContains(t, err, "credential[1]: read the secret: ")
	require.ErrorIs(t, err, os.ErrNotExist)
}
