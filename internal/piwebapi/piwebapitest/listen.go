package piwebapitest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// grace is how long a server that ends waits for requests under way.
const grace = 2 * time.Second

// ListenAndServe serves addr, such as 127.0.0.1:8443, until ctx ends or something fails. With certFile and keyFile, both
// in PEM, it speaks TLS. ready, if not nil, is told the address once connections are taken. The end of ctx is no error.
func (s *Server) ListenAndServe(ctx context.Context, addr, certFile, keyFile string, ready func(net.Addr)) error {
	var config *tls.Config
	if certFile != "" || keyFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return fmt.Errorf("certificate of the PI Web API double: %w", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return s.Serve(ctx, ln, config, ready)
}

// Serve is ListenAndServe on a listener, which it closes. config is that of TLS, nil for none.
func (s *Server) Serve(ctx context.Context, ln net.Listener, config *tls.Config, ready func(net.Addr)) error {
	server := &http.Server{
		Handler: s, TLSConfig: config, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), // of handshakes that failed, which clients report too
	}
	failed := make(chan error, 1)
	go func() {
		if config != nil {
			failed <- server.ServeTLS(ln, "", "")
			return
		}
		failed <- server.Serve(ln)
	}()
	if ready != nil {
		ready(ln.Addr())
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.release()
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(wait) != nil {
		_ = server.Close() // what is still under way after the grace is broken off
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
