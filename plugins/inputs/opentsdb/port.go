package opentsdb

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// A port is one that is listened to. It accepts connections, and finds out of each on its own goroutine whether it
// speaks HTTP or telnet, so that a silent one holds up nobody.
type port struct {
	in       *Input
	name     string // the option, for messages
	address  string
	protocol string
	profile  tsdb.Profile
	reply    tsdb.Profile
	quiet    bool   // no error lines on telnet
	own      *space // of telnet, and of the fixed paths of HTTP; nil for none
	tls      *tls.Config
	networks []netip.Prefix

	listener net.Listener
	http     *httpSide
	reading  readers
}

const (
	acceptRetry = 50 * time.Millisecond // when there are no descriptors left, for example
	closeLimit  = 500 * time.Millisecond
)

// listen opens the port. It waits for a while for a process that is about to leave it.
func (p *port) listen(ctx context.Context) error {
	give := time.Now().Add(portWait)
	for tries := 0; ; tries++ {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", p.address)
		if err == nil {
			p.listener = l
			return nil
		}
		if !isInUse(err) || time.Now().After(give) {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if tries == 0 {
			p.in.log.Warn(fmt.Sprintf("Waiting up to %v for another process to leave %s (%s)", portWait, p.address, p.name))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
}

// serve accepts connections until stopping is closed, lets requests under way end for a moment, and returns when no
// goroutine of the port is left.
func (p *port) serve(stopping <-chan struct{}) {
	var conns sync.WaitGroup
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.accept(&conns)
	}()
	<-stopping
	_ = p.listener.Close() // it was read from only
	<-ended
	p.reading.stop(p.in.drain)
	p.http.stop(closeLimit)
	conns.Wait()
}

func (p *port) accept(conns *sync.WaitGroup) {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.in.complain("accept", fmt.Errorf("%s: accept a connection: %w", p.name, err))
			time.Sleep(acceptRetry) // closing the listener is noticed right after
			continue
		}
		p.in.stats.connections.Add(1)
		switch {
		case !p.allowed(conn.RemoteAddr()):
			p.in.stats.refuse(tsdb.Network)
			_ = conn.Close()
		case p.in.open.Add(1) > int64(p.in.cfg.MaxConnections):
			p.in.open.Add(-1)
			p.in.stats.refuse(tsdb.TooManyConnections)
			conns.Go(func() { p.turnAway(conn) })
		default:
			conns.Go(func() {
				c := newTracked(conn, func() { p.in.open.Add(-1) })
				defer func() {
					if v := recover(); v != nil {
						p.in.guard("a connection", v)
						_ = c.Close() // its state is not known
					}
				}()
				p.dispatch(c)
			})
		}
	}
}

// allowed reports whether a sender may connect.
func (p *port) allowed(from net.Addr) bool {
	if len(p.networks) == 0 {
		return true
	}
	tcp, ok := from.(*net.TCPAddr)
	if !ok {
		return false
	}
	a := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, n := range p.networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// turnAway tells a sender that there are too many.
func (p *port) turnAway(conn net.Conn) {
	defer conn.Close()
	if p.tls != nil {
		return // a handshake costs more than is left
	}
	_ = conn.SetDeadline(time.Now().Add(closeLimit))
	text := "put: Please throttle writes: too many connections\n"
	if p.protocol == protocolHTTP {
		text = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	}
	_, _ = conn.Write([]byte(text)) // whoever is not there to read it knows it by the close
}

// dispatch hands a connection to who speaks its protocol. It returns when the connection is done with, or belongs to
// the HTTP server.
func (p *port) dispatch(conn net.Conn) {
	if !p.reading.add(conn) {
		_ = conn.Close()
		return
	}
	defer p.reading.remove(conn)
	if p.tls != nil {
		secure := tls.Server(conn, p.tls)
		ctx, cancel := context.WithTimeout(context.Background(), p.in.cfg.DetectTimeout.Duration())
		err := secure.HandshakeContext(ctx)
		cancel()
		if err != nil {
			if !p.reading.isStopped() {
				p.in.stats.refuse(tsdb.Handshake)
				p.in.complain("tls", fmt.Errorf("%s: TLS with %s: %w", p.name, conn.RemoteAddr(), err))
			}
			_ = conn.Close()
			return
		}
		conn = secure
	}
	switch p.protocol {
	case protocolHTTP:
		p.http.take(conn, nil)
		return
	case protocolTelnet:
		p.telnet(conn, nil)
		return
	}
	first := bufio.NewReaderSize(conn, 16)
	p.reading.within(conn, p.in.cfg.DetectTimeout.Duration())
	if _, err := first.Peek(1); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) && !p.reading.isStopped() {
			p.in.stats.refuse(tsdb.Silent)
		}
		_ = conn.Close()
		return
	}
	head := make([]byte, first.Buffered())
	_, _ = first.Read(head) // what is buffered, which cannot fail
	// The rule of OpenTSDB: methods of HTTP are in capitals, and no command of telnet begins with one.
	if b := head[0]; b >= 'A' && b <= 'Z' {
		p.http.take(conn, head)
		return
	}
	p.telnet(conn, head)
}
