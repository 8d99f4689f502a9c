//go:build bench

package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	seriesCount = 10_000
	bodyPoints  = 1000
	pieceSize   = 64 << 10 // of what is written at once
)

// A load is bytes that were rendered beforehand, for each connection what it sends.
type load struct {
	points int
	lines  [][]byte   // telnet
	bodies [][][]byte // HTTP
}

// size returns the bytes of a point.
func (l load) size() float64 {
	n := 0
	for _, lines := range l.lines {
		n += len(lines)
	}
	for _, bodies := range l.bodies {
		for _, body := range bodies {
			n += len(body)
		}
	}
	return float64(n) / float64(l.points)
}

// A sample is point n: the points of all series in turn, a second apart in each, the last one now.
type sample struct {
	series    int
	time      int64
	whole, of int // of the value: whole.of
}

func samples(points int, yield func(n int, s sample)) {
	first := time.Now().Unix() - int64((points-1)/seriesCount)
	for n := range points {
		yield(n, sample{n % seriesCount, first + int64(n/seriesCount), 1000 + n*7%9000, n % 10})
	}
}

// telnetLoad renders lines of 61 bytes. A series is on one connection.
func telnetLoad(connections, points int) load {
	l := load{points: points, lines: make([][]byte, connections)}
	samples(points, func(n int, s sample) {
		c := s.series % connections
		l.lines[c] = fmt.Appendf(l.lines[c], "put app.req.count%d %d %d.%d host=web-%05d dc=ea-01\n",
			s.series%10, s.time, s.whole, s.of, s.series/10)
	})
	return l
}

// jsonLoad renders bodies of 1000 points. A series is on one connection.
func jsonLoad(connections, points int) load {
	l := load{points: points, bodies: make([][][]byte, connections)}
	open := make([][]byte, connections)
	count := make([]int, connections)
	shut := func(c int) {
		if count[c] > 0 {
			l.bodies[c] = append(l.bodies[c], append(open[c], ']'))
			open[c], count[c] = nil, 0
		}
	}
	samples(points, func(n int, s sample) {
		c := s.series % connections
		separator := ","
		if count[c] == 0 {
			separator = "["
		}
		open[c] = fmt.Appendf(open[c], `%s{"metric":"app.req.count%d","timestamp":%d,"value":%d.%d,"tags":{"host":"web-%05d","dc":"eu-central-1a"}}`,
			separator, s.series%10, s.time, s.whole, s.of, s.series/10)
		if count[c]++; count[c] == bodyPoints {
			shut(c)
		}
	})
	for c := range connections {
		shut(c)
	}
	return l
}

// send sends everything, and returns how long each reply took that there was. end then ends the connections: it waits until
// the server has closed them, and returns its objections to lines, if any.
func (l load) send(t *testing.T, s *server) (replies []time.Duration, end func() error, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), takeLimit)
	stop := func() {}
	if s.disturbed {
		stop = disturb(ctx, t, s)
	}
	errs := make([]error, len(l.lines)+len(l.bodies))
	conns := make([]net.Conn, len(errs))
	for i := range conns {
		address := s.http
		if len(l.lines) > 0 {
			address = s.telnet
		}
		conns[i], err = dial(ctx, address)
		require.NoError(t, err)
	}
	times := make([][]time.Duration, len(l.bodies))
	var all sync.WaitGroup
	for i, lines := range l.lines {
		all.Go(func() { errs[i] = sendLines(conns[i], lines) })
	}
	for i, bodies := range l.bodies {
		all.Go(func() { times[i], errs[i] = sendBodies(conns[i], bodies) })
	}
	all.Wait()
	for _, list := range times {
		replies = append(replies, list...)
	}
	return replies, func() (err error) {
		defer cancel()
		defer stop()
		for _, conn := range conns {
			err = errors.Join(err, objections(conn))
			conn.Close()
		}
		return err
	}, errors.Join(errs...)
}

// objections ends the sending side of a connection, and reads what the server says until it ends its side too.
func objections(conn net.Conn) error {
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	text, err := io.ReadAll(conn)
	if len(text) > 0 {
		return fmt.Errorf("the server says %.200q", text)
	}
	return err
}

// dial connects until ctx ends.
func dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	return conn, conn.SetDeadline(deadline)
}

func sendLines(conn net.Conn, lines []byte) error {
	for piece := range slices.Chunk(lines, pieceSize) {
		if _, err := conn.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func sendBodies(conn net.Conn, bodies [][]byte) (replies []time.Duration, err error) {
	in := bufio.NewReader(conn)
	var request []byte
	for _, body := range bodies {
		request = append(request[:0], "POST /api/put HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "...)
		request = append(strconv.AppendInt(request, int64(len(body)), 10), "\r\n\r\n"...)
		request = append(request, body...)
		start := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return nil, err
		}
		replies = append(replies, time.Since(start))
		good := answer.StatusCode == http.StatusNoContent ||
			answer.StatusCode == http.StatusOK && bytes.Contains(text, []byte(`"errors":0`))
		if !good {
			return nil, fmt.Errorf("%s: %.200s", answer.Status, text)
		}
	}
	return replies, nil
}

// disturb holds two more connections until stop is called: one says nothing, one sends a body byte by byte.
func disturb(ctx context.Context, t *testing.T, s *server) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, slow := range []bool{false, true} {
		conn, err := dial(ctx, s.http)
		require.NoError(t, err)
		all.Go(func() {
			defer conn.Close()
			if slow {
				_, _ = io.WriteString(conn, "POST /api/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n[")
			}
			for tick := time.NewTicker(5 * time.Millisecond); ; {
				select {
				case <-ctx.Done():
					tick.Stop()
					return
				case <-tick.C:
				}
				if slow {
					_, _ = io.WriteString(conn, " ")
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}
