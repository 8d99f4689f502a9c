package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// licenceFile is how modules call the files that have to go with a binary.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|copyright)(\.(md|txt|rst))?$`)

// apache finds the full text of a licence that every Debian system has.
var apache = regexp.MustCompile(`(?s)^\s*Apache License\s+Version 2\.0, January 2004.*END OF TERMS AND CONDITIONS`)

const apacheHere = "The Apache License, Version 2.0, of which Debian systems have the text in\n/usr/share/common-licenses/Apache-2.0.\n"

// copyright tells under which terms the program and all that is linked into it
// may be passed on. Texts that several modules share stand in it once.
func copyright(ctx context.Context, tree string, modules []module) ([]byte, error) {
	ours, err := os.ReadFile(filepath.Join(tree, "LICENSE"))
	if err != nil {
		return nil, fmt.Errorf("%w: name the source tree with -tree", err)
	}
	dirs, err := sources(ctx, tree, modules)
	if err != nil {
		return nil, err
	}
	var order []string             // of texts
	users := map[string][]string{} // by text
	for i, dir := range dirs {
		texts, err := readLicences(dir)
		if err != nil {
			return nil, err
		}
		name := "the Go standard library and runtime"
		if i < len(modules) {
			name = modules[i].path + " " + modules[i].version
		}
		if len(texts) == 0 {
			return nil, fmt.Errorf("%s has no licence in %s: may it be passed on at all?", name, dir)
		}
		for _, text := range texts {
			if users[text] == nil {
				order = append(order, text)
			}
			users[text] = append(users[text], name)
		}
	}
	b := bytes.NewBuffer(nil)
	fmt.Fprintf(b, "telegraf-ipvs, and all files of this package but /%s:\n\n%s", programPath, ours)
	fmt.Fprintf(b, "\n/%s is linked from telegraf-ipvs and from what follows.\n", programPath)
	for _, text := range order {
		fmt.Fprintf(b, "\n%s\n\n%s\n\n%s\n", strings.Repeat("-", 78), strings.Join(users[text], "\n"), strings.TrimSpace(text))
	}
	return b.Bytes(), nil
}

// readLicences returns the texts in a module's directory that have to go with it.
func readLicences(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		texts = append(texts, apache.ReplaceAllString(string(text), apacheHere))
	}
	return texts, nil
}

// sources returns the directory of each module's source, and last that of Go
// itself. They are where the go command has them that linked the program.
func sources(ctx context.Context, tree string, modules []module) ([]string, error) {
	args := []string{"list", "-m", "-json"}
	for _, m := range modules {
		args = append(args, m.path+"@"+m.version)
	}
	var dirs []string
	if len(modules) > 0 {
		text, err := goCommand(ctx, tree, args...)
		if err != nil {
			return nil, err
		}
		found := map[module]string{}
		for dec := json.NewDecoder(bytes.NewReader(text)); ; {
			var m struct{ Path, Version, Dir string }
			if err := dec.Decode(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("read what the go command says of modules: %w", err)
			}
			found[module{m.Path, m.Version}] = m.Dir
		}
		for _, m := range modules {
			dir := found[m]
			if dir == "" {
				return nil, fmt.Errorf("the source of %s %s is not on this machine: \"go mod download\" gets it", m.path, m.version)
			}
			dirs = append(dirs, dir)
		}
	}
	root, err := goCommand(ctx, tree, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	dir := strings.TrimSpace(string(root))
	if _, err := os.Stat(filepath.Join(dir, "LICENSE")); errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Dir(dir) // where distributions keep it
	}
	return append(dirs, dir), nil
}

func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return text, nil
}
