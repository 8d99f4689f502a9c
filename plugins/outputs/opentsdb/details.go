package opentsdb

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"telegraf-ipvs/internal/httpreply"
)

// countedByOpenTSDB says what an answer to a request with ?details means. It names the points that have failed, but
// some that imitate OpenTSDB name none.
func countedByOpenTSDB(a answer, b *batch, list []int) verdict {
	if a.Failed.n == 0 {
		if a.Success.set && a.Success.n < len(list) {
			return verdict{unsure: true, reason: reasonNotTaken, detail: fmt.Sprintf("the receiver counts %d of %d data points", a.Success.n, len(list))}
		}
		return verdict{}
	}
	var failures []failure
	_ = json.Unmarshal(a.Errors, &failures) // then none is known
	v := verdict{judged: match(failures, b, list), reason: reasonRefused}
	v.unsure = len(v.judged) != a.Failed.n
	if v.unsure {
		v.detail = fmt.Sprintf("the receiver counts %d failed of %d data points", a.Failed.n, len(list))
		if len(failures) > 0 {
			v.detail += ", the first because of: " + httpreply.OneLine(failures[0].Error)
		}
	}
	return v
}

// A failure is what OpenTSDB says of one point.
type failure struct {
	Datapoint datapoint `json:"datapoint"`
	Error     string    `json:"error"`
}

// A datapoint is one as it was sent, or as it comes back: there numbers may be texts.
type datapoint struct {
	Metric    string            `json:"metric"`
	Timestamp number            `json:"timestamp"`
	Value     number            `json:"value"`
	Tags      map[string]string `json:"tags"`
}

// A number is the text of a JSON value, without quotation marks.
type number string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(text []byte) error {
	*n = number(strings.Trim(string(text), `"`))
	return nil
}

// equal reports whether two numbers are the same, in whatever way they are written.
func (n number) equal(other number) bool {
	if n == other {
		return true
	}
	x, err := strconv.ParseFloat(string(n), 64)
	y, err2 := strconv.ParseFloat(string(other), 64)
	return err == nil && err2 == nil && x == y
}

// key returns what tells points apart but for their values.
func (p *datapoint) key() string {
	var k strings.Builder
	k.WriteString(p.Metric + "\x00" + string(p.Timestamp))
	for _, tag := range slices.Sorted(maps.Keys(p.Tags)) {
		k.WriteString("\x00" + tag + "\x00" + p.Tags[tag])
	}
	return k.String()
}

// match finds the points that failures are about. Each is found once.
func match(failures []failure, b *batch, list []int) []judgement {
	if len(failures) == 0 {
		return nil
	}
	type sent struct {
		point int
		value number
		found bool
	}
	byKey := make(map[string][]*sent, len(list))
	for _, i := range list {
		var p datapoint
		if json.Unmarshal(b.json(i), &p) != nil {
			continue // not so: it is what was sent
		}
		key := p.key()
		byKey[key] = append(byKey[key], &sent{point: i, value: p.Value})
	}
	var judged []judgement
	for _, f := range failures {
		candidates := byKey[f.Datapoint.key()]
		at := slices.IndexFunc(candidates, func(s *sent) bool { return !s.found && s.value.equal(f.Datapoint.Value) })
		if at < 0 && len(candidates) == 1 && !candidates[0].found { // the value came back in a form of its own
			at = 0
		}
		if at < 0 {
			continue
		}
		candidates[at].found = true
		judged = append(judged, judge(candidates[at].point, f.Error))
	}
	return judged
}

// judge says what the receiver's words mean for a point.
func judge(point int, said string) judgement {
	j := judgement{point: point, kind: refused, reason: reasonRefused, detail: httpreply.OneLine(said)}
	has := func(words ...string) bool {
		low := strings.ToLower(said)
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(low, w) })
	}
	switch {
	case has("throttl"):
		j.kind, j.reason = putOff, reasonThrottled
	case has("timedout", "timed out", "storage exception", "hbase error"):
		j.kind, j.reason = putOff, reasonFailing
	case has("unknown metric", "no such name"):
		j.kind, j.reason = held, reasonUnknownMetric
	}
	return j
}

// The reasons for which points are not taken for the time being.
const (
	reasonThrottled     = "throttled"
	reasonFailing       = "failing"
	reasonUnknownMetric = "unknown_metric" // nobody has made it, and OpenTSDB is set up not to
)
