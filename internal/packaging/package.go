package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// build makes the package and returns its path.
func build(ctx context.Context, o options) (string, error) {
	b, err := readBinary(o.binary)
	if err != nil {
		return "", err
	}
	version := o.version
	if version == "" {
		if version, err = debian(b.version); err != nil {
			return "", err
		}
	}
	if !debianVersion.MatchString(version) {
		return "", fmt.Errorf("-version %q is no version in Debian's sense: it begins with a digit, and holds letters, digits and . + ~", version)
	}
	at, err := b.epoch()
	if err != nil {
		return "", err
	}
	all, err := contents(o.tree)
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(o.binary)
	if err != nil {
		return "", err
	}
	licences, err := copyright(ctx, o.tree, b.modules)
	if err != nil {
		return "", err
	}
	all = append(all,
		file{programPath, 0o755, program},
		file{docs + "copyright", 0o644, licences},
		file{docs + "changelog.gz", 0o644, compress(changelog(b, version, o.maintainer, at))})
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.path, b.path) })

	meta, err := control(b, version, o.maintainer, all)
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "packaging-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	root := filepath.Join(work, "root")
	if err := stage(root, all, meta, at); err != nil {
		return "", err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return "", err
	}
	name := fmt.Sprintf("telegraf-ipvs_%s_%s.deb", version, b.architecture)
	return filepath.Join(o.out, name), pack(ctx, root, filepath.Join(o.out, name), o.level, at)
}

// stage writes the files of the package, and dpkg's own, below root. Modes are the
// package's, whatever the umask, and times are all the same.
func stage(root string, all, meta []file, at time.Time) error {
	for i, m := range meta {
		meta[i].path = "DEBIAN/" + m.path
	}
	list := slices.Concat(all, meta)
	dirs := append([]string{""}, directories(list)...)
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, f := range list {
		path := filepath.Join(root, f.path)
		if err := os.WriteFile(path, f.data, f.mode); err != nil {
			return err
		}
		if err := settle(path, f.mode, at); err != nil {
			return err
		}
	}
	for _, dir := range slices.Backward(dirs) {
		if err := settle(filepath.Join(root, dir), directoryMode(dir), at); err != nil {
			return err
		}
	}
	return nil
}

func settle(path string, mode fs.FileMode, at time.Time) error {
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return os.Chtimes(path, at, at)
}

// pack runs dpkg-deb, into a file that gets its name when it is whole. One thread,
// as xz writes other bytes with several.
func pack(ctx context.Context, root, path string, level int, at time.Time) error {
	part := path + ".part"
	defer os.Remove(part)
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--root-owner-group", "-Zxz", fmt.Sprintf("-z%d", level), "--build", root, part)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DPKG_DEB_THREADS_MAX=1", fmt.Sprintf("SOURCE_DATE_EPOCH=%d", at.Unix()))
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb: %w: %s", err, bytes.TrimSpace(text))
	}
	return os.Rename(part, path)
}
