package debian

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A source is one entry of apt's sources, see sources.list(5).
type source struct {
	uris    []string
	suites  []string
	options []option // Signed-By and the like, under their deb822 names
}

type option struct{ name, value string }

// readSources reads the machine's own apt sources below dir, which is /etc/apt.
func readSources(dir string) ([]source, error) {
	lists, err := filepath.Glob(filepath.Join(dir, "sources.list.d", "*"))
	if err != nil {
		return nil, err
	}
	var sources []source
	for _, file := range append([]string{filepath.Join(dir, "sources.list")}, lists...) {
		var parse func(io.Reader) ([]source, error)
		switch filepath.Ext(file) {
		case ".list":
			parse = parseOneLine
		case ".sources":
			parse = parseDeb822
		default:
			continue
		}
		f, err := os.Open(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found, err := parse(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		sources = append(sources, found...)
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("no apt source of binary packages in %s: %w", dir, fs.ErrNotExist)
	}
	return sources, nil
}

// parseOneLine reads the format "deb [option=value ...] URI suite component...".
func parseOneLine(r io.Reader) ([]source, error) {
	var sources []source
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || rest == "" || !strings.ContainsAny(rest[:1], " \t") {
			continue
		}
		var s source
		rest = strings.TrimSpace(rest)
		if list, ok := strings.CutPrefix(rest, "["); ok {
			list, rest, ok = strings.Cut(list, "]")
			if !ok {
				return nil, fmt.Errorf("no ] in %q", lines.Text())
			}
			for _, word := range strings.Fields(list) {
				name, value, _ := strings.Cut(word, "=")
				s.setOption(strings.TrimRight(name, "+-"), strings.ReplaceAll(value, ",", " "))
			}
		}
		words := strings.Fields(rest)
		if len(words) < 2 {
			return nil, fmt.Errorf("no suite in %q", lines.Text())
		}
		s.uris, s.suites = words[:1], words[1:2]
		sources = append(sources, s)
	}
	return sources, lines.Err()
}

// parseDeb822 reads stanzas of "Field: value", whose values go on in indented lines.
func parseDeb822(r io.Reader) ([]source, error) {
	var (
		sources []source
		fields  []option
	)
	flush := func() {
		if s, ok := newSource(fields); ok {
			sources = append(sources, s)
		}
		fields = nil
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			if len(fields) == 0 {
				return nil, fmt.Errorf("%q belongs to no field", line)
			}
			fields[len(fields)-1].value += "\n" + line
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return nil, fmt.Errorf("no colon in %q", line)
			}
			fields = append(fields, option{name, strings.TrimSpace(value)})
		}
	}
	flush()
	return sources, lines.Err()
}

// newSource makes a source of a stanza, and says whether it is an enabled one of binary packages.
func newSource(fields []option) (source, bool) {
	var s source
	binary, enabled := false, true
	for _, f := range fields {
		switch strings.ToLower(f.name) {
		case "types":
			binary = slices.Contains(strings.Fields(f.value), "deb")
		case "enabled":
			enabled = !slices.Contains([]string{"no", "false", "without", "off", "disable", "0"}, strings.ToLower(f.value))
		case "uris":
			s.uris = strings.Fields(f.value)
		case "suites":
			s.suites = strings.Fields(f.value)
		default:
			s.setOption(f.name, f.value)
		}
	}
	return s, binary && enabled && len(s.uris) > 0 && len(s.suites) > 0
}

// setOption keeps the options that say how to reach and to trust an archive, not those that say what to take from it.
func (s *source) setOption(name, value string) {
	for _, kept := range []string{
		"Signed-By", "Trusted", "Check-Valid-Until", "Check-Date", "Valid-Until-Max", "Valid-Until-Min",
		"Date-Max-Future", "Allow-Insecure", "Allow-Weak", "InRelease-Path", "By-Hash",
	} {
		if strings.EqualFold(name, kept) {
			s.options = append(s.options, option{kept, value})
		}
	}
}

// stanza writes the source for other suites of its archive.
func (s source) stanza(suites ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: amd64\n",
		strings.Join(s.uris, " "), strings.Join(suites, " "))
	for _, o := range s.options {
		fmt.Fprintf(&b, "%s: %s\n", o.name, o.value)
	}
	b.WriteString("\n")
	return b.String()
}

// debianNames are the names of Debian's releases and of what they are at present.
var debianNames = []string{
	"bullseye", "bookworm", "trixie", "forky", "duke", "sid",
	"oldoldstable", "oldstable", "stable", "testing", "unstable", "experimental", "rc-buggy",
}

// archives picks the sources that are Debian's, by the names of their suites: the main archives and
// those of security updates, each archive once.
func archives(sources []source) (main, security []source) {
	seen := map[string]bool{}
	for _, s := range sources {
		for _, suite := range s.suites {
			base, kind := suite, ""
			for _, suffix := range []string{"-security", "/updates", "-updates", "-proposed-updates", "-backports-sloppy", "-backports"} {
				if name, ok := strings.CutSuffix(suite, suffix); ok {
					base, kind = name, suffix
					break
				}
			}
			isSecurity := kind == "-security" || kind == "/updates"
			id := fmt.Sprint(s.uris, isSecurity)
			if !slices.Contains(debianNames, base) || seen[id] {
				continue
			}
			seen[id] = true
			if isSecurity {
				security = append(security, s)
			} else {
				main = append(main, s)
			}
		}
	}
	return main, security
}
