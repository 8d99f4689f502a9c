package httpauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// tokenTimeout limits one exchange with a token endpoint.
const tokenTimeout = 30 * time.Second

// oauth is a login with tokens of an OAuth 2.0 endpoint.
type oauth struct {
	*header[*oauth2.Token]
	endpoint *http.Transport
}

func newOAuth(c Config, base http.RoundTripper, endpoint *http.Transport) login {
	asker := &tokenAsker{secret: c.ClientSecret, client: &http.Client{
		Transport: endpoint,
		// The client secret must not follow anywhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       tokenTimeout,
	}}
	asker.grant = clientcredentials.Config{ClientID: c.ClientID, TokenURL: c.TokenURL, Scopes: c.Scopes}
	if c.Audience != "" {
		asker.grant.EndpointParams = url.Values{"audience": {c.Audience}}
	}
	return &oauth{endpoint: endpoint, header: &header[*oauth2.Token]{
		scheme: Bearer,
		base:   base,
		source: &source[*oauth2.Token]{
			fetch: asker.ask,
			life:  tokenLife,
			same:  func(a, b *oauth2.Token) bool { return a.AccessToken == b.AccessToken && a.Expiry.Equal(b.Expiry) },
		},
		value: func(t *oauth2.Token) (string, error) { return "Bearer " + t.AccessToken, nil },
	}}
}

func (o *oauth) closeIdle() { o.endpoint.CloseIdleConnections() }

// tokenLife leaves a margin for the way to the server and for its clock. Of
// short-lived tokens the margin is a part.
func tokenLife(t *oauth2.Token) (refresh, end time.Time) {
	if t.Expiry.IsZero() {
		return time.Time{}, time.Time{}
	}
	left := time.Until(t.Expiry)
	return t.Expiry.Add(-min(left/4, time.Minute)), t.Expiry.Add(-min(left/10, 10*time.Second))
}

// tokenAsker asks the endpoint, one request at a time.
type tokenAsker struct {
	secret  func() (string, error)
	client  *http.Client
	grant   clientcredentials.Config // remembers how the endpoint wants the secret sent
	penalty penalty
}

func (a *tokenAsker) ask(ctx context.Context) (*oauth2.Token, error) {
	secret, err := readSecret("client_secret", a.secret)
	if err != nil {
		return nil, err
	}
	if err := a.penalty.refuse([]byte(secret)); err != nil {
		return nil, err
	}
	a.grant.ClientSecret = secret
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	token, err := a.grant.Token(context.WithValue(ctx, oauth2.HTTPClient, a.client))
	if err != nil {
		return nil, a.penalty.note([]byte(secret), explainToken(err))
	}
	_ = a.penalty.note([]byte(secret), nil)
	return token, nil
}

// explainToken translates an error of the oauth2 package, whose text would hold
// the whole reply of the endpoint.
func explainToken(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return &cause{kind: ErrUnreachable, reason: "token_url", err: err, remedy: explain(err, "token_url")}
	}
	code, status := refused.ErrorCode, 0
	if refused.Response != nil {
		status = refused.Response.StatusCode
	}
	reason := fmt.Sprintf("token_url answers with status %d", status)
	if code != "" {
		reason += fmt.Sprintf(", error %q", shorten(code))
	}
	if refused.ErrorDescription != "" {
		reason += fmt.Sprintf(" (%q)", shorten(refused.ErrorDescription))
	}
	switch {
	case code == "invalid_client" || code == "unauthorized_client" || status == http.StatusUnauthorized:
		return &cause{kind: ErrCredentials, reason: reason,
			remedy: "check client_id and client_secret, and that the client may use the grant client_credentials"}
	case code == "invalid_scope" || code == "invalid_target":
		return &cause{reason: reason, remedy: "check scopes and audience"}
	case status >= 300 && status < 400:
		return &cause{kind: ErrUnreachable, reason: reason, remedy: "give the address that it redirects to as token_url"}
	case status == http.StatusNotFound:
		return &cause{kind: ErrUnreachable, reason: reason, remedy: "check the path of token_url"}
	case status >= 500 || status == http.StatusTooManyRequests:
		return &cause{kind: ErrUnreachable, reason: reason}
	}
	return &cause{reason: reason}
}

// shorten bounds foreign text.
func shorten(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
