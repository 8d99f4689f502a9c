package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// countedMark begins the lines that tell another process what sockets counted:
//
//	# counted tcp 10.1.0.1:80: connections 6, bytes in 6000, bytes out 60000
//	# counted tcp 10.1.0.1:80 -> 10.1.0.11:8080: connections 1, bytes in 1000, bytes out 10000
//	# counted TCP: sent again 0, resets 0
const countedMark = "# counted "

var (
	countedServer = regexp.MustCompile(`^([a-z]+) (\S+?)(?: -> (\S+))?: connections (\d+), bytes in (\d+), bytes out (\d+)$`)
	countedEvents = regexp.MustCompile(`^TCP: sent again (\d+), resets (\d+)$`)
)

// writeCounted writes those lines, the one about TCP last.
func writeCounted(w io.Writer, all map[name]counts, events tcpEvents) {
	for _, n := range names() {
		c := all[n]
		behind := ""
		if n.real != "" {
			behind = " -> " + n.real
		}
		fmt.Fprintf(w, "%s%s %s%s: connections %d, bytes in %d, bytes out %d\n",
			countedMark, n.protocol, n.virtual, behind, c.connections, c.in, c.out)
	}
	fmt.Fprintf(w, "%sTCP: sent again %d, resets %d\n", countedMark, events.resent, events.resets)
}

// A countedReader puts together what such lines tell. The zero value is ready.
type countedReader struct {
	servers  map[name]counts
	events   tcpEvents
	complete bool // the line about TCP was there
}

// add takes in one line. Those without the mark are passed over.
func (r *countedReader) add(line string) error {
	text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), countedMark)
	if !ok {
		return nil
	}
	if m := countedServer.FindStringSubmatch(text); m != nil {
		numbers, err := integers(m[4:])
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		if r.servers == nil {
			r.servers = map[name]counts{}
		}
		r.servers[name{m[1], m[2], m[3]}] = counts{numbers[0], numbers[1], numbers[2]}
		return nil
	}
	if m := countedEvents.FindStringSubmatch(text); m != nil {
		numbers, err := integers(m[1:])
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		r.events, r.complete = tcpEvents{numbers[0], numbers[1]}, true
		return nil
	}
	return fmt.Errorf("%q does not say what was counted", line)
}

// check returns what is missing.
func (r *countedReader) check() error {
	if !r.complete {
		return errors.New("the command did not say what was counted on sockets")
	}
	for _, n := range names() {
		if _, ok := r.servers[n]; !ok {
			return fmt.Errorf("the command did not say what was counted for %s", strings.TrimSpace(n.title()))
		}
	}
	return nil
}

func integers(texts []string) ([]int64, error) {
	numbers := make([]int64, len(texts))
	for i, text := range texts {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		numbers[i] = n
	}
	return numbers, nil
}
