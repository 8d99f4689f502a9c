package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// hidden are the folders of this machine whose units, and what makes units, would
// set up the real machine: sysctls, modules, devices, mounts.
var hidden = []string{
	"etc/systemd/system", "usr/lib/systemd/system", "usr/local/lib/systemd/system",
	"usr/lib/systemd/system-generators", "usr/lib/environment.d",
}

// targets are those that units refer to by default, with nothing in them.
var targets = []string{"sysinit", "basic", "multi-user", "network-online", "shutdown", "umount", "local-fs"}

// boot is the first process of a machine: it makes a root of this machine's files,
// into which it can write without changing them, and becomes systemd. It returns
// only if that fails.
func boot(dir string) error {
	runtime.LockOSThread() // the control group's namespace is the thread's
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to itself: %w", err)
	}
	root := filepath.Join(dir, "root")
	if err := mountRoot(dir, root); err != nil {
		return err
	}
	if err := ownGroup(root, groupName(dir)); err != nil {
		return err
	}
	for _, h := range hidden {
		if path := filepath.Join(root, h); exists(path) {
			if err := mount("tmpfs", path, "tmpfs", 0, "mode=755"); err != nil {
				return err
			}
		}
	}
	for _, t := range targets {
		text := "[Unit]\nDescription=" + t + "\nDefaultDependencies=no\n"
		if err := os.WriteFile(filepath.Join(root, "usr/lib/systemd/system", t+".target"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	// What keeps packages from starting services in a container is of no use here.
	if err := os.RemoveAll(filepath.Join(root, "usr/sbin/policy-rc.d")); err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(dir, "console"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	for fd := range 3 {
		if err := unix.Dup2(int(console.Fd()), fd); err != nil {
			return err
		}
	}
	if err := enter(root); err != nil {
		return err
	}
	return unix.Exec("/usr/lib/systemd/systemd", []string{"systemd", "--unit=multi-user.target", "--show-status=no", "--log-target=console"},
		[]string{"container=test", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"})
}

// mountRoot mounts the files of this machine below a layer in memory, and what a
// system mounts besides. What is below /proc/sys cannot be written.
func mountRoot(dir, root string) error {
	layers := filepath.Join(dir, "layers")
	if err := mount("tmpfs", layers, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	upper, work := filepath.Join(layers, "upper"), filepath.Join(layers, "work")
	for _, d := range []string{upper, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := mount("overlay", root, "overlay", 0, "lowerdir=/,upperdir="+upper+",workdir="+work); err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(root, name) }
	err := errors.Join(
		mount("proc", in("proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""),
		mount(in("proc/sys"), in("proc/sys"), "", unix.MS_BIND, ""),
		mount("", in("proc/sys"), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""),
		mount("sysfs", in("sys"), "sysfs", unix.MS_RDONLY, ""),
		mount("tmpfs", in("run"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"),
		mount("tmpfs", in("dev"), "tmpfs", unix.MS_NOSUID, "mode=755"),
	)
	if err != nil {
		return err
	}
	for _, d := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := os.WriteFile(in("dev/"+d), nil, 0o666); err != nil {
			return err
		}
		if err := mount("/dev/"+d, in("dev/"+d), "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	if err := os.Mkdir(in("dev/pts"), 0o755); err != nil {
		return err
	}
	return errors.Join(
		mount("devpts", in("dev/pts"), "devpts", 0, "newinstance,ptmxmode=666"),
		os.Symlink("pts/ptmx", in("dev/ptmx")),
		os.Symlink("/proc/self/fd", in("dev/fd")),
		os.Mkdir(in("dev/shm"), 0o1777),
	)
}

// ownGroup moves this process into a control group of its own, and mounts what lies
// below that as if it were all.
func ownGroup(root, name string) error {
	path := filepath.Join(root, "sys/fs/cgroup")
	if err := mount("cgroup2", path, "cgroup2", 0, ""); err != nil {
		return err
	}
	group := filepath.Join(path, currentGroup(), name)
	if err := os.Mkdir(group, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("a namespace for control groups: %w", err)
	}
	if err := unix.Unmount(path, 0); err != nil {
		return err
	}
	return mount("cgroup2", path, "cgroup2", 0, "")
}

// groupName is that of the control group of the machine in a folder of a test. The folder's own name is not, as it is 001
// in every process that runs tests.
func groupName(dir string) string { return filepath.Base(filepath.Dir(dir)) }

// currentGroup is the path of this process in the unified hierarchy.
func currentGroup() string {
	text, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path
		}
	}
	return "/"
}

// enter makes root the root, and lets mounts through to services as a system does.
func enter(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

func mount(source, target, kind string, flags uintptr, options string) error {
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		return &os.PathError{Op: "mount " + kind, Path: target, Err: err}
	}
	return nil
}
