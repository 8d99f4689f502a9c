package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// An image is the file tree of a guest before it becomes an initramfs. Paths are absolute and have no
// /bin, /sbin, /lib or /lib64 of their own: these are links into /usr, as they are in the distributions.
type image struct {
	nodes map[string]node
	libs  []string // folders of shared libraries on the host
}

// A node is one file of an image. Its content is in data or, when host is set, in a file of the host.
type node struct {
	mode cpio.FileMode
	data []byte // for a symbolic link, its target
	host string
}

func newImage() *image {
	m := &image{nodes: map[string]node{}, libs: libraryDirs}
	m.nodes["/"] = node{mode: cpio.TypeDir | 0o755}
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/etc", "/root", "/out", "/var", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu"} {
		m.mkdir(dir)
	}
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		m.nodes[dir] = node{mode: cpio.TypeSymlink | 0o777, data: []byte("usr" + dir)}
	}
	m.nodes["/tmp"] = node{mode: cpio.TypeDir | 0o1777}
	m.nodes["/var/tmp"] = node{mode: cpio.TypeDir | 0o1777}
	m.nodes["/var/run"] = node{mode: cpio.TypeSymlink | 0o777, data: []byte("../run")}
	m.write("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n")
	m.write("/etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n")
	m.write("/etc/hosts", 0o644, "127.0.0.1\tlocalhost guest\n::1\tlocalhost ip6-localhost\n")
	m.write("/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n")
	return m
}

// add puts a file or a folder of the host into the image, links in folders as links, and with every
// dynamic ELF file what it needs to run.
func (m *image) add(host, guest string) error {
	real, err := filepath.EvalSymlinks(host)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return m.addFile(real, guest, info)
	}
	return filepath.WalkDir(real, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		at := path.Join(guest, strings.TrimPrefix(name, real))
		switch {
		case entry.IsDir():
			m.mkdir(at)
		case info.Mode().IsRegular():
			return m.addFile(name, at, info)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			m.symlink(at, target)
		}
		return nil
	})
}

func (m *image) addFile(host, guest string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a folder", host)
	}
	guest = m.place(guest)
	if old, ok := m.nodes[guest]; ok && old.host == host {
		return nil
	}
	m.nodes[guest] = node{mode: cpio.TypeReg | cpio.FileMode(info.Mode().Perm()), host: host}
	shared, err := sharedFiles(host, m.libs)
	if err != nil {
		return err
	}
	for _, lib := range shared {
		if err := m.add(lib, lib); err != nil {
			return err
		}
	}
	return m.addInterpreter(host)
}

// addInterpreter adds the program that a script names in its first line, where the host has it.
func (m *image) addInterpreter(host string) error {
	f, err := os.Open(host)
	if err != nil {
		return err
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, 256).ReadString('\n')
	command, ok := strings.CutPrefix(line, "#!")
	if err != nil || !ok {
		return nil
	}
	for _, word := range strings.Fields(command) {
		if !filepath.IsAbs(word) {
			break
		}
		if err := m.add(word, word); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// write puts a file with this content into the image.
func (m *image) write(guest string, perm cpio.FileMode, content string) {
	m.nodes[m.place(guest)] = node{mode: cpio.TypeReg | perm, data: []byte(content)}
}

func (m *image) symlink(guest, target string) {
	m.nodes[m.place(guest)] = node{mode: cpio.TypeSymlink | 0o777, data: []byte(target)}
}

// mkdir makes a folder and those above it.
func (m *image) mkdir(guest string) {
	guest = m.resolve(guest)
	for ; guest != "/"; guest = path.Dir(guest) {
		if _, ok := m.nodes[guest]; !ok {
			m.nodes[guest] = node{mode: cpio.TypeDir | 0o755}
		}
	}
}

func (m *image) has(guest string) bool {
	_, ok := m.nodes[m.resolve(guest)]
	return ok
}

// place returns the path under which a new node goes, and makes the folders above it.
func (m *image) place(guest string) string {
	guest = m.resolve(guest)
	m.mkdir(path.Dir(guest))
	return guest
}

// resolve cleans a path and leads it into /usr where the image has a link there.
func (m *image) resolve(guest string) string {
	guest = path.Clean("/" + guest)
	first, _, _ := strings.Cut(guest[1:], "/")
	if n := m.nodes["/"+first]; first != strings.TrimPrefix(guest, "/") && n.mode&cpio.ModeType == cpio.TypeSymlink {
		return path.Join("/", string(n.data), strings.TrimPrefix(guest, "/"+first))
	}
	return guest
}

// archive writes the image as an uncompressed newc archive: to unpack one would cost an emulated
// processor more than to copy it.
func (m *image) archive(w io.Writer) error {
	paths := make([]string, 0, len(m.nodes))
	for name := range m.nodes {
		paths = append(paths, name)
	}
	slices.Sort(paths) // folders come before what is in them
	buffered := bufio.NewWriterSize(w, 1<<20)
	out := cpio.NewWriter(buffered)
	for _, name := range paths {
		if err := m.nodes[name].archive(out, name); err != nil {
			return fmt.Errorf("add %s to the initramfs: %w", name, err)
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

func (n node) archive(out *cpio.Writer, name string) error {
	header := &cpio.Header{Name: strings.TrimPrefix(name, "/"), Mode: n.mode, Links: 1}
	if name == "/" {
		header.Name = "."
	}
	if n.mode&cpio.ModeType == cpio.TypeDir {
		header.Links = 2
		return out.WriteHeader(header)
	}
	content := io.Reader(bytes.NewReader(n.data))
	header.Size = int64(len(n.data))
	if n.host != "" {
		f, err := os.Open(n.host)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		content, header.Size = io.LimitReader(f, info.Size()), info.Size()
	}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}
