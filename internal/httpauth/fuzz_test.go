package httpauth

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/stretchr/testify/require"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return text
}

func TestReadCaptures(t *testing.T) {
	kt, _, err := readKeytab("testdata/keytab")
	require.NoError(t, err)
	writer := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, "writer")
	keys := &keytabKeys{writer, "TEST.EXAMPLE", kt}
	require.NoError(t, keys.check())
	require.Equal(t, []int32{18, 17}, keys.possible([]int32{20, 18, 17, 23}))
	key, err := keys.keyOf(keyHint{etype: 20}, keyHint{etype: 17})
	require.NoError(t, err)
	require.EqualValues(t, 17, key.KeyType)
	_, err = keys.keyOf(keyHint{etype: 20}, keyHint{etype: 23})
	require.ErrorContains(t, err, "no key of writer@TEST.EXAMPLE of encryption type 20 or 23")

	cache, err := parseCache(testdata(t, "ccache"))
	require.NoError(t, err)
	require.Equal(t, "TEST.EXAMPLE", cache.realm)
	require.True(t, cache.user.Equal(writer))
	i := slices.IndexFunc(cache.credentials, func(c cachedTicket) bool { return c.server.Equal(tgtName("TEST.EXAMPLE")) })
	require.GreaterOrEqual(t, i, 0)
	tgt := cache.credentials[i]
	require.Equal(t, "2026-11-24T06:05:29Z", tgt.end.UTC().Format(time.RFC3339)) // as klist shows it
	require.EqualValues(t, 18, tgt.key.KeyType)
	require.Len(t, tgt.key.KeyValue, 32)
	require.NoError(t, new(messages.Ticket).Unmarshal(tgt.ticket))
	for n := range testdata(t, "ccache") { // a cut file is refused, or ends after a whole credential
		short, err := parseCache(testdata(t, "ccache")[:n])
		require.True(t, err != nil || len(short.credentials) < len(cache.credentials), n)
	}
}

func TestNewestKey(t *testing.T) {
	writer := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, "writer")
	now := time.Now()
	kt := keytab.New()
	for _, e := range []struct {
		user, password string
		version        uint8
		made           time.Time
	}{
		{"writer", "two", 2, now.Add(-time.Hour)}, {"writer", "three", 3, now.Add(-time.Hour)},
		{"writer", "one", 1, now}, {"other", "four", 4, now}, {"writer", "older three", 3, now.Add(-2 * time.Hour)},
	} {
		require.NoError(t, kt.AddEntry(e.user, "R", e.password, e.made, e.version, 18))
	}
	want, err := (&passwordKeys{writer, "R", "three"}).keyOf(keyHint{etype: 18})
	require.NoError(t, err)
	got, err := (&keytabKeys{writer, "R", kt}).keyOf(keyHint{etype: 18})
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A cache of version 3, with an address and authorization data, made by hand:
// no program at hand writes one.
func TestOldCache(t *testing.T) {
	const me = "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01R\x00\x00\x00\x02me"
	const tagged = "\x00\x00\x00\x01\x00\x02\x00\x00\x00\x04\x7f\x00\x00\x01"
	cache, err := parseCache([]byte("\x05\x03" + me + me + me +
		"\x00\x12\x00\x12\x00\x00\x00\x03key" + "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04" +
		"\x00\x00\x00\x00\x00" + tagged + tagged + "\x00\x00\x00\x06ticket" + "\x00\x00\x00\x00"))
	require.NoError(t, err)
	name := types.NewPrincipalName(1, "me")
	require.Equal(t, &ccache{user: name, realm: "R", credentials: []cachedTicket{{
		server: name, realm: "R", key: types.EncryptionKey{KeyType: 18, KeyValue: []byte("key")},
		end: time.Unix(3, 0), ticket: []byte("ticket"),
	}}}, cache)
}

// What a password makes is what the KDC put into the keytab.
func TestPasswordKeys(t *testing.T) {
	kt, _, err := readKeytab("testdata/keytab")
	require.NoError(t, err)
	writer := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, "writer")
	made := &passwordKeys{writer, "TEST.EXAMPLE", "open sesame: 1"}
	for _, etype := range []int32{17, 18} {
		want, err := (&keytabKeys{writer, "TEST.EXAMPLE", kt}).keyOf(keyHint{etype: etype})
		require.NoError(t, err)
		got, err := made.keyOf(keyHint{etype: 99}, keyHint{etype: etype})
		require.NoError(t, err)
		require.Equal(t, want, got)
		salted, err := made.keyOf(keyHint{etype: etype, salt: "TEST.EXAMPLEwriter", salted: true, params: "00001000"})
		require.NoError(t, err)
		require.Equal(t, want, salted)
	}
	_, err = made.keyOf(keyHint{etype: 18, params: "ffffffff"})
	require.ErrorContains(t, err, "4294967295 iterations")
	_, err = made.keyOf(keyHint{etype: 99})
	require.ErrorContains(t, err, "no encryption type that is supported")
}

func FuzzCache(f *testing.F) {
	f.Add(testdata(f, "ccache"))
	f.Add([]byte{5, 4})
	f.Fuzz(func(t *testing.T, text []byte) {
		cache, err := parseCache(text)
		require.Equal(t, err == nil, cache != nil)
	})
}

func FuzzKeytab(f *testing.F) {
	f.Add(testdata(f, "keytab"))
	f.Add([]byte{5, 2, 0, 0, 0, 1, 0})
	path := f.TempDir() + "/keytab"
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(path, text, 0o600))
		kt, _, err := readKeytab(path)
		require.Equal(t, err == nil, kt != nil)
		if err == nil {
			_ = (&keytabKeys{types.NewPrincipalName(1, "writer"), "TEST.EXAMPLE", kt}).check()
		}
	})
}

func FuzzKDCReply(f *testing.F) {
	refusal := messages.NewKRBError(tgtName("R"), "R", errorcode.KDC_ERR_PREAUTH_REQUIRED, "x")
	text, err := refusal.Marshal()
	require.NoError(f, err)
	f.Add(text)
	name := types.NewPrincipalName(1, "me")
	rep := messages.ASRep{KDCRepFields: messages.KDCRepFields{
		PVNO: 5, MsgType: 11, CRealm: "R", CName: name,
		Ticket:  messages.Ticket{TktVNO: 5, Realm: "R", SName: tgtName("R"), EncPart: types.EncryptedData{EType: 18, Cipher: []byte("x")}},
		EncPart: types.EncryptedData{EType: 18, Cipher: []byte("some ciphertext that is long enough to be looked at")},
	}}
	text, err = rep.Marshal()
	require.NoError(f, err)
	f.Add(text)
	r, err := newRealms(profile{})
	require.NoError(f, err)
	k := &kerberosSettings{realms: r, user: name, realm: "R"}
	req, err := messages.NewASReqForTGT("R", r.library, name)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, reply []byte) {
		var refused messages.KRBError
		s := &source[*ticket]{fetch: func(context.Context) (*ticket, error) {
			if refused.Unmarshal(reply) == nil {
				return nil, k.explainKDC(refused, "x")
			}
			return k.readAS(req, reply, &passwordKeys{name, "R", "hush"})
		}}
		_, err := s.guarded(t.Context())
		require.Error(t, err, "nobody without the key can make a reply")
		require.NotContains(t, err.Error(), "hush")
	})
}

func FuzzOffered(f *testing.F) {
	f.Add(`Basic realm="a, NTLM x", Negotiate abc==, NTLM`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"NTLM", "Negotiate", "Basic"} {
			text, ok := offered(http.Header{"Www-Authenticate": {value}}, name)
			require.Equal(t, text, strings.TrimSpace(text))
			if ok {
				require.Contains(t, strings.ToLower(value), strings.ToLower(name))
			} else {
				require.Empty(t, text)
			}
		}
	})
}
