package httpauth

import (
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http/httpproxy"
)

const keepAlive = 30 * time.Second

// newConnections returns the connections to one host, by way of the proxy if one
// is set. The Config has been checked.
func newConnections(c Config, s *security) *http.Transport {
	var only http.Protocols
	only.SetHTTP1(true)
	idle := c.IdleTimeout
	if idle == 0 {
		idle = defaultIdleTimeout
	}
	return &http.Transport{
		Proxy:                 proxyOf(c.Proxy),
		DialContext:           (&net.Dialer{Timeout: c.connectTimeout(), KeepAlive: keepAlive}).DialContext,
		TLSClientConfig:       s.client(),
		TLSHandshakeTimeout:   c.connectTimeout(),
		ResponseHeaderTimeout: c.ResponseTimeout,
		IdleConnTimeout:       idle,
		MaxConnsPerHost:       c.maxConns(),
		MaxIdleConnsPerHost:   c.maxConns(),
		Protocols:             &only,
	}
}

// fromEnvironment is the value of Config.Proxy that means the usual variables.
const fromEnvironment = "environment"

// proxyOf returns what http.Transport asks for a proxy.
func proxyOf(proxy string) func(*http.Request) (*url.URL, error) {
	switch proxy {
	case "":
		return nil
	case fromEnvironment:
		// net/http would read the variables once for the whole process.
		choose := httpproxy.FromEnvironment().ProxyFunc()
		return func(req *http.Request) (*url.URL, error) { return choose(req.URL) }
	}
	u, err := url.Parse(proxy)
	return func(*http.Request) (*url.URL, error) { return u, err }
}

// isLoopback reports whether host can only be this computer.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
