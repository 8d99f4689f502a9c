package opentsdb

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A telnetDouble reads lines as OpenTSDB does: it says nothing of those it takes. A batch is what comes before version.
type telnetDouble struct {
	*double
	listener net.Listener
	how      telnetHow
	conns    atomic.Int64
	all      sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
}

// telnetHow says how a double differs.
type telnetHow struct {
	version string                                // its answer; "-" for none
	line    func(conn net.Conn, line string) bool // called for each line first; true ends the connection
	tls     *tls.Config
	hush    func(points []string) bool // true: it does not answer to version behind these
}

func newTelnetDouble(t *testing.T, d *double, change func(*telnetHow)) *telnetDouble {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &telnetDouble{double: d, listener: listener, open: make(map[net.Conn]bool)}
	s.how.version = "net.opentsdb.tools 2.4.1 built at revision a (MINT)\nBuilt on 2021/09/02 by root@b:/c\n"
	if change != nil {
		change(&s.how)
	}
	if s.how.tls != nil {
		s.listener = tls.NewListener(listener, s.how.tls)
	}
	s.all.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *telnetDouble) url() string {
	if s.how.tls != nil {
		return "tls://" + s.listener.Addr().String()
	}
	return "tcp://" + s.listener.Addr().String()
}

func (s *telnetDouble) close() {
	_ = s.listener.Close()
	s.hangUp()
	s.all.Wait()
}

// hangUp ends all connections.
func (s *telnetDouble) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		_ = conn.Close()
	}
}

func (s *telnetDouble) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.conns.Add(1)
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		s.all.Go(func() {
			s.serve(conn)
			_ = conn.Close()
			s.mu.Lock()
			delete(s.open, conn)
			s.mu.Unlock()
		})
	}
}

func (s *telnetDouble) serve(conn net.Conn) {
	var batch []string
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		line := lines.Text()
		if s.how.line != nil && s.how.line(conn, line) {
			return
		}
		words := strings.Fields(line)
		switch {
		case line == "version":
			if len(batch) > 0 {
				s.take("", batch)
			}
			hush := s.how.hush != nil && s.how.hush(batch)
			batch = nil
			if s.how.version != "-" && !hush {
				fmt.Fprint(conn, s.how.version)
			}
		case len(words) < 5 || words[0] != "put":
			fmt.Fprintf(conn, "unknown command: %s.  Try `help'.\n", words)
		default:
			p := nameOf(words[1], words[3])
			batch = append(batch, p)
			if said, bad := s.bad[p]; bad {
				fmt.Fprintln(conn, "put: "+said)
			}
		}
	}
	if len(batch) > 0 { // without version: what was read counts
		s.take("", batch)
	}
}
