package httpauth

import (
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/Azure/go-ntlmssp"
)

// ntlm logs connections in with three messages ([MS-NLMP] 1.3.1.1): negotiate, the
// server's challenge in a reply 401, and authenticate, which goes with the real
// request. The first goes without a body, so that a body is sent once.
type ntlm struct {
	user     string
	password *source[string]
	lanes    *lanes
	offer    atomic.Pointer[string] // the name under which the server takes NTLM; nil: not known yet
}

func newNTLM(c Config, base *http.Transport) login {
	user := c.Username
	if c.Domain != "" {
		user = c.Domain + `\` + user
	}
	return &ntlm{user: user, password: secretSource("password", c.Password), lanes: newLanes(base, c.maxConns())}
}

func (n *ntlm) closeIdle() { n.lanes.closeIdle() }

func (n *ntlm) close() {
	n.password.close()
	n.lanes.close()
}

func (n *ntlm) roundTrip(req *http.Request) (*http.Response, error) {
	req, repeatable, err := replayable(req)
	if err != nil {
		return nil, err
	}
	l, err := n.lanes.take(req)
	if err != nil {
		closeBody(req)
		return nil, failedNTLM(err)
	}
	resp, err := n.onLane(l, req, repeatable)
	if err != nil {
		n.lanes.put(l)
		return nil, err
	}
	n.lanes.handOver(resp, l)
	return resp, nil
}

// onLane sends req over a lane, and logs its connection in before if need be.
func (n *ntlm) onLane(l *lane, req *http.Request, repeatable bool) (*http.Response, error) {
	first, err := n.password.get(req.Context(), nil)
	if err != nil {
		closeBody(req)
		return nil, failedNTLM(err)
	}
	if l.loggedIn != nil {
		resp, conn, err := l.send(req)
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			if conn != l.loggedIn {
				l.loggedIn = nil
			}
			return resp, err
		}
		l.loggedIn = nil
		if !repeatable {
			return resp, nil
		}
		discard(resp)
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
	resp, err := n.logIn(l, req, first.value, repeatable)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !repeatable {
		return resp, err
	}
	second, err := n.password.get(req.Context(), first)
	switch {
	case err != nil:
		discard(resp)
		return nil, failedNTLM(err)
	case second == first:
		return resp, nil
	}
	discard(resp)
	if req, err = again(req); err != nil {
		return nil, err
	}
	return n.logIn(l, req, second.value, repeatable)
}

// errCut says that the last message came over another connection than the first, and was refused there.
var errCut = errors.New("the connection was closed between the messages of the login")

const loginTries = 3

// logIn sends the three messages, the last together with req. If the connection is lost in between it tries again: on
// a busy computer net/http gives up a connection whose goroutines did not get to run for 50 ms.
func (n *ntlm) logIn(l *lane, req *http.Request, password string, repeatable bool) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := n.logInOnce(l, req, password)
		if try == loginTries || !repeatable || !errors.Is(err, errCut) {
			return resp, err
		}
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
}

func (n *ntlm) logInOnce(l *lane, req *http.Request, password string) (*http.Response, error) {
	challenge, conn, refused, err := n.negotiate(l, req)
	switch {
	case err != nil:
		closeBody(req)
		return nil, err
	case refused != nil:
		closeBody(req)
		return refused, nil
	case challenge == nil: // the server wants no login
		resp, _, err := l.send(req)
		return resp, err
	}
	message, err := ntlmssp.NewAuthenticateMessage(challenge, n.user, password, nil)
	if err != nil {
		closeBody(req)
		return nil, failedNTLM(&cause{reason: "challenge of the server", err: err,
			remedy: "its security policy may ask for something other than NTLMv2"})
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", *n.offer.Load()+" "+base64.StdEncoding.EncodeToString(message))
	resp, got, err := l.send(req)
	if err != nil {
		return nil, err
	}
	if got != conn {
		discard(resp)
		c := &cause{reason: errCut.Error(), remedy: "a proxy or load balancer on the way must keep connections"}
		if resp.StatusCode == http.StatusUnauthorized { // or the request has been taken
			c.kind = errCut
		}
		return nil, failedNTLM(c)
	}
	if resp.StatusCode != http.StatusUnauthorized {
		l.loggedIn = got
	}
	return resp, nil
}

// negotiate sends the first message and returns the challenge and the connection
// that it is for. A nil challenge without refused means that the server asks for
// no login; refused is its reply if it does not offer NTLM.
func (n *ntlm) negotiate(l *lane, req *http.Request) (challenge []byte, conn net.Conn, refused *http.Response, err error) {
	message, err := ntlmssp.NewNegotiateMessage("", "")
	if err != nil {
		return nil, nil, nil, failedNTLM(err)
	}
	for _, name := range n.names() {
		hello := withoutBody(req)
		hello.Header.Set("Authorization", name+" "+base64.StdEncoding.EncodeToString(message))
		resp, conn, err := l.send(hello)
		if err != nil {
			return nil, nil, nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized {
			discard(resp)
			return nil, conn, nil, nil
		}
		text, _ := offered(resp.Header, name)
		if text == "" {
			refused = detached(resp)
			continue
		}
		discard(resp)
		challenge, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, nil, nil, failedNTLM(errors.New("challenge of the server is not base64"))
		}
		n.offer.Store(&name)
		return challenge, conn, nil, nil
	}
	return nil, nil, refused, nil
}

// names are those to try. Windows takes bare NTLM under the name Negotiate too.
func (n *ntlm) names() []string {
	if known := n.offer.Load(); known != nil {
		return []string{*known}
	}
	return []string{"NTLM", "Negotiate"}
}

// offered returns what the server says after the name of a scheme, and whether
// it names the scheme.
func offered(h http.Header, scheme string) (text string, ok bool) {
	for _, value := range h.Values("Www-Authenticate") {
		for one := range strings.SplitSeq(value, ",") {
			name, rest, _ := strings.Cut(strings.TrimSpace(one), " ")
			if strings.EqualFold(name, scheme) {
				return strings.TrimSpace(rest), true
			}
		}
	}
	return "", false
}

func failedNTLM(err error) error { return &AuthError{NTLM, err} }
