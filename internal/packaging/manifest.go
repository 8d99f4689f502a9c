package main

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	programPath = "usr/bin/telegraf-ipvs"
	docs        = "usr/share/doc/telegraf-ipvs/"
	examples    = docs + "examples/"
)

//go:embed units man debian
var own embed.FS

// owned says where the files beside this source go.
//
// Units are below /usr. In Debian 12, whose own packages still say /lib, that is a
// link to /usr/lib, and from 13 on they all say /usr/lib. So one package suits both.
var owned = []struct {
	from, to string
	zip      bool
}{
	{"units/telegraf-ipvs.service", "usr/lib/systemd/system/telegraf-ipvs.service", false},
	{"units/telegraf-ipvs.conf", examples + "telegraf.service.d/telegraf-ipvs.conf", false},
	{"debian/sysusers.conf", "usr/lib/sysusers.d/telegraf-ipvs.conf", false},
	{"debian/tmpfiles.conf", "usr/lib/tmpfiles.d/telegraf-ipvs.conf", false},
	{"debian/lintian-overrides", "usr/share/lintian/overrides/telegraf-ipvs", false},
	{"debian/ipvs.conf", "etc/telegraf-ipvs/ipvs.conf", false},
	{"man/telegraf-ipvs.1", "usr/share/man/man1/telegraf-ipvs.1.gz", true},
}

// shown says which of the tree's files go where: documents, which are compressed,
// and examples, which are not. A pattern that matches nothing is an error.
var shown = []struct {
	from string // as path.Match has it; "**" at the end means all below
	to   string // directory
	keep string // this much of the beginning of the name is left out
	zip  bool
}{
	{"README.md", docs, "", true},
	{"plugins/*/*/README.md", docs, "", true},
	{"sample.conf", examples, "", false},
	{"plugins/outputs/http/*.conf", examples + "outputs-http/", "plugins/outputs/http/", false},
	{"testdata/scenarios/**", examples + "scenarios/", "testdata/scenarios/", false},
}

// A file is one of the package.
type file struct {
	path string // without "/" at the beginning
	mode fs.FileMode
	data []byte
}

// contents reads all files but the program from the tree and from this program.
func contents(tree string) ([]file, error) {
	var all []file
	add := func(name string, mode fs.FileMode, data []byte, zip bool) {
		if zip {
			data, name = compress(data), strings.TrimSuffix(name, ".gz")+".gz"
		}
		all = append(all, file{name, mode, data})
	}
	for _, o := range owned {
		data, err := own.ReadFile(o.from)
		if err != nil {
			return nil, err
		}
		add(o.to, 0o644, data, o.zip)
	}
	for _, s := range shown {
		names, err := match(os.DirFS(tree), s.from)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%s holds no %s: name the source tree with -tree", tree, s.from)
		}
		for _, name := range names {
			from := filepath.Join(tree, filepath.FromSlash(name))
			info, err := os.Stat(from)
			if err != nil {
				return nil, err
			}
			data, err := os.ReadFile(from)
			if err != nil {
				return nil, err
			}
			mode := fs.FileMode(0o644)
			if info.Mode()&0o100 != 0 {
				mode = 0o755
			}
			add(s.to+strings.TrimPrefix(name, s.keep), mode, data, s.zip)
		}
	}
	return all, nil
}

// match returns the files of a tree that a pattern of shown stands for.
func match(tree fs.FS, pattern string) ([]string, error) {
	top, deep := strings.CutSuffix(pattern, "/**")
	if !deep {
		return fs.Glob(tree, pattern)
	}
	var names []string
	err := fs.WalkDir(tree, top, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(name, ".go") || strings.HasPrefix(path.Base(name), ".") {
			return nil
		}
		names = append(names, name)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// compress is gzip with neither name nor time in it.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic("packaging: " + err.Error())
	}
	_, _ = w.Write(data) // into memory
	_ = w.Close()
	return b.Bytes()
}
