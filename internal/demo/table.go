package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// title returns how the tables call a server.
func (n name) title() string {
	if n.real != "" {
		return "  -> " + n.real
	}
	return n.protocol + " " + n.virtual
}

// number returns a field for a table; the metrics may leave some out.
func number(fields map[string]int64, key string) string {
	v, ok := fields[key]
	if !ok {
		return "-"
	}
	return strconv.FormatInt(v, 10)
}

// writeRow writes cells as format lays them out, without blanks at the end.
func writeRow(w io.Writer, format string, cells ...any) {
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf(format, cells...), " "))
}

// writeMetrics writes what the metrics told in the end, and the highest rates.
func writeMetrics(w io.Writer, seen map[name]record) {
	const row = "%-20s  %6s  %11s  %8s %8s  %10s %10s  %6s %8s %8s"
	fmt.Fprintf(w, "\nIPVS, as the metrics tell it\n")
	writeRow(w, row, "", "", "", "", "packets", "", "bytes", "", "", "highest rates")
	writeRow(w, row, "", "weight", "connections", "in", "out", "in", "out", "conn/s", "B/s in", "B/s out")
	for _, n := range names() {
		f, p := seen[n].fields, seen[n].peaks
		weight := number(f, "weight")
		if n.real == "" {
			weight = ""
		}
		writeRow(w, row, n.title(), weight, number(f, "connections"),
			number(f, "pkts_in"), number(f, "pkts_out"), number(f, "bytes_in"), number(f, "bytes_out"),
			number(p, "cps"), number(p, "bps_in"), number(p, "bps_out"))
	}
}

// writeRates explains the highest rate of connections.
func writeRates(w io.Writer, r record, clients counts, sent time.Duration) {
	fmt.Fprintf(w, "Clients made %.1f connections a second. IPVS tells a moving average: it rose to %s, and nears the truth in about 16 s.\n",
		float64(clients.connections)/sent.Seconds(), number(r.peaks, "cps"))
}

// writeComparison writes what compare found about the counters that who tells.
func writeComparison(w io.Writer, who string, results []result, events tcpEvents) {
	const row = "%-20s  %-11s  %10s  %10s  %8s  %s"
	fmt.Fprintf(w, "\n%s, next to what clients and HTTP servers counted on their sockets\n", who)
	writeRow(w, row, "", "", who, "sockets", "headers", "")
	var last name
	for _, r := range results {
		title, kernel, headers := "", strconv.FormatInt(r.kernel, 10), ""
		if r.name != last {
			title, last = r.name.title(), r.name
		}
		if r.missing {
			kernel = "-"
		}
		if r.headers > 0 {
			headers = strconv.FormatInt(r.headers, 10)
		}
		writeRow(w, row, title, r.what, kernel, strconv.FormatInt(r.sockets, 10), headers, r.verdict())
	}
	fmt.Fprintf(w, "Headers: %d bytes per packet, %d more per SYN.", headersPerPacket, moreForSYN)
	if events != (tcpEvents{}) {
		fmt.Fprintf(w, " Segments that TCP sent again: %d; resets, up to %d bytes shorter: %d.", events.resent, lessForReset, events.resets)
	}
	fmt.Fprintln(w)
}

// writeSums writes whether the real servers add up to their virtual server.
func writeSums(w io.Writer, results []result) {
	for _, r := range results {
		if !r.agrees {
			fmt.Fprintf(w, "%s of %s: %d, and %d of its real servers together: %s\n", r.what, r.name.title(), r.kernel, r.sockets, r.verdict())
		}
	}
	if agree(results) {
		fmt.Fprintln(w, "Connections, packets and bytes of the real servers add up to those of their virtual server: equal.")
	}
}

// verdict returns a result in words.
func (r result) verdict() string {
	switch d := r.difference(); {
	case r.missing:
		return "DIFFERENT: not in the metrics"
	case !r.agrees:
		return fmt.Sprintf("DIFFERENT by %+d", d)
	case d > 0:
		return fmt.Sprintf("equal, and %d from sending again", d)
	case d < 0:
		return fmt.Sprintf("equal, less %d for resets", -d)
	}
	return "equal"
}
