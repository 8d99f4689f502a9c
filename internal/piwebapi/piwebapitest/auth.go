package piwebapitest

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
)

// Auth says who may come in. Several ways may be open at once. The zero Auth is anonymous: everybody may.
type Auth struct {
	// User and Password open Basic, or, where NTLM is set, that in its place.
	User, Password string
	// NTLM opens the three legs of NTLM (version 2 alone), as NTLM and as Negotiate, for User and Password. It needs a
	// connection to itself, as in the original.
	NTLM bool
	// Bearer opens access tokens: it returns nil for a good one. It must be safe for concurrent use.
	Bearer func(token string) error
	// Negotiate opens SPNEGO: it returns the user of a token and the token to send back, which may be empty. It must be
	// safe for concurrent use.
	Negotiate func(token []byte) (user string, back []byte, err error)
	// TrustedUserHeader names a request header that holds the user, for a server in front that has asked for
	// credentials, such as X-Remote-User. Whoever can reach this server can set it.
	TrustedUserHeader string
	// Challenges are further WWW-Authenticate values of a 401.
	Challenges []string
}

func (a *Auth) anonymous() bool {
	return a.User == "" && a.Bearer == nil && a.Negotiate == nil && a.TrustedUserHeader == ""
}

// identityOf returns the user of a request and how it came in, or the answer that refuses it. Anonymous is "".
func (s *Server) identityOf(r *http.Request) (user, scheme string, header http.Header, refused *reply) {
	a := &s.config.Auth
	if a.anonymous() {
		return "", "", nil, nil
	}
	if name := r.Header.Get(a.TrustedUserHeader); a.TrustedUserHeader != "" && name != "" {
		return name, "Negotiate", nil, nil
	}
	if a.NTLM {
		if user := s.ntlm.user(r.RemoteAddr); user != "" && r.Header.Get("Authorization") == "" {
			return user, "NTLM", nil, nil
		}
	}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(scheme, "Basic") && a.User != "" && !a.NTLM:
		name, password, ok := r.BasicAuth()
		if ok && same(name, a.User) && same(password, a.Password) {
			return name, "Basic", nil, nil
		}
	case strings.EqualFold(scheme, "Bearer") && a.Bearer != nil:
		if a.Bearer(value) == nil {
			return "bearer", "Bearer", nil, nil
		}
	case strings.EqualFold(scheme, "NTLM"), strings.EqualFold(scheme, "Negotiate"):
		token, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			break
		}
		if a.NTLM && isNTLM(token) {
			user, challenge := s.ntlm.leg(r.RemoteAddr, token, a.User, a.Password)
			if user != "" {
				return user, "NTLM", nil, nil
			}
			if challenge != nil {
				refused := s.unauthorized()
				refused.header = http.Header{"Www-Authenticate": {scheme + " " + base64.StdEncoding.EncodeToString(challenge)}}
				return "", "", nil, refused
			}
			break
		}
		if a.Negotiate == nil || !strings.EqualFold(scheme, "Negotiate") {
			break
		}
		if user, back, err := a.Negotiate(token); err == nil {
			if len(back) > 0 {
				header = http.Header{"Www-Authenticate": {"Negotiate " + base64.StdEncoding.EncodeToString(back)}}
			}
			return user, "Kerberos", header, nil
		}
	}
	return "", "", nil, s.unauthorized()
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// unauthorized is the 401 with everything that this server would take.
func (s *Server) unauthorized() *reply {
	a := &s.config.Auth
	var r *reply
	switch s.config.UnauthorizedBody {
	case "empty":
		r = &reply{status: http.StatusUnauthorized}
	case "html":
		r = page(http.StatusUnauthorized, "Unauthorized")
	default:
		r = refusal(http.StatusUnauthorized, "Authorization has been denied for this request.")
	}
	if a.Negotiate != nil || a.NTLM || a.TrustedUserHeader != "" {
		r.with("WWW-Authenticate", "Negotiate")
	}
	if a.NTLM {
		r.with("WWW-Authenticate", "NTLM")
	}
	if a.Bearer != nil {
		r.with("WWW-Authenticate", "Bearer")
	}
	if a.User != "" && !a.NTLM {
		r.with("WWW-Authenticate", `Basic realm="PI Web API"`)
	}
	for _, c := range a.Challenges {
		r.with("WWW-Authenticate", c)
	}
	return r
}

// ntlmTable holds what is known of connections under NTLM, which proves who is at the other end of a connection, not
// who sent a request.
type ntlmTable struct {
	mu    sync.Mutex
	known map[string]ntlmState // by the client's address and port
}

type ntlmState struct {
	challenge [8]byte
	user      string // once the third leg was good
}

// maxConnections bounds the table. A client then has to begin anew, which every client can.
const maxConnections = 1000

func (t *ntlmTable) user(address string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known[address].user
}

func (t *ntlmTable) put(address string, state ntlmState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= maxConnections {
		t.known = make(map[string]ntlmState)
	}
	t.known[address] = state
}

// reset forgets all connections.
func (t *ntlmTable) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = nil
}

// leg takes a message of the client: the first it answers by a challenge, the third by the user's name if the password
// was right. Otherwise both results are empty.
func (t *ntlmTable) leg(address string, message []byte, user, password string) (name string, challenge []byte) {
	switch messageType(message) {
	case 1:
		var state ntlmState
		challenge, state.challenge = newChallenge()
		t.put(address, state)
		return "", challenge
	case 3:
		t.mu.Lock()
		state := t.known[address]
		delete(t.known, address)
		t.mu.Unlock()
		if state.challenge == [8]byte{} || !checkResponse(message, state.challenge, user, password) {
			return "", nil
		}
		state.user = user
		t.put(address, state)
		return user, nil
	}
	return "", nil
}
