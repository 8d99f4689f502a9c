package ipvs

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A conn is one generic netlink socket and its receive buffers. It makes one
// exchange at a time. The kernel sizes the datagrams of a dump by the largest
// receive buffer the socket has ever offered, so a conn keeps one size for life.
type conn struct {
	fd      int
	port    uint32 // our netlink port id; 0 on a socket that is not netlink
	seq     uint32
	timeout time.Duration
	observe func(request, answer []byte) // Config.Observe

	datagrams int // that carried data in the last exchange

	headers []mmsghdr
	froms   []unix.RawSockaddrNetlink
	buffers [][]byte
}

// mmsghdr is the kernel's struct of that name (recvmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32 // bytes received
}

// socketBuffer is the receive queue asked for. One dump is under way at a time,
// so it holds a few datagrams.
const socketBuffer = 256 << 10

// slice is how long one system call waits at most: the longest delay with which
// the end of a context is noticed.
const slice = 200 * time.Millisecond

// dial opens a generic netlink socket in the network namespace of the calling
// thread.
func dial() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// newConn takes over fd, which dial or a test's fake has opened, with batch
// receive buffers of size bytes each.
func newConn(fd int, batch, size int, timeout time.Duration) (*conn, error) {
	c := &conn{
		fd:      fd,
		timeout: timeout,
		headers: make([]mmsghdr, batch),
		froms:   make([]unix.RawSockaddrNetlink, batch),
		buffers: make([][]byte, batch),
	}
	// Zero would be no timeout at all.
	tv := unix.NsecToTimeval(max(min(timeout, slice), time.Millisecond).Nanoseconds())
	err := errors.Join(
		os.NewSyscallError("setsockopt SO_RCVTIMEO", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)),
		os.NewSyscallError("setsockopt SO_SNDTIMEO", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv)),
		os.NewSyscallError("setsockopt SO_RCVBUF", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)),
	)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	if nl, ok := name.(*unix.SockaddrNetlink); ok {
		c.port = nl.Pid
	}
	memory := make([]byte, batch*size)
	for i := range c.headers {
		c.buffers[i] = memory[i*size : (i+1)*size : (i+1)*size]
		iov := &unix.Iovec{Base: &c.buffers[i][0]}
		iov.SetLen(size)
		c.headers[i].hdr.Iov = iov
		c.headers[i].hdr.SetIovlen(1)
		c.headers[i].hdr.Name = (*byte)(unsafe.Pointer(&c.froms[i]))
	}
	return c, nil
}

func (c *conn) close() error { return os.NewSyscallError("close", unix.Close(c.fd)) }

// exchange sends the request msg, one that request.go has built for family, and
// hands each data message of the answer (generic netlink command cmd) to each.
// It returns once the kernel has been silent for the timeout, and soon after ctx
// ends. After any error but a *kernelError and errInterrupted the socket must be
// closed.
func (c *conn) exchange(ctx context.Context, msg []byte, family uint16, cmd uint8, each func(payload []byte)) error {
	c.datagrams = 0
	if err := c.send(ctx, msg, family); err != nil {
		return err
	}
	r := reply{seq: c.seq, port: c.port, family: binary.NativeEndian.Uint16(msg[4:]), cmd: cmd}
	var wait silence
	for {
		n, err := c.receive()
		if err != nil {
			return err
		}
		heard := false
		for i := range n {
			h := &c.headers[i]
			if from := &c.froms[i]; from.Family == unix.AF_NETLINK && from.Pid != 0 {
				continue // from another process; only the kernel is asked
			}
			if h.hdr.Flags&unix.MSG_TRUNC != 0 {
				return errTruncated
			}
			heard = true
			answer := c.buffers[i][:h.n]
			if c.observe != nil {
				c.observe(msg, answer)
			}
			done, err := r.take(answer, each)
			c.datagrams = r.datagrams
			if err != nil {
				return err
			}
			if done && r.interrupted {
				return errInterrupted
			}
			if done {
				return nil
			}
		}
		if heard {
			wait = silence{}
		} else if err := wait.bear(ctx, c.timeout); err != nil {
			return err
		}
	}
}

// silence is a time without a word from the kernel. The clock is read only once
// there is some, since on many virtual machines that is a system call.
type silence struct{ since time.Time }

// bear is called after each wait in vain. It returns why there must not be
// another: ctx has ended, or the silence has lasted for limit.
func (s *silence) bear(ctx context.Context, limit time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.since.IsZero() {
		s.since = time.Now()
	} else if time.Since(s.since) >= limit {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// send is the only place where a message leaves for the kernel.
func (c *conn) send(ctx context.Context, msg []byte, family uint16) error {
	if err := allowed(msg, family); err != nil {
		return err
	}
	c.seq++
	binary.NativeEndian.PutUint32(msg[8:], c.seq)
	binary.NativeEndian.PutUint32(msg[12:], c.port)
	var wait silence
	for {
		// An unconnected netlink socket sends to port 0, which is the kernel.
		switch err := unix.Send(c.fd, msg, 0); err {
		case nil:
			return nil
		case unix.EINTR, unix.EAGAIN:
			if err := wait.bear(ctx, c.timeout); err != nil {
				return err
			}
		default:
			return os.NewSyscallError("send", err)
		}
	}
}

// receive fills the buffers with what has arrived and returns the number of
// datagrams: none if none has come within the slice, or when a signal of the Go
// runtime ended the wait.
func (c *conn) receive() (int, error) {
	for i := range c.headers {
		c.headers[i].hdr.Namelen = unix.SizeofSockaddrNetlink
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(c.fd),
		uintptr(unsafe.Pointer(&c.headers[0])), uintptr(len(c.headers)), unix.MSG_WAITFORONE, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR, unix.EAGAIN:
		return 0, nil
	}
	return 0, os.NewSyscallError("recvmmsg", errno)
}
