package archtest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floors gives every package its floor. A * stands for one path element.
var floors = []storey{
	{"internal/httpreply", leaf},
	{"internal/metric", leaf},

	{"internal/config", 1},
	{"internal/debian", 1},
	{"internal/httpauth", 1},
	{"internal/ipvs", 1},
	{"internal/opentsdb", 1},
	{"internal/piwebapi", 1},
	{"internal/queue", 1},

	{"internal/execd", 2},
	{"internal/option", 2},
	{"internal/piwebapi/piwebapitest", 2}, // the double is a part of the product: "pi simulate"
	{"internal/publish", 2},

	{"internal/outlet", 3},

	{"plugins/inputs/*", 4},
	{"plugins/outputs/*", 4},

	{"internal/agent", 5},
	{"internal/cli", 6},
	{"cmd/*", command},

	{"internal/bench", tool},
	{"internal/demo", tool},
	{"internal/guest", tool},
	{"internal/packaging", tool},
	{"internal/scenario", tool},
}

type storey struct {
	pattern string
	floor   int
}

const (
	leaf    = 0 // the standard library only
	command = 7
	tool    = 8 // a command beside the product; sees all below cmd, is seen by none
	unknown = -1
)

// modules restricts modules of others to a place.
var modules = []struct {
	path  string
	where string // "nowhere", or "tests": _test.go files and test-only packages
}{
	{"github.com/influxdata/telegraf", "nowhere"},
	{"github.com/Masterminds/sprig", "tests"},
	{"github.com/getkin/kin-openapi", "tests"},
	{"github.com/moby/ipvs", "tests"},
	{"github.com/nats-io/nats.go", "tests"},
	{"github.com/simonvetter/modbus", "tests"},
	{"github.com/stretchr/testify", "tests"},
	{"go.starlark.net", "tests"},
	{"go.uber.org/goleak", "tests"},
}

// imports is what one package imports: packages of this module by their path
// inside it ("internal/metric"), with a leading "./", all others by their path.
type imports struct {
	code  []string // from files of the package
	tests []string // from its _test.go files
}

// violations checks the imports of packages, by path inside the module, and
// returns one line per edge that is not allowed, in alphabetical order.
func violations(graph map[string]imports) []string {
	found := make(map[string]bool)
	for from, edges := range graph {
		if !isHelper(from) && floorOf(from) == unknown {
			found[from+" has no floor: give it one in internal/archtest/floors_test.go"] = true
			continue
		}
		for _, to := range edges.code {
			if why := refuse(from, to, isHelper(from)); why != "" {
				found[fmt.Sprintf("%s imports %s: %s", from, strings.TrimPrefix(to, "./"), why)] = true
			}
		}
		for _, to := range edges.tests {
			if why := refuse(from, to, true); why != "" {
				found[fmt.Sprintf("%s imports %s in a test: %s", from, strings.TrimPrefix(to, "./"), why)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// refuse says why package from must not import to, or returns "". inTest is
// true for _test.go files and for test-only packages.
func refuse(from, to string, inTest bool) string {
	own, inModule := strings.CutPrefix(to, "./")
	if !inModule {
		return refuseForeign(from, to, inTest)
	}
	to = own
	if inTest && strings.HasSuffix(to, "test") && !isHelper(to) {
		return "" // a double that is a part of the product serves in any test
	}
	above, below := floorOf(from), floorOf(to)
	switch {
	case to == from || owner(from) == to && isHelper(from): // a test of its own package
		return ""
	case isHelper(to) && !inTest:
		return "a test-only package in code"
	case isHelper(to) && (owner(to) == from || owner(to) == owner(from) || below == unknown):
		return ""
	case isHelper(from) && above == unknown && below < command: // a helper of no package in particular
		return ""
	case below == unknown:
		return "" // the package itself is reported
	case below == tool && (above != tool || root(from) != root(to)):
		return "nobody imports a tool"
	case below == command:
		return "nobody imports a command"
	case below == above && above != tool:
		return fmt.Sprintf("sideways on floor %d", above)
	case below > above:
		return fmt.Sprintf("up from floor %d to %d", above, below)
	}
	return ""
}

// refuseForeign is refuse for the standard library and for other modules.
func refuseForeign(from, to string, inTest bool) string {
	for _, m := range modules {
		if to != m.path && !strings.HasPrefix(to, m.path+"/") {
			continue
		}
		if m.where == "nowhere" {
			return "not a dependency of this project"
		}
		if !inTest {
			return "allowed in tests only"
		}
	}
	if first, _, _ := strings.Cut(to, "/"); strings.Contains(first, ".") && !inTest && floorOf(from) == leaf {
		return "floor 0 stands on the standard library alone"
	}
	return ""
}

// floorOf returns the floor of a package. A test-only package has the floor of
// the package that it lies in, and a package inside a tool is part of the tool.
func floorOf(pkg string) int {
	if isHelper(pkg) {
		if owner(pkg) == "." {
			return unknown
		}
		return floorOf(owner(pkg))
	}
	for _, f := range floors {
		if ok, _ := path.Match(f.pattern, pkg); ok || f.floor == tool && strings.HasPrefix(pkg, f.pattern+"/") {
			return f.floor
		}
	}
	return unknown
}

// isHelper reports whether a package is for tests only, which its name says. One with a floor of its own is not.
func isHelper(pkg string) bool {
	return strings.HasSuffix(pkg, "test") && !slices.ContainsFunc(floors, func(f storey) bool { return f.pattern == pkg })
}

// owner returns the package that a package lies in: "internal/ipvs" for
// "internal/ipvs/ipvstest".
func owner(pkg string) string { return path.Dir(pkg) }

// root returns the first two elements of a path.
func root(pkg string) string {
	parts := strings.SplitN(pkg, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func TestViolations(t *testing.T) {
	code := func(to ...string) imports { return imports{code: to} }
	tests := func(to ...string) imports { return imports{tests: to} }
	for _, test := range []struct {
		name  string
		graph map[string]imports
		want  []string
	}{
		{"nothing", nil, nil},
		{"down", map[string]imports{
			"internal/metric":       code("strings", "encoding/json"),
			"internal/ipvs":         code("./internal/metric", "golang.org/x/sys/unix"),
			"internal/execd":        code("./internal/metric", "./internal/ipvs"),
			"plugins/inputs/ipvs":   code("./internal/execd", "./internal/ipvs", "./internal/config"),
			"internal/agent":        code("./plugins/inputs/ipvs", "./plugins/outputs/opentsdb"),
			"internal/cli":          code("./internal/agent", "./internal/metric"),
			"cmd/telegraf-ipvs":     code("./internal/cli"),
			"internal/bench":        code("./internal/cli", "./internal/ipvs", "./internal/bench/load"),
			"internal/bench/load":   code("./internal/metric"),
			"internal/guest/kernel": {},
		}, nil},
		{"up", map[string]imports{
			"internal/metric": code("./internal/ipvs"),
			"internal/ipvs":   code("./plugins/inputs/ipvs"),
			"internal/cli":    code("./cmd/telegraf-ipvs"),
		}, []string{
			"internal/cli imports cmd/telegraf-ipvs: nobody imports a command",
			"internal/ipvs imports plugins/inputs/ipvs: up from floor 1 to 4",
			"internal/metric imports internal/ipvs: up from floor 0 to 1",
		}},
		{"sideways", map[string]imports{
			"internal/ipvs":            code("./internal/config"),
			"plugins/inputs/ipvs":      code("./plugins/inputs/opentsdb"),
			"plugins/outputs/opentsdb": tests("./plugins/inputs/opentsdb"),
			"cmd/a":                    code("./cmd/b"),
		}, []string{
			"cmd/a imports cmd/b: nobody imports a command",
			"internal/ipvs imports internal/config: sideways on floor 1",
			"plugins/inputs/ipvs imports plugins/inputs/opentsdb: sideways on floor 4",
			"plugins/outputs/opentsdb imports plugins/inputs/opentsdb in a test: sideways on floor 4",
		}},
		{"tools", map[string]imports{
			"internal/cli":   code("./internal/guest"),
			"internal/demo":  code("./internal/guest", "./internal/guest/kernel", "./cmd/telegraf-ipvs"),
			"internal/ipvs":  tests("./internal/bench"),
			"internal/bench": code("github.com/moby/ipvs"),
		}, []string{
			"internal/bench imports github.com/moby/ipvs: allowed in tests only",
			"internal/cli imports internal/guest: nobody imports a tool",
			"internal/demo imports cmd/telegraf-ipvs: nobody imports a command",
			"internal/demo imports internal/guest/kernel: nobody imports a tool",
			"internal/demo imports internal/guest: nobody imports a tool",
			"internal/ipvs imports internal/bench in a test: nobody imports a tool",
		}},
		{"helpers in tests", map[string]imports{
			"internal/ipvs":               tests("./internal/ipvs", "./internal/ipvs/ipvstest", "./internal/faulttest"),
			"internal/ipvs/ipvstest":      code("./internal/ipvs", "./internal/metric", "./internal/faulttest", "github.com/moby/ipvs"),
			"internal/faulttest":          code("./internal/agent", "./internal/config/configtest"),
			"plugins/inputs/ipvs":         tests("./internal/ipvs/ipvstest", "./internal/config/configtest"),
			"internal/config/configtest":  code("./internal/config", "testing"),
			"internal/archtest":           tests("github.com/stretchr/testify/require"),
			"internal/queue":              tests("go.uber.org/goleak", "./internal/queue/queuetest"),
			"internal/queue/queuetest":    {},
			"internal/metric":             tests("github.com/influxdata/line-protocol/v2/lineprotocol"),
			"plugins/outputs/http":        tests("./internal/piwebapi/piwebapitest"),
			"internal/metric/metrictest":  code("./internal/metric"),
			"internal/opentsdb/alsotest":  code("./internal/opentsdb/feedtest"),
			"internal/opentsdb/feedtest":  {},
			"internal/publish":            tests("./internal/metric/metrictest"),
			"internal/piwebapi":           {},
			"internal/piwebapi/fixedtest": tests("./internal/piwebapi/fixedtest"),
		}, nil},
		{"helpers in code", map[string]imports{
			"plugins/inputs/ipvs":    code("./internal/ipvs/ipvstest"),
			"internal/ipvs":          code("./internal/ipvs/ipvstest", "./internal/faulttest"),
			"internal/guest":         code("./internal/faulttest"),
			"internal/queue":         tests("./internal/ipvs/ipvstest"),
			"internal/metric":        tests("./internal/publish/publishtest"),
			"internal/ipvs/ipvstest": code("./internal/queue", "./internal/agent"),
			"internal/faulttest":     code("./cmd/telegraf-ipvs"),
		}, []string{
			"internal/faulttest imports cmd/telegraf-ipvs: nobody imports a command",
			"internal/guest imports internal/faulttest: a test-only package in code",
			"internal/ipvs imports internal/faulttest: a test-only package in code",
			"internal/ipvs imports internal/ipvs/ipvstest: a test-only package in code",
			"internal/ipvs/ipvstest imports internal/agent: up from floor 1 to 5",
			"internal/ipvs/ipvstest imports internal/queue: sideways on floor 1",
			"internal/metric imports internal/publish/publishtest in a test: up from floor 0 to 2",
			"internal/queue imports internal/ipvs/ipvstest in a test: sideways on floor 1",
			"plugins/inputs/ipvs imports internal/ipvs/ipvstest: a test-only package in code",
		}},
		{"modules", map[string]imports{
			"internal/metric":     code("github.com/influxdata/line-protocol/v2/lineprotocol", "golang.org/x/sys/unix"),
			"internal/execd":      code("github.com/influxdata/telegraf/plugins/common/shim", "github.com/influxdata/telegrafish"),
			"plugins/inputs/ipvs": {code: []string{"github.com/stretchr/testify/require", "go.uber.org/goleak"}, tests: []string{"github.com/influxdata/telegraf"}},
		}, []string{
			"internal/execd imports github.com/influxdata/telegraf/plugins/common/shim: not a dependency of this project",
			"internal/metric imports github.com/influxdata/line-protocol/v2/lineprotocol: floor 0 stands on the standard library alone",
			"internal/metric imports golang.org/x/sys/unix: floor 0 stands on the standard library alone",
			"plugins/inputs/ipvs imports github.com/influxdata/telegraf in a test: not a dependency of this project",
			"plugins/inputs/ipvs imports github.com/stretchr/testify/require: allowed in tests only",
			"plugins/inputs/ipvs imports go.uber.org/goleak: allowed in tests only",
		}},
		{"no floor", map[string]imports{
			"internal/util":       code("./internal/cli"),
			"internal/ipvs/sub":   {},
			"plugins/inputs/a/b":  {},
			".":                   {},
			"plugins/inputs/ipvs": code("./internal/util"),
		}, []string{
			". has no floor: give it one in internal/archtest/floors_test.go",
			"internal/ipvs/sub has no floor: give it one in internal/archtest/floors_test.go",
			"internal/util has no floor: give it one in internal/archtest/floors_test.go",
			"plugins/inputs/a/b has no floor: give it one in internal/archtest/floors_test.go",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, violations(test.graph))
		})
	}
}
