package piwebapitest

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// ticks is a time as the archive keeps it: seconds since 1970 in units of 1/65536 s, about 15 microseconds.
type ticks int64

const tickBits = 16

// forever is later than every time of an archive.
const forever = ticks(math.MaxInt64)

// toTicks rounds a time to the nearest one that the archive can keep.
func toTicks(sec int64, nsec int64) ticks {
	return ticks(sec<<tickBits + (nsec<<tickBits+5e8)/1e9)
}

func timeTicks(t time.Time) ticks { return toTicks(t.Unix(), int64(t.Nanosecond())) }

// parts is the inverse of toTicks, to the nearest 100 ns, the unit that Windows counts in.
func (t ticks) parts() (sec, nsec int64) {
	sec = int64(t >> tickBits)
	fraction := int64(t & (1<<tickBits - 1))
	return sec, (fraction*1e7 + 1<<(tickBits-1)) >> tickBits * 100
}

func (t ticks) time() time.Time { return time.Unix(t.parts()).UTC() }

// appendTime writes t with seven digits of fraction, or none where they are zero.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.9999999Z07:00")
}

// parseTime reads a time as PI Web API does: ISO 8601, where no zone means UTC here, or the relative forms of AF such as
// *, *-1h30m, t, y and t+8h. Nothing at all is now.
func parseTime(b []byte, now time.Time) (sec, nsec int64, ok bool) {
	if sec, nsec, ok := parseISO(b); ok {
		return sec, nsec, true
	}
	t, ok := parseRelative(strings.ToLower(strings.TrimSpace(string(b))), now)
	return t.Unix(), int64(t.Nanosecond()), ok
}

// parseISO reads 2006-01-02, 2006-01-02T15:04 and 2006-01-02T15:04:05.9, each of the latter with Z, an offset or
// neither.
func parseISO(b []byte) (sec, nsec int64, ok bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, 0, false
	}
	year, ok1 := digits(b[0:4])
	month, ok2 := digits(b[5:7])
	day, ok3 := digits(b[8:10])
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, 0, false
	}
	sec = days(year, month, day) * 86400
	if b = b[10:]; len(b) == 0 {
		return sec, 0, true
	}
	if len(b) < 6 || b[0] != 'T' && b[0] != ' ' || b[3] != ':' {
		return 0, 0, false
	}
	hour, ok1 := digits(b[1:3])
	minute, ok2 := digits(b[4:6])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, 0, false
	}
	sec += hour*3600 + minute*60
	b = b[6:]
	if len(b) >= 3 && b[0] == ':' {
		second, ok := digits(b[1:3])
		if !ok || second > 59 {
			return 0, 0, false
		}
		sec += second
		if b = b[3:]; len(b) > 1 && b[0] == '.' {
			n := 1
			for unit := int64(1e8); n < len(b) && '0' <= b[n] && b[n] <= '9'; n++ {
				nsec += int64(b[n]-'0') * unit
				unit /= 10
			}
			if n == 1 {
				return 0, 0, false
			}
			b = b[n:]
		}
	}
	offset, ok := parseZone(b)
	return sec - offset, nsec, ok
}

// parseZone returns the seconds that a zone is east of Greenwich.
func parseZone(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) != 6 || b[3] != ':' || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	hour, ok1 := digits(b[1:3])
	minute, ok2 := digits(b[4:6])
	if !ok1 || !ok2 || hour > 14 || minute > 59 {
		return 0, false
	}
	if b[0] == '-' {
		return -hour*3600 - minute*60, true
	}
	return hour*3600 + minute*60, true
}

func digits(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// days returns the days from 1970-01-01 to a date of the Gregorian calendar.
func days(year, month, day int64) int64 {
	if month <= 2 { // years begin in March, which puts the leap day last
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}

func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// parseRelative reads a time in AF's own forms, in lower case.
func parseRelative(s string, now time.Time) (time.Time, bool) {
	now = now.UTC()
	midnight := now.Truncate(24 * time.Hour)
	bases := []struct {
		name string
		time time.Time
	}{
		{"*", now}, {"today", midnight}, {"t", midnight}, {"yesterday", midnight.AddDate(0, 0, -1)},
		{"y", midnight.AddDate(0, 0, -1)}, {"", now},
	}
	for _, base := range bases {
		rest, ok := strings.CutPrefix(s, base.name)
		if !ok || base.name == "" && s != "" && s[0] != '+' && s[0] != '-' {
			continue
		}
		return addOffsets(base.time, rest)
	}
	return time.Time{}, false
}

// addOffsets adds parts such as -1h, +2d and -1h30m to t.
func addOffsets(t time.Time, s string) (time.Time, bool) {
	sign := time.Duration(0)
	for s = strings.TrimSpace(s); s != ""; {
		switch s[0] {
		case '+':
			sign, s = 1, s[1:]
		case '-':
			sign, s = -1, s[1:]
		}
		n := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n <= 0 || sign == 0 {
			return t, false
		}
		count, err := strconv.ParseFloat(s[:n], 64)
		s = s[n:]
		end := strings.IndexFunc(s, func(r rune) bool { return r < 'a' || r > 'z' })
		if end < 0 {
			end = len(s)
		}
		unit, ok := timeUnit(s[:end])
		span := count * float64(unit)
		if err != nil || !ok || math.Abs(span) > math.MaxInt64/2 {
			return t, false
		}
		t = t.Add(sign * time.Duration(span))
		s = s[end:]
	}
	return t, true
}

func timeUnit(name string) (time.Duration, bool) {
	if len(name) > 2 {
		name = strings.TrimSuffix(name, "s")
	}
	switch name {
	case "ms", "millisecond":
		return time.Millisecond, true
	case "s", "sec", "second":
		return time.Second, true
	case "m", "min", "minute":
		return time.Minute, true
	case "h", "hour":
		return time.Hour, true
	case "d", "day":
		return 24 * time.Hour, true
	case "w", "week":
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}
