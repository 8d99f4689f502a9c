package telegraftest

import (
	"math"
	"strconv"
	"strings"
)

// Line returns the metric as Telegraf's serializer "influx" writes it with default options, but for the order of fields,
// which is arbitrary there and alphabetical here. NaN, the infinities and fields without a name are left out, unsigned
// integers are written as signed ones of at most the largest. It returns "" when no field is left or the name is empty.
func (m Metric) Line() string {
	if m.name == "" {
		return ""
	}
	var b strings.Builder
	escapeInto(&b, m.name, "\t\n\f\r ,")
	for _, key := range sortedKeys(m.tags) {
		k, v := trimmed(key), trimmed(m.tags[key])
		if k != "" && v != "" {
			b.WriteString("," + k + "=" + v)
		}
	}
	mark := " "
	for _, key := range sortedKeys(m.fields) {
		value, ok := fieldValue(m.fields[key])
		if !ok || key == "" {
			continue
		}
		b.WriteString(mark)
		escapeInto(&b, key, escaped)
		b.WriteString("=" + value)
		mark = ","
	}
	if mark == " " {
		return ""
	}
	b.WriteString(" " + strconv.FormatInt(m.time.UnixNano(), 10) + "\n")
	return b.String()
}

// escaped are the characters that get a backslash in keys and in values of tags.
const escaped = "\t\n\f\r ,="

// trimmed returns a key or value of a tag as it is written: one cannot end with a backslash.
func trimmed(s string) string {
	var b strings.Builder
	escapeInto(&b, s, escaped)
	return strings.TrimRight(b.String(), `\`)
}

func escapeInto(b *strings.Builder, s, special string) {
	for _, r := range s {
		if !strings.ContainsRune(special, r) {
			b.WriteRune(r)
			continue
		}
		b.WriteByte('\\')
		switch r {
		case '\t':
			b.WriteByte('t')
		case '\n':
			b.WriteByte('n')
		case '\f':
			b.WriteByte('f')
		case '\r':
			b.WriteByte('r')
		default:
			b.WriteRune(r)
		}
	}
}

// fieldValue returns the text of a field's value, false if it has none.
func fieldValue(value any) (string, bool) {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10) + "i", true
	case uint64:
		return strconv.FormatInt(int64(min(v, math.MaxInt64)), 10) + "i", true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), !math.IsNaN(v) && !math.IsInf(v, 0)
	case bool:
		return strconv.FormatBool(v), true
	case string:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`, true
	}
	return "", false
}
