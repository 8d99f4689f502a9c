package httpauth

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A profile is what one or several files in the format of krb5.conf say:
//
//	[section]
//	    tag = value
//	    tag = {
//	        tag = value
//	    }
//	include FILE
//	includedir DIRECTORY
//
// It maps the path of each tag, such as "realms", "EXAMPLE.COM", "kdc", joined by
// NUL, to its values in the order of the files. The library for Kerberos has a
// reader of its own, which follows no include, lets a second [realms] replace the
// first, and panics on nested braces.
type profile map[string][]string

const (
	maxProfileFile  = 1 << 20
	maxProfileDepth = 10
)

// readProfile reads a list of files separated by colons, of which those that do
// not exist are passed over as long as one does.
func readProfile(paths string) (profile, error) {
	p := make(profile)
	var missing error
	read := false
	for path := range strings.SplitSeq(paths, ":") {
		switch err := p.readFile(path, 0); {
		case err == nil:
			read = true
		case os.IsNotExist(err):
			missing = err
		default:
			return nil, err
		}
	}
	if !read {
		return nil, missing
	}
	return p, nil
}

func (p profile) readFile(path string, depth int) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxProfileFile {
		return fmt.Errorf("%s: larger than %d bytes", path, maxProfileFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return p.parse(path, string(text), func(directive, target string) error {
		if depth == maxProfileDepth {
			return fmt.Errorf("%s: files include one another too deeply", path)
		}
		if directive == "include" {
			return p.readFile(target, depth+1)
		}
		return p.readDir(target, depth+1)
	})
}

// readDir reads the files of a directory whose names MIT Kerberos would take.
func (p profile) readDir(dir string, depth int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		odd := strings.ContainsFunc(name, func(r rune) bool { return r != '-' && r != '_' && (r > 'z' || !isWord(byte(r))) })
		if strings.HasPrefix(name, ".") || odd && !strings.HasSuffix(name, ".conf") {
			continue
		}
		if err := p.readFile(filepath.Join(dir, name), depth); err != nil {
			return err
		}
	}
	return nil
}

// parse adds the tags of text. name is for errors; include is called for the
// directives include and includedir.
func (p profile) parse(name, text string, include func(directive, target string) error) error {
	var path []string // section and the tags of open braces
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		fail := func(reason string) error { return fmt.Errorf("%s:%d: %s", name, number, reason) }
		directive, target, _ := strings.Cut(line, " ")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case directive == "module":
		case directive == "include" || directive == "includedir":
			if err := include(directive, strings.TrimSpace(target)); err != nil {
				return fail(err.Error())
			}
		case line[0] == '[':
			section, _, ok := strings.Cut(line[1:], "]")
			if !ok {
				return fail("section without ]")
			}
			path = []string{section}
		case line[0] == '}':
			if len(path) < 2 {
				return fail("} without {")
			}
			path = path[:len(path)-1]
		default:
			tag, value, ok := strings.Cut(line, "=")
			tag, value = strings.TrimSuffix(strings.TrimSpace(tag), "*"), strings.TrimSpace(value)
			switch {
			case !ok:
				return fail("want tag = value")
			case len(path) == 0:
				return fail("a tag before the first [section]")
			case value == "{":
				path = append(slices.Clip(path), tag)
			default:
				key := strings.Join(append(slices.Clip(path), tag), "\x00")
				p[key] = append(p[key], unquote(value))
			}
		}
	}
	return nil
}

// first returns the first value of a tag, or "".
func (p profile) first(path ...string) string {
	if values := p[strings.Join(path, "\x00")]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// all returns the values of a tag.
func (p profile) all(path ...string) []string { return p[strings.Join(path, "\x00")] }

// unquote removes quotes around a value, or what looks like a comment behind it.
func unquote(value string) string {
	if rest, ok := strings.CutPrefix(value, `"`); ok {
		if inner, _, ok := strings.Cut(rest, `"`); ok {
			return inner
		}
	}
	for _, mark := range []string{" #", "\t#", " ;", "\t;"} {
		value, _, _ = strings.Cut(value, mark)
	}
	return strings.TrimSpace(value)
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
