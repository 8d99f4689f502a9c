package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"telegraf-ipvs/internal/debian"
)

// tools are programs of the host which a guest gets where the host has them.
var tools = []string{"ipvsadm", "ip"}

// newGuestImage gathers all that a guest of this kernel needs to run the program of o.
func newGuestImage(o *options, k kernel) (*image, error) {
	m := newImage()
	if err := m.add("/proc/self/exe", guestInit); err != nil {
		return nil, err
	}
	j := job{Env: o.env, Out: o.out != ""}
	if err := addModules(m, &j, k, o); err != nil {
		return nil, err
	}
	if err := addTools(m); err != nil {
		return nil, err
	}
	for _, a := range o.add {
		if err := m.add(a.host, a.guest); err != nil {
			return nil, fmt.Errorf("-add: %w", err)
		}
	}
	if err := addFolder(m, &j); err != nil {
		return nil, err
	}
	if err := addProgram(m, &j, o.program); err != nil {
		return nil, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	m.write(guestJob, 0o600, string(text))
	return m, nil
}

// addModules adds the modules of a guest and depmod's files about them, and notes what to load.
func addModules(m *image, j *job, k kernel, o *options) error {
	x, err := openModules(k.modules)
	if err != nil {
		return err
	}
	dir := path.Join("/usr/lib/modules", k.release)
	ports, err := x.closure(x.match(portModules...)...)
	if err != nil {
		return err
	}
	var wanted []string
	switch o.load {
	case loadUsual:
		wanted = x.match(usualModules...)
	case loadNone:
	default:
		wanted = strings.FieldsFunc(o.load, func(r rune) bool { return r == ',' || r == ' ' })
	}
	load, err := x.closure(wanted...)
	if err != nil {
		return fmt.Errorf("-load: %w", err)
	}
	spare, err := x.closure(x.match(spareModules...)...)
	if err != nil {
		return err
	}
	for _, file := range slices.Concat(ports, load, spare) {
		if err := m.add(filepath.Join(x.dir, file), path.Join(dir, file)); err != nil {
			return err
		}
	}
	indexes, err := filepath.Glob(filepath.Join(x.dir, "modules.*"))
	if err != nil {
		return err
	}
	for _, file := range indexes {
		if err := m.add(file, path.Join(dir, filepath.Base(file))); err != nil {
			return err
		}
	}
	for _, file := range ports {
		j.Port = append(j.Port, path.Join(dir, file))
	}
	for _, file := range load {
		j.Modules = append(j.Modules, path.Join(dir, file))
	}
	return nil
}

// addTools adds the programs that change modules, addresses and virtual servers.
func addTools(m *image) error {
	kmod, err := debian.FindTool("kmod", "kmod")
	if err != nil {
		return err
	}
	if err := m.add(kmod, "/bin/kmod"); err != nil {
		return err
	}
	for _, name := range []string{"modprobe", "lsmod", "insmod", "rmmod", "modinfo", "depmod"} {
		m.symlink("/sbin/"+name, "../bin/kmod")
	}
	for _, name := range tools {
		host, err := debian.FindTool(name, "")
		if err != nil {
			continue
		}
		if err := m.add(host, "/sbin/"+name); err != nil {
			return err
		}
	}
	return nil
}

// addFolder makes the caller's current folder in the guest, with its testdata.
func addFolder(m *image, j *job) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	j.Dir = dir
	m.mkdir(dir)
	testdata := filepath.Join(dir, "testdata")
	if err := m.add(testdata, testdata); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// addProgram adds the program, unless an absolute path names a file which the guest has and the host has not.
func addProgram(m *image, j *job, args []string) error {
	host, err := exec.LookPath(args[0])
	if err != nil {
		if filepath.IsAbs(args[0]) && m.has(args[0]) {
			j.Args = args
			return nil
		}
		code := exitNotRunnable
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			code = exitNotFound
		}
		return &exitError{code, err}
	}
	guest := path.Join(programDir, filepath.Base(host))
	if err := m.add(host, guest); err != nil {
		return err
	}
	j.Args = append([]string{guest}, args[1:]...)
	return nil
}
