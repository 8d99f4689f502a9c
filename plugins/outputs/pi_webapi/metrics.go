package piwebapi

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A collector tells Prometheus what an output does, read at each scrape from where it is counted anyway.
type collector struct{ *Output }

// Names of the metrics, in Prometheus's base units: seconds and bytes.
var descriptions = map[string]*prometheus.Desc{
	"stored":          describe("values_stored_total", "Values that the server has applied."),
	"accepted":        describe("values_accepted_total", "Values that the server has taken and may still hold in a buffer (HTTP 202)."),
	"retried":         describe("values_retried_total", "Values that had to be sent again, each time."),
	"refused":         describe("values_refused_total", "Values that became dead letters.", "reason"),
	"held":            describe("values_held_total", "Values that were put aside because their point takes none.", "reason"),
	"skipped":         describe("values_skipped_total", "Values left out by the configuration.", "why"),
	"pauses":          describe("pauses_total", "Times that the server took nothing."),
	"up":              describe("server_up", "1 if the server takes values, 0 while it does not."),
	"last":            describe("last_delivery_timestamp_seconds", "When a delivery last brought something through; 0 if none has."),
	"waiting":         describe("values_in_memory", "Values read from the queue and not delivered yet."),
	"flying":          describe("deliveries_in_flight", "Deliveries under way."),
	"records":         describe("queue_records", "Metrics in the queue."),
	"bytes":           describe("queue_bytes", "Size of the metrics in the queue."),
	"file":            describe("queue_file_bytes", "Size of the queue's file."),
	"age":             describe("queue_oldest_age_seconds", "Age of the oldest metric in the queue; 0 if it is empty."),
	"full":            describe("queue_full", "1 while the queue takes nothing more."),
	"putaside":        describe("queue_held_values", "Values put aside for points that take none."),
	"letters":         describe("queue_dead_letters", "Dead letters."),
	"letterbytes":     describe("queue_dead_letter_bytes", "Size of the dead letters."),
	"dropped":         describe("queue_dropped_total", "Metrics or dead letters dropped from the queue.", "why"),
	"damaged":         describe("queue_damaged_total", "Damaged parts of the queue that were set aside."),
	"requests":        describe("requests_total", "Requests, by call and HTTP status; status 0 is no answer.", "call", "status"),
	"sentbytes":       describe("request_bytes_total", "Bytes of request bodies.", "call", "status"),
	"receivedbytes":   describe("response_bytes_total", "Bytes of answers.", "call", "status"),
	"seconds":         describe("request_seconds_total", "Time that requests took.", "call", "status"),
	"points":          describe("points", "Points by state.", "state"),
	"created":         describe("points_created_total", "Points that were made."),
	"notcreated":      describe("points_not_created_total", "Points that could not be made."),
	"creationstopped": describe("point_creation_stopped", "1 while no points are made, because the licence allows none."),
	"maxvalues":       describe("request_max_values", "How many values a request may hold at present."),
	"skew":            describe("server_clock_ahead_seconds", "How far the server's clock is ahead of this machine's."),
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("telegraf_ipvs_pi_"+name, help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) {
	put := func(kind prometheus.ValueType, name string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(descriptions[name], kind, v, labels...)
	}
	counter := func(name string, v uint64, labels ...string) {
		put(prometheus.CounterValue, name, float64(v), labels...)
	}
	gauge := func(name string, v float64, labels ...string) { put(prometheus.GaugeValue, name, v, labels...) }
	s := c.snapshot()

	counter("stored", s.stored)
	counter("accepted", s.accepted)
	counter("retried", s.publish.Again)
	for reason, n := range s.publish.Refused {
		counter("refused", n, reason)
	}
	for reason, n := range s.publish.Holding {
		counter("held", n, reason)
	}
	counter("pauses", s.publish.Pauses)
	gauge("up", truth(s.publish.Paused == nil))
	gauge("last", seconds(s.publish.Last))
	gauge("waiting", float64(s.publish.Waiting))
	gauge("flying", float64(s.publish.Flying))

	gauge("records", float64(s.queue.Records))
	gauge("bytes", float64(s.queue.Bytes))
	gauge("file", float64(s.queue.FileBytes))
	gauge("age", s.age().Seconds())
	gauge("full", truth(s.queue.Full))
	gauge("putaside", float64(s.queue.Held))
	gauge("letters", float64(s.queue.DeadLetters))
	gauge("letterbytes", float64(s.queue.DeadBytes))
	counter("dropped", s.queue.DroppedFull, "full")
	counter("dropped", s.queue.DroppedAge, "age")
	counter("dropped", s.queue.DroppedDead, "dead_letters_full")
	counter("damaged", s.queue.Damaged)

	for key, r := range s.requests {
		status := strconv.Itoa(key.status)
		counter("requests", r.count, key.call, status)
		counter("sentbytes", r.sent, key.call, status)
		counter("receivedbytes", r.received, key.call, status)
		put(prometheus.CounterValue, "seconds", r.took.Seconds(), key.call, status)
	}
	for state, n := range s.points {
		gauge("points", float64(n), state)
	}
	counter("created", s.directory.Created)
	counter("notcreated", s.directory.NotCreated)
	gauge("creationstopped", truth(s.directory.CreationStopped != ""))
	gauge("maxvalues", float64(s.writer.CurrentMaxValues))
	if ahead, known := c.client.Skew(); known {
		gauge("skew", ahead.Seconds())
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds is a time as Prometheus has it; 0 stands for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
