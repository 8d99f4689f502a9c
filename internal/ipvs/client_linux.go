package ipvs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const (
	defaultTimeout    = 5 * time.Second
	defaultModuleFile = "/proc/net/ip_vs"
)

// A Client reads the IPVS table of one network namespace. It keeps two sockets
// open. It is not safe for concurrent use.
type Client struct {
	cfg      Config
	counters Counters

	family  uint16  // IPVS's number in generic netlink, asked for at each call
	small   channel // for services with few destinations
	large   channel // for everything else
	request []byte
	names   strtab

	// known remembers the services of the last read: a service that is missing
	// from the next dump is asked for by name before it is believed gone.
	known map[ServiceKey]*record
	round uint32

	place fs.FileInfo // the namespace in which the sockets were opened, if one is configured

	// The read under way, and its callbacks, made once so that none is per message.
	snapshot *Snapshot
	records  []*record // of the snapshot's services, in the order of their dump
	partial  *PartialError
	service  Service
	layout   layout // of the destinations
	bad      error  // why the answer to readService cannot be decoded
	seen     keySet // of dropDuplicates
	onMany   func([]byte)
	onOne    func([]byte)
	onDest   func([]byte)
}

// A record is what a client remembers of a service.
type record struct {
	round        uint32 // of the last read that listed it
	destinations int32  // at that read; -1 before the first has counted them
}

// A channel is a socket that is opened when it is needed.
type channel struct {
	*conn
	batch, size int
}

// Receive buffers. The kernel allocates and clears a buffer of the offered size
// for each datagram, so the 32 KiB that it fills at most pay only for services
// with more destinations than a few small datagrams hold. A small datagram is
// never larger than a page less its overhead, or 8 KiB where pages are larger.
const (
	smallBatch = 4
	largeBatch = 2
	largeSize  = 32 << 10
	// manyDestinations is from where on a large buffer is the cheaper one.
	manyDestinations = 24
)

func smallSize() int {
	if os.Getpagesize() >= 8<<10 {
		return 8 << 10
	}
	return 4 << 10
}

// New returns a client. It opens nothing until the first read.
func New(cfg Config) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.ModuleFile == "" {
		cfg.ModuleFile = defaultModuleFile
	}
	if cfg.Socket == nil {
		cfg.Socket = dial
	}
	c := &Client{
		cfg:   cfg,
		small: channel{batch: smallBatch, size: smallSize()},
		large: channel{batch: largeBatch, size: largeSize},
		names: strtab{},
		known: map[ServiceKey]*record{},
	}
	c.onMany, c.onOne, c.onDest = c.takeService, c.takeOne, c.takeDestination
	return c
}

// Close closes the sockets. A later read opens them again.
func (c *Client) Close() error { return errors.Join(c.small.shut(), c.large.shut()) }

// Counters returns what the client has mended so far.
func (c *Client) Counters() Counters { return c.counters }

func (ch *channel) shut() error {
	if ch.conn == nil {
		return nil
	}
	err := ch.close()
	ch.conn = nil
	return err
}

// Read replaces the contents of s with the table as it is now. An empty table is
// no error.
//
// The kernel lets the table change while it is read. A service listed twice is
// in s once; a service that the previous read saw and this dump passes over is
// asked for by name; one that is deleted before its destinations are read is not
// in s. A new service may be passed over until the next read.
//
// Errors to branch on: [ErrUnsupported], [ErrPermission], and *[PartialError],
// with which s holds what was read whole. Any other error leaves s empty. Read
// returns within about twice the timeout once the kernel stops answering,
// however large the table is, and within a second after ctx ends. If ctx ends, or
// the kernel falls silent, after the services were listed, that is what the
// *[PartialError] wraps.
func (c *Client) Read(ctx context.Context, s *Snapshot) error {
	s.Reset()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	c.snapshot, c.partial = s, new(PartialError)
	defer func() { c.snapshot = nil }()
	if err := c.readServices(ctx); err != nil {
		s.Reset()
		return fmt.Errorf("list virtual servers: %w", err)
	}
	c.readAllDestinations(ctx)
	return c.partial.errOrNil()
}

// Info returns the version and hash size of the kernel's IPVS. Errors as for
// [Client.Read].
func (c *Client) Info(ctx context.Context) (info Info, err error) {
	err = c.ask(ctx, cmdGetInfo, cmdSetInfo, func(payload []byte) (err error) {
		info, err = decodeInfo(payload)
		return err
	})
	return info, err
}

// Timeouts returns the connection timeouts. Errors as for [Client.Read].
func (c *Client) Timeouts(ctx context.Context) (t Timeouts, err error) {
	err = c.ask(ctx, cmdGetConfig, cmdSetConfig, func(payload []byte) (err error) {
		t, err = decodeTimeouts(payload)
		return err
	})
	return t, err
}

// Daemons returns the synchronisation daemons that run, at most one of each
// state. Errors as for [Client.Read].
func (c *Client) Daemons(ctx context.Context) ([]Daemon, error) {
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	var list []Daemon
	var bad error
	c.request = appendRequest(c.request, c.family, nlmFDump, cmdGetDaemon)
	err := c.exchange(ctx, &c.large, cmdNewDaemon, func(payload []byte) {
		d, err := decodeDaemon(payload)
		if err != nil {
			bad = err
			return
		}
		list = append(list, d)
	}, func() { list, bad = nil, nil })
	if err != nil {
		return nil, err
	}
	return list, bad
}

// ask makes a request that one message answers, outside of a read.
func (c *Client) ask(ctx context.Context, cmd, answer uint8, decode func([]byte) error) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	bad := errNoItem
	c.request = appendRequest(c.request, c.family, 0, cmd)
	if err := c.exchange(ctx, &c.large, answer, func(payload []byte) { bad = decode(payload) }, nil); err != nil {
		return err
	}
	return bad
}

// prepare finds out whether the kernel has IPVS, and under which number: the
// number is another one after the module was loaded anew. The file is looked at
// first because asking for the number would make the kernel load the module.
func (c *Client) prepare(ctx context.Context) error {
	if err := c.follow(); err != nil {
		return err
	}
	if _, err := os.Stat(c.cfg.ModuleFile); errors.Is(err, fs.ErrNotExist) {
		return ErrUnsupported
	} else if err != nil {
		return fmt.Errorf("look for IPVS in the kernel: %w", err)
	}
	bad := errNoItem
	c.request = appendFamilyRequest(c.request)
	err := c.exchange(ctx, &c.large, ctrlNewFamily, func(payload []byte) { c.family, bad = decodeFamily(payload) }, nil)
	if refused(err, syscall.ENOENT) {
		return ErrUnsupported
	}
	if err == nil {
		err = bad
	}
	if err != nil {
		return fmt.Errorf("look up the IPVS netlink family: %w", err)
	}
	return nil
}

// follow closes the sockets when another namespace, or none, has come to stand at
// the configured path. They would keep reading the old one and keep it alive.
func (c *Client) follow() error {
	if c.cfg.Namespace == "" {
		return nil
	}
	place, err := os.Stat(c.cfg.Namespace)
	if err == nil && c.place != nil && os.SameFile(place, c.place) {
		return nil
	}
	_ = c.Close() // nothing was written to them
	clear(c.known)
	c.place = place
	if err != nil {
		c.place = nil
		return fmt.Errorf("look for the network namespace: %w", err)
	}
	return nil
}

// exchange sends c.request on ch and takes the answer. After a fault it opens the
// socket anew and tries once more, calling again first so that the caller can
// forget what it had of the broken answer. Silence is not tried again: a kernel
// that hangs would only be waited for twice.
func (c *Client) exchange(ctx context.Context, ch *channel, answer uint8, each func([]byte), again func()) error {
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := c.open(ch)
		if err != nil {
			return err
		}
		err = ch.exchange(ctx, c.request, c.family, answer, each)
		refusal, refused := errors.AsType[*kernelError](err)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errInterrupted):
			if attempt == 2 { // changing all the time: better what we have than nothing
				return nil
			}
		case refused && refusal.errno != syscall.EBUSY && refusal.errno != syscall.ENOBUFS:
			if refusal.errno == syscall.EPERM {
				return ErrPermission
			}
			return err
		default:
			_ = ch.shut() // the fault is what matters
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("the kernel has not answered within %v: %w", c.cfg.Timeout, err)
			}
			if attempt > 0 {
				return err
			}
			c.counters.Reopened++
		}
		if again != nil {
			again()
		}
	}
}

// open opens ch in the client's namespace unless it is open.
func (c *Client) open(ch *channel) error {
	if ch.conn != nil {
		return nil
	}
	err := inNamespace(c.cfg.Namespace, func() error {
		fd, err := c.cfg.Socket()
		if err != nil {
			return err
		}
		conn, err := newConn(fd, ch.batch, ch.size, c.cfg.Timeout)
		if err != nil {
			return err
		}
		conn.observe = c.cfg.Observe
		ch.conn = conn
		return nil
	})
	if err != nil {
		if errors.Is(err, syscall.EAFNOSUPPORT) {
			return fmt.Errorf("open a netlink socket: %w (under systemd, RestrictAddressFamilies must name AF_NETLINK)", err)
		}
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	return nil
}

// refused reports whether err is the kernel's refusal with errno, and not the
// same number from a system call.
func refused(err error, errno syscall.Errno) bool {
	refusal, ok := errors.AsType[*kernelError](err)
	return ok && refusal.errno == errno
}
