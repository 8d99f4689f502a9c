// Package metric holds what every source and every sink of this program agree on: a [Series] says what is
// measured, a [Metric] is one measurement of it at one time, and both know how they look in line protocol.
//
// A Series is made once and kept: its name and tags are cleaned, sorted and rendered by [NewSeries], and a Metric
// that points to it costs only its fields. A source keeps a Series as long as the thing that it names lives.
//
// # Line protocol
//
// [Metric.AppendLine] writes what Telegraf's own serializer writes with its default settings (Telegraf 1.39,
// plugins/serializers/influx): integers end in i, unsigned integers do too and stop at the largest int64, floats
// have no exponent, fields that are NaN or infinite are left out. The two differ only where Telegraf would write
// something that a reader refuses or takes for something else. Readers are Telegraf's parser, in its "internal"
// and its "upstream" flavour; the latter is github.com/influxdata/line-protocol/v2, which the tests read every line
// back with. They see:
//
//   - in names and keys, tab, newline, form feed and carriage return as the two characters \t, \n, \f and \r:
//     line protocol has no other way to carry them, and Telegraf does the same;
//   - U+FFFD for what line protocol cannot carry at all: a byte that is not UTF-8, anywhere; another control
//     character in a name, a tag or a field key; a '#' that begins a name and would make the line a comment;
//   - no backslash at the end of a name, a tag key, a tag value or a field key, where it would escape the
//     separator (Telegraf keeps it in names and field keys);
//   - no backslash before a comma or a space in a name, nor before a comma, a space or an equals sign in a field
//     key: Telegraf's parser takes that backslash and the escaping one for a pair. Tags keep theirs.
//
// What is empty then is left out, like what was empty before. The text of a string field is carried whole, newlines
// included, so a line can extend over several lines of a terminal.
//
// [Parser] reads line protocol. What github.com/influxdata/line-protocol/v2 takes for a line it takes, and what that
// refuses it refuses, except that Telegraf's habits count where the two differ:
//
//   - Control characters in names, tags and keys, and bytes that are not UTF-8 anywhere, are read as U+FFFD. Telegraf
//     writes them, and that decoder refuses the line.
//   - Names, tags and keys become what the rules above make of them, so that a series has one head however it was
//     written: with unsorted tags, with one tag twice, with needless backslashes.
//   - In a text only \" and \\ are escapes. That decoder also reads \n, \r and \t as control characters; Telegraf
//     writes none of these, and whoever writes a path without escapes means what stands there.
//   - Of fields with the same key the last value counts, as in Telegraf's own metrics.
//   - The unit of timestamps is the nanosecond.
//
// BUG(metric): Telegraf's "internal" parser reads \" as " in a tag or a field key that also holds a space, a comma
// or an equals sign. There is no rendering that it reads right.
package metric
