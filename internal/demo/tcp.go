package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A tcpEvents counts what makes IPVS see other bytes than the payload and the
// usual headers. Nothing gets lost on lo, but where processors are slow TCP now
// and then takes patience for loss, and the last segment of a connection may find
// nobody at home.
type tcpEvents struct {
	resent int64 // segments that were sent more than once
	resets int64 // segments that refuse, most of them without timestamps
}

// minus returns what has happened since before.
func (e tcpEvents) minus(before tcpEvents) tcpEvents {
	return tcpEvents{e.resent - before.resent, e.resets - before.resets}
}

// readTCPEvents reads the kernel's counts for this network namespace.
func readTCPEvents() (tcpEvents, error) {
	const path = "/proc/net/snmp"
	content, err := os.ReadFile(path)
	if err != nil {
		return tcpEvents{}, err
	}
	e, err := parseTCPEvents(string(content))
	if err != nil {
		return tcpEvents{}, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// parseTCPEvents reads a text in which a line of names and a line of values,
// either after "Tcp:", follow each other.
func parseTCPEvents(text string) (tcpEvents, error) {
	var lines [][]string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Tcp:") {
			lines = append(lines, strings.Fields(line))
		}
	}
	if len(lines) != 2 || len(lines[0]) != len(lines[1]) {
		return tcpEvents{}, errors.New("want a line of names and one of as many values for Tcp")
	}
	value := func(name string) (int64, error) {
		i := slices.Index(lines[0], name)
		if i < 0 {
			return 0, fmt.Errorf("no %s of Tcp", name)
		}
		return strconv.ParseInt(lines[1][i], 10, 64)
	}
	resent, resentErr := value("RetransSegs")
	resets, resetsErr := value("OutRsts")
	return tcpEvents{resent, resets}, errors.Join(resentErr, resetsErr)
}
