//go:build bench

package bench

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// takeLimit is how long a server may take for all points of a row.
const takeLimit = 5 * time.Minute

// TestOpenTSDB prints how fast data points are taken in, by the program and by servers that others wrote. Senders and
// servers share the machine. A point of the program's counts when it has come out of its stdout, durable or not. One of the
// other servers' counts when it has taken it into its memory. The servers take turns, and of the rounds the middle one is
// shown.
//
// POINTS is how many points there are in a round, ROUNDS how many rounds.
func TestOpenTSDB(t *testing.T) {
	points, rounds := number(t, "POINTS", 3_000_000), number(t, "ROUNDS", 3)
	everyone := []contender{handedOver(), stored(), victoria(), influx()}
	for _, row := range []struct {
		title string
		load  load
		by    []contender
	}{
		{"Telnet, 1 connection", telnetLoad(1, points), everyone},
		{"Telnet, 4 connections", telnetLoad(4, points), everyone},
		{"JSON bodies of 1000 points, 4 connections", jsonLoad(4, points), append(everyone, disturbed(stored()))},
	} {
		fmt.Printf("\n%s, %.0f bytes a point\n\n", row.title, row.load.size())
		fmt.Print("| server | points/s | acknowledged/s | reply p50 | p99 | longest | CPU | of it per million | highest memory |\n" +
			"|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
		results := make([][]result, len(row.by))
		for range rounds {
			for i, c := range row.by {
				results[i] = append(results[i], measure(t, c, row.load))
			}
		}
		for i, c := range row.by {
			slices.SortFunc(results[i], func(a, b result) int { return cmp.Compare(a.taken, b.taken) })
			middle := results[i][rounds/2]
			for _, r := range results[i] {
				middle.err = errors.Join(middle.err, r.err)
			}
			fmt.Printf("| %s | %s |\n", c.name, middle.columns(points))
		}
	}
	fmt.Printf("\nfdatasync of 4 KiB each on the disk of the queues: %s\n\n", syncs(t))
}

func number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	require.Positive(t, n, variable)
	return n
}

// A result is what one server did with a load.
type result struct {
	taken        time.Duration // until the last point counted
	acknowledged time.Duration // until the last reply
	replies      []time.Duration
	cpu          time.Duration
	memory       float64 // MB
	err          error
}

func (r result) columns(points int) string {
	if r.err != nil {
		text, _, _ := strings.Cut(r.err.Error(), "\n")
		return "failed: " + text + " | | | | | | | "
	}
	acknowledged := " | | | "
	if len(r.replies) > 0 {
		slices.Sort(r.replies)
		acknowledged = fmt.Sprintf("%s | %s | %s | %s", rate(points, r.acknowledged), quantile(r.replies, 0.5), quantile(r.replies, 0.99), quantile(r.replies, 1))
	}
	return fmt.Sprintf("%s | %s | %.1f s | %.2f s | %.0f MB", rate(points, r.taken), acknowledged, r.cpu.Seconds(),
		r.cpu.Seconds()/float64(points)*1e6, r.memory)
}

// measure starts a server and sends it the load.
func measure(t *testing.T, c contender, l load) (r result) {
	s := c.start(t)
	defer s.end(t)
	before, begin := s.cpu(t), time.Now()
	done := func() {
		r.taken, r.cpu, r.memory = time.Since(begin), s.cpu(t)-before, s.memory(t, "VmHWM:")
	}
	replies, end, err := l.send(t, s)
	r.replies, r.acknowledged = replies, time.Since(begin)
	by := s.lines
	if len(l.bodies) > 0 {
		by = s.bodies
	}
	switch by {
	case byReply:
		done()
	case byEnd:
		err = errors.Join(err, end())
		done()
	}
	n := await(t, s, l.points)
	if n != l.points {
		err = errors.Join(err, fmt.Errorf("%d of %d points", n, l.points))
	}
	switch by {
	case byCount:
		done()
		fallthrough
	case byReply:
		err = errors.Join(err, end())
	}
	r.err = err
	return r
}

// await waits until the server has taken all points, or none any more, and returns how many it has taken.
func await(t *testing.T, s *server, points int) (n int) {
	const idle = 10 * time.Second
	for changed := time.Now(); time.Since(changed) < idle; time.Sleep(s.poll) {
		now, err := s.taken()
		require.NoError(t, err)
		if now >= points {
			return now
		}
		if now != n {
			n, changed = now, time.Now()
		}
	}
	return n
}

func rate(points int, d time.Duration) string {
	return fmt.Sprintf("%.0f", float64(points)/d.Seconds())
}

// quantile returns a quantile of sorted times.
func quantile(sorted []time.Duration, q float64) string {
	return fmt.Sprintf("%.1f ms", ms(sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]))
}

// syncs measures the disk that durable figures hang on.
func syncs(t *testing.T) string {
	f, err := os.Create(t.TempDir() + "/sync")
	require.NoError(t, err)
	defer f.Close()
	page := make([]byte, 4<<10)
	var times []time.Duration
	for begin := time.Now(); time.Since(begin) < 2*time.Second; {
		_, err := f.Write(page)
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, fdatasync(f))
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return fmt.Sprintf("%d/s, p50 %s, p99 %s", len(times)/2, quantile(times, 0.5), quantile(times, 0.99))
}
