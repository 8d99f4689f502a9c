package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// makers are the calls that make an error value, a table, or another value that nobody can change.
var makers = []string{"errors.New", "fmt.Errorf", "regexp.MustCompile", "metric.NewKey"}

// states returns a line for each package-level variable that is none of an
// error value, a table, a blank interface check or an embedded file.
func states(fset *token.FileSet, file *ast.File) []string {
	var all []string
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			spec := spec.(*ast.ValueSpec)
			if embeds(spec.Doc) || embeds(group.Doc) {
				continue
			}
			for i, name := range spec.Names {
				if name.Name == "_" || len(spec.Values) == len(spec.Names) && isConstant(spec.Values[i]) {
					continue
				}
				all = append(all, fmt.Sprintf("%s: package variable %s is neither an error value nor a table", fset.Position(name.Pos()), name.Name))
			}
		}
	}
	return all
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// isConstant reports whether a value is one that nobody is meant to change.
func isConstant(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.CallExpr:
		return slices.Contains(makers, selector(v.Fun))
	case *ast.CompositeLit:
		pkg, _, _ := strings.Cut(selector(v.Type), ".")
		return pkg != "sync" && pkg != "atomic"
	}
	return false
}

// selector returns "a.b" for that expression, "" for any other.
func selector(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

func TestStates(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"errors", `var ErrA = errors.New("a")`, ""},
		{"grouped errors", "var (\n\tErrA = errors.New(\"a\")\n\tErrB = fmt.Errorf(\"b: %w\", ErrA)\n)", ""},
		{"tables", `var a, b = map[string]int{"a": 1}, []struct{ x int }{{1}}`, ""},
		{"generic table", `var a = pair[int, string]{1, "x"}`, ""},
		{"regexp", "var re = regexp.MustCompile(`x`)", ""},
		{"interface check", `var _ io.Reader = (*x)(nil)`, ""},
		{"embed", "//go:embed sample.conf\nvar sample string", ""},
		{"embed in a group", "var (\n\t//go:embed sample.conf\n\tsample string\n)", ""},
		{"in a function", "func f() { var x int; _ = x }", ""},
		{"constant", "const x = 1", ""},
		{"no value", "var x int", "x"},
		{"plain value", "var x = 1", "x"},
		{"second of two", "var x, y = []int{1}, 2", "y"},
		{"one call for two", "var x, y = errors.New(\"a\")", "x y"},
		{"function", "var now = time.Now", "now"},
		{"other call", "var p = newPool()", "p"},
		{"pointer", "var p = &pool{}", "p"},
		{"lock", "var mu = sync.Mutex{}", "mu"},
		{"pool", "var p = sync.Pool{New: nil}", "p"},
		{"function value", "var f = func() {}", "f"},
		{"comment on embedding", "// go:embed x\nvar sample string", "sample"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, "a.go", "package a\n\n"+test.source, parser.ParseComments)
			require.NoError(t, err)
			var names []string
			for _, s := range states(fset, file) {
				require.Regexp(t, `^a\.go:\d+:\d+: package variable \w+ is neither an error value nor a table$`, s)
				names = append(names, strings.Fields(s)[3])
			}
			require.Equal(t, test.want, strings.Join(names, " "))
		})
	}
}
