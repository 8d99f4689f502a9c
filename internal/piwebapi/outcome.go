package piwebapi

import (
	"fmt"
	"time"

	"telegraf-ipvs/internal/metric"
)

// Outcome is what became of a [Value].
type Outcome uint8

// The outcomes. Only Unknown is sent again.
const (
	// Unknown says that the value was not sent, or that the server may or may not have stored it.
	Unknown Outcome = iota
	// Stored says that the server has applied the value.
	Stored
	// Accepted says that the server has taken the value and may still hold it in a buffer. Whether it reaches the
	// archive is not known: a buffered write cannot report errors.
	Accepted
	// Refused says that the server will never take the value; Reason and Detail of the value say why.
	Refused
)

// String returns the name of the outcome in lower case.
func (o Outcome) String() string {
	switch o {
	case Unknown:
		return "unknown"
	case Stored:
		return "stored"
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	}
	return "invalid"
}

// The reasons for which a value is Refused: short codes, fit for a counter's label.
const (
	ReasonNaN      = "nan"       // not a number or infinite, which JSON cannot carry; it was not sent
	ReasonBadValue = "bad_value" // 400, or another answer of that class that is about this value
	ReasonConflict = "conflict"  // 409: the operation is not supported for this stream
	ReasonTooLarge = "too_large" // 413 for this value alone
	ReasonNotFound = "not_found" // 404 for this value, while others of its stream were taken
)

// Value is one value of a [Stream] and what became of it. The zero Value is the integer 0 at the start of 1970, not
// sent yet.
type Value struct {
	// Time is when the value was measured, in nanoseconds since 1970. The server sees it cut to 100 ns.
	Time int64
	// V is the value. A NaN or infinite one is refused without being sent.
	V metric.Value
	// Outcome is set by [Writer.Write]; only an Unknown value is sent.
	Outcome Outcome
	// Unsure is set by [Writer.Write] once a request that held the value ended without a clear answer: the server may
	// have stored it. The next attempt then uses the Writer's ResendOption. A caller that rebuilds the Value of
	// a resend carries it over.
	Unsure bool
	// Reason is a short code, one of the Reason constants, and Detail the server's text; both are empty unless Refused.
	Reason, Detail string
}

// Stream is what is to be written to one PI point or attribute, and what became of it. It belongs to one Write at a
// time.
type Stream struct {
	// WebID addresses the stream.
	WebID string
	// Values are sent in this order.
	Values []Value
	// Problem is nil unless the stream as a whole could not be written. Its values are then Unknown, except those that
	// had an outcome before the problem was met. Write clears it first.
	Problem *StreamProblem
	// Failures counts how often Write ended in a pause because of an error that may be this stream's own. A caller that
	// builds a new Stream for the same point keeps the count: it is what makes a stream that always fails be singled
	// out in the end. Write sets it to 0 once the stream takes a value.
	Failures int
}

// ProblemKind says what is wrong with a [Stream].
type ProblemKind uint8

// The kinds of problem. The zero ProblemKind is none of them.
const (
	// Gone says that the server knows no such stream (404), or refuses one value after the other (400): its WebID or
	// the type of its point may be out of date. Resolve it again.
	Gone ProblemKind = iota + 1
	// Forbidden says that the identity in use may not write this stream (403).
	Forbidden
	// Failing says that the server fails (500) on this stream although others work. Without the right to write, the
	// archive behind PI Web API is reported this way too.
	Failing
)

// String returns the name of the kind in lower case.
func (k ProblemKind) String() string {
	switch k {
	case Gone:
		return "gone"
	case Forbidden:
		return "forbidden"
	case Failing:
		return "failing"
	}
	return "invalid"
}

// StreamProblem is why a [Stream] as a whole could not be written.
type StreamProblem struct {
	Kind ProblemKind
	// Detail is the server's text, for people.
	Detail string
}

// The reasons of a [PauseError].
const (
	PauseUnauthorized = "unauthorized" // 401, after the transport has renewed the credentials once
	PauseForbidden    = "forbidden"    // 403 for every stream that was tried
	PauseRateLimit    = "rate_limit"   // 429
	PauseUnavailable  = "unavailable"  // no answer, or one that is not PI Web API's: 408, 502, 503, 504, a redirect
	PauseServerError  = "server_error" // 500 for every stream that was tried
	PauseRefused      = "refused"      // 400, 409 or another 4xx for every stream that was tried: not about the values
)

// PauseError says that the server takes nothing for now. Values that have no outcome yet are to be sent again later.
type PauseError struct {
	// After is how long to wait; 0 leaves it to the caller's own backoff.
	After time.Duration
	// Reason is one of the Pause constants.
	Reason string
	// Cause is a [*StatusError] or a [*TransportError].
	Cause error
}

func (e *PauseError) Error() string {
	if e.After > 0 {
		return fmt.Sprintf("pause writing for %s (%s): %v", e.After, e.Reason, e.Cause)
	}
	return fmt.Sprintf("pause writing (%s): %v", e.Reason, e.Cause)
}

// Unwrap returns the cause.
func (e *PauseError) Unwrap() error { return e.Cause }
