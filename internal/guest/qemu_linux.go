package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/debian"
)

// A machine is a running QEMU.
type machine struct {
	cmd     *exec.Cmd
	port    *os.File // the host's end of the virtio port
	console *console
	exited  chan struct{}
}

// errNoBoot is for a guest that did not report in time; another attempt may well succeed.
var errNoBoot = errors.New("the guest did not come up")

// boot starts machines until one has said hello, two at most. The initramfs is in a file without a name.
func boot(ctx context.Context, o *options, k kernel, initramfs *os.File, console *console) (*machine, *link, error) {
	var err error
	for range 2 {
		var m *machine
		if m, err = startMachine(ctx, o, k, initramfs, console); err != nil {
			return nil, nil, err
		}
		began := time.Now()
		var l *link
		if l, err = m.hello(o.bootTimeout); err == nil {
			return m, l, nil
		}
		m.kill()
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		o.progress("%v, after %v%s", err, time.Since(began).Round(time.Second/10), console.tail())
	}
	return nil, nil, fmt.Errorf("%w, twice%s", err, console.tail())
}

// startMachine starts QEMU, which gets descriptors instead of names for all that it talks to, so that
// nothing is left behind whatever way either process ends.
func startMachine(ctx context.Context, o *options, k kernel, initramfs *os.File, console *console) (*machine, error) {
	qemu, err := debian.FindTool("qemu-system-x86_64", "qemu-system-x86")
	if err != nil {
		return nil, err
	}
	port, guestPort, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer guestPort.Close()
	serial, guestSerial, err := socketPair()
	if err != nil {
		port.Close()
		return nil, err
	}
	defer guestSerial.Close()
	cmd := debian.Command(ctx, qemu, qemuArgs(o, k)...)
	cmd.ExtraFiles = []*os.File{guestPort, guestSerial, initramfs} // descriptors 3, 4, 5
	cmd.Stderr = console
	// A terminal sends an interrupt to the whole group. It is for the program in the guest, not for QEMU.
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		port.Close()
		serial.Close()
		return nil, fmt.Errorf("start qemu: %w", err)
	}
	m := &machine{cmd: cmd, port: port, console: console, exited: make(chan struct{})}
	go func() {
		_, _ = io.Copy(console, serial) // ends with the machine
		serial.Close()
		_ = cmd.Wait() // the way a machine ends says nothing that its port does not
		close(m.exited)
	}()
	return m, nil
}

// processor is all that QEMU can emulate but cmpxchg16b. With it, under QEMU 7.2, kernels from 6.12 on oops in
// their allocator with senseless flags in about every second run, on one processor as on two and whatever the
// model; without it the kernel takes another way, and 61 runs of 63 were good.
const processor = "max,-cx16"

// qemuArgs is the machine: emulated always, because it must work where there is no nested virtualisation.
func qemuArgs(o *options, k kernel) []string {
	parameters := "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic random.trust_cpu=on no_timer_check"
	return []string{
		"-no-user-config", "-nodefaults", "-no-reboot", "-display", "none",
		"-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", processor, "-smp", "2", "-m", strconv.Itoa(o.mem),
		"-kernel", k.vmlinuz, "-initrd", "/proc/self/fd/5", "-append", strings.TrimSpace(parameters + " " + o.append),
		"-chardev", "socket,id=serial,fd=4", "-serial", "chardev:serial",
		"-chardev", "socket,id=port,fd=3",
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=" + portName,
	}
}

// hello waits until the guest has said hello.
func (m *machine) hello(limit time.Duration) (*link, error) {
	if err := m.port.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	l := newLink(m.port)
	f, err := readFrame(l.r)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			err = errors.New("the machine ended")
		}
		return nil, fmt.Errorf("%w: %w", errNoBoot, err)
	}
	if f.kind != kindHello {
		return nil, fmt.Errorf("%w: it said %d first", errNoBoot, f.kind)
	}
	return l, m.port.SetReadDeadline(time.Time{})
}

// kill ends the machine and waits until it has ended.
func (m *machine) kill() {
	_ = m.cmd.Process.Kill() // fails only where it has ended already
	<-m.exited
	m.port.Close()
}

// socketPair makes two connected sockets, the first for use here.
func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), "port"), os.NewFile(uintptr(fds[1]), "port"), nil
}

// memoryFile writes a file that has no name and that a child can open as /proc/self/fd/N.
func memoryFile(write func(io.Writer) error) (*os.File, error) {
	fd, err := unix.MemfdCreate("initramfs", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "initramfs")
	if err := write(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// A console keeps the last of what the guest's kernel and QEMU say, and may show all of it.
type console struct {
	show io.Writer // nil to show nothing

	mu   sync.Mutex
	last []byte
}

const consoleKept = 8 << 10

func (c *console) Write(p []byte) (int, error) {
	if c.show != nil {
		_, _ = c.show.Write(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = append(c.last, p...)
	if extra := len(c.last) - consoleKept; extra > 0 {
		c.last = append(c.last[:0], c.last[extra:]...)
	}
	return len(p), nil
}

// tail returns the last lines for an error message, without what would move the cursor of a terminal.
func (c *console) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	scan := bufio.NewScanner(bytes.NewReader(c.last))
	for scan.Scan() {
		line := strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return -1
		}, scan.Text())
		if line != "" {
			lines = append(lines, "\n  console: "+line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-12):], "")
}
