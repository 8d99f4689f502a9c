package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span of zero or more in a configuration: Go's notation
// with the further units d (24 hours) and w (7 days), such as "10s", "1m30s",
// "1d12h" or "2w", or a bare number of seconds. The zero value is no time.
type Duration struct{ d time.Duration }

// DurationOf returns d as an option holds it.
func DurationOf(d time.Duration) Duration { return Duration{d} }

// Duration returns the time span.
func (d Duration) Duration() time.Duration { return d.d }

// String returns a form that UnmarshalText reads back, with full days first.
func (d Duration) String() string {
	const day = 24 * time.Hour
	if d.d < day {
		return trimZeros(d.d.String())
	}
	days := strconv.FormatInt(int64(d.d/day), 10) + "d"
	if rest := d.d % day; rest > 0 {
		return days + trimZeros(rest.String())
	}
	return days
}

// UnmarshalText reads a duration. A negative one is refused.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	v, err := parseDuration(s)
	if errors.Is(err, errRange) {
		return fmt.Errorf("%q is too long; the longest duration is 292 years", s)
	}
	if err != nil {
		what, examples := d.describe()
		return fmt.Errorf("%q is not a %s; %s", s, what, examples)
	}
	if v < 0 {
		return fmt.Errorf("%q is negative; want a duration of zero or more", s)
	}
	d.d = v
	return nil
}

func (Duration) describe() (what, examples string) {
	return "duration", `examples: "10s", "1m30s", "1d12h", "2w", or a bare number of seconds`
}

var (
	errRange  = errors.New("value out of range")
	errSyntax = errors.New("invalid syntax")
)

func parseDuration(s string) (time.Duration, error) {
	if seconds, ok := bareNumber(s); ok {
		if math.Abs(seconds) >= math.MaxInt64/1e9 {
			return 0, errRange
		}
		return time.Duration(math.Round(seconds * 1e9)), nil
	}
	rest, negative := strings.CutPrefix(s, "-")
	if rest == "" {
		return 0, errSyntax
	}
	var sum time.Duration
	for rest != "" {
		number, unit, tail := splitUnit(rest)
		part, err := parsePart(number, unit)
		if err != nil {
			return 0, err
		}
		if sum > math.MaxInt64-part {
			return 0, errRange
		}
		sum, rest = sum+part, tail
	}
	if negative {
		sum = -sum
	}
	return sum, nil
}

// parsePart reads one number with its unit. The units of days are read as hours,
// which keeps fractions exact, and multiplied.
func parsePart(number, unit string) (time.Duration, error) {
	factor := time.Duration(1)
	switch unit {
	case "d":
		unit, factor = "h", 24
	case "w":
		unit, factor = "h", 7*24
	}
	if strings.Trim(number, ".") == "" || unit == "" {
		return 0, errSyntax
	}
	part, err := time.ParseDuration(number + unit)
	if err != nil {
		if _, unitErr := time.ParseDuration("1" + unit); unitErr == nil && strings.Count(number, ".") < 2 {
			return 0, errRange
		}
		return 0, errSyntax
	}
	if part > math.MaxInt64/factor {
		return 0, errRange
	}
	return part * factor, nil
}

// splitUnit cuts "1d12h" into "1", "d" and "12h".
func splitUnit(s string) (number, unit, rest string) {
	isNumber := func(r rune) bool { return r >= '0' && r <= '9' || r == '.' }
	n := strings.IndexFunc(s, func(r rune) bool { return !isNumber(r) })
	if n < 0 {
		return s, "", ""
	}
	number, s = s[:n], s[n:]
	if n = strings.IndexFunc(s, isNumber); n < 0 {
		return number, s, ""
	}
	return number, s[:n], s[n:]
}

// bareNumber reads a decimal TOML integer or float, which UnmarshalText gets as
// it stands in the file, underscores included.
func bareNumber(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "+-0123456789_.eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return v, true
}

// trimZeros shortens "1h0m0s" to "1h".
func trimZeros(s string) string {
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// minInterval keeps a slip of the pen from becoming a busy loop.
const minInterval = 10 * time.Millisecond

// CheckInterval returns why d cannot be how often to do something, which the
// option key says; nil if it can. Zero means never. Several packages have such
// an option.
func CheckInterval(key string, d Duration) error {
	if d.d > 0 && d.d < minInterval {
		return fmt.Errorf("%s = %q: want at least %v, or 0s for never", key, d, minInterval)
	}
	return nil
}
