package opentsdb

// Reason is why something was refused. There is one list of them for replies, counters and tests; those at its end are
// for whoever owns the connection, as nothing in this package looks at one.
type Reason uint8

// The reasons.
const (
	// None is the zero Reason and stands in no [Error] of this package.
	None Reason = iota

	// UnknownCommand: a telnet line begins with a word that is no command and no data point.
	UnknownCommand
	// MissingWords: a telnet line ends before its timestamp or its value.
	MissingWords

	// EmptyBody: a body has no JSON at all.
	EmptyBody
	// NotObjectOrArray: a body begins like neither of them.
	NotObjectOrArray
	// BadJSON: a body is not JSON, is not UTF-8, or ends too early.
	BadJSON
	// TrailingData: something follows the JSON of a body.
	TrailingData
	// NoPoints: a body is an empty array.
	NoPoints
	// NotObject: an element of a body is no object.
	NotObject
	// RepeatedMember: a data point has one of its members twice.
	RepeatedMember
	// BadUTF8: a name or a tag is not UTF-8.
	BadUTF8

	// NoMetric: the metric is missing or empty.
	NoMetric
	// BadMetric: the metric has a character that the profile refuses, or is no text.
	BadMetric

	// NoTimestamp: there is none.
	NoTimestamp
	// BadTimestamp: it has none of the three forms, or is zero.
	BadTimestamp
	// TooOld: it lies further back than the largest age.
	TooOld
	// TooNew: it lies further ahead than the largest skew between clocks.
	TooNew

	// NoValue: the value is missing or empty.
	NoValue
	// BadValue: it is no decimal number.
	BadValue
	// Overflow: it is an integer that does not fit 64 bits.
	Overflow
	// NotFinite: it is NaN, infinite, or too large for a double.
	NotFinite

	// NoTag: there is not one.
	NoTag
	// BadTag: a tag has no equals sign, no key or no value, a character that the profile refuses, or is no text.
	BadTag
	// DuplicateTag: a tag comes twice, with different values.
	DuplicateTag
	// TooManyTags: there are more than the profile or the configuration allows.
	TooManyTags

	// LineProtocol: Telegraf would not read the name and tags as they are.
	LineProtocol
	// ReservedTag: a tag has the key of one that is added here.
	ReservedTag
	// TooManySeries: the point is of a new series, and there are as many as may be. Its word is series_limit.
	TooManySeries

	// NameTooLong: the metric and its tags are.
	NameTooLong
	// TagTooLong: a tag is.
	TagTooLong
	// LineTooLong: a telnet line is.
	LineTooLong
	// PointTooLarge: one data point of a body is.
	PointTooLarge
	// TooManyPoints: a body holds more of them than may be.
	TooManyPoints
	// TooDeep: a body has objects and arrays in one another beyond the bound.
	TooDeep
	// BodyTooLarge: a body is, once it is decompressed.
	BodyTooLarge

	// BadEncoding: a body cannot be decompressed.
	BadEncoding
	// Interrupted: the connection ended in the middle of a body.
	Interrupted
	// Network: the sender's address may not connect.
	Network
	// TooManyConnections: there are as many as may be.
	TooManyConnections
	// Handshake: the two did not agree on TLS.
	Handshake
	// Silent: nothing came on a connection by which to know its protocol.
	Silent
	// Idle: nothing came on a connection for too long.
	Idle
	// Slow: a request did not come in the time that it may take, or its answer was not read.
	Slow
	// Unauthorized: the sender has presented no credentials, or wrong ones.
	Unauthorized
	// Forbidden: its credentials are for other namespaces.
	Forbidden
	// TooManyNamespaces: there are as many as may be, and this one is new.
	TooManyNamespaces
	// Busy: too much is being taken in at the same time.
	Busy
	// QueueFull: there is no room to keep the points.
	QueueFull
	// NotInTime: they could not be kept in the time that this may take.
	NotInTime
	// Unavailable: they could not be kept for another reason, such as a disk that fails.
	Unavailable
	// Internal: a mistake of the program.
	Internal

	reasons // how many there are
)

// words are the reasons as counters call them.
var words = [reasons]string{
	None:               "none",
	UnknownCommand:     "unknown_command",
	MissingWords:       "missing_words",
	EmptyBody:          "empty_body",
	NotObjectOrArray:   "not_object_or_array",
	BadJSON:            "bad_json",
	TrailingData:       "trailing_data",
	NoPoints:           "no_points",
	NotObject:          "not_object",
	RepeatedMember:     "repeated_member",
	BadUTF8:            "bad_utf8",
	NoMetric:           "no_metric",
	BadMetric:          "bad_metric",
	NoTimestamp:        "no_timestamp",
	BadTimestamp:       "bad_timestamp",
	TooOld:             "too_old",
	TooNew:             "too_new",
	NoValue:            "no_value",
	BadValue:           "bad_value",
	Overflow:           "overflow",
	NotFinite:          "not_finite",
	NoTag:              "no_tag",
	BadTag:             "bad_tag",
	DuplicateTag:       "duplicate_tag",
	TooManyTags:        "too_many_tags",
	LineProtocol:       "line_protocol",
	ReservedTag:        "reserved_tag",
	TooManySeries:      "series_limit",
	NameTooLong:        "name_too_long",
	TagTooLong:         "tag_too_long",
	LineTooLong:        "line_too_long",
	PointTooLarge:      "point_too_large",
	TooManyPoints:      "too_many_points",
	TooDeep:            "too_deep",
	BodyTooLarge:       "body_too_large",
	BadEncoding:        "bad_encoding",
	Interrupted:        "interrupted",
	Network:            "network",
	TooManyConnections: "too_many_connections",
	Handshake:          "handshake",
	Silent:             "silent",
	Idle:               "idle",
	Slow:               "slow",
	Unauthorized:       "unauthorized",
	Forbidden:          "forbidden",
	TooManyNamespaces:  "too_many_namespaces",
	Busy:               "busy",
	QueueFull:          "queue_full",
	NotInTime:          "not_in_time",
	Unavailable:        "unavailable",
	Internal:           "internal",
}

// String returns the word for a reason that counters use, such as "no_tag".
func (r Reason) String() string {
	if r < reasons {
		return words[r]
	}
	return "invalid"
}

// Reasons returns all reasons but None, in the order of their declaration. The caller owns the slice.
func Reasons() []Reason {
	all := make([]Reason, 0, reasons-1)
	for r := None + 1; r < reasons; r++ {
		all = append(all, r)
	}
	return all
}
