package httpauth

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
)

func newBasic(c Config, base http.RoundTripper) login {
	return &header[string]{
		scheme: Basic,
		base:   base,
		source: secretSource("password", c.Password),
		value: func(password string) (string, error) {
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+password)), nil
		},
	}
}

func newStaticBearer(c Config, base http.RoundTripper) login {
	return &header[string]{
		scheme: Bearer,
		base:   base,
		source: secretSource("token", c.Token),
		value: func(token string) (string, error) {
			if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				return "", &cause{kind: ErrSecret, reason: "token has a blank or another character that no token has",
					remedy: "give the token alone, without \"Bearer\""}
			}
			return "Bearer " + token, nil
		},
	}
}

// secretSource keeps a secret until another is needed, and then reads it again.
func secretSource(key string, read func() (string, error)) *source[string] {
	return &source[string]{
		fetch: func(context.Context) (string, error) { return readSecret(key, read) },
		same:  func(a, b string) bool { return a == b },
	}
}

// readSecret calls a function of Config.
func readSecret(key string, read func() (string, error)) (string, error) {
	secret, err := read()
	if err != nil {
		return "", &cause{kind: ErrSecret, reason: key, err: err}
	}
	return secret, nil
}
