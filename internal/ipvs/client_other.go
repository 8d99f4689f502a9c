//go:build !linux

package ipvs

import "context"

// A Client stands in where the kernel is not Linux: every call returns
// ErrUnsupported.
type Client struct{}

// New returns a client.
func New(Config) *Client { return &Client{} }

// Read empties s and returns ErrUnsupported.
func (*Client) Read(_ context.Context, s *Snapshot) error {
	s.Reset()
	return ErrUnsupported
}

// Info returns ErrUnsupported.
func (*Client) Info(context.Context) (Info, error) { return Info{}, ErrUnsupported }

// Timeouts returns ErrUnsupported.
func (*Client) Timeouts(context.Context) (Timeouts, error) { return Timeouts{}, ErrUnsupported }

// Daemons returns ErrUnsupported.
func (*Client) Daemons(context.Context) ([]Daemon, error) { return nil, ErrUnsupported }

// Counters returns zeros.
func (*Client) Counters() Counters { return Counters{} }

// Close does nothing.
func (*Client) Close() error { return nil }

// FindNamespaces returns ErrUnsupported.
func FindNamespaces(string) ([]Namespace, error) { return nil, ErrUnsupported }
