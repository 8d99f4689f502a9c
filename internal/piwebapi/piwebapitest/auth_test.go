package piwebapitest

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/go-ntlmssp"
	"github.com/stretchr/testify/require"
)

func TestAuth(t *testing.T) {
	basic := Auth{User: "pi", Password: "pa:ss"}
	bearer := Auth{Bearer: func(token string) error {
		if token != "good" {
			return errors.New("expired")
		}
		return nil
	}}
	negotiate := Auth{Negotiate: func(token []byte) (string, []byte, error) {
		if string(token) != "ticket" {
			return "", nil, errors.New("bad ticket")
		}
		return `DOM\user`, []byte("mutual"), nil
	}}
	const message = `{"Message":"Authorization has been denied for this request."}`
	for _, test := range []struct {
		name       string
		config     Config
		header     string // Authorization
		want       int
		user       string // in userinfo
		challenges []string
		body       string
	}{
		{"anonymous", Config{}, "", 204, "", nil, ""},
		{"anonymous with useless credentials", Config{}, "Basic eDp5", 204, "", nil, ""},
		{"none", Config{Auth: basic}, "", 401, "", []string{`Basic realm="PI Web API"`}, message},
		{"empty body", Config{Auth: basic, UnauthorizedBody: "empty"}, "", 401, "", []string{`Basic realm="PI Web API"`}, ""},
		{"html body", Config{Auth: basic, UnauthorizedBody: "html"}, "", 401, "", []string{`Basic realm="PI Web API"`}, "<HTML>"},
		{"basic", Config{Auth: basic}, "Basic cGk6cGE6c3M=", 200, "pi", nil, ""},
		{"wrong password", Config{Auth: basic}, "Basic cGk6eA==", 401, "", []string{`Basic realm="PI Web API"`}, message},
		{"wrong user", Config{Auth: basic}, "Basic eDpwYTpzcw==", 401, "", []string{`Basic realm="PI Web API"`}, message},
		{"basic where it is closed", Config{Auth: bearer}, "Basic cGk6cGE6c3M=", 401, "", []string{"Bearer"}, message},
		{"bearer", Config{Auth: bearer}, "Bearer good", 200, "bearer", nil, ""},
		{"expired", Config{Auth: bearer}, "Bearer old", 401, "", []string{"Bearer"}, message},
		{"negotiate", Config{Auth: negotiate}, "Negotiate dGlja2V0", 200, `DOM\user`, []string{"Negotiate bXV0dWFs"}, ""},
		{"bad ticket", Config{Auth: negotiate}, "Negotiate eA==", 401, "", []string{"Negotiate"}, message},
		{"no base64", Config{Auth: negotiate}, "Negotiate ?", 401, "", []string{"Negotiate"}, message},
		{"further challenges", Config{Auth: Auth{User: "x", Challenges: []string{"Digest"}}}, "", 401, "", []string{`Basic realm="PI Web API"`, "Digest"}, message},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRequest("GET", "system/userinfo", "")
			if test.header != "" {
				r.Header.Set("Authorization", test.header)
			}
			got := send(newServer(t, test.config), r)
			require.Equal(t, test.want, got.status)
			require.Equal(t, test.challenges, got.header.Values("Www-Authenticate"))
			if test.want == 200 {
				require.Equal(t, test.user, got.json(t).(map[string]any)["Name"])
			} else if test.body == "" {
				require.Empty(t, got.body)
			} else {
				require.Contains(t, got.body, test.body)
			}
		})
	}
	t.Run("in front", func(t *testing.T) {
		s := newServer(t, Config{Auth: Auth{TrustedUserHeader: "X-Remote-User"}})
		r := newRequest("GET", "system/userinfo", "")
		require.Equal(t, 401, send(s, r).status)
		r.Header.Set("X-Remote-User", "user@REALM")
		require.Contains(t, send(s, r).body, "user@REALM")
	})
	t.Run("pages ask too", func(t *testing.T) {
		s := newServer(t, Config{Auth: basic, Pages: true})
		r := newRequest("GET", "", "")
		r.URL.Path = "/"
		require.Equal(t, 401, send(s, r).status)
		r.SetBasicAuth("pi", "pa:ss")
		require.Equal(t, 200, send(s, r).status)
	})
}

// TestNTLM has a client of another author prove itself.
func TestNTLM(t *testing.T) {
	s := newServer(t, Config{Auth: Auth{User: "pi", Password: "pass wörd", NTLM: true}}, PointSpec{Name: "a"})
	server := httptest.NewServer(s)
	defer server.Close()
	post := func(client *http.Client, user, password string) int {
		r, err := http.NewRequest("POST", server.URL+"/piwebapi/streams/"+webID(t, s, "a")+"/value", strings.NewReader(timed(0, "1")))
		require.NoError(t, err)
		r.Header.Set("X-Requested-With", "x")
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth(user, password)
		reply, err := client.Do(r)
		require.NoError(t, err)
		defer reply.Body.Close()
		_, err = io.Copy(io.Discard, reply.Body)
		require.NoError(t, err)
		return reply.StatusCode
	}
	newClient := func() *http.Client {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: ntlmssp.Negotiator{RoundTripper: transport}}
	}
	require.Equal(t, 202, post(newClient(), "pi", "pass wörd"))
	require.Equal(t, 202, post(newClient(), `DOM\PI`, "pass wörd"))
	require.Equal(t, 401, post(newClient(), "pi", "password"))
	require.Equal(t, 401, post(newClient(), "pj", "pass wörd"))
	require.Len(t, s.Stored("a"), 1)
}

func TestNTLMGarbage(t *testing.T) {
	var table ntlmTable
	first := []byte(ntlmSignature + "\x01\x00\x00\x00")
	third := []byte(ntlmSignature + "\x03\x00\x00\x00")
	for _, message := range [][]byte{
		nil, []byte(ntlmSignature), []byte(ntlmSignature + "\x09\x00\x00\x00"), third, append(third, bytes.Repeat([]byte{0xff}, 64)...),
		append(third, make([]byte, 52)...),
	} {
		_, challenge := table.leg("x:1", first, "u", "p")
		require.NotNil(t, challenge)
		user, back := table.leg("x:1", message, "u", "p")
		require.Empty(t, user)
		require.Nil(t, back)
	}
	user, _ := table.leg("x:2", third, "u", "p") // without a first leg
	require.Empty(t, user)
	for i := range maxConnections + 1 {
		table.leg(strings.Repeat("x", i), first, "u", "p")
	}
	require.LessOrEqual(t, len(table.known), maxConnections)
}

// The vectors are those of RFC 1320, appendix A.5.
func TestMD4(t *testing.T) {
	for text, want := range map[string]string{
		"":    "31d6cfe0d16ae931b73c59d7e0c089c0",
		"abc": "a448017aaf21d8525fc10ae87aa6729d",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789":                   "043f8582f241db351ce627e153e7f0e4",
		"12345678901234567890123456789012345678901234567890123456789012345678901234567890": "e33b4ddc9c38f2199c3e7b164fcc0536",
	} {
		sum := md4([]byte(text))
		require.Equal(t, want, hex.EncodeToString(sum[:]))
	}
}

func TestCA(t *testing.T) {
	file := t.TempDir() + "/ca.pem"
	ca, err := LoadCA(file)
	require.NoError(t, err)
	again, err := LoadCA(file)
	require.NoError(t, err)
	require.Equal(t, ca.PEM(), again.PEM())
	pair, err := again.Issue("pi.example", "10.0.0.1")
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	for host, ok := range map[string]bool{"pi.example": true, "10.0.0.1": true, "other.example": false} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: host})
		require.Equal(t, ok, err == nil, host)
	}
	_, err = LoadCA(t.TempDir() + "/no/ca.pem")
	require.Error(t, err)
}
