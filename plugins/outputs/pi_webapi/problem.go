package piwebapi

// The codes of a [Problem].
const (
	ProblemName      = "name"      // no legal name comes of the template
	ProblemCollision = "collision" // another series or field has the name
	ProblemSkipped   = "skipped"   // the configuration leaves the field out; the one that is no fault
)

// A Problem is why a field has no [Point].
type Problem struct {
	Code   string // one of the constants above
	Source string // the series and the field, for people
	Name   string // the name in question, if it came to one
	Holder string // of a collision: the series and the field that have the name
	Detail string // the reason and what to do about it
}

func (p *Problem) Error() string { return p.Detail }
