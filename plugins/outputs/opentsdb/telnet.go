package opentsdb

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/httpreply"
	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/publish"
)

// telnetCarrier sends data points as lines over one connection, which it keeps, and reads what comes back at all times:
// a receiver that cannot get rid of its error lines may stop reading.
//
// The protocol has no acknowledgement. But receivers take one line after the other, and most answer to the command
// version. So each batch is followed by it: the answer says that the batch was read, and what comes before the answer is
// about the batch. Whether a receiver does answer is asked when a connection begins. It is safe for concurrent use;
// batches go one after the other.
type telnetCarrier struct {
	address  string        // host and port
	tls      *tls.Config   // nil for none
	confirm  string        // a value of telnet_confirm
	timeout  time.Duration // to connect, to write a batch, and to wait for an answer
	requests *outlet.Requests
	onLate   func(line string, more int) // lines that no batch waits for, the first of them; never nil
	onMute   func(why string)            // batches of this connection are not confirmed; never nil

	unconfirmed atomic.Bool // the last connection confirms nothing

	mu       sync.Mutex // one batch at a time; guards the fields below
	conn     *telnetConn
	answered bool // it has answered to a "version"
	deaf     bool // it is one that must not be asked, as it ends the connection then
}

// The reasons that are those of telnet.
const (
	pauseUnconfirmed = "unconfirmed"       // nothing answers "version"
	reasonClosed     = "connection_closed" // the receiver hangs up when it gets something
)

// autoWait is how long a receiver that never answered may take to answer, until it is taken for one that does not.
const autoWait = 3 * time.Second

const (
	versionLine = "version\n"
	callBatch   = "telnet batch"
	callVersion = "telnet version"
)

// newTelnetCarrier returns a carrier that is not connected. The error is about files of certificates.
func newTelnetCarrier(c Config, requests *outlet.Requests, onLate func(string, int), onMute func(string)) (*telnetCarrier, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	t := &telnetCarrier{
		address: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), defaultPort)),
		confirm: c.TelnetConfirm, timeout: c.Timeout.Duration(), requests: requests, onLate: onLate, onMute: onMute,
	}
	if u.Scheme == schemeTelnetTLS {
		if t.tls, err = c.tls(u.Hostname()); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// carry implements carrier.
func (t *telnetCarrier) carry(ctx context.Context, _ string, b *batch, list []int) (verdict, error) {
	lines := b.appendTo(make([]byte, 0, b.size(list)+len(versionLine)), list)
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		c, fresh, err := t.connected(ctx)
		if err != nil {
			return verdict{}, asTelnetPause(ctx, err)
		}
		text := lines
		if c.confirms() {
			text = append(text, versionLine...)
		}
		said, lost, err := t.exchange(ctx, c, text)
		switch {
		case err == nil:
			return judgeLines(said, lost, list)
		case ctx.Err() == nil && errors.Is(err, errSilent) && len(list) > 1:
			// Who has a lot to say about a batch may leave out something, the confirmation too.
			return verdict{unsure: true, reason: reasonRefused, detail: err.Error()}, nil
		case ctx.Err() != nil || !c.confirms() || !errors.Is(err, errHungUp):
			return verdict{}, asTelnetPause(ctx, err)
		case fresh:
			// The receiver was well when it answered to the first version of this connection. OpenTSDB hangs up on a line
			// that is too long for it, and so would others on one that they cannot bear.
			return verdict{}, &publish.Pause{Reason: reasonClosed, Err: err}
		}
		// A connection may have ended before, for want of use.
	}
}

// exchange sends a text over a connection, and waits for the confirmation if there is to be one. It returns the error
// lines that came before that, and whether there were more than these. After an error the connection is given up.
func (t *telnetCarrier) exchange(ctx context.Context, c *telnetConn, text []byte) (lines []string, lost bool, err error) {
	if late, more := c.take(); len(late) > 0 {
		t.onLate(late[0], len(late)-1+more)
	}
	start := time.Now()
	lines, lost, err = c.exchange(ctx, text, t.timeout)
	t.count(callBatch, len(text), start, err)
	if err != nil {
		c.close()
		if said, _ := c.take(); len(said) > 0 {
			err = fmt.Errorf("%w; it said %q", err, httpreply.OneLine(said[0]))
		}
		t.conn = nil
	}
	return lines, lost, err
}

// count counts a batch or a question as a request. Telnet knows no status; 200 and 0 say whether it went well.
func (t *telnetCarrier) count(call string, sent int, start time.Time, err error) {
	one := outlet.Request{Call: call, Sent: sent, Took: time.Since(start)}
	if err == nil {
		one.Status = 200
	}
	t.requests.Count(one)
}

// connected returns a connection that is not known to have ended, and whether it was made for this.
func (t *telnetCarrier) connected(ctx context.Context) (c *telnetConn, fresh bool, err error) {
	if t.conn != nil && t.conn.ended() == nil {
		return t.conn, false, nil
	}
	t.drop()
	if c, err = t.connect(ctx); err != nil {
		return nil, false, err
	}
	t.conn = c
	t.unconfirmed.Store(!c.confirms())
	return c, true, nil
}

// connect makes a connection and finds out whether the receiver confirms what comes over it.
func (t *telnetCarrier) connect(ctx context.Context) (*telnetConn, error) {
	raw, err := t.dial(ctx, t.timeout)
	if err != nil {
		return nil, err
	}
	c := newTelnetConn(raw)
	if t.confirm == confirmNone || t.deaf {
		return c, nil
	}
	insist := t.confirm == confirmVersion || t.answered
	limit := t.timeout
	if !insist {
		limit = min(limit, autoWait)
	}
	start := time.Now()
	err = c.learn(ctx, limit)
	t.count(callVersion, len(versionLine), start, err)
	switch {
	case err == nil:
		t.answered = true
		return c, nil
	case insist:
	case errors.Is(err, errMute):
		t.tellMute(err)
		return c, nil
	case errors.Is(err, errHTTP):
		t.tellMute(err)
		t.deaf = true
		c.close()
		return t.connect(ctx)
	}
	c.close()
	return nil, err
}

func (t *telnetCarrier) tellMute(err error) {
	var why *unconfirmedError
	if errors.As(err, &why) {
		t.onMute(why.what)
	}
}

// dial connects, and encrypts what goes over the connection if that is wanted.
func (t *telnetCarrier) dial(ctx context.Context, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	if t.tls != nil {
		return (&tls.Dialer{NetDialer: dialer, Config: t.tls}).DialContext(ctx, "tcp", t.address)
	}
	return dialer.DialContext(ctx, "tcp", t.address)
}

// drop ends the connection, after telling what came over it last.
func (t *telnetCarrier) drop() {
	if t.conn == nil {
		return
	}
	t.conn.close()
	if late, more := t.conn.take(); len(late) > 0 {
		t.onLate(late[0], len(late)-1+more)
	}
	t.conn = nil
}

// close ends the connection and waits for its goroutine.
func (t *telnetCarrier) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop()
}

// judgeLines says what the error lines mean that came before a confirmation. They do not tell which of the data points
// they are about; where there are as many as these, they come in the same order.
func judgeLines(lines []string, lost bool, list []int) (verdict, error) {
	if len(lines) == 0 && !lost {
		return verdict{}, nil
	}
	exact := len(lines) == len(list) && !lost
	v := verdict{unsure: !exact, reason: reasonRefused}
	for i, line := range lines {
		j := judge(0, line)
		if j.kind == putOff {
			// Such lines come when storing fails, at any time, so there is no way to know for which point.
			return verdict{}, &publish.Pause{Reason: j.reason, Err: errors.New("the receiver says: " + j.detail)}
		}
		if exact {
			j.point = list[i]
			v.judged = append(v.judged, j)
		}
	}
	if !exact && len(lines) > 0 {
		v.detail = "the receiver says: " + httpreply.OneLine(lines[0])
	}
	return v, nil
}

// asTelnetPause translates what keeps the receiver from taking anything.
func asTelnetPause(ctx context.Context, err error) *publish.Pause {
	var silent *unconfirmedError
	if ctx.Err() == nil && errors.As(err, &silent) {
		return &publish.Pause{Reason: pauseUnconfirmed, Err: err}
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", ctx.Err(), err)
	}
	return outlet.PauseFor(0, 0, err)
}

// An unconfirmedError says that nothing answers to "version" as it should.
type unconfirmedError struct {
	kind error // errMute, errHTTP, errHungUp, or nil for none of them
	what string
}

func (e *unconfirmedError) Error() string {
	return e.what + `: if this receiver never answers, set telnet_confirm = "none", with which nobody knows whether it takes what it is sent`
}

func (e *unconfirmedError) Unwrap() error { return e.kind }

// splitLines returns the lines of a text that are not blank.
func splitLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
