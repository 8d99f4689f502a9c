package opentsdb

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"telegraf-ipvs/internal/metric"
)

// Encoded is a metric and its tags, rendered once for telnet and once for JSON. It is immutable, so any number of
// goroutines may share one.
//
// A [Parser] of the same profile reads back the same name and tags (unless line protocol could not carry them), time,
// and value: an integer has neither a point nor an exponent, a double always has one of them, and is the shortest text
// that stands for it. A truth is sent as the integer 1 or 0.
//
// What [CheckPoint] refuses is not sent: then the methods that append return dst as it is.
type Encoded struct {
	put    string // "put name "
	tags   string // " k=v k=v\n"
	telnet *Error // why telnet cannot carry it

	object string // {"metric":"name","timestamp":
	rest   string // ,"tags":{"k":"v"}}
}

// NewEncoded renders a metric and its tags, which need not be sorted. The error says what the profile does not take. It
// is nil for what JSON can carry but telnet cannot; [Encoded.Telnet] tells that.
func NewEncoded(profile Profile, name string, tags []metric.Tag) (*Encoded, *Error) {
	tags, err := checkEncodable(profile, name, slices.Clone(tags))
	if err != nil {
		return nil, err
	}
	e := &Encoded{telnet: checkTelnet(profile, name, tags)}
	if e.telnet == nil {
		e.put = "put " + name + " "
		var b []byte
		for _, t := range tags {
			b = append(append(append(append(b, ' '), t.Key...), '='), t.Value...)
		}
		e.tags = string(append(b, '\n'))
	}
	e.object = string(append(appendQuoted([]byte(`{"metric":`), name), `,"timestamp":`...))
	b := []byte(`,"tags":`)
	sign := byte('{')
	for _, t := range tags {
		b = appendQuoted(append(b, sign), t.Key)
		b = appendQuoted(append(b, ':'), t.Value)
		sign = ','
	}
	e.rest = string(append(b, "}}"...))
	return e, nil
}

// checkEncodable sorts and folds the tags and says what the profile does not take.
func checkEncodable(profile Profile, name string, tags []metric.Tag) ([]metric.Tag, *Error) {
	if name == "" {
		return nil, &Error{Reason: NoMetric, Detail: "the metric is empty", words: "Metric name was empty"}
	}
	if len(tags) == 0 {
		return nil, &Error{Reason: NoTag, Detail: "there are no tags: want at least one", words: "Missing tags"}
	}
	tags, twice := fold(tags)
	if twice != nil {
		return nil, &Error{Reason: DuplicateTag, Token: token(twice.Key), Detail: "a tag comes twice, with different values"}
	}
	for _, t := range tags {
		if t.Key == "" || t.Value == "" {
			return nil, &Error{Reason: BadTag, Token: token(t.Key + "=" + t.Value), Detail: "a tag has no key or no value"}
		}
	}
	return tags, profile.checkDialect(name, tags, profile.maxTags())
}

// checkTelnet says what a telnet line cannot carry of a name and tags that the profile takes.
func checkTelnet(profile Profile, name string, tags []metric.Tag) *Error {
	refuse := func(what part, s string) *Error {
		reason := BadTag
		if what == metricName {
			reason = BadMetric
		}
		return &Error{Reason: reason, Telnet: true, Token: token(s), Detail: "the " + what.String() + " has what a telnet line cannot carry: want no blank, control character or, in a tag key, equals sign; and ASCII for OpenTSDB"}
	}
	carries := func(r rune) rune { return profile.telnetRune(r, false) }
	if strings.Map(carries, name) != name {
		return refuse(metricName, name)
	}
	for _, t := range tags {
		if strings.Map(func(r rune) rune { return profile.telnetRune(r, true) }, t.Key) != t.Key {
			return refuse(tagKey, t.Key)
		}
		if strings.Map(carries, t.Value) != t.Value {
			return refuse(tagValue, t.Value)
		}
	}
	return nil
}

// Telnet returns why a telnet line cannot carry the name and tags, or nil if it can.
func (e *Encoded) Telnet() *Error { return e.telnet }

// AppendPut appends "put name 1480371964123 value k=v ...\n", with a time in milliseconds, always of 13 digits. It
// appends nothing if [Encoded.Telnet] has an error.
func (e *Encoded) AppendPut(dst []byte, ms int64, v metric.Value) []byte {
	return e.appendPut(dst, ms, v, appendMillis)
}

// AppendPutSeconds is AppendPut with a time in whole seconds, rounded down, for receivers that know no others. It
// appends nothing for a time before the first second.
func (e *Encoded) AppendPutSeconds(dst []byte, ms int64, v metric.Value) []byte {
	return e.appendPut(dst, ms, v, appendSeconds)
}

// AppendPutDotted is AppendPut with a time in seconds and, behind a point, milliseconds.
func (e *Encoded) AppendPutDotted(dst []byte, ms int64, v metric.Value) []byte {
	return e.appendPut(dst, ms, v, appendDotted)
}

// AppendJSON appends {"metric":"name","timestamp":1480371964123,"value":1,"tags":{"k":"v"}}, with a time in
// milliseconds.
func (e *Encoded) AppendJSON(dst []byte, ms int64, v metric.Value) []byte {
	if ms < firstMillis { // JSON has no numbers with a zero in front, but timestamps may be texts
		return e.appendJSON(dst, ms, v, func(dst []byte, ms int64) []byte {
			return append(appendMillis(append(dst, '"'), ms), '"')
		})
	}
	return e.appendJSON(dst, ms, v, appendMillis)
}

// AppendJSONSeconds is AppendJSON with a time in whole seconds, as in AppendPutSeconds.
func (e *Encoded) AppendJSONSeconds(dst []byte, ms int64, v metric.Value) []byte {
	return e.appendJSON(dst, ms, v, appendSeconds)
}

// stamper appends a time that CheckPoint takes, or returns nil.
type stamper func(dst []byte, ms int64) []byte

func (e *Encoded) appendPut(dst []byte, ms int64, v metric.Value, stamp stamper) []byte {
	if e.telnet != nil || CheckPoint(ms, v) != nil {
		return dst
	}
	line := stamp(append(dst, e.put...), ms)
	if line == nil {
		return dst
	}
	return append(appendNumber(append(line, ' '), v), e.tags...)
}

func (e *Encoded) appendJSON(dst []byte, ms int64, v metric.Value, stamp stamper) []byte {
	if CheckPoint(ms, v) != nil {
		return dst
	}
	line := stamp(append(dst, e.object...), ms)
	if line == nil {
		return dst
	}
	return append(appendNumber(append(line, `,"value":`...), v), e.rest...)
}

// firstMillis is the first time in milliseconds that has 13 digits by itself, in September 2001.
const firstMillis = 1_000_000_000_000

func appendMillis(dst []byte, ms int64) []byte {
	start := len(dst)
	dst = strconv.AppendInt(dst, ms+10*firstMillis, 10) // a digit more, so that zeros in front are written
	return slices.Delete(dst, start, start+1)
}

func appendSeconds(dst []byte, ms int64) []byte {
	if ms < 1000 {
		return nil
	}
	return strconv.AppendInt(dst, ms/1000, 10)
}

func appendDotted(dst []byte, ms int64) []byte {
	dst = strconv.AppendInt(dst, ms/1000, 10)
	ms %= 1000
	return append(dst, '.', '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10))
}

// CheckPoint says why neither telnet nor JSON can carry a time, in milliseconds since 1970, or a value: a time before
// 1970 or after the year 2286, a value that is NaN or infinite, a text, and an unsigned integer above [math.MaxInt64].
// To send such an integer nevertheless, send metric.Float(float64(v.Uint())), which has 53 of its bits.
func CheckPoint(ms int64, v metric.Value) *Error {
	if ms <= 0 || ms > maxTime {
		return &Error{Reason: BadTimestamp, Token: strconv.FormatInt(ms, 10), Detail: "the time lies before 1970 or after 2286"}
	}
	switch v.Kind() {
	case metric.KindInt, metric.KindBool:
		return nil
	case metric.KindUint:
		if v.Uint() > math.MaxInt64 {
			return &Error{Reason: Overflow, Token: strconv.FormatUint(v.Uint(), 10), Detail: "the value is an integer that does not fit 64 bits with a sign"}
		}
		return nil
	case metric.KindFloat:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return &Error{Reason: NotFinite, Token: fmt.Sprint(f), Detail: "the value is not finite"}
		}
		return nil
	}
	return &Error{Reason: BadValue, Token: token(v.Str()), Detail: "the value is no number"}
}

// appendNumber appends a value that CheckPoint takes. A double gets an exponent from 1e21 on and below 1e-5, in the form
// that Java, C and Go read.
func appendNumber(dst []byte, v metric.Value) []byte {
	if v.Kind() != metric.KindFloat {
		return strconv.AppendInt(dst, int64(v.Uint()), 10) // the same bits for all the others
	}
	f := v.Float()
	if size := math.Abs(f); size != 0 && (size < 1e-5 || size >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendQuoted appends a text in JSON. It is UTF-8, so there is no error.
func appendQuoted(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
