package opentsdb

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

const (
	firstRead = 4 << 10  // most connections are idle most of the time
	largeRead = 64 << 10 // and of the others there are few
)

// A telnetConn is a connection that speaks telnet. One goroutine reads, another one writes replies.
type telnetConn struct {
	port    *port
	conn    net.Conn
	replies *replies
	buf     []byte // read and not looked at: buf[:have]
	have    int
	skip    bool   // what comes up to the next line end belongs to a line that was too long
	out     []byte // lines of line protocol that the intake does not have yet
	points  uint64 // how many these are
	sent    uint64 // position of the last that it has
	line    int    // number of the line
	quit    bool   // the sender said exit
}

// telnet serves a connection of which head was read already.
func (p *port) telnet(conn net.Conn, head []byte) {
	defer conn.Close()
	if p.own == nil {
		return
	}
	c := &telnetConn{port: p, conn: conn, buf: make([]byte, max(firstRead, len(head)))}
	c.replies = newReplies(conn, &p.in.stats)
	defer func() {
		if secure, ok := conn.(*tls.Conn); !c.replies.close() && ok {
			_ = secure.NetConn().Close() // for its own Close would wait for the sender once more
		}
	}()
	c.have = copy(c.buf, head)
	p.in.stats.bytes.Add(uint64(c.have))
	c.serve()
}

// serve reads until the end.
func (c *telnetConn) serve() {
	idle := c.port.in.cfg.IdleTimeout.Duration()
	taken := c.work() // what came with the first byte
	for taken && !c.quit {
		if c.have == len(c.buf) {
			c.grow()
		}
		c.port.reading.within(c.conn, idle)
		n, err := c.conn.Read(c.buf[c.have:])
		c.have += n
		c.port.in.stats.bytes.Add(uint64(n))
		taken = c.work()
		if err != nil {
			c.end(err)
			return
		}
	}
}

// grow makes room in a buffer that is full of the begin of one line.
func (c *telnetConn) grow() {
	limit := int(c.port.in.cfg.MaxLine.Bytes())
	if len(c.buf) < max(largeRead, limit+2) {
		larger := make([]byte, min(4*len(c.buf), max(largeRead, limit+2)))
		copy(larger, c.buf[:c.have])
		c.buf = larger
		return
	}
	c.have = 0 // work has seen that the line is too long
}

// work does the whole lines that were read. It reports false if nothing is taken any more.
func (c *telnetConn) work() bool {
	full := c.have == len(c.buf)
	end := bytes.LastIndexByte(c.buf[:c.have], '\n') + 1
	ok := c.lines(c.buf[:end])
	c.have = copy(c.buf, c.buf[end:c.have])
	if full && end > 0 && len(c.buf) < largeRead {
		c.buf = append(make([]byte, 0, largeRead), c.buf...)[:largeRead] // a busy sender
	}
	if limit := int(c.port.in.cfg.MaxLine.Bytes()); c.have > limit+1 { // a \r may follow
		if !c.skip {
			c.skip = true
			c.line++
			c.refuse(tooLong(c.line, c.buf[:limit], limit))
		}
		c.have = 0
	}
	return ok
}

// end does what is left when nothing more can be read. A line without an end counts if the sender has closed.
func (c *telnetConn) end(err error) {
	switch {
	case errors.Is(err, io.EOF):
		if !c.skip {
			c.lines(c.buf[:c.have])
		}
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.port.reading.isStopped():
		c.port.in.stats.refuse(tsdb.Idle)
	}
}

// lines takes lines, of which all but the last end in a newline.
func (c *telnetConn) lines(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	sp, profile := c.port.own, c.port.profile
	limit := int(c.port.in.cfg.MaxLine.Bytes())
	parser := sp.parser(profile)
	defer sp.giveBack(profile, parser)
	var pt tsdb.Point
	for len(b) > 0 && !c.quit {
		line := b
		if end := bytes.IndexByte(b, '\n'); end >= 0 {
			line, b = b[:end], b[end+1:]
		} else {
			b = nil
		}
		if c.skip { // the rest of a line that was too long
			c.skip = false
			continue
		}
		c.line++
		if len(line) > limit+1 || len(line) > limit && line[len(line)-1] != '\r' {
			c.refuse(tooLong(c.line, line, limit))
			continue
		}
		ok, err := parser.ParseLine(line, &pt)
		switch {
		case err != nil:
			c.other(line, err)
		case ok:
			c.out = pt.AppendLine(c.out)
			c.points++
		}
	}
	return c.flush()
}

// flush hands the points to the intake.
func (c *telnetConn) flush() (ok bool) {
	if len(c.out) == 0 {
		return true
	}
	c.port.own.accepted.Add(c.points)
	c.sent, ok = c.port.in.intake.add(c.out)
	if !ok {
		c.port.in.stats.lost.Add(c.points)
	}
	c.points, c.out = 0, c.out[:0]
	if cap(c.out) > 4*largeRead {
		c.out = nil // after lines of enormous size
	}
	return ok
}

// other does what is no data point: a command, or a mistake.
func (c *telnetConn) other(line []byte, err *tsdb.Error) {
	if word := tsdb.Command(line); word != "" {
		c.command(word)
		return
	}
	err.Line = c.line
	c.refuse(err)
}

// refuse counts a line that was refused, and tells the sender why.
func (c *telnetConn) refuse(err *tsdb.Error) {
	c.port.own.reject(err.Reason)
	c.port.in.refused(c.port.own, c.conn.RemoteAddr(), err)
	if !c.port.quiet {
		c.replies.add(err.OpenTSDB() + "\n")
	}
}

// command answers a command.
func (c *telnetConn) command(word string) {
	switch word {
	case "exit":
		c.quit = true
	case "version":
		// Senders that ask for it behind their points may take the answer for a confirmation, so it is one.
		if c.flush() && c.port.in.intake.await(c.sent) {
			c.replies.add(versionText(c.port.in.version))
		}
	case "help":
		c.replies.add("available commands: put version help stats dropcaches exit\n")
	case "dropcaches":
		c.replies.add("Caches dropped.\n")
	case "stats":
		c.replies.add(c.port.in.statsText())
	}
}

// tooLong is the error for a line above the limit.
func tooLong(number int, line []byte, limit int) *tsdb.Error {
	const shown = 64
	return &tsdb.Error{
		Reason: tsdb.LineTooLong, Telnet: true, Line: number, Offset: limit,
		Token:  strings.ToValidUTF8(string(line[:min(shown, len(line))]), ""),
		Detail: fmt.Sprintf("the line is longer than %d bytes (max_line)", limit),
	}
}
