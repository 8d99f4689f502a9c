package piwebapi

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	pi "telegraf-ipvs/internal/piwebapi"
	"telegraf-ipvs/internal/publish"
	"telegraf-ipvs/internal/queue"
)

// A snapshot is where an output stands.
type snapshot struct {
	stored, accepted uint64
	started          time.Time
	requests         map[requestKey]requestCount
	publish          publish.Stats
	queue            queue.Stats
	directory        pi.DirectoryStats
	writer           pi.WriterStats
	points           map[string]int
}

func (o *Output) snapshot() snapshot {
	s := snapshot{
		publish: o.publisher.Stats(), queue: o.queue.Stats(),
		directory: o.directory.Stats(), writer: o.writer.Stats(), points: o.sink.states(),
		requests: make(map[requestKey]requestCount),
	}
	o.stats.mu.Lock()
	defer o.stats.mu.Unlock()
	s.stored, s.accepted, s.started = o.stats.stored, o.stats.accepted, o.stats.started
	for key, r := range o.stats.requests {
		s.requests[key] = *r
	}
	return s
}

// age returns the age of the oldest metric in the queue.
func (s *snapshot) age() time.Duration {
	if s.queue.Oldest.IsZero() {
		return 0
	}
	return max(time.Since(s.queue.Oldest), 0)
}

const (
	bindRetry  = 5 * time.Second
	pageLimit  = 10 * time.Second // for one request
	stopLimit  = 500 * time.Millisecond
	letterPage = 20 // dead letters on the page
)

// serve answers questions until ctx ends: those of the command queue, and those of the status page if it has an
// address. The channel is closed when it no longer does.
func (o *Output) serve(ctx context.Context) <-chan struct{} {
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := o.queue.Serve(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("The command queue cannot look into this process: " + err.Error())
		}
	})
	if o.cfg.StatusAddress != "" {
		serving.Go(func() { o.serveStatus(ctx) })
	}
	done := make(chan struct{})
	go func() {
		serving.Wait()
		close(done)
	}()
	return done
}

// serveStatus serves the status page. That it cannot is no reason to deliver nothing.
func (o *Output) serveStatus(ctx context.Context) {
	for ctx.Err() == nil {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", o.cfg.StatusAddress)
		if err == nil {
			o.log.Info("Status: http://" + l.Addr().String() + "/")
			err = o.serveOn(ctx, l)
		}
		if ctx.Err() != nil {
			return
		}
		o.log.Error("No status page: " + err.Error())
		select {
		case <-time.After(bindRetry):
		case <-ctx.Done():
		}
	}
}

func (o *Output) serveOn(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: o.handler(), ReadHeaderTimeout: pageLimit, ReadTimeout: pageLimit, WriteTimeout: pageLimit,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close() // who is still asking goes without
	}
	return <-ended
}

// handler serves /metrics, /health and the page for people.
func (o *Output) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{o})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /health", o.health)
	mux.HandleFunc("GET /{$}", o.page)
	return mux
}

// health answers 200 when values are taken in and delivered, and 503 when they are not.
func (o *Output) health(w http.ResponseWriter, _ *http.Request) {
	s := o.snapshot()
	answer := struct {
		Status        string    `json:"status"`
		Server        string    `json:"server"`
		Since         time.Time `json:"since,omitzero"`
		Reason        string    `json:"reason,omitempty"`
		QueueRecords  uint64    `json:"queue_records"`
		OldestSeconds float64   `json:"oldest_seconds"`
		QueueFull     bool      `json:"queue_full"`
		DeadLetters   uint64    `json:"dead_letters"`
	}{
		Status: "ok", Server: "up", QueueRecords: uint64(s.queue.Records), OldestSeconds: s.age().Seconds(),
		QueueFull: s.queue.Full, DeadLetters: uint64(s.queue.DeadLetters),
	}
	code := http.StatusOK
	if p := s.publish.Paused; p != nil {
		answer.Status, answer.Server, answer.Since, answer.Reason = "down", "down", s.publish.Since, p.Reason
		code = http.StatusServiceUnavailable
	}
	if s.queue.Full {
		answer.Status, code = "full", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the asker may be gone
}

//go:embed status.html
var statusPage string

// A view is what the page shows.
type view struct {
	URL, Target                 string
	Up                          bool
	Reason, Why                 string
	Since, Until, Last, Started time.Time
	Stored, Accepted, Again     uint64
	Queue                       queue.Stats
	Age                         time.Duration
	Waiting                     int
	Refused, Holding            []counted
	Points                      []counted
	Directory                   pi.DirectoryStats
	Events                      []publish.Event
	Held                        []queue.HeldTarget
	Letters                     []queue.Letter
	Failed                      []string
	Now                         time.Time
}

type counted struct {
	What string
	N    uint64
}

func (o *Output) view() view {
	s := o.snapshot()
	v := view{
		URL: o.client.URL(), Target: `\\` + o.cfg.DataServer, Up: s.publish.Paused == nil,
		Since: s.publish.Since, Until: s.publish.Until, Last: s.publish.Last, Started: s.started,
		Stored: s.stored, Accepted: s.accepted, Again: s.publish.Again, Queue: s.queue, Age: s.age().Round(time.Second),
		Waiting: s.publish.Waiting, Refused: sorted(s.publish.Refused), Holding: sorted(s.publish.Holding),
		Directory: s.directory, Events: s.publish.Events, Now: time.Now(),
	}
	if o.cfg.AFDatabase != "" {
		v.Target = o.cfg.AFDatabase
	}
	if p := s.publish.Paused; p != nil {
		v.Reason, v.Why = p.Reason, p.Error()
	}
	for _, state := range slices.Sorted(maps.Keys(s.points)) {
		v.Points = append(v.Points, counted{state, uint64(s.points[state])})
	}
	slices.Reverse(v.Events)
	var err error
	if v.Held, err = o.queue.HeldTargets(); err != nil {
		v.Failed = append(v.Failed, fmt.Sprintf("held values cannot be read: %v", err))
	}
	if v.Letters, err = o.queue.DeadLetters(0, letterPage); err != nil {
		v.Failed = append(v.Failed, fmt.Sprintf("dead letters cannot be read: %v", err))
	}
	return v
}

func sorted(counts map[string]uint64) []counted {
	var list []counted
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, counted{what, counts[what]})
	}
	return list
}

func (o *Output) page(w http.ResponseWriter, _ *http.Request) {
	t, err := template.New("status").Funcs(template.FuncMap{
		"when": func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return t.UTC().Format("2006-01-02 15:04:05 UTC")
		},
		"text": func(b []byte) string { return string(b) },
	}).Parse(statusPage)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = t.Execute(w, o.view()) // the asker may be gone
}
