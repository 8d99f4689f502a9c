package httpauth_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// The example user of [MS-NLMP] 4.2.1, and the NT hashes of two passwords: the
// first from there (4.2.2.1.2), the second long known.
const (
	ntlmUser     = "User"
	ntlmDomain   = "Domain"
	ntlmPassword = "Password"
	ntlmHash     = "a4f49c406510bdcab6824ee7c30fd852"
	ntlmSecond   = "password"
	ntlmHash2    = "8846f7eaee8fb117ad06bdd830b7586c"
)

// ntlmServer is a server that logs connections in with NTLMv2 and echoes requests.
type ntlmServer struct {
	*httptest.Server
	name    string // of the scheme, "NTLM" or "Negotiate"
	hash    atomic.Pointer[string]
	cut     atomic.Int64 // closes the connection after so many challenges
	pure    bool         // wants no login
	basic   bool         // offers only Basic
	conns   atomic.Int64
	logins  atomic.Int64
	refused atomic.Int64
	early   atomic.Int64 // bytes of bodies in messages before the last
	again   atomic.Int64 // logins of connections that were logged in
	under   atomic.Int64 // requests under way
	most    atomic.Int64 // of them at one time
}

// ntlmConn is what the server knows about one connection.
type ntlmConn struct {
	challenge []byte
	user      string
	loggedIn  bool
}

type ntlmConnKey struct{}

func newNTLMServer(t *testing.T, edit func(*ntlmServer)) *ntlmServer {
	t.Helper()
	s := &ntlmServer{name: "NTLM"}
	s.setHash(ntlmHash)
	if edit != nil {
		edit(s)
	}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		s.conns.Add(1)
		return context.WithValue(ctx, ntlmConnKey{}, new(ntlmConn))
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *ntlmServer) setHash(hash string) { s.hash.Store(&hash) }

func (s *ntlmServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := r.Context().Value(ntlmConnKey{}).(*ntlmConn)
	message := s.message(r)
	s.enter()
	defer s.under.Add(-1) // before the reply leaves, which is short and so kept until this function has ended
	switch {
	case s.basic:
		w.Header().Set("WWW-Authenticate", `Basic realm="a, b"`)
		w.WriteHeader(http.StatusUnauthorized)
	case s.pure:
		echo(w, "anybody", r)
	case len(message) > 12 && message[8] == 1:
		s.countEarly(r)
		conn.challenge, conn.user = make([]byte, 8), ""
		_, _ = rand.Read(conn.challenge)
		if s.cut.Add(-1) >= 0 {
			w.Header().Set("Connection", "close")
		}
		s.refuse(w, " "+base64.StdEncoding.EncodeToString(challengeMessage(conn.challenge)))
	case len(message) > 12 && message[8] == 3 && conn.challenge == nil: // of another connection
		s.refuse(w, "")
	case len(message) > 12 && message[8] == 3:
		conn.user = s.verify(message, conn.challenge)
		conn.challenge = nil
		if conn.user == "" {
			s.refused.Add(1)
			s.refuse(w, "")
			return
		}
		if conn.loggedIn {
			s.again.Add(1)
		}
		conn.loggedIn = true
		s.logins.Add(1)
		echo(w, conn.user, r)
	case conn.user == "":
		s.countEarly(r)
		s.refuse(w, "")
	default:
		echo(w, conn.user, r)
	}
}

// enter counts a request as under way.
func (s *ntlmServer) enter() {
	n := s.under.Add(1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
}

func (s *ntlmServer) message(r *http.Request) []byte {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), s.name+" ")
	if !ok {
		return nil
	}
	message, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !bytes.HasPrefix(message, []byte("NTLMSSP\x00")) {
		return nil
	}
	return message
}

func (s *ntlmServer) refuse(w http.ResponseWriter, challenge string) {
	w.Header().Set("WWW-Authenticate", s.name+challenge)
	http.Error(w, "log in", http.StatusUnauthorized)
}

func (s *ntlmServer) countEarly(r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	s.early.Add(n)
}

// verify checks a message of type 3 ([MS-NLMP] 3.3.2) and returns the user.
func (s *ntlmServer) verify(message, challenge []byte) string {
	field := func(at int) []byte {
		n, from := int(binary.LittleEndian.Uint16(message[at:])), int(binary.LittleEndian.Uint32(message[at+4:]))
		if from+n > len(message) {
			return nil
		}
		return message[from : from+n]
	}
	response, domain, user := field(20), field(28), field(36)
	hash, err := hex.DecodeString(*s.hash.Load())
	if err != nil || len(response) < 16+28 || challenge == nil {
		return ""
	}
	key := hmacMD5(hash, wide(strings.ToUpper(narrow(user))), domain)
	if !hmac.Equal(response[:16], hmacMD5(key, challenge, response[16:])) {
		return ""
	}
	return narrow(domain) + `\` + narrow(user)
}

// challengeMessage is a message of type 2 ([MS-NLMP] 2.2.1.2).
func challengeMessage(challenge []byte) []byte {
	const flags = 0x00000001 | 0x00000004 | 0x00000200 | 0x00008000 | 0x00080000 | 0x00800000 | 0x20000000
	target := wide(ntlmDomain)
	ticks := uint64(time.Now().UnixNano())/100 + 116444736000000000
	var info []byte
	for _, pair := range []struct {
		id    uint16
		value []byte
	}{{2, target}, {1, wide("SERVER")}, {7, binary.LittleEndian.AppendUint64(nil, ticks)}, {0, nil}} {
		info = binary.LittleEndian.AppendUint16(info, pair.id)
		info = binary.LittleEndian.AppendUint16(info, uint16(len(pair.value)))
		info = append(info, pair.value...)
	}
	field := func(m []byte, length, from int) []byte {
		m = binary.LittleEndian.AppendUint16(m, uint16(length))
		m = binary.LittleEndian.AppendUint16(m, uint16(length))
		return binary.LittleEndian.AppendUint32(m, uint32(from))
	}
	const head = 56
	m := append([]byte("NTLMSSP\x00"), 2, 0, 0, 0)
	m = field(m, len(target), head)
	m = binary.LittleEndian.AppendUint32(m, flags)
	m = append(m, challenge...)
	m = append(m, make([]byte, 8)...)
	m = field(m, len(info), head+len(target))
	m = append(m, make([]byte, 8)...)
	return append(append(m, target...), info...)
}

func hmacMD5(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func narrow(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// The double is right about the published example of NTOWFv2 ([MS-NLMP] 4.2.4.1.1).
func TestNTLMServerKey(t *testing.T) {
	hash, err := hex.DecodeString(ntlmHash)
	require.NoError(t, err)
	require.Equal(t, "0c868a403bfd7a93a3001ef22ef02e3f",
		hex.EncodeToString(hmacMD5(hash, wide(strings.ToUpper(ntlmUser)), wide(ntlmDomain))))
}
