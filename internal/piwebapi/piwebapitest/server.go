package piwebapitest

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// basePath is where the original lives. Everything else on its host is not found.
const basePath = "/piwebapi"

// Server is one double of PI Web API with one data server behind it. It is safe for concurrent use.
type Server struct {
	config    Config
	started   time.Time
	reg       *registry
	routes    []route
	limiter   limiter
	ntlm      ntlmTable
	faults    faultState
	buffer    buffer
	store     *store             // nil for none
	templates *template.Template // nil without Pages
	bodies    sync.Pool
	writes    sync.Pool

	mu     sync.Mutex // guards what follows
	counts map[string]map[int]uint64
	done   chan struct{} // closed by Close, a new one after Restart
}

// New returns a server. The error says everything that is wrong with c, or why its Store cannot be read. Of two servers
// with one Store the second is refused where the system can tell.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("config of the PI Web API double: %w", err)
	}
	reg, err := newRegistry(c)
	if err != nil {
		return nil, fmt.Errorf("config of the PI Web API double: %w", err)
	}
	s := &Server{
		config: c, started: c.Now(), reg: reg, limiter: limiter{limit: c.RateLimit, per: c.RateDuration},
		counts: make(map[string]map[int]uint64), done: make(chan struct{}),
		bodies: sync.Pool{New: func() any { return new(bytes.Buffer) }},
		writes: sync.Pool{New: func() any { return new(writeBody) }},
	}
	s.routes = s.allRoutes()
	if c.Pages {
		s.templates = parsePages()
	}
	if c.Store != "" {
		if s.store, err = openStore(c.Store, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close ends answers that stall, stores what is buffered, and closes the Store. A request that comes later is answered
// from memory alone.
func (s *Server) Close() {
	s.release()
	s.flush(true)
	if s.store != nil {
		s.store.close()
	}
}

// release ends stalled answers.
func (s *Server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.done)
	s.done = make(chan struct{})
}

func (s *Server) stopped() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// request is one call, alone or as a part of a batch.
type request struct {
	call   string // "POST streams/{webId}/value"
	method string
	args   []string // what stands for {webId} and {name} in the call
	query  url.Values
	header http.Header
	body   []byte
	base   string // https://host/piwebapi
	user   string // "" for anonymous
	scheme string // how user came in
	short  bool   // leave the last entry out of lists of substatuses

	extra http.Header // of the answer, such as the last token of a handshake; nil for none
}

// ServeHTTP answers a request. With a fault that breaks the connection it panics with [http.ErrAbortHandler], which a
// server of package net/http takes well.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := cutBase(r.URL.Path)
	switch {
	case ok:
		s.serveAPI(w, r, path)
	case s.config.Pages:
		s.servePage(w, r)
	default:
		s.send(w, page(http.StatusNotFound, "Not Found"), false)
	}
}

// cutBase removes the base path, in whatever case.
func cutBase(path string) (rest string, ok bool) {
	if len(path) < len(basePath) || !strings.EqualFold(path[:len(basePath)], basePath) {
		return "", false
	}
	rest = path[len(basePath):]
	return strings.Trim(rest, "/"), rest == "" || rest[0] == '/'
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, path string) {
	stopped := s.stopped() // of this moment: a restart ends what began before it
	s.flush(false)
	call, args, handler := s.route(r.Method, path)
	fault := s.faults.next(call)
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	buf := s.bodies.Get().(*bytes.Buffer)
	defer s.bodies.Put(buf)
	req := &request{
		call: call, method: r.Method, args: args, query: r.URL.Query(), header: r.Header,
		base: scheme + "://" + r.Host + basePath, short: fault.Kind == ShortList,
	}
	rep := s.before(r, req, buf, fault, stopped)
	if rep == nil {
		rep = handler(req)
		for key, values := range req.extra {
			rep.with(key, values[0])
		}
		rep = s.after(rep, fault)
	}
	s.count(call, rep.status)
	switch rep.status {
	case statusReset:
		abort(w)
	case statusStalled:
		select {
		case <-r.Context().Done():
		case <-stopped:
		}
		abort(w)
	default:
		s.send(w, rep, fault.Kind == Truncate)
	}
}

// before does what comes before the call itself. It returns the answer where the call shall not happen.
func (s *Server) before(r *http.Request, req *request, buf *bytes.Buffer, fault Fault, stopped <-chan struct{}) *reply {
	if fault.Kind == Slow {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-stopped:
		}
	}
	if !s.limiter.allow(r.RemoteAddr, s.config.Now()) {
		return failure(http.StatusTooManyRequests, "Rate limit was reached")
	}
	limit := s.config.MaxRequestBytes
	if fault.Kind == TooLarge {
		limit = fault.Limit
	}
	// The whole body is read even where nobody looks at it: a client that is still sending would not see the answer.
	err := readBody(buf, r, limit)
	if rep := s.instead(fault); rep != nil {
		return rep
	}
	user, scheme, header, refused := s.identityOf(r)
	if refused != nil {
		return refused
	}
	req.user, req.scheme, req.extra = user, scheme, header
	changes := r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
	switch {
	case changes && s.config.CSRFStatus > 0 && r.Header.Get("X-Requested-With") == "":
		return failure(s.config.CSRFStatus, "Missing CSRF header: X-Requested-With")
	case errors.Is(err, errTooLarge):
		return failure(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("Request content exceeds the maximum allowed length %d", limit))
	case err != nil:
		return failure(http.StatusBadRequest, "The request body could not be read.")
	case buf.Len() > 0 && !isJSON(r.Header.Get("Content-Type")):
		return refusal(http.StatusUnsupportedMediaType, "The request entity's media type is not supported for this resource.")
	}
	req.body = buf.Bytes()
	return nil
}

// errTooLarge is of a body over the limit, all of which was read and dropped.
var errTooLarge = errors.New("body over the limit")

// drainLimit bounds how much of a body over the limit is read.
const drainLimit = 256 << 20

// readBody reads a body of at most limit bytes, or of any length if limit is negative.
func readBody(buf *bytes.Buffer, r *http.Request, limit int64) error {
	buf.Reset()
	if limit < 0 {
		limit = drainLimit
	}
	if n := min(r.ContentLength, limit); n > 0 {
		buf.Grow(int(n) + bytes.MinRead)
	}
	if n, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil || n <= limit {
		return err
	}
	buf.Reset()
	_, _ = io.CopyN(io.Discard, r.Body, drainLimit) // the error is that of too few bytes
	return errTooLarge
}

func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "application/json" || kind == "text/json"
}

// count notes one answer. Those without a status count under 0.
func (s *Server) count(call string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[call] == nil {
		s.counts[call] = make(map[int]uint64)
	}
	s.counts[call][max(0, status)]++
}

// Requests returns how many requests there were, by call, such as "POST streamsets/recorded", and by status. 0 is the
// status of those whose connection was broken before an answer.
func (s *Server) Requests() map[string]map[int]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]map[int]uint64, len(s.counts))
	for call, counts := range s.counts {
		all[call] = maps.Clone(counts)
	}
	return all
}
