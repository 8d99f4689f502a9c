package opentsdb

import (
	"fmt"
	"math"
	"time"
)

const (
	secondDigits = 10 // and fewer: seconds, until the year 2286
	milliDigits  = 13 // exactly: milliseconds
	mmm          = 3  // digits behind the point of seconds
	maxTime      = 9_999_999_999_999
)

// MaxLineTime is the last time that line protocol can carry, in milliseconds: it counts nanoseconds in 64 bits, which
// end in April 2262. The timestamps of this protocol go on until 2286.
const MaxLineTime = math.MaxInt64 / 1_000_000

// stamp reads a timestamp, in milliseconds since 1970. The three forms are those that IRONdb documents; that a number
// of 11 or 12 digits is neither seconds nor milliseconds is the reading that cannot be wrong by a factor of a thousand.
func stamp(b []byte) (ms int64, ok bool) {
	if len(b) > secondDigits+1+mmm {
		return 0, false
	}
	i := 0
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		ms = ms*10 + int64(d)
	}
	switch {
	case i == len(b) && i <= secondDigits:
		ms *= 1000
	case i == len(b) && i == milliDigits:
	case 0 < i && i <= secondDigits && i+1+mmm == len(b) && b[i] == '.':
		for _, c := range b[i+1:] {
			d := c - '0'
			if d > 9 {
				return 0, false
			}
			ms = ms*10 + int64(d)
		}
	default:
		return 0, false
	}
	return ms, ms > 0
}

const stampForms = "want up to 10 digits (seconds), 13 (milliseconds), or seconds.mmm"

// stampError says why a text is no timestamp, at an offset of the line or body.
func stampError(b []byte, offset int) *Error {
	e := &Error{Reason: BadTimestamp, Offset: offset, Token: token(b), words: "invalid timestamp: " + token(b)}
	bad := digitsEnd(b, 0)
	switch {
	case len(b) == 0:
		e.Reason, e.Detail = NoTimestamp, "the timestamp is empty: "+stampForms
	case bad == len(b) && zeros(b):
		e.Detail = "the timestamp is zero: want a time after 1970"
	case bad == len(b):
		e.Detail = fmt.Sprintf("the timestamp has %d digits: %s", len(b), stampForms)
		if len(b) > milliDigits {
			e.words = "bad timestamp=" + e.Token
		}
	case b[0] == '-':
		e.Detail = "the timestamp is negative: want a time after 1970"
	case b[bad] == '.' && digitsEnd(b, bad+1) == len(b):
		switch fraction := len(b) - bad - 1; {
		case bad == 0 || bad > secondDigits:
			e.Detail = fmt.Sprintf("the timestamp has %d digits before its point: %s", bad, stampForms)
		case fraction != mmm:
			e.Detail = fmt.Sprintf("the timestamp has %d digits behind its point: %s", fraction, stampForms)
		default:
			e.Detail = "the timestamp is zero: want a time after 1970"
		}
	default:
		e.Offset += bad
		e.Detail = "the timestamp has a character that is no digit: " + stampForms
		e.words, e.number = badCharacter(b, bad), true
	}
	return e
}

// zeros reports whether all bytes are the digit 0.
func zeros(b []byte) bool {
	for _, c := range b {
		if c != '0' {
			return false
		}
	}
	return true
}

// ageError says why a time is not taken.
func (p *Parser) ageError(ms int64, text []byte, offset int) *Error {
	e := &Error{Reason: TooOld, Offset: offset, Token: token(text)}
	if ms < p.oldest {
		e.Detail = fmt.Sprintf("the timestamp is too old: %s before now, of which %s are allowed", p.now.Sub(time.UnixMilli(ms)).Round(time.Millisecond), p.age)
		return e
	}
	e.Reason = TooNew
	if ms > MaxLineTime {
		e.Detail = "the timestamp lies behind April 2262, where the time of line protocol ends"
		return e
	}
	e.Detail = fmt.Sprintf("the timestamp lies too far ahead: %s after now, of which %s are allowed; check the clocks", time.UnixMilli(ms).Sub(p.now).Round(time.Millisecond), p.skew)
	return e
}
