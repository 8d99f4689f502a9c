package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// writePoints writes what PI holds.
func writePoints(w io.Writer, points []piPoint) {
	header := []string{"name", "type", "units", "values", "last value", "time"}
	rows := [][]string{header}
	for _, p := range points {
		rows = append(rows, []string{
			p.Name, p.Type, p.Units, strconv.Itoa(p.values), p.last.String(),
			p.last.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"),
		})
	}
	width := make([]int, len(header))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	fmt.Fprintf(w, "\nPI points of the data archive %s, read back through PI Web API\n", dataServer)
	for _, r := range rows {
		writeRow(w, "%-*s  %-*s  %-*s  %*s  %*s  %s", width[0], r[0], width[1], r[1], width[2], r[2],
			width[3], r[3], width[4], r[4], r[5])
	}
}

// records returns what the points tell of each server, as a ledger has it.
func records(points []piPoint) map[name]record {
	byName := map[string]piPoint{}
	for _, p := range points {
		byName[p.Name] = p
	}
	all := map[name]record{}
	for _, n := range names() {
		r := record{fields: map[string]int64{}}
		for _, field := range counterFields {
			v, ok := byName[n.point(field)].last.number()
			if ok && v == math.Trunc(v) {
				r.fields[field] = int64(v)
			}
		}
		all[n] = r
	}
	return all
}

// differences lays what PI holds next to what was delivered, point by point, and
// returns a line for each difference.
func differences(points []piPoint, delivered map[string]*sent) []string {
	var lines []string
	known := map[string]bool{}
	for _, p := range points {
		known[p.Name] = true
		s := delivered[p.Name]
		switch {
		case s == nil:
			lines = append(lines, p.Name+": a point that nothing was sent to")
		case p.values != s.values:
			lines = append(lines, fmt.Sprintf("%s: %d values in PI, %d were sent", p.Name, p.values, s.values))
		case !sameValue(p.last, s.last):
			lines = append(lines, fmt.Sprintf("%s: the last value in PI is %v, %v was sent", p.Name, p.last, s.last.Interface()))
		case p.last.Timestamp.Sub(s.at).Abs() > timeStep:
			lines = append(lines, fmt.Sprintf("%s: the last value in PI is of %v, that sent of %v", p.Name,
				p.last.Timestamp.Format(time.RFC3339Nano), s.at.UTC().Format(time.RFC3339Nano)))
		}
	}
	for point := range delivered {
		if !known[point] {
			lines = append(lines, point+": no such point in PI")
		}
	}
	slices.Sort(lines)
	return lines
}

// timeStep is more than the 15 µs in which the archive counts time.
const timeStep = 20 * time.Microsecond

// sameValue reports whether PI has what was sent; truths are 1 and 0 there.
func sameValue(in piValue, out lineprotocol.Value) bool {
	want := 0.0
	switch out.Kind() {
	case lineprotocol.Int:
		want = float64(out.IntV())
	case lineprotocol.Uint:
		want = float64(out.UintV())
	case lineprotocol.Float:
		want = out.FloatV()
	case lineprotocol.Bool:
		if out.BoolV() {
			want = 1
		}
	default:
		text, ok := in.Value.(string)
		return ok && in.Good && text == out.StringV()
	}
	got, ok := in.number()
	return ok && got == want
}
