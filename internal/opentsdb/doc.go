// Package opentsdb reads and writes data points as OpenTSDB 2.x and IRONdb do: telnet lines and the JSON of /api/put.
// It knows no sockets, no namespaces and no HTTP; who owns the connection cuts the stream into lines, decompresses
// bodies, and answers.
//
// # Reading
//
// A [Parser] reads lines and bodies, and a [Table] makes a [metric.Series] of a metric and its tags once. Points of a
// known series cost neither an allocation nor a look at their tags, which are recognised by their bytes.
//
// A line is
//
//	put <metric> <timestamp> <value> <tag>=<value> ...
//
// with any number of blanks (spaces and tabs) between its words and around them. A body is a data point
//
//	{"metric":"...","timestamp":1480371964123,"value":1.5,"tags":{"...":"..."}}
//
// or an array of such, in UTF-8. Members may come in any order; others are ignored; null is as good as none.
//
//   - A timestamp has up to 10 digits (seconds), 13 digits (milliseconds), or up to 10 digits, a point and exactly three
//     (seconds and milliseconds). All others are refused, and so are zero, and what is too far from now.
//   - A value is a decimal number. Without a point and an exponent it is an integer of 64 bits, and refused if it does
//     not fit; else a double, and refused if it is not finite. In JSON both may be texts.
//   - There is at least one tag. In a line, a tag that comes twice with the same value counts once; with another value
//     it is refused. In JSON, a member that comes twice is refused where it means something.
//   - The metric of a body may be a number, which is taken for a text as it is written.
//   - What [metric.Faithful] refuses is refused: an accepted name reaches Telegraf unchanged.
//   - A metric with its tags has at most 4094 bytes, under IRONdb a tag at most 256 and its key 254.
//
// The two profiles differ in their characters and in what [Profile] lists. In JSON, a point that is refused does not
// spoil the others, whatever it is that is wrong with it: a body is refused as a whole only when it is no JSON, empty,
// or beyond a bound. OpenTSDB refuses the whole of it for a value of the wrong type, too.
//
// # Writing
//
// [NewEncoded] renders a metric and its tags once, [Sanitize] and its siblings make them legal.
//
// The protocol is described at opentsdb.net (api_telnet/put, api_http/put, user_guide/writing), its characters, limits
// and replies in OpenTSDB's src/tsd/PutDataPointRpc.java and src/core/Tags.java, and IRONdb's dialect in its
// documentation under integrations/opentsdb and in src/noit_metric.h of Circonus's reconnoiter.
//
// BUG(opentsdb): OpenTSDB's letters are those of its Java's version of Unicode, which can be older than that of Go.
package opentsdb
