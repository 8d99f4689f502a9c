package opentsdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"telegraf-ipvs/internal/httpreply"
)

// A telnetConn is a connection whose other side may say something at any time. A goroutine of its own reads that; close
// waits for it.
type telnetConn struct {
	conn      net.Conn
	signature string        // the answer to "version"; empty if nobody asked, or there was none
	came      chan struct{} // of capacity one: something came, or the other side has ended
	done      chan struct{} // closed when the goroutine has ended

	mu   sync.Mutex // guards the fields below
	text []byte     // what came and was not taken yet
	lost int        // lines that came before text and were too many to keep
	err  error      // why nothing comes any longer
}

// errHungUp says that the other side has ended a connection, or left it in the middle.
var errHungUp = errors.New("the receiver ended the connection")

// What a connection may turn out to be that asks for the version.
var (
	errMute = errors.New("nothing is answered")
	errHTTP = errors.New("a web server answers")
)

// errSilent says that error lines came, and then no confirmation.
var errSilent = errors.New("the receiver says something about the batch and then confirms nothing")

const (
	maxKept    = 1 << 20                // bytes of what the other side says
	maxVersion = 4096                   // bytes of an answer to "version"
	quiet      = 100 * time.Millisecond // how long nothing follows on such an answer when it is complete
)

func newTelnetConn(conn net.Conn) *telnetConn {
	c := &telnetConn{conn: conn, came: make(chan struct{}, 1), done: make(chan struct{})}
	go c.read()
	return c
}

// read keeps what comes until the connection ends.
func (c *telnetConn) read() {
	defer close(c.done)
	buffer := make([]byte, 16<<10)
	for {
		n, err := c.conn.Read(buffer)
		c.mu.Lock()
		c.text = append(c.text, buffer[:n]...)
		if len(c.text) > maxKept { // whoever says so much says the same thing many times
			cut := c.text[:len(c.text)-maxKept/2]
			c.lost += bytes.Count(cut, []byte{'\n'})
			c.text = append(c.text[:0], c.text[len(cut):]...)
		}
		if err != nil {
			c.err = err
		}
		c.mu.Unlock()
		select {
		case c.came <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// ended returns why nothing comes any longer, nil while something may.
func (c *telnetConn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// talked reports whether anything came that was not taken yet.
func (c *telnetConn) talked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.text) > 0 || c.lost > 0
}

// take returns the lines that came, without those that were too many to keep, of which it returns how many there were.
func (c *telnetConn) take() (lines []string, lost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines, lost = splitLines(string(c.text)), c.lost
	c.text, c.lost = c.text[:0], 0
	return lines, lost
}

// close ends the connection and waits for the goroutine.
func (c *telnetConn) close() {
	_ = c.conn.Close() // nothing more was to come
	<-c.done
}

// learn asks for the version and keeps the answer, by which later ones are known. It may be of several lines, and that
// of InfluxDB does not end its line; so it is complete when nothing follows for a moment.
func (c *telnetConn) learn(ctx context.Context, timeout time.Duration) error {
	if err := c.write(ctx, []byte(versionLine), timeout); err != nil {
		return err
	}
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	for said := ""; ; {
		wait := (<-chan time.Time)(nil)
		if said != "" {
			wait = time.After(quiet)
		}
		select {
		case <-c.came:
			c.mu.Lock()
			said = string(c.text)
			err := c.err
			c.mu.Unlock()
			switch {
			case strings.HasPrefix(said, "HTTP/"):
				line, _, _ := strings.Cut(said, "\n")
				return &unconfirmedError{errHTTP, fmt.Sprintf("to \"version\" it answers %q", httpreply.OneLine(line))}
			case err != nil:
				return &unconfirmedError{errHungUp, "to \"version\" it ends the connection"}
			case len(said) > maxVersion:
				return &unconfirmedError{nil, fmt.Sprintf("to \"version\" it answers more than %d bytes", maxVersion)}
			}
		case <-wait:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.signature, c.text = said, c.text[:0]
			return nil
		case <-limit.C:
			return &unconfirmedError{errMute, fmt.Sprintf("to \"version\" it answers nothing within %s", timeout)}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write writes all of a text.
func (c *telnetConn) write(ctx context.Context, text []byte, timeout time.Duration) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetWriteDeadline(time.Unix(1, 0)) }) // if it fails, the deadline is near
	defer stop()
	if _, err := c.conn.Write(text); err != nil {
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("it does not take %d bytes within %s: %w", len(text), timeout, err)
		}
		return fmt.Errorf("%w: %w", errHungUp, err)
	}
	return nil
}

// confirms reports whether the other side answers to "version".
func (c *telnetConn) confirms() bool { return c.signature != "" }

// exchange writes a text and, if the other side confirms, waits for the answer to the "version" at its end. It returns
// the lines that came before that, and whether there were more.
func (c *telnetConn) exchange(ctx context.Context, text []byte, timeout time.Duration) (lines []string, lost bool, err error) {
	if err := c.write(ctx, text, timeout); err != nil {
		return nil, false, err
	}
	if !c.confirms() {
		return nil, false, nil
	}
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	for {
		lines, lost, found, err := c.confirmation()
		switch {
		case found:
			return lines, lost, nil
		case err != nil && errors.Is(err, io.EOF):
			return nil, false, fmt.Errorf("%w before it had confirmed anything", errHungUp)
		case err != nil:
			return nil, false, fmt.Errorf("%w: %w", errHungUp, err)
		}
		select {
		case <-c.came:
		case <-limit.C:
			if c.talked() {
				return nil, false, errSilent
			}
			return nil, false, &unconfirmedError{nil, fmt.Sprintf("it has not answered \"version\" behind a batch within %s, although it did before", timeout)}
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// confirmation looks for the answer to "version" at the begin of a line, and takes it and what came before it.
func (c *telnetConn) confirmation() (lines []string, lost, found bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for from := 0; ; {
		at := bytes.Index(c.text[from:], []byte(c.signature))
		if at < 0 {
			return nil, false, false, c.err
		}
		at += from
		if at == 0 || c.text[at-1] == '\n' {
			lines, lost = splitLines(string(c.text[:at])), c.lost > 0
			c.text = append(c.text[:0], c.text[at+len(c.signature):]...)
			c.lost = 0
			return lines, lost, true, nil
		}
		from = at + 1
	}
}
