package opentsdb

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/queue"
)

// metricPrefix goes before the names of metrics.
const metricPrefix = "telegraf_ipvs_opentsdb_listener_"

// metrics are what Prometheus is told.
var metrics = []outlet.Metric{
	{Name: "points_accepted_total", Help: "Data points that were accepted.", Labels: []string{"account_id", "check_uuid", "check_name"}},
	{Name: "points_refused_total", Help: "Data points that were refused.", Labels: []string{"account_id", "check_uuid", "check_name", "reason"}},
	{Name: "points_lost_total", Help: "Data points from telnet that came in while the process ended, and could not be kept."},
	{Name: "series", Help: "Series that were seen of late.", Labels: []string{"account_id", "check_uuid", "check_name"}},
	{Name: "namespaces", Help: "Namespaces that are known."},
	{Name: "connections", Help: "Connections that are open."},
	{Name: "connections_total", Help: "Connections that were accepted."},
	{Name: "refused_total", Help: "Connections, requests and bodies that were refused as a whole, or ended because their sender was silent or slow.", Labels: []string{"reason"}},
	{Name: "requests_total", Help: "HTTP requests by status.", Labels: []string{"status"}},
	{Name: "request_seconds_total", Help: "Time that HTTP requests took, by status.", Labels: []string{"status"}},
	{Name: "keeps_total", Help: "Requests whose points were made safe."},
	{Name: "keep_seconds_total", Help: "Time that this took."},
	{Name: "keeps_failed_total", Help: "Requests whose points could not be made safe."},
	{Name: "telnet_bytes_total", Help: "Bytes that came by telnet."},
	{Name: "replies_dropped_total", Help: "Lines for telnet senders that do not read."},
	{Name: "memory_bytes", Help: "Memory that bodies under way have been granted."},
	{Name: "queue_records", Help: "Data points in the queue."},
	{Name: "queue_bytes", Help: "Size of the data points in the queue."},
	{Name: "queue_file_bytes", Help: "Size of the queue's file."},
	{Name: "queue_oldest_age_seconds", Help: "Age of the oldest data point in the queue; 0 if it is empty."},
	{Name: "queue_full", Help: "1 while the queue takes nothing more."},
	{Name: "queue_damaged_total", Help: "Damaged parts of the queue that were set aside."},
	{Name: "handed_over_total", Help: "Data points that left the queue because the receiver has taken them."},
}

// collect tells all metrics.
func (in *Input) collect(m *outlet.Meter) {
	spaces := in.spaces.list()
	for _, sp := range spaces {
		labels := []string{strconv.FormatInt(sp.AccountID, 10), sp.CheckUUID, sp.CheckName}
		m.Counter("points_accepted_total", sp.accepted.Load(), labels...)
		for _, reason := range tsdb.Reasons() {
			if n := sp.rejected[reason].Load(); n > 0 {
				m.Counter("points_refused_total", n, append(labels[:3:3], reason.String())...)
			}
		}
		m.Gauge("series", float64(sp.table.Series()), labels...)
	}
	s := &in.stats
	m.Gauge("namespaces", float64(len(spaces)))
	m.Gauge("connections", float64(max(0, in.open.Load())))
	m.Counter("connections_total", s.connections.Load())
	m.Counter("points_lost_total", s.lost.Load())
	m.Counter("telnet_bytes_total", s.bytes.Load())
	m.Counter("replies_dropped_total", s.repliesDropped.Load())
	m.Gauge("memory_bytes", float64(in.budget.used.Load()))

	s.mu.Lock()
	refused, keeps := maps.Clone(s.refused), s.keeps
	requests := make(map[int]requestCount)
	for status, r := range s.requests {
		requests[status] = *r
	}
	s.mu.Unlock()
	for reason, n := range refused {
		m.Counter("refused_total", n, reason.String())
	}
	for status, r := range requests {
		m.Counter("requests_total", r.n, strconv.Itoa(status))
		m.Sum("request_seconds_total", r.took.Seconds(), strconv.Itoa(status))
	}
	m.Counter("keeps_total", keeps.n)
	m.Sum("keep_seconds_total", keeps.took.Seconds())
	m.Counter("keeps_failed_total", keeps.failed)
	if in.queue == nil {
		return
	}
	q := in.queue.Stats()
	m.Gauge("queue_records", float64(q.Records))
	m.Gauge("queue_bytes", float64(q.Bytes))
	m.Gauge("queue_file_bytes", float64(q.FileBytes))
	m.Gauge("queue_oldest_age_seconds", age(q).Seconds())
	m.State("queue_full", q.Full)
	m.Counter("queue_damaged_total", q.Damaged)
	m.Counter("handed_over_total", q.Settled)
}

func age(q queue.Stats) time.Duration {
	if q.Oldest.IsZero() {
		return 0
	}
	return max(0, time.Since(q.Oldest))
}

// handler serves /metrics and /health.
func (in *Input) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", outlet.Metrics(metricPrefix, metrics, in.collect))
	mux.HandleFunc("GET /health", in.health)
	return mux
}

// health answers 200 when data points are taken in and 503 when they are not.
func (in *Input) health(w http.ResponseWriter, _ *http.Request) {
	answer := struct {
		Status        string  `json:"status"`
		Connections   int64   `json:"connections"`
		QueueRecords  int     `json:"queue_records"`
		OldestSeconds float64 `json:"oldest_seconds"`
		QueueFull     bool    `json:"queue_full"`
	}{Status: "ok", Connections: max(0, in.open.Load())}
	code := http.StatusOK
	if in.queue != nil {
		q := in.queue.Stats()
		answer.QueueRecords, answer.OldestSeconds, answer.QueueFull = q.Records, age(q).Seconds(), q.Full
		if q.Full {
			answer.Status, code = "full", http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the asker may be gone
}

// serveStatus answers questions until ctx ends: those of the command queue, and those of /metrics and /health.
func (in *Input) serveStatus(ctx context.Context, serving *sync.WaitGroup) {
	if in.queue != nil {
		serving.Go(func() {
			if err := in.queue.Serve(ctx); err != nil && ctx.Err() == nil {
				in.log.Warn("The command queue cannot look into this process: " + err.Error())
			}
		})
	}
	if in.cfg.StatusAddress != "" {
		serving.Go(func() { outlet.ServeStatus(ctx, in.cfg.StatusAddress, in.handler(), in.log) })
	}
}
