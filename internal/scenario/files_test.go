package scenario

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/agent"
	"telegraf-ipvs/internal/httpauth/pkitest"
	"telegraf-ipvs/internal/telegraftest"
)

const (
	folders = "../../testdata/scenarios"
	stock   = "../../plugins/outputs/http" // configurations for Telegraf alone
)

// Configurations are this program's own, but for these.
var (
	telegrafs = []string{"telegraf.conf", "edge.conf"}
	foreign   = []string{"mosquitto.conf", "nats-server.conf"}
)

// TestFiles looks after what no single scenario does: that every file is used by a test, and that Telegraf and the program take
// every configuration as it stands.
func TestFiles(t *testing.T) {
	used := usedFiles(t, ".")
	for _, scenario := range scenarios(t) {
		t.Run(scenario.Name(), func(t *testing.T) {
			require.True(t, scenario.IsDir(), "a file beside the scenarios")
			dir := filepath.Join(folders, scenario.Name())
			require.FileExists(t, filepath.Join(dir, "telegraf.conf"))
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			for _, file := range files {
				require.True(t, file.Type().IsRegular(), "%s is no file", file.Name())
				require.True(t, slices.Contains(used[scenario.Name()], file.Name()),
					"no test calls text(t, %q, %q), path, or a function with that file's name", scenario.Name(), file.Name())
				checkFile(t, filepath.Join(dir, file.Name()))
			}
		})
	}
}

func scenarios(t *testing.T) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(folders)
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

// TestFound checks that people find each scenario.
func TestFound(t *testing.T) {
	_, section, _ := strings.Cut(read("../../README.md"), "\n## Use cases\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, scenario := range scenarios(t) {
		link := "](testdata/scenarios/" + scenario.Name() + ")"
		require.True(t, strings.Contains(section, link), "the section \"Use cases\" of README.md has no %s", link)
	}
}

// TestStockFiles does the same for the configurations in plugins/outputs/http.
func TestStockFiles(t *testing.T) {
	list, err := filepath.Glob(filepath.Join(stock, "*.conf"))
	require.NoError(t, err)
	require.NotEmpty(t, list)
	inTests := identifiers(t, stock)
	for _, file := range list {
		t.Run(filepath.Base(file), func(t *testing.T) {
			embedded := regexp.MustCompile(`//go:embed ` + regexp.QuoteMeta(filepath.Base(file)) + `\nvar (\w+) string`).FindStringSubmatch(read(filepath.Join(stock, "doc.go")))
			require.NotNil(t, embedded, "doc.go does not embed it")
			require.True(t, slices.Contains(inTests, embedded[1]), "no test there uses %s", embedded[1])
			checkTelegraf(t, file)
		})
	}
}

// checkFile checks a file of a scenario by itself.
func checkFile(t *testing.T, file string) {
	t.Helper()
	name := filepath.Base(file)
	switch {
	case slices.Contains(telegrafs, name):
		checkTelegraf(t, file)
		checkNames(t, file)
	case filepath.Ext(name) == ".conf" && !slices.Contains(foreign, name):
		checkOwn(t, file)
	}
}

// checkOwn checks a configuration of the program's own. Certificates that it names are read, and so have to be there.
func checkOwn(t *testing.T, file string) {
	t.Helper()
	content := read(file)
	setVariables(t, content)
	certificates := regexp.MustCompile(`"/etc/[^"]+\.(pem|crt)"`)
	if certificates.MatchString(content) {
		cert, _ := pkitest.Save(t, t.TempDir(), pkitest.New(t, "authority").Issue("pi.example.com", nil), time.Time{})
		content = certificates.ReplaceAllString(content, strconv.Quote(cert))
	}
	_, err := agent.LoadConfig(save(t, filepath.Base(file), content))
	require.NoError(t, err)
	checkComments(t, file)
}

// checkTelegraf checks a configuration of Telegraf's.
func checkTelegraf(t *testing.T, file string) {
	t.Helper()
	content := read(file)
	setVariables(t, content)
	config := telegraftest.Load(t, content)
	if strings.Contains(content, "[[processors.") || strings.Contains(content, "[[aggregators.") {
		require.NotEmpty(t, config.Agent().Text("skip_processors_after_aggregators"), "%s: Telegraf 1.40 changes what is not set", file)
	}
	checkComments(t, file)
}

// setVariables sets the environment variables that a configuration wants.
func setVariables(t *testing.T, content string) {
	for _, match := range regexp.MustCompile(`\$\{(\w+)(?::\?[^}]*)?\}`).FindAllStringSubmatch(content, -1) {
		t.Setenv(match[1], "x")
	}
}

// checkNames checks that the files that a telegraf.conf names are there to be copied.
func checkNames(t *testing.T, file string) {
	t.Helper()
	for _, match := range regexp.MustCompile(`["']/etc/telegraf-ipvs/([^"']+\.(?:conf|sh|star))["']`).FindAllStringSubmatch(read(file), -1) {
		require.FileExists(t, filepath.Join(filepath.Dir(file), match[1]), "%s names it", file)
	}
}

// checkComments checks that comments fit into the windows in which people edit such files.
func checkComments(t *testing.T, file string) {
	t.Helper()
	number := 0
	for line := range strings.Lines(read(file)) {
		number++
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 80, "%s:%d", file, number)
		}
	}
}

// usedFiles returns the names that the tests in a folder use, by scenario. A scenario's name comes from calls of text and path.
// A file's name counts where it is an argument, of whatever call, in a file of tests with such a call for the scenario.
func usedFiles(t *testing.T, dir string) map[string][]string {
	t.Helper()
	used := map[string][]string{}
	eachTest(t, dir, func(file *ast.File) {
		var scenarios, names []string
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			var texts []string
			for _, arg := range call.Args {
				if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, err := strconv.Unquote(lit.Value)
					require.NoError(t, err)
					texts = append(texts, text)
				}
			}
			if f, ok := call.Fun.(*ast.Ident); ok && (f.Name == "text" || f.Name == "path") && len(texts) > 0 {
				scenarios = append(scenarios, texts[0])
			}
			names = append(names, texts...)
			return true
		})
		for _, s := range scenarios {
			used[s] = append(used[s], names...)
		}
	})
	return used
}

// identifiers returns those that the tests in a folder have.
func identifiers(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	eachTest(t, dir, func(file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				list = append(list, id.Name)
			}
			return true
		})
	})
	return list
}

func eachTest(t *testing.T, dir string, do func(*ast.File)) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	require.NotEmpty(t, list)
	for _, path := range list {
		if filepath.Base(path) == "files_test.go" && dir == "." { // this file uses none
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		do(file)
	}
}

// TestUsedFiles shows what counts as use.
func TestUsedFiles(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"a": `text(t, "one", "a.conf"); path(t, "one", "b.star"); g.load(t, "c.conf"); other("one", v); use(x["d.conf"])`,
		"b": `text(t, "two", "e.conf", "old", "new"); _ = "f.conf"`,
		"c": `read("two", "g.conf")`,
	} {
		source := fmt.Sprintf("package p\nfunc f() { %s }\n", body)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+"_test.go"), []byte(source), 0o600))
	}
	used := usedFiles(t, dir)
	require.Len(t, used, 2)
	require.Subset(t, used["one"], []string{"a.conf", "b.star", "c.conf"})
	require.Contains(t, used["two"], "e.conf")
	for _, none := range []string{"d.conf", "f.conf", "g.conf"} {
		require.NotContains(t, append(used["one"], used["two"]...), none)
	}
	require.NotContains(t, used["two"], "a.conf")
}
