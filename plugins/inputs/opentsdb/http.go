package opentsdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// httpSide is the half of a port that speaks HTTP.
type httpSide struct {
	port   *port
	feed   *feed
	server *http.Server
	served sync.WaitGroup
	gate   gate // requests under way
}

const maxHeader = 64 << 10 // bytes of a request's head

// newHTTPSide returns one that serves what it is given.
func newHTTPSide(p *port) *httpSide {
	h := &httpSide{port: p, feed: newFeed(p.listener.Addr())}
	h.server = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: p.in.cfg.HeaderTimeout.Duration(),
		IdleTimeout:       p.in.cfg.IdleTimeout.Duration(),
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          p.in.serverLog(p.name),
	}
	h.served.Go(func() { _ = h.server.Serve(h.feed) }) // ends by Close or Shutdown
	return h
}

// take serves a connection of which head was read already.
func (h *httpSide) take(c net.Conn, head []byte) {
	h.feed.give(&served{c, head, h.port.in.cfg.BodyTimeout.Duration()})
}

// stop lets requests under way end within a time, and returns when no request is.
func (h *httpSide) stop(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if h.server.Shutdown(ctx) != nil {
		_ = h.server.Close() // whoever is still sending has got no reply, and sends again
	}
	h.served.Wait()
	h.gate.close()
}

const (
	pathNamespace = "/opentsdb/"
	pathPut       = "/api/put"
	pathPutV1     = "/api/v1/put"
	pathMetadata  = "/api/metadata/put"
)

// ServeHTTP implements [http.Handler].
func (h *httpSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	// A sender that is too slow is not waited for, also by the server when it looks for the end of a body that nobody
	// wants. Without the server's own ReadTimeout, which would count the time between two requests.
	_ = http.NewResponseController(w).SetReadDeadline(begin.Add(h.port.in.cfg.BodyTimeout.Duration()))
	a := busy("Shutting down", "connect again in a moment")
	if h.gate.enter() {
		a = h.answer(w, r)
		defer h.gate.leave()
	}
	a.write(w)
	h.port.in.stats.request(a.status, time.Since(begin))
}

// answer does a request.
func (h *httpSide) answer(w http.ResponseWriter, r *http.Request) (a answer) {
	in := h.port.in
	defer func() {
		if v := recover(); v != nil {
			in.guard("a request", v)
			a = fault(http.StatusInternalServerError, "Internal error", "the log of the listener has more about it")
			a.close = true
		}
	}()
	path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	rest, named := strings.CutPrefix(path, pathNamespace)
	switch {
	case !named && path != pathPut && path != pathPutV1 && path != pathMetadata:
		return fault(http.StatusNotFound, "Endpoint not found",
			"want "+pathNamespace+"ACCOUNT_ID/CHECK_UUID/CHECK_NAME, "+pathPut+" or "+pathPutV1)
	case r.Method != http.MethodPost:
		a = fault(http.StatusMethodNotAllowed, "Method not allowed",
			fmt.Sprintf("The HTTP method [%s] is not permitted for this endpoint", printable(r.Method)))
		a.allow = http.MethodPost
		return a
	}
	who, ok := in.access.login(r)
	if !ok {
		in.stats.refuse(tsdb.Unauthorized)
		a = fault(http.StatusUnauthorized, "Authentication failed", "present one of the configured credentials")
		a.challenge = in.access.challenge()
		return a
	}
	n, sp := namespace{}, h.port.own
	switch {
	case named:
		var err error
		if n, err = namespaceOfPath(rest); err != nil {
			return fault(http.StatusBadRequest, "Invalid namespace", err.Error())
		}
	case sp == nil:
		return fault(http.StatusNotFound, "Endpoint not found", path+" has no namespace here: set default_namespace, or send to "+
			pathNamespace+"ACCOUNT_ID/CHECK_UUID/CHECK_NAME")
	default:
		n = sp.namespace
	}
	if !who.mayWrite(n) {
		in.stats.refuse(tsdb.Forbidden)
		return fault(http.StatusForbidden, "Forbidden", fmt.Sprintf("these credentials may not write to %q", n.String()))
	}
	if path == pathMetadata {
		return h.metadata(w, r)
	}
	if named {
		if sp = in.spaces.get(n, false); sp == nil {
			in.stats.refuse(tsdb.TooManyNamespaces)
			return busy("Too many namespaces", in.spaces.errNamespaces())
		}
	}
	return h.put(w, r, sp)
}

// metadata takes what scollector tells about its metrics, and has no use for it.
func (h *httpSide) metadata(w http.ResponseWriter, r *http.Request) answer {
	b, a := h.body(w, r)
	if b == nil {
		return *a
	}
	defer b.close()
	if _, err := b.discard(); err != nil {
		return h.bodyFault(err)
	}
	return answer{status: http.StatusNoContent}
}

// put takes data points.
func (h *httpSide) put(w http.ResponseWriter, r *http.Request, sp *space) answer {
	in := h.port.in
	how, err := readHow(r.URL.Query(), h.port.reply)
	if err != nil {
		return fault(http.StatusBadRequest, "Invalid query", err.Error())
	}
	b, a := h.body(w, r)
	if b == nil {
		return *a
	}
	defer b.close()
	l := in.newLoad(sp, how.details)
	defer l.release()
	parser := sp.parser(h.port.profile)
	err = parser.ParseJSON(b, l.good, l.bad)
	sp.giveBack(h.port.profile, parser)
	switch {
	case l.overdrawn:
		in.stats.refuse(tsdb.Busy)
		return busy("Please throttle writes", "too much is being received at the same time (max_memory)")
	case err != nil:
		l.count(0)
		in.refusedBody(sp, remote(r), err)
		return h.bodyFault(err)
	}
	for _, bad := range l.first {
		in.refused(sp, remote(r), bad.err)
	}
	if err := l.keep(r.Context(), in.ackTimeout(how)); err != nil {
		l.count(0)
		return in.notKept(l, how, err)
	}
	l.count(l.accepted)
	return how.reply(l)
}

// bodyFault is the answer to a body that is refused as a whole.
func (h *httpSide) bodyFault(err error) answer {
	var bad *tsdb.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errBodyTooLarge) || errors.As(err, &tooLarge):
		h.port.in.stats.refuse(tsdb.BodyTooLarge)
		return fault(http.StatusRequestEntityTooLarge, "Request entity too large",
			fmt.Sprintf("want at most %d bytes (max_body), decompressed; send less at a time", h.port.in.cfg.MaxBody.Bytes()))
	case errors.As(err, &bad):
		h.port.in.stats.refuse(bad.Reason)
		status := http.StatusBadRequest
		if bad.Reason == tsdb.TooManyPoints {
			status = http.StatusRequestEntityTooLarge
		}
		return fault(status, bad.OpenTSDB(), bad.Error())
	case isTimeout(err):
		h.port.in.stats.refuse(tsdb.Slow)
		return fault(http.StatusRequestTimeout, "Request timeout", "the body did not come in time (body_timeout)")
	case errors.Is(err, errBadEncoding):
		h.port.in.stats.refuse(tsdb.BadEncoding)
		return fault(http.StatusBadRequest, "Unable to decompress the content", err.Error())
	}
	h.port.in.stats.refuse(tsdb.Interrupted)
	return fault(http.StatusBadRequest, "Unable to read the content", err.Error())
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func remote(r *http.Request) net.Addr { return textAddr(r.RemoteAddr) }

// textAddr is an address that is known as text.
type textAddr string

// Network implements [net.Addr].
func (textAddr) Network() string { return "tcp" }

// String implements [net.Addr].
func (a textAddr) String() string { return string(a) }

// ackTimeout returns how long a request may wait for its points to be safe.
func (in *Input) ackTimeout(h how) time.Duration {
	limit := in.cfg.AckTimeout.Duration()
	if h.timed {
		return min(h.timeout, limit)
	}
	return limit
}
