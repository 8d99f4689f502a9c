package outlet

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Metric describes what is counted or measured, for Prometheus.
type Metric struct {
	Name   string // without the prefix, in Prometheus's base units, seconds and bytes
	Help   string // a sentence
	Labels []string
}

// metrics are what each outlet has.
func (o *Outlet[T, V]) metrics() []Metric {
	noun := o.cfg.Noun
	return append([]Metric{
		{"values_retried_total", "Values that had to be sent again, each time.", nil},
		{"values_refused_total", "Values that became dead letters.", []string{"reason"}},
		{"values_held_total", "Values that were put aside because their " + noun + " takes none.", []string{"reason"}},
		{"pauses_total", "Times that the server took nothing.", nil},
		{"server_up", "1 if the server takes values, 0 while it does not.", nil},
		{"last_delivery_timestamp_seconds", "When a delivery last brought something through; 0 if none has.", nil},
		{"values_in_memory", "Values read from the queue and not delivered yet.", nil},
		{"deliveries_in_flight", "Deliveries under way.", nil},
		{"queue_records", "Metrics in the queue.", nil},
		{"queue_bytes", "Size of the metrics in the queue.", nil},
		{"queue_file_bytes", "Size of the queue's file.", nil},
		{"queue_oldest_age_seconds", "Age of the oldest metric in the queue; 0 if it is empty.", nil},
		{"queue_full", "1 while the queue takes nothing more.", nil},
		{"queue_held_values", "Values put aside for " + noun + "s that take none.", nil},
		{"queue_dead_letters", "Dead letters.", nil},
		{"queue_dead_letter_bytes", "Size of the dead letters.", nil},
		{"queue_dropped_total", "Metrics or dead letters dropped from the queue.", []string{"why"}},
		{"queue_damaged_total", "Damaged parts of the queue that were set aside.", nil},
		{"requests_total", "Requests, by call and HTTP status; status 0 is no answer.", []string{"call", "status"}},
		{"request_bytes_total", "Bytes of request bodies.", []string{"call", "status"}},
		{"response_bytes_total", "Bytes of answers.", []string{"call", "status"}},
		{"request_seconds_total", "Time that requests took.", []string{"call", "status"}},
	}, o.cfg.Metrics...)
}

// A Meter takes the values of metrics at a scrape, by their names without the prefix. A name that is not among the
// metrics, or another number of labels than it has, is a mistake of the program and panics.
type Meter struct {
	descriptions map[string]*prometheus.Desc
	out          chan<- prometheus.Metric
}

// Counter is for what only grows.
func (m *Meter) Counter(name string, v uint64, labels ...string) {
	m.put(prometheus.CounterValue, name, float64(v), labels)
}

// Sum is for what only grows and is not whole, such as time.
func (m *Meter) Sum(name string, v float64, labels ...string) {
	m.put(prometheus.CounterValue, name, v, labels)
}

// Gauge is for what comes and goes.
func (m *Meter) Gauge(name string, v float64, labels ...string) {
	m.put(prometheus.GaugeValue, name, v, labels)
}

// State is for what holds or does not: 1 or 0.
func (m *Meter) State(name string, holds bool, labels ...string) {
	v := 0.0
	if holds {
		v = 1
	}
	m.put(prometheus.GaugeValue, name, v, labels)
}

func (m *Meter) put(kind prometheus.ValueType, name string, v float64, labels []string) {
	d := m.descriptions[name]
	if d == nil {
		panic("outlet: there is no metric " + name)
	}
	m.out <- prometheus.MustNewConstMetric(d, kind, v, labels...)
}

// A collector tells Prometheus what somebody does, read at each scrape from where it is counted anyway.
type collector struct {
	descriptions map[string]*prometheus.Desc
	collect      func(*Meter)
}

// Metrics returns what answers a scrape: prefix goes before the names, and collect tells the values.
func Metrics(prefix string, list []Metric, collect func(*Meter)) http.Handler {
	descriptions := make(map[string]*prometheus.Desc)
	for _, m := range list {
		descriptions[m.Name] = prometheus.NewDesc(prefix+m.Name, m.Help, m.Labels, nil)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{descriptions, collect})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descriptions {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) { c.collect(&Meter{c.descriptions, ch}) }

func (o *Outlet[T, V]) collect(m *Meter) {
	s := o.Stats()
	m.Counter("values_retried_total", s.Publish.Again)
	for reason, n := range s.Publish.Refused {
		m.Counter("values_refused_total", n, reason)
	}
	for reason, n := range s.Publish.Holding {
		m.Counter("values_held_total", n, reason)
	}
	m.Counter("pauses_total", s.Publish.Pauses)
	m.State("server_up", s.Publish.Paused == nil)
	m.Gauge("last_delivery_timestamp_seconds", seconds(s.Publish.Last))
	m.Gauge("values_in_memory", float64(s.Publish.Waiting))
	m.Gauge("deliveries_in_flight", float64(s.Publish.Flying))

	m.Gauge("queue_records", float64(s.Queue.Records))
	m.Gauge("queue_bytes", float64(s.Queue.Bytes))
	m.Gauge("queue_file_bytes", float64(s.Queue.FileBytes))
	m.Gauge("queue_oldest_age_seconds", s.age().Seconds())
	m.State("queue_full", s.Queue.Full)
	m.Gauge("queue_held_values", float64(s.Queue.Held))
	m.Gauge("queue_dead_letters", float64(s.Queue.DeadLetters))
	m.Gauge("queue_dead_letter_bytes", float64(s.Queue.DeadBytes))
	m.Counter("queue_dropped_total", s.Queue.DroppedFull, "full")
	m.Counter("queue_dropped_total", s.Queue.DroppedAge, "age")
	m.Counter("queue_dropped_total", s.Queue.DroppedDead, "dead_letters_full")
	m.Counter("queue_damaged_total", s.Queue.Damaged)

	for key, r := range o.cfg.Requests.snapshot() {
		status := strconv.Itoa(key.status)
		m.Counter("requests_total", r.count, key.call, status)
		m.Counter("request_bytes_total", r.sent, key.call, status)
		m.Counter("response_bytes_total", r.received, key.call, status)
		m.Sum("request_seconds_total", r.took.Seconds(), key.call, status)
	}
	if o.cfg.Collect != nil {
		o.cfg.Collect(m)
	}
}

// seconds is a time as Prometheus has it; 0 stands for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
