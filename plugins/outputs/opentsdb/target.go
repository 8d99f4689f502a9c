package opentsdb

import (
	"strconv"
	"strings"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/outlet"
)

// A target is a series of the receiver: a metric with its tags, and the field of the series whose values it takes. What
// it is never changes once a Mapper has made it.
type target struct {
	outlet.Holder
	id     string // names it for people and tells it from every other one
	path   string // of the address that takes its points, below the url; empty for the configured one
	points *tsdb.Encoded
}

// A value is one on its way to a target.
type value struct {
	ms int64 // since 1970
	v  metric.Value
}

// idOf names a metric with tags and, unless it is the configured one, where it goes. No two differ and have one name.
func idOf(name string, tags []metric.Tag, path string) string {
	var b strings.Builder
	b.WriteString(quoted(name))
	for i, t := range tags {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(quoted(t.Key) + "=" + quoted(t.Value))
	}
	if len(tags) > 0 {
		b.WriteByte('}')
	}
	b.WriteString(path)
	return b.String()
}

// quoted puts a text between quotation marks if it holds anything that has a meaning in an id.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`{},="`, r) }) {
		return strconv.Quote(s)
	}
	return s
}
