package ipvstest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/ipvs"
)

// A Fault says how to answer one request. Its zero value is a good answer.
type Fault struct {
	Silent bool          // no answer at all
	Refuse syscall.Errno // an error message instead of the answer
	Done   syscall.Errno // this code in the message that ends the dump

	// Before is called before the n-th datagram is made, so that the table can
	// change in the midst of a dump.
	Before func(n int)
	// Edit changes the n-th datagram before it is sent; nil drops it.
	Edit func(n int, datagram []byte) []byte
}

// A Kernel is the fake. Its methods are safe for concurrent use, also while
// clients read.
type Kernel struct {
	tb     testing.TB
	module string

	mu       sync.Mutex // guards all below
	table    Table
	hook     func(Request) Fault
	requests []Request
	opened   int
	open     map[int]struct{} // server ends
	closed   bool
	frozen   map[string][][]byte // answers by request with sequence and port 0

	servers sync.WaitGroup
}

// New returns a fake with the given services and a loaded module. It ends with
// the test.
func New(tb testing.TB, services ...Service) *Kernel {
	tb.Helper()
	k := &Kernel{
		tb:     tb,
		module: filepath.Join(tb.TempDir(), "ip_vs"),
		open:   map[int]struct{}{},
		table: Table{
			Services:    services,
			Info:        ipvs.Info{Version: 0x010201, ConnTabSize: 4096},
			Timeouts:    ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300},
			Family:      0x22,
			PerDatagram: 10,
		},
	}
	k.LoadModule(true)
	tb.Cleanup(k.close)
	return k
}

// Config returns the configuration of a client that reads the fake.
func (k *Kernel) Config() ipvs.Config {
	return ipvs.Config{Socket: k.Socket, ModuleFile: k.module, Timeout: 10 * time.Second}
}

// LoadModule makes the module's file appear or vanish.
func (k *Kernel) LoadModule(loaded bool) {
	k.tb.Helper()
	var err error
	if loaded {
		err = os.WriteFile(k.module, nil, 0o444)
	} else {
		err = os.Remove(k.module)
	}
	if err != nil {
		k.tb.Fatal(err)
	}
}

// Edit changes the table.
func (k *Kernel) Edit(f func(*Table)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(&k.table)
}

// Hook sets a function that is asked how to answer each request. It may call the
// fake's other methods. Nil means good answers.
func (k *Kernel) Hook(f func(Request) Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hook = f
}

// Requests returns all requests so far, oldest first.
func (k *Kernel) Requests() []Request {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.requests)
}

// Opened returns how many sockets were opened so far.
func (k *Kernel) Opened() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.opened
}

// Freeze makes the fake give the same answer to the same request from now on,
// without recording requests or asking the hook. It then allocates no memory for
// a request that it has seen before, so that allocations of a client can be
// counted in one process.
func (k *Kernel) Freeze() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.frozen = map[string][][]byte{}
}

// Socket opens a socket that leads to the fake.
func (k *Kernel) Socket() (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return -1, errors.New("ipvstest: the test is over")
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	k.opened++
	k.open[fds[1]] = struct{}{}
	k.servers.Go(func() { k.serve(fds[1]) })
	return fds[0], nil
}

func (k *Kernel) close() {
	k.mu.Lock()
	k.closed = true
	for fd := range k.open {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR) // wakes its goroutine
	}
	k.mu.Unlock()
	k.servers.Wait()
}

// serve answers requests on fd until either end is closed.
func (k *Kernel) serve(fd int) {
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.open, fd)
		unix.Close(fd)
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n < headerSize+genericSize {
			return
		}
		for _, datagram := range k.answer(buf[:n]) {
			for {
				_, err = unix.Write(fd, datagram)
				if err != unix.EINTR {
					break
				}
			}
			if err != nil {
				return
			}
		}
	}
}

// answer returns the datagrams that answer the request msg.
func (k *Kernel) answer(msg []byte) [][]byte {
	k.mu.Lock()
	frozen := k.frozen
	k.mu.Unlock()
	if frozen != nil {
		return k.repeat(msg)
	}
	req := parse(msg)
	k.mu.Lock()
	k.requests = append(k.requests, req)
	hook := k.hook
	k.mu.Unlock()
	var f Fault
	if hook != nil {
		f = hook(req)
	}
	return k.build(msg, req, f)
}

// repeat answers from memory, with the sequence number and port of msg.
func (k *Kernel) repeat(msg []byte) [][]byte {
	seq, pid := binary.NativeEndian.Uint32(msg[8:]), binary.NativeEndian.Uint32(msg[12:])
	clear(msg[8:headerSize])
	k.mu.Lock()
	datagrams, ok := k.frozen[string(msg)]
	k.mu.Unlock()
	if !ok {
		datagrams = k.build(msg, parse(msg), Fault{})
		k.mu.Lock()
		k.frozen[string(msg)] = datagrams
		k.mu.Unlock()
	}
	for _, d := range datagrams {
		for len(d) > 0 {
			binary.NativeEndian.PutUint32(d[8:], seq)
			binary.NativeEndian.PutUint32(d[12:], pid)
			d = d[(binary.NativeEndian.Uint32(d)+3)&^3:]
		}
	}
	return datagrams
}

func (k *Kernel) build(msg []byte, req Request, f Fault) [][]byte {
	if f.Silent {
		return nil
	}
	seq, pid := req.Sequence, binary.NativeEndian.Uint32(msg[12:])
	var list [][]byte
	send := func(datagram []byte) {
		if f.Edit != nil {
			datagram = f.Edit(len(list), bytes.Clone(datagram))
		}
		list = append(list, datagram)
	}
	if f.Refuse != 0 {
		send(Refusal(seq, pid, uint32(f.Refuse), msg))
	} else if item := items(req); item == nil {
		send(Refusal(seq, pid, uint32(unix.EOPNOTSUPP), msg))
	} else if !req.Dump {
		if f.Before != nil {
			f.Before(0)
		}
		k.Edit(func(t *Table) {
			if cmd, attrs, errno := item(t, 0); errno != 0 {
				send(Refusal(seq, pid, uint32(errno), msg))
			} else {
				send(Message(req.Type, 0, seq, pid, cmd, attrs))
			}
		})
	} else {
		for index, more := 0, true; more; {
			if f.Before != nil {
				f.Before(len(list))
			}
			// Each datagram goes on at an index into the table as it is then.
			var datagram []byte
			refused := syscall.Errno(0)
			k.Edit(func(t *Table) {
				for range max(t.PerDatagram, 1) {
					cmd, attrs, errno := item(t, index)
					if refused = errno; cmd == 0 || errno != 0 {
						return
					}
					datagram = append(datagram, Message(req.Type, flagMulti, seq, pid, cmd, attrs)...)
					index++
				}
			})
			switch {
			case refused != 0:
				datagram, more = Refusal(seq, pid, uint32(refused), msg), false
			case len(datagram) == 0:
				datagram, more = Done(seq, pid, uint32(f.Done)), false
			}
			send(datagram)
		}
	}
	return slices.DeleteFunc(list, func(d []byte) bool { return d == nil })
}
