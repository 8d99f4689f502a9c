package piwebapi

import (
	"net/http"

	pi "telegraf-ipvs/internal/piwebapi"
)

// client returns the settings of the client that uses transport.
func (c Config) client(transport http.RoundTripper) pi.Config {
	return pi.Config{URL: c.URL, Transport: transport, Timeout: c.Timeout.Duration()}
}
