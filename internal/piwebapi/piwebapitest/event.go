package piwebapitest

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// The low bits of event.flags say what event.num is.
const (
	kindFloat64 = iota // its bits
	kindFloat32        // bits of the float64 of equal value
	kindInt            // a two's complement
	kindText           // text of a string or blob point
	kindState          // number of a state in the digital set of the point
	kindSystem         // text, the name of a system state or what else stands for a bad value
	kindTime           // nanoseconds since 1970
	kindMask    = 7
)

// The other bits of event.flags.
const (
	flagSubstituted  = 0x10
	flagQuestionable = 0x20
	flagBad          = 0x40
)

// event is a stored value. Text lies in the archive of its point, under num.
type event struct {
	at    ticks
	num   uint64
	flags uint8
}

func (e event) kind() uint8   { return e.flags & kindMask }
func (e event) hasText() bool { return e.kind() == kindText || e.kind() == kindSystem }

// Event is a value that a point holds.
type Event struct {
	Time time.Time // as stored, a multiple of 1/65536 s cut to 100 ns, in UTC
	// Value is a float64, int64 (of integer points), string (text, the name of a digital or system state) or
	// time.Time.
	Value        any
	Good         bool
	Questionable bool
	Substituted  bool // it has replaced another value at its time
}

// public renders e for a reader.
func (e event) public(text string, states []string) Event {
	return Event{
		Time: e.at.time(), Value: e.value(text, states), Good: e.flags&flagBad == 0,
		Questionable: e.flags&flagQuestionable != 0, Substituted: e.flags&flagSubstituted != 0,
	}
}

func (e event) value(text string, states []string) any {
	switch e.kind() {
	case kindInt:
		return int64(e.num)
	case kindText, kindSystem:
		return text
	case kindState:
		if e.num < uint64(len(states)) {
			return states[e.num]
		}
		return strconv.FormatUint(e.num, 10)
	case kindTime:
		return time.Unix(0, int64(e.num)).UTC()
	}
	return math.Float64frombits(e.num)
}

// appendTimed writes e as a TimedValue.
func (e event) appendTimed(b []byte, text string, states []string) []byte {
	b = append(b, `{"Timestamp":"`...)
	b = appendTime(b, e.at.time())
	b = append(b, `","Value":`...)
	switch e.kind() {
	case kindFloat64:
		b = appendFloat(b, math.Float64frombits(e.num), 64)
	case kindFloat32:
		b = appendFloat(b, math.Float64frombits(e.num), 32)
	case kindInt:
		b = strconv.AppendInt(b, int64(e.num), 10)
	case kindText:
		b = appendString(b, text)
	case kindState:
		b = appendState(b, e.value(text, states).(string), e.num, false)
	case kindSystem:
		b = appendState(b, text, systemStates[text], true)
	case kindTime:
		b = append(appendTime(append(b, '"'), time.Unix(0, int64(e.num))), '"')
	}
	b = append(b, `,"UnitsAbbreviation":"","Good":`...)
	b = strconv.AppendBool(b, e.flags&flagBad == 0)
	b = append(b, `,"Questionable":`...)
	b = strconv.AppendBool(b, e.flags&flagQuestionable != 0)
	b = append(b, `,"Substituted":`...)
	b = strconv.AppendBool(b, e.flags&flagSubstituted != 0)
	return append(b, `,"Annotated":false}`...)
}

// systemStates are some states that every archive has, with the numbers that are usual for them.
var systemStates = map[string]uint64{
	"I/O Timeout": 246, "No Data": 248, "Bad": 307, "Pt Created": 253, "Shutdown": 254, "Bad Input": 255,
}

func appendState(b []byte, name string, number uint64, system bool) []byte {
	b = appendString(append(b, `{"Name":`...), name)
	b = strconv.AppendUint(append(b, `,"Value":`...), number, 10)
	return append(strconv.AppendBool(append(b, `,"IsSystem":`...), system), '}')
}

// appendFloat writes a finite number; nothing else gets into an archive.
func appendFloat(b []byte, f float64, bits int) []byte {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, f, 'e', -1, bits)
	}
	return strconv.AppendFloat(b, f, 'f', -1, bits)
}

func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // cannot be: every string can be written
	}
	return append(b, quoted...)
}
