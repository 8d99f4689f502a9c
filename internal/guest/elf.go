package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// libraryDirs is where the dynamic linkers of the usual distributions look without being told.
var libraryDirs = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib",
}

// A dynamic is what a dynamic ELF file asks for.
type dynamic struct {
	interpreter string   // empty for a library
	needed      []string // names of libraries
	runpath     []string // folders to look in first
}

// readDynamic reads the dynamic section of a file. It returns nil for a static file, for one of
// another machine, and for whatever is no ELF file.
func readDynamic(path string) (*dynamic, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var magic [len(elf.ELFMAG)]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil || string(magic[:]) != elf.ELFMAG {
		return nil, nil
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if e.Class != elf.ELFCLASS64 || e.Machine != elf.EM_X86_64 || e.Type != elf.ET_EXEC && e.Type != elf.ET_DYN {
		return nil, nil
	}
	b := &dynamic{}
	for _, p := range e.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name, err := io.ReadAll(p.Open())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		b.interpreter = strings.TrimRight(string(name), "\x00")
	}
	if b.needed, err = e.ImportedLibraries(); err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, err := e.DynString(tag)
		if err != nil {
			continue
		}
		for _, list := range paths {
			for dir := range strings.SplitSeq(list, ":") {
				dir = strings.ReplaceAll(dir, "${ORIGIN}", "$ORIGIN")
				b.runpath = append(b.runpath, strings.ReplaceAll(dir, "$ORIGIN", filepath.Dir(path)))
			}
		}
	}
	if b.interpreter == "" && len(b.needed) == 0 {
		return nil, nil
	}
	return b, nil
}

// sharedFiles lists the interpreter and all libraries, direct and indirect, which the file at path
// needs, by the paths under which its dynamic linker finds them in dirs.
func sharedFiles(path string, dirs []string) ([]string, error) {
	var (
		files []string
		seen  = map[string]bool{}
		visit func(path string, inherited []string) error
	)
	visit = func(path string, inherited []string) error {
		b, err := readDynamic(path)
		if err != nil || b == nil {
			return err
		}
		if b.interpreter != "" && !seen[b.interpreter] {
			seen[b.interpreter] = true
			files = append(files, b.interpreter)
		}
		runpath := append(b.runpath, inherited...)
		for _, name := range b.needed {
			if seen[name] {
				continue
			}
			seen[name] = true
			lib, err := findLibrary(name, append(runpath[:len(runpath):len(runpath)], dirs...))
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if seen[lib] {
				continue // the interpreter, asked for by name
			}
			files = append(files, lib)
			if err := visit(lib, runpath); err != nil {
				return err
			}
		}
		return nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if err := visit(real, nil); err != nil {
		return nil, err
	}
	return files, nil
}

// findLibrary returns the first file of that name which is a library for this machine.
func findLibrary(name string, dirs []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		fits := f.Class == elf.ELFCLASS64 && f.Machine == elf.EM_X86_64
		f.Close()
		if fits {
			return path, nil
		}
	}
	return "", fmt.Errorf("library %s not found in %s", name, strings.Join(dirs, ", "))
}
