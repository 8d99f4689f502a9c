package telegraftest

import (
	"fmt"
	"regexp"
	"strings"
)

// variable is what Telegraf replaces in strings, as compose files have it: an escaped dollar; a name; a name in braces; one
// with an operator and an operand, which may be followed by others in the same line; or a brace that nothing fits.
var variable = regexp.MustCompile(`(?i)\$(?:(\$)|([_a-z][_a-z0-9]*)|\{([_a-z][_a-z0-9]*)\}|\{([_a-z][_a-z0-9]*)(:?[-?+])([^}]*)\}(.*\})?|(\{))`)

// A replacer replaces variables in a string value.
type replacer struct {
	env      func(string) (string, bool)
	problems []string
	behind   bool // what stands in one line behind a variable with an operator is treated in another way
}

// substitute replaces the variables in a string value. A plain name that is not set stays as it stands, for it may be a
// template's own variable; one in braces that is not set is a problem, for Telegraf would take the text ${NAME} itself.
func substitute(text string, env func(string) (string, bool)) (string, []string) {
	r := &replacer{env: env}
	result := r.replace(text)
	return result, r.problems
}

func (r *replacer) complain(format string, args ...any) string {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
	return ""
}

func (r *replacer) replace(text string) string {
	return variable.ReplaceAllStringFunc(text, func(whole string) string {
		part := variable.FindStringSubmatch(whole)
		escaped, plain, braced, odd := part[1], part[2], part[3], part[8]
		switch {
		case escaped != "":
			return "$"
		case plain != "":
			if value, set := r.env(plain); set {
				return value
			}
		case braced != "":
			value, set := r.env(braced)
			if !set {
				return r.complain("the environment variable %s is not set, and Telegraf would take ${%[1]s} as it stands: set it, write ${%[1]s:-default}, or $${%[1]s} if that is meant", braced)
			}
			return value
		case odd == "":
			return r.operate(part[4], part[5], part[6]) + r.rest(part[7])
		}
		if r.behind {
			return r.complain("%s stands in one line with ${NAME:-default}, where Telegraf drops or refuses it: write $$ for a dollar", whole)
		}
		return whole
	})
}

// rest replaces what stands in a line behind a variable with an operator.
func (r *replacer) rest(text string) string {
	before := r.behind
	r.behind = true
	text = r.replace(text)
	r.behind = before
	return text
}

// operate returns the value of a variable with an operator and an operand.
func (r *replacer) operate(name, operator, operand string) string {
	if strings.Contains(operand, "$") {
		return r.complain("${%s%s%s}: there is a dollar in what follows %[2]s, and variables should not nest", name, operator, operand)
	}
	value, set := r.env(name)
	if strings.HasPrefix(operator, ":") { // empty is as good as not set
		set = set && value != ""
	}
	switch strings.TrimPrefix(operator, ":") {
	case "-":
		if !set {
			return operand
		}
	case "+":
		if !set {
			return ""
		}
		return operand
	case "?":
		if !set {
			return r.complain("the environment variable %s is missing: %s", name, operand)
		}
	}
	return value
}
