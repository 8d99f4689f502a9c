package main

import "slices"

// What IPv4 and TCP add to the payload: 20 bytes each, and 12 for the timestamps
// that Linux puts into every segment. A SYN, one for each connection and
// direction, has 20 bytes of options.
const (
	headersPerPacket = 20 + 20 + 12
	moreForSYN       = 20 - 12
	lessForReset     = 12
	maxPacket        = 64 << 10
)

// A result is one count of IPVS laid next to what it must be.
type result struct {
	name    name
	what    string
	kernel  int64
	sockets int64 // what clients or an HTTP server counted, or the real servers together
	headers int64 // what comes on top, in bytes
	agrees  bool
	missing bool // from the metrics
}

// difference is what IPVS counted too much, or too little.
func (r result) difference() int64 { return r.kernel - r.sockets - r.headers }

// bounds are the differences that events explain.
type bounds struct{ least, most int64 }

// agree reports whether all results do.
func agree(results []result) bool {
	return !slices.ContainsFunc(results, func(r result) bool { return !r.agrees })
}

// compare lays the metrics of every server next to what was counted on sockets.
// Connections must be equal. So must bytes be, with the headers of as many
// packets as IPVS counted, as long as nothing happens: segments sent again pass
// IPVS twice, their receiver tells of it in further options, and a reset may do
// without timestamps.
func compare(seen map[name]record, counted map[name]counts, events tcpEvents) []result {
	anyBytes := bounds{-lessForReset * events.resets, maxPacket * events.resent}
	var results []result
	for _, n := range names() {
		r, c := seen[n], counted[n]
		add := func(what, field string, sockets, headers int64, b bounds) {
			kernel, ok := r.fields[field]
			next := result{name: n, what: what, kernel: kernel, sockets: sockets, headers: headers, missing: !ok}
			next.agrees = ok && b.least <= next.difference() && next.difference() <= b.most
			results = append(results, next)
		}
		syns := moreForSYN * c.connections
		add("connections", "connections", c.connections, 0, bounds{})
		add("bytes in", "bytes_in", c.in, headersPerPacket*r.fields["pkts_in"]+syns, anyBytes)
		add("bytes out", "bytes_out", c.out, headersPerPacket*r.fields["pkts_out"]+syns, anyBytes)
	}
	return results
}

// sums lays the counters of a virtual server next to those of its real servers
// added up.
func sums(seen map[name]record, virtual name) []result {
	var results []result
	for _, field := range counterFields {
		kernel, ok := seen[virtual].fields[field]
		next := result{name: virtual, what: field, kernel: kernel, missing: !ok}
		for n, r := range seen {
			if n.real != "" && n.protocol == virtual.protocol && n.virtual == virtual.virtual {
				next.sockets += r.fields[field]
			}
		}
		next.agrees = ok && next.difference() == 0
		results = append(results, next)
	}
	return results
}
