package piwebapi

import (
	"context"
	"math/rand/v2"
	"net/url"
	"sync/atomic"
	"time"
)

// WriterConfig configures a [Writer]. Only Client has to be set.
type WriterConfig struct {
	// Client sends the requests. It must not be nil.
	Client *Client
	// MaxValues is how many values one request holds at most; 0 means 5000.
	MaxValues int
	// MaxBytes is how long the body of a request is at most, unless one value alone exceeds it; 0 means 1 MiB. The
	// server's own limit is 4 MiB by default (PI Web API, MaxRequestContentLength). When a server or a proxy says
	// that a request is too large, the Writer learns its limit and tests it again later.
	MaxBytes int
	// UpdateOption says what becomes of a value for whose time the stream has one already: NoReplace (also ""),
	// Replace, Insert, InsertNoCompression, ReplaceOnly or Remove.
	UpdateOption string
	// ResendOption is the UpdateOption for values that an earlier request may have stored; "" means NoReplace, which
	// leaves the first copy untouched, but for ReplaceOnly and Remove those themselves, since they add nothing.
	ResendOption string
	// BufferOption is BufferIfPossible (also ""), Buffer or DoNotBuffer. Only with DoNotBuffer does the server report
	// what the archive says.
	BufferOption string
	// RateLimitPause is how long to pause after a 429, at least; 0 means one second, the server's RateLimitDuration
	// by default. It never says Retry-After, but a proxy may.
	RateLimitPause time.Duration
	// Retries is how often a request is sent again within one Write after a 500; 0 means 2, a negative number never.
	Retries int
	// Backoff is the pause before the first of these retries; the following ones are twice as long each, up to a
	// second. 0 means 200 ms.
	Backoff time.Duration
	// Rand returns a number in [0,1) for jitter and for the choice of streams to try; nil means math/rand. It must be
	// safe for concurrent use.
	Rand func() float64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Writer writes values to streams, with as few requests as the limits of the server allow, and finds out what became
// of each value. It is safe for concurrent use by Writes of different streams, which then share what one of them has
// learned about the server's limits.
type Writer struct {
	cfg           WriterConfig
	first, resend url.Values // of requests; the same map when the options are equal
	// careful says that even after a plain refusal the resend option is to be used: the update option adds a
	// second value when the server has, against expectation, stored some of a refused request.
	careful bool
	limits  limits

	lastTaken                    atomic.Int64 // when the server last took a value, in ns since 1970
	requests, values, bisections atomic.Uint64
}

// WriterStats are what a [Writer] counted since it was made, and its limits now.
type WriterStats struct {
	Requests   uint64 // sent, whatever their result
	Values     uint64 // in these requests: a value sent twice counts twice
	Bisections uint64 // requests that were split in two to find what the server objects to

	CurrentMaxValues int // per request
	CurrentMaxBytes  int // per request body
}

// NewWriter returns a Writer. It sends nothing yet.
func NewWriter(cfg WriterConfig) *Writer {
	cfg.MaxValues, cfg.MaxBytes = max(0, cfg.MaxValues), max(0, cfg.MaxBytes)
	defaultTo(&cfg.MaxValues, 5000)
	defaultTo(&cfg.MaxBytes, 1<<20)
	defaultTo(&cfg.UpdateOption, "NoReplace")
	switch cfg.UpdateOption {
	case "ReplaceOnly", "Remove":
		defaultTo(&cfg.ResendOption, cfg.UpdateOption)
	default:
		defaultTo(&cfg.ResendOption, "NoReplace")
	}
	defaultTo(&cfg.BufferOption, "BufferIfPossible")
	defaultTo(&cfg.RateLimitPause, time.Second)
	defaultTo(&cfg.Retries, 2)
	defaultTo(&cfg.Backoff, 200*time.Millisecond)
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	query := func(update string) url.Values {
		return url.Values{"updateOption": {update}, "bufferOption": {cfg.BufferOption}}
	}
	return &Writer{
		cfg:     cfg,
		first:   query(cfg.UpdateOption),
		resend:  query(cfg.ResendOption),
		careful: cfg.UpdateOption == "Insert" || cfg.UpdateOption == "InsertNoCompression",
		limits: limits{
			maxValues: cfg.MaxValues, maxBytes: cfg.MaxBytes,
			values: cfg.MaxValues, bytes: cfg.MaxBytes,
		},
	}
}

// Write sends every Unknown value of the streams and sets its outcome. It first clears the Problem of each stream.
//
// With a nil error each value has an outcome or its stream a Problem. A [*PauseError] says to wait and to call again
// for what is still Unknown; the outcomes set until then hold. When ctx ends, Write returns its error at once, and
// what was on its way is Unknown. The requests of one Write follow one another; values of a stream are sent in their
// order, except for those that the server asks for again.
func (w *Writer) Write(ctx context.Context, streams []*Stream) error {
	j := newJob(w, streams)
	defer j.finish()
	return j.deliver(ctx, j.refs, 0)
}

// Stats returns the counts. It may be called at any time.
func (w *Writer) Stats() WriterStats {
	values, bytes := w.limits.current()
	return WriterStats{
		Requests: w.requests.Load(), Values: w.values.Load(), Bisections: w.bisections.Load(),
		CurrentMaxValues: values, CurrentMaxBytes: bytes,
	}
}

// query returns the options for a first attempt, or for one whose values the server may have.
func (w *Writer) query(unsure bool) url.Values {
	if unsure {
		return w.resend
	}
	return w.first
}

// takenSince reports whether the server has taken a value of any Write after that time.
func (w *Writer) takenSince(then time.Time) bool {
	last := w.lastTaken.Load()
	return last != 0 && last > then.UnixNano()
}

// defaultTo sets a variable that is zero.
func defaultTo[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
