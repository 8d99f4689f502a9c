package piwebapi

import "telegraf-ipvs/internal/outlet"

// ownMetrics are those that not every output has.
var ownMetrics = []outlet.Metric{
	{Name: "values_stored_total", Help: "Values that the server has applied."},
	{Name: "values_accepted_total", Help: "Values that the server has taken and may still hold in a buffer (HTTP 202)."},
	{Name: "values_skipped_total", Help: "Values left out by the configuration.", Labels: []string{"why"}},
	{Name: "points", Help: "Points by state.", Labels: []string{"state"}},
	{Name: "points_created_total", Help: "Points that were made."},
	{Name: "points_not_created_total", Help: "Points that could not be made."},
	{Name: "point_creation_stopped", Help: "1 while no points are made, because the licence allows none."},
	{Name: "request_max_values", Help: "How many values a request may hold at present."},
	{Name: "server_clock_ahead_seconds", Help: "How far the server's clock is ahead of this machine's."},
}

// collect tells the values of ownMetrics.
func (o *Output) collect(m *outlet.Meter) {
	m.Counter("values_stored_total", o.stats.stored.Load())
	m.Counter("values_accepted_total", o.stats.accepted.Load())
	for state, n := range o.sink.states() {
		m.Gauge("points", float64(n), state)
	}
	directory := o.directory.Stats()
	m.Counter("points_created_total", directory.Created)
	m.Counter("points_not_created_total", directory.NotCreated)
	m.State("point_creation_stopped", directory.CreationStopped != "")
	m.Gauge("request_max_values", float64(o.writer.Stats().CurrentMaxValues))
	if ahead, known := o.client.Skew(); known {
		m.Gauge("server_clock_ahead_seconds", ahead.Seconds())
	}
}
