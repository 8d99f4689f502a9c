package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// isInit says whether this process is the first of a guest. A container's first process is called otherwise.
func isInit() bool { return os.Getpid() == 1 && os.Args[0] == guestInit }

// runInit is the first process of a guest. It never returns: the kernel would panic.
func runInit() {
	if err := serveHost(); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err) // to the console
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// serveHost does the job, up to the moment when the host has nothing more to say.
func serveHost() error {
	if err := mountAll(); err != nil {
		return err
	}
	text, err := os.ReadFile(guestJob)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("read %s: %w", guestJob, err)
	}
	if err := loadModules(j.Port); err != nil {
		return err
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	l := newLink(port)
	if err := l.w.write(kindHello, 0, nil); err != nil {
		return err
	}
	f, err := readFrame(l.r)
	if err != nil {
		return err
	}
	if f.kind != kindStart || len(f.payload) != 8 {
		return fmt.Errorf("%w: expected the start", errFrame)
	}
	code, err := runJob(&j, l, time.Unix(0, int64(binary.BigEndian.Uint64(f.payload))))
	var message string
	if err != nil {
		message = err.Error()[:min(len(err.Error()), maxPayload)]
	}
	if err := l.w.write(kindExit, byte(code), []byte(message)); err != nil {
		return err
	}
	time.Sleep(10 * time.Second) // the host ends us as soon as it has all
	return nil
}

// runJob prepares the guest, runs the program, and sends all that it leaves behind.
func runJob(j *job, l *link, now time.Time) (int, error) {
	defer func() {
		for _, id := range []byte{streamStdout, streamStderr, streamOut} {
			_ = l.outgoing[id].Close() // a lost link ends the guest anyway
		}
	}()
	if err := prepare(j, now); err != nil {
		return exitFault, err
	}
	program, pipes, err := startProgram(j)
	if err != nil {
		code := exitNotRunnable
		if errors.Is(err, fs.ErrNotExist) {
			code = exitNotFound
		}
		return code, err
	}
	go func() {
		_, err := io.Copy(pipes.stdin, l.incoming[streamStdin])
		pipes.stdin.Close()
		if err != nil { // the program reads no more
			_, _ = io.Copy(io.Discard, l.incoming[streamStdin])
		}
	}()
	go func() {
		_ = l.serve(func(f frame) (bool, error) {
			if f.kind != kindSignal {
				return false, fmt.Errorf("%w: %d from the host", errFrame, f.kind)
			}
			_ = unix.Kill(program, unix.Signal(f.arg)) // it may have ended
			return false, nil
		})
	}()
	var sending sync.WaitGroup
	sending.Go(func() { _, _ = io.Copy(l.outgoing[streamStdout], pipes.stdout) })
	sending.Go(func() { _, _ = io.Copy(l.outgoing[streamStderr], pipes.stderr) })
	status, err := reap(program)
	if err != nil {
		return exitFault, err
	}
	_ = unix.Kill(-1, unix.SIGKILL) // whoever is left holds the pipes open
	sending.Wait()
	if j.Out {
		if err := pack(l.outgoing[streamOut], guestOut); err != nil {
			return exitFault, err
		}
	}
	return exitCode(status), nil
}

// reap waits for the program, and on the way for every process that lost its parent.
func reap(program int) (syscall.WaitStatus, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil && err != syscall.EINTR {
			return 0, fmt.Errorf("wait for the program: %w", err)
		}
		if pid == program {
			return status, nil
		}
	}
}

// programPipes are init's ends of the pipes to the program.
type programPipes struct{ stdin, stdout, stderr *os.File }

func startProgram(j *job) (pid int, p programPipes, err error) {
	var theirs [3]*os.File
	ours := [3]**os.File{&p.stdin, &p.stdout, &p.stderr}
	for i := range theirs {
		r, w, err := os.Pipe()
		if err != nil {
			return 0, p, err
		}
		if i == 0 {
			theirs[i], *ours[i] = r, w
		} else {
			theirs[i], *ours[i] = w, r
		}
	}
	process, err := os.StartProcess(j.Args[0], j.Args, &os.ProcAttr{
		Dir:   j.Dir,
		Env:   environment(j.Env),
		Files: theirs[:],
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		return 0, p, err
	}
	return process.Pid, p, nil
}

// environment is the program's: the usual few variables, then those of -env.
func environment(extra []string) []string {
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root", "TMPDIR=/tmp", "LC_ALL=C.UTF-8",
		outVariable + "=" + guestOut, whereVariable + "=" + whereQEMU,
	}
	for _, e := range extra {
		name, _, _ := strings.Cut(e, "=")
		for i := range env {
			if strings.HasPrefix(env[i], name+"=") {
				env = append(env[:i], env[i+1:]...)
				break
			}
		}
		env = append(env, e)
	}
	return env
}

// mountAll mounts what a program expects to find. Folders which the image has filled stay as they are.
func mountAll() error {
	for _, m := range []struct{ kind, at, options string }{
		{"devtmpfs", "/dev", "mode=0755"},
		{"devpts", "/dev/pts", "mode=0620,ptmxmode=0666"},
		{"tmpfs", "/dev/shm", "mode=1777"},
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"tmpfs", "/run", "mode=0755"},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", guestOut, "mode=1777"},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		entries, err := os.ReadDir(m.at)
		if err != nil {
			return err
		}
		if m.kind == "tmpfs" && len(entries) > 0 {
			continue
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	for name, target := range map[string]string{
		"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// prepare makes the guest a place to run programs in.
func prepare(j *job, now time.Time) error {
	clock := unix.NsecToTimespec(now.UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &clock); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	if err := unix.Sethostname([]byte("guest")); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	// Through package syscall, which else gives a child the limit this process began with.
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 65536, Max: 1 << 20}); err != nil {
		return fmt.Errorf("set the limit of open files: %w", err)
	}
	return loadModules(j.Modules)
}

// loadModules loads modules in this order. Those that are there already, and those that need hardware
// which is not, are no fault.
func loadModules(paths []string) error {
	for _, path := range paths {
		if err := loadModule(path); err != nil && !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// openPort opens the port to the host, which may take the kernel a moment to find.
func openPort() (*os.File, error) {
	for range 1000 {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, file := range names {
			name, err := os.ReadFile(file)
			if err == nil && strings.TrimSpace(string(name)) == portName {
				return os.OpenFile(filepath.Join("/dev", filepath.Base(filepath.Dir(file))), os.O_RDWR, 0)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, fmt.Errorf("no virtio port named %s", portName)
}

// loopbackUp sets the loopback interface of the current network namespace up.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}
