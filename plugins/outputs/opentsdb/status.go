package opentsdb

import (
	_ "embed"

	"telegraf-ipvs/internal/outlet"
)

//go:embed status.html
var statusPage string

// A view is what the status page shows of this plugin.
type view struct {
	Delivered, Late, Skipped uint64
	Series                   int
	MaxPoints, MaxBytes      int
	Smaller                  bool // than the configuration allows
	Unconfirmed              bool // over telnet, and not by choice
}

func (o *Output) view() any {
	m := o.sink.mapper.Stats()
	v := view{Delivered: o.delivered.Load(), Late: o.late.Load(), Skipped: m.Skipped, Series: m.Series}
	l := o.sink.sender.limit
	v.MaxPoints, v.MaxBytes = l.get()
	v.Smaller = v.MaxPoints < l.maxPoints || v.MaxBytes < l.maxBytes
	v.Unconfirmed = o.telnet != nil && o.cfg.TelnetConfirm != confirmNone && o.telnet.unconfirmed.Load()
	return v
}

// metrics are those of this plugin.
func metrics() []outlet.Metric {
	return []outlet.Metric{
		{Name: "values_delivered_total", Help: "Values that the receiver has taken."},
		{Name: "values_skipped_total", Help: "Values that are texts, which no data point can carry."},
		{Name: "late_errors_total", Help: "Error lines of a telnet receiver about values that count as delivered."},
		{Name: "series", Help: "Metrics with tags that were written to within the hour."},
		{Name: "series_forgotten_total", Help: "Times that there were more of them than are kept."},
		{Name: "request_max_points", Help: "How many values a request may hold at present."},
	}
}

func (o *Output) collect(m *outlet.Meter) {
	s := o.sink.mapper.Stats()
	m.Counter("values_delivered_total", o.delivered.Load())
	m.Counter("values_skipped_total", s.Skipped)
	m.Counter("late_errors_total", o.late.Load())
	m.Gauge("series", float64(s.Series))
	m.Counter("series_forgotten_total", s.Forgotten)
	points, _ := o.sink.sender.limit.get()
	m.Gauge("request_max_points", float64(points))
}
