package httpauth

import (
	"errors"
	"fmt"
)

// What can be wrong with a request before it has any effect on the server.
var (
	// ErrOtherHost is a request to another scheme, host or port than those of Config.URL.
	ErrOtherHost = errors.New("not the server that the credentials are for")
	// ErrClosed is a request after Close.
	ErrClosed = errors.New("transport is closed")
)

// The causes of an AuthError that callers may want to tell apart.
var (
	// ErrCredentials means that user name, password, key or client secret are wrong or not accepted.
	ErrCredentials = errors.New("credentials refused")
	// ErrUnreachable means that the KDC or token endpoint did not answer, or not usefully: the
	// credentials may be right.
	ErrUnreachable = errors.New("unreachable")
	// ErrClockSkew means that the clocks of this computer and of the KDC are too far apart.
	ErrClockSkew = errors.New("clock skew too great")
	// ErrUnknownService means that the KDC does not know the service principal name.
	ErrUnknownService = errors.New("unknown service principal name")
	// ErrTicketExpired means that a credential cache holds no ticket that is still valid.
	ErrTicketExpired = errors.New("no valid ticket")
	// ErrSecret means that a secret could not be read, from its file for example.
	ErrSecret = errors.New("secret not readable")
)

// An AuthError says that no credentials could be had for a request, or that a
// login broke off. The request has had no effect on the server. Err often is, or
// wraps, one of this package's errors.
type AuthError struct {
	Scheme string // a value of Config.Auth
	Err    error
}

func (e *AuthError) Error() string { return e.Scheme + " authentication: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *AuthError) Unwrap() error { return e.Err }

// Temporary reports whether the same credentials may do later.
func (e *AuthError) Temporary() bool {
	return !errors.Is(e.Err, ErrCredentials) && !errors.Is(e.Err, ErrUnknownService) && !errors.Is(e.Err, ErrClosed)
}

// A cause is an error of one of the kinds above with its remedy in words.
type cause struct {
	kind   error  // nil if none fits
	reason string // what happened
	remedy string // what to do; may be empty
	err    error  // may be nil; must hold no secret
}

func (c *cause) Error() string {
	s := c.reason
	if c.err != nil {
		s = fmt.Sprintf("%s: %v", s, c.err)
	}
	if c.remedy != "" {
		s += "; " + c.remedy
	}
	return s
}

func (c *cause) Unwrap() []error {
	var all []error
	for _, err := range []error{c.kind, c.err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}
