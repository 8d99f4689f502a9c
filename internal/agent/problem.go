package agent

import "strings"

// A problem is an error, or several of them with a line for each, as errors.Join
// puts them together, and what to say in front of every line.
type problem struct {
	before string
	error
}

// within says for each problem that err holds where it is.
func within(place string, err error) error { return problem{place + ": ", err} }

func (p problem) Error() string {
	var lines []string
	for line := range strings.SplitSeq(p.error.Error(), "\n") {
		lines = append(lines, p.before+line)
	}
	return strings.Join(lines, "\n")
}

func (p problem) Unwrap() error { return p.error }
