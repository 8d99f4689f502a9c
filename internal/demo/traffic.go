package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	clients      = 4
	requestRate  = 40 // per second, of all clients; less where the machine is slow
	requestLimit = 10 * time.Second
	maxRequest   = 8 << 10  // bytes of a request's body
	maxReply     = 32 << 10 // bytes of a reply's body
)

// A tally counts what passes the sockets of one side: whole connections, and
// bytes as TCP's user sees them, towards the servers (in) and back (out). It is
// safe for concurrent use.
type tally struct{ connections, in, out atomic.Int64 }

// counts is a tally read.
type counts struct{ connections, in, out int64 }

func (t *tally) counts() counts {
	return counts{t.connections.Load(), t.in.Load(), t.out.Load()}
}

// A countedConn adds what it carries to a tally.
type countedConn struct {
	net.Conn
	read, written *atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// Write counts first and corrects afterwards, so that what has been answered has
// been counted.
func (c *countedConn) Write(p []byte) (int, error) {
	c.written.Add(int64(len(p)))
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n - len(p)))
	return n, err
}

// A countedListener adds the connections that it accepts to a tally.
type countedListener struct {
	net.Listener
	tally *tally
}

func (l *countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.tally.connections.Add(1)
	return &countedConn{Conn: c, read: &l.tally.in, written: &l.tally.out}, nil
}

// A traffic is the real servers and the clients, and what each of them counts.
type traffic struct {
	servers []*http.Server
	serving sync.WaitGroup
	tallies map[name]*tally // clients' by virtual server, HTTP servers' by real server
	before  tcpEvents       // until the start
}

// newTraffic starts the real servers.
func newTraffic() (*traffic, error) {
	before, err := readTCPEvents()
	if err != nil {
		return nil, err
	}
	t := &traffic{tallies: map[name]*tally{web: {}, empty: {}}, before: before}
	for _, r := range realServers {
		listener, err := net.Listen("tcp4", net.JoinHostPort(r.address, realPort))
		if err != nil {
			t.close()
			return nil, fmt.Errorf("start a real server: %w", err)
		}
		counted := &countedListener{listener, &tally{}}
		server := &http.Server{Handler: http.HandlerFunc(reply), ReadHeaderTimeout: requestLimit}
		t.tallies[web.behind(r.address)] = counted.tally
		t.servers = append(t.servers, server)
		t.serving.Go(func() { _ = server.Serve(counted) }) // a failure shows as failed requests
	}
	return t, nil
}

// close ends the real servers.
func (t *traffic) close() {
	for _, s := range t.servers {
		_ = s.Close()
	}
	t.serving.Wait()
}

// counts returns what clients (for a virtual server) and HTTP servers (for a real
// one) have counted so far.
func (t *traffic) counts() map[name]counts {
	all := make(map[name]counts, len(t.tallies))
	for n, tally := range t.tallies {
		all[n] = tally.counts()
	}
	return all
}

// events returns what TCP has met with since the start.
func (t *traffic) events() (tcpEvents, error) {
	now, err := readTCPEvents()
	return now.minus(t.before), err
}

// reply reads the whole request, lest its rest make the kernel reset the
// connection, and answers with as many bytes as the path says.
func reply(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	size, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || size < 0 || size > maxReply {
		http.Error(w, "the path is the size of the reply", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(size))
	_, _ = io.Copy(w, zeros(size)) // the client sees a reply that is too short
}

// zeros returns n bytes to read.
func zeros(n int) io.Reader { return strings.NewReader(strings.Repeat("0", n)) }

// run sends requests until stop can be received from, lets those under way be answered, and
// returns the first failure.
func (t *traffic) run(ctx context.Context, stop <-chan time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	enough := make(chan struct{})
	for i := range clients {
		group.Go(func() error { return t.client(ctx, enough, rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	select {
	case <-stop:
	case <-ctx.Done():
	}
	close(enough)
	return group.Wait()
}

// client sends requests of various sizes, each over a connection of its own.
func (t *traffic) client(ctx context.Context, enough <-chan struct{}, random *rand.Rand) error {
	client := newClient(clientAddress, t.tallies[web])
	ticker := time.NewTicker(time.Second * clients / requestRate)
	defer ticker.Stop()
	for {
		select {
		case <-enough:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		if err := request(ctx, client, web.virtual, random.IntN(maxRequest+1), random.IntN(maxReply+1)); err != nil {
			return fmt.Errorf("send a request through the virtual server: %w", err)
		}
	}
}

// newClient returns a client at an address that makes a connection for every
// request and counts it.
func newClient(address string, t *tally) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: requestLimit, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			t.connections.Add(1)
			return &countedConn{Conn: c, read: &t.out, written: &t.in}, nil
		},
	}}
}

// request sends a body of so many bytes and wants as many back as it asks for.
func request(ctx context.Context, client *http.Client, address string, send, receive int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/"+strconv.Itoa(receive), zeros(send))
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, answer.Body)
	err = errors.Join(err, answer.Body.Close())
	if err == nil && (answer.StatusCode != http.StatusOK || n != int64(receive)) {
		err = fmt.Errorf("answered %s with %d bytes instead of %d", answer.Status, n, receive)
	}
	return err
}
