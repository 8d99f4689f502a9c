package piwebapitest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// SimulateOptions says what Simulate serves.
type SimulateOptions struct {
	Listen string // address, such as 127.0.0.1:8443; "" = 127.0.0.1:8180
	Store  string // see Config.Store
	Server string // name of the data server; "" = PISRV01
	// User and Password are asked for by Basic; "" lets everybody in.
	User, Password string
	// CreatePoints are points to create, those that exist already excepted.
	CreatePoints []PointSpec
	// TLS serves HTTPS, under a certificate by the authority of CAFile, which is made where it is missing. "" = ca.pem.
	TLS    bool
	CAFile string
	Faults string // see ParseFaults
	Seed   uint64 // of the faults
	// Log is told, line by line, how to reach the server; nil for nobody. It is called by one goroutine.
	Log func(string)
	// Ready, if not nil, is told the address once connections are taken.
	Ready func(net.Addr)
	// Config holds the switches that are not above. What is set above counts.
	Config Config
}

// Simulate runs a server with pages for people until ctx ends, which is no error.
func Simulate(ctx context.Context, o SimulateOptions) error {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	def(&o.Listen, "127.0.0.1:8180")
	def(&o.CAFile, "ca.pem")
	c := o.Config
	c.Pages = true
	c.Store = firstOf(o.Store, c.Store)
	c.ServerName = firstOf(o.Server, c.ServerName)
	if o.User != "" {
		c.Auth.User, c.Auth.Password = o.User, o.Password
	}
	plan, err := ParseFaults(o.Faults, o.Seed)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s, err := New(c)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer s.Close()
	s.SetFaults(plan)
	for _, spec := range o.CreatePoints {
		if err := s.CreatePoint(spec); err != nil && !errors.Is(err, errExists) {
			return errors.Join(err, ln.Close())
		}
	}
	var config *tls.Config
	if o.TLS {
		if config, err = o.tls(ln.Addr()); err != nil {
			return errors.Join(err, ln.Close())
		}
	}
	return s.Serve(ctx, ln, config, func(addr net.Addr) {
		o.greet(s, addr)
		if o.Ready != nil {
			o.Ready(addr)
		}
	})
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// tls makes the certificate for the names under which addr can be reached.
func (o *SimulateOptions) tls(addr net.Addr) (*tls.Config, error) {
	ca, err := LoadCA(o.CAFile)
	if err != nil {
		return nil, err
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" {
		hosts = append(hosts, name)
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err == nil && host != "" && net.ParseIP(host) == nil && host != "localhost" {
		hosts = append(hosts, host)
	}
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && !tcp.IP.IsUnspecified() {
		hosts = append(hosts, tcp.IP.String())
	}
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		own, _ := net.InterfaceAddrs() // without them the certificate has fewer names
		for _, a := range own {
			if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() {
				hosts = append(hosts, ip.IP.String())
			}
		}
	}
	pair, err := ca.Issue(hosts...)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}

// greet tells how to reach the server.
func (o *SimulateOptions) greet(s *Server, addr net.Addr) {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	root, curl := "http://"+net.JoinHostPort(host, port), "curl"
	if o.TLS {
		root, curl = "https://"+net.JoinHostPort(host, port), "curl --cacert "+o.CAFile
	}
	if s.config.Auth.User != "" {
		curl += " -u " + s.config.Auth.User
	}
	o.Log("PI Web API of " + s.config.ServerName + " (simulated): " + root + basePath)
	o.Log("Points and their values:  " + root + "/")
	if o.TLS {
		o.Log("Certificate to trust:     " + o.CAFile)
	}
	points := "/dataservers/" + s.serverIdentity().webID("Full") + "/points"
	o.Log("List points:              " + curl + " " + root + basePath + points)
	o.Log("Read the last value:      " + curl + " " + root + basePath + "/streams/WEBID/value")
	if s.config.Store != "" {
		o.Log("Values are kept in:       " + s.config.Store)
	} else {
		o.Log("Values are kept in memory and are gone when this ends.")
	}
	if o.Faults != "" {
		o.Log("Faults on purpose:        " + strings.TrimSpace(o.Faults))
	}
}
