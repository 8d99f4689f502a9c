package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxLines is the length of a file above which it should be split.
const maxLines = 400

func TestImports(t *testing.T) {
	require.NotEmpty(t, goFiles(t, moduleRoot(t)))
	for _, args := range [][]string{nil, {"-tags=integration"}} {
		t.Run(strings.Join(append(args, "packages"), " "), func(t *testing.T) {
			graph := list(t, args...)
			require.Contains(t, graph, "internal/archtest")
			for _, v := range violations(graph) {
				t.Error(v)
			}
		})
	}
}

func TestNoState(t *testing.T) {
	eachFile(t, func(name string, text []byte) {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		for _, s := range states(fset, file) {
			t.Error(s)
		}
	})
}

func TestFileLength(t *testing.T) {
	eachFile(t, func(name string, text []byte) {
		if n := bytes.Count(text, []byte("\n")); n > maxLines {
			t.Logf("%s has %d lines: consider a split", name, n)
		}
	})
}

// list returns the imports of all packages of this module.
func list(t *testing.T, args ...string) map[string]imports {
	t.Helper()
	args = append([]string{"list", "-e", "-json=ImportPath,Module,Imports,TestImports,XTestImports"}, args...)
	cmd := exec.Command("go", append(args, "./...")...)
	cmd.Dir = moduleRoot(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())

	graph := make(map[string]imports)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath                         string
			Module                             struct{ Path string }
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return graph
		} else {
			require.NoError(t, err)
		}
		inside := func(list []string) []string {
			var all []string
			for _, to := range list {
				if own, ok := strings.CutPrefix(to, p.Module.Path+"/"); ok {
					to = "./" + own
				}
				all = append(all, to)
			}
			return all
		}
		name, err := filepath.Rel(p.Module.Path, p.ImportPath)
		require.NoError(t, err)
		graph[name] = imports{
			code:  inside(p.Imports),
			tests: inside(append(p.TestImports, p.XTestImports...)),
		}
	}
}

// eachFile calls f for every Go file of this module that is no test. Names are
// relative to the module.
func eachFile(t *testing.T, f func(name string, text []byte)) {
	t.Helper()
	root := moduleRoot(t)
	for _, name := range goFiles(t, root) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		f(name, text)
	}
}

// goFiles lists the Go files below a directory. It looks at each, so that go
// test does not take a result from its cache after one of them has changed,
// which it could not know from the go command that list runs.
func goFiles(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		if _, err := os.Stat(path); err != nil {
			return err
		}
		path, err = filepath.Rel(root, path)
		all = append(all, path)
		return err
	})
	require.NoError(t, err)
	return all
}

// moduleRoot returns the directory of go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the test")
		dir = parent
	}
}
