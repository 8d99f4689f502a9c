package outlet

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"telegraf-ipvs/internal/publish"
	"telegraf-ipvs/internal/queue"
)

// Stats is where an outlet stands.
type Stats struct {
	Publish publish.Stats
	Queue   queue.Stats
	Started time.Time // when the outlet was made
}

// Stats returns where the outlet stands. It is safe for concurrent use, between Start and Close.
func (o *Outlet[T, V]) Stats() Stats {
	return Stats{Publish: o.publisher.Stats(), Queue: o.queue.Stats(), Started: o.started}
}

// age returns the age of the oldest metric in the queue.
func (s *Stats) age() time.Duration {
	if s.Queue.Oldest.IsZero() {
		return 0
	}
	return max(time.Since(s.Queue.Oldest), 0)
}

const (
	bindRetry = 5 * time.Second
	pageLimit = 10 * time.Second // for one request
	stopLimit = 500 * time.Millisecond
)

// serve answers questions until ctx ends: those of the command queue, and those of the status page if it has an
// address. The channel is closed when it no longer does.
func (o *Outlet[T, V]) serve(ctx context.Context) <-chan struct{} {
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := o.queue.Serve(ctx); err != nil && ctx.Err() == nil {
			o.cfg.Log.Warn("The command queue cannot look into this process: " + err.Error())
		}
	})
	if address := o.cfg.Output.StatusAddress; address != "" {
		serving.Go(func() { ServeStatus(ctx, address, o.Handler(), o.cfg.Log) })
	}
	done := make(chan struct{})
	go func() {
		serving.Wait()
		close(done)
	}()
	return done
}

// ServeStatus serves a handler at an address until ctx ends. That it cannot is no reason to do nothing else: it logs why
// and tries again.
func ServeStatus(ctx context.Context, address string, handler http.Handler, log *slog.Logger) {
	for ctx.Err() == nil {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		if err == nil {
			log.Info("Status: http://" + l.Addr().String() + "/")
			err = serveOn(ctx, l, handler)
		}
		if ctx.Err() != nil {
			return
		}
		log.Error("No status page: " + err.Error())
		select {
		case <-time.After(bindRetry):
		case <-ctx.Done():
		}
	}
}

func serveOn(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: pageLimit, ReadTimeout: pageLimit, WriteTimeout: pageLimit,
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

// Handler serves /metrics, /health and the page for people, between Start and Close. Publish serves it at the address
// of the options.
func (o *Outlet[T, V]) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Metrics(o.cfg.Prefix, o.metrics(), o.collect))
	mux.HandleFunc("GET /health", o.health)
	mux.HandleFunc("GET /{$}", o.page)
	return mux
}

// health answers 200 when values are taken in and delivered, and 503 when they are not.
func (o *Outlet[T, V]) health(w http.ResponseWriter, _ *http.Request) {
	s := o.Stats()
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
		Status: "ok", Server: "up", QueueRecords: uint64(s.Queue.Records), OldestSeconds: s.age().Seconds(),
		QueueFull: s.Queue.Full, DeadLetters: uint64(s.Queue.DeadLetters),
	}
	code := http.StatusOK
	if p := s.Publish.Paused; p != nil {
		answer.Status, answer.Server, answer.Since, answer.Reason = "down", "down", s.Publish.Since, p.Reason
		code = http.StatusServiceUnavailable
	}
	if s.Queue.Full {
		answer.Status, code = "full", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the asker may be gone
}
