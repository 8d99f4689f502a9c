package ipvs_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

// table returns n services with m destinations each.
func table(n, m int) []Service {
	list := make([]Service, n)
	for i := range list {
		list[i] = numbered(i, m)
	}
	return list
}

func numbered(i, m int) Service {
	svc := Service{Service: webService()}
	svc.Port = uint16(1000 + i)
	svc.Stats.Connections = uint64(i)
	for j := range m {
		d := webDestination()
		d.Address = netip.AddrFrom4([4]byte{10, 0, byte(j >> 8), byte(j)})
		d.Weight = uint32(j)
		svc.Destinations = append(svc.Destinations, d)
	}
	return svc
}

// contents copies a snapshot into the form of the fake's table.
func contents(s *ipvs.Snapshot) []Service {
	list := []Service{}
	for i := range s.Services {
		svc := &s.Services[i]
		list = append(list, Service{
			Service: ipvs.Service{
				ServiceKey: svc.ServiceKey, Scheduler: svc.Scheduler, PEName: svc.PEName,
				Stats: svc.Stats, Timeout: svc.Timeout, Flags: svc.Flags, Netmask: svc.Netmask,
			},
			Destinations: append([]ipvs.Destination(nil), s.Destinations(svc)...),
		})
	}
	return list
}

type rig struct {
	*Kernel
	*ipvs.Client
	s ipvs.Snapshot
}

// newRig returns a client that reads a fake. The test fails if, apart from the
// commands that read, any other reaches the fake, or a descriptor is left open.
func newRig(t *testing.T, services []Service, edit ...func(*ipvs.Config)) *rig {
	t.Helper()
	before := openFiles(t)
	t.Cleanup(func() { require.Equal(t, before, openFiles(t), "open descriptors") }) // runs last
	r := &rig{Kernel: New(t, services...)}
	cfg := r.Kernel.Config()
	for _, f := range edit {
		f(&cfg)
	}
	r.Client = ipvs.New(cfg)
	t.Cleanup(func() {
		require.NoError(t, r.Client.Close())
		for _, req := range r.Requests() {
			if req.Type == 0x10 {
				require.EqualValues(t, GetFamily, req.Command)
			} else {
				require.True(t, reading(int(req.Command)), "command %d", req.Command)
			}
		}
	})
	return r
}

// openFiles returns how many descriptors are open, but for those of the runtime's poller: it opens them when something
// first waits for a timer, in the midst of a test perhaps.
func openFiles(t *testing.T) (n int) {
	t.Helper()
	list, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	for _, path := range list {
		switch to, err := os.Readlink(path); {
		case err != nil: // the one by which the folder was read
		case to == "anon_inode:[eventpoll]", to == "anon_inode:[eventfd]":
		default:
			n++
		}
	}
	return n
}

func (r *rig) read() error { return r.Client.Read(context.Background(), &r.s) }

// requireTable reads and compares with the fake's table in any order.
func (r *rig) requireTable(t *testing.T) {
	t.Helper()
	require.NoError(t, r.read())
	var want []Service
	r.Edit(func(tab *Table) { want = append([]Service{}, tab.Services...) })
	require.ElementsMatch(t, want, contents(&r.s))
}

// count returns how many requests with this command the fake has seen.
func (r *rig) count(cmd uint8, dump bool) (n int) {
	for _, req := range r.Requests() {
		if req.Type != 0x10 && req.Command == cmd && req.Dump == dump {
			n++
		}
	}
	return n
}

func timeout(d time.Duration) func(*ipvs.Config) {
	return func(c *ipvs.Config) { c.Timeout = d }
}

// once applies f to the first request with command cmd.
func once(cmd uint8, dump bool, f Fault) func(Request) Fault {
	var hit atomic.Bool
	return func(r Request) Fault {
		if r.Type != 0x10 && r.Command == cmd && r.Dump == dump && hit.CompareAndSwap(false, true) {
			return f
		}
		return Fault{}
	}
}

func TestRead(t *testing.T) {
	mixed := numbered(500, 2)
	mixed.Address, mixed.Family, mixed.Netmask = v6, ipvs.IPv6, 64
	mixed.Destinations[1].Family, mixed.Destinations[1].Address = ipvs.IPv6, v6
	mark4 := Service{Service: ipvs.Service{ServiceKey: ipvs.ServiceKey{Family: ipvs.IPv4, FWMark: 47}, Scheduler: "rr"}}
	mark4.Destinations = numbered(0, 1).Destinations
	mark6 := mark4
	mark6.Family = ipvs.IPv6
	mark6.Destinations = []ipvs.Destination{mixed.Destinations[1]}

	for name, services := range map[string][]Service{
		"empty":            {},
		"no destinations":  table(3, 0),
		"one":              table(1, 1),
		"several":          table(5, 3),
		"many services":    table(35, 1),
		"many datagrams":   table(2, 95),
		"multiples":        table(10, 20),
		"mixed families":   {mixed, numbered(1, 2)},
		"one mark, both":   {mark4, mark6, mixed},
		"large then small": append(table(1, 60), numbered(2, 1), numbered(3, 12)),
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range []Encoder{{}, {NoAddressFamily: true}} {
				if version.NoAddressFamily && name == "mixed families" || name == "one mark, both" {
					continue
				}
				r := newRig(t, services)
				r.Edit(func(tab *Table) { tab.Version = version })
				for range 3 {
					require.NoError(t, r.read())
					require.Equal(t, services, contents(&r.s))
				}
				require.Zero(t, r.Counters())
				require.LessOrEqual(t, r.Opened(), 2)
			}
		})
	}
}

func TestReadOldKernel(t *testing.T) {
	r := newRig(t, table(2, 2))
	r.Edit(func(tab *Table) { tab.Version = Encoder{NoStats64: true, NoAddressFamily: true, NoTunnel: true} })
	require.NoError(t, r.read())
	require.Equal(t, narrow.PacketsIn, r.s.Services[1].Stats.PacketsIn)
	require.Equal(t, narrow, r.s.Destinations(&r.s.Services[1])[1].Stats)
}

func TestOthers(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	daemons := []ipvs.Daemon{
		{State: ipvs.Master, Interface: "d0", SyncID: 7, MaxLength: 1472, Group: netip.MustParseAddr("224.0.0.99"), Port: 9000, TTL: 3},
		{State: ipvs.Backup, Interface: "d0", SyncID: 8, MaxLength: 1472, Group: netip.MustParseAddr("ff02::5"), Port: 8848, TTL: 1},
	}
	list, err := r.Daemons(ctx)
	require.NoError(t, err)
	require.Empty(t, list)
	r.Edit(func(tab *Table) { tab.Daemons = daemons })
	// A fault in the midst must not make any of them appear twice.
	r.Edit(func(tab *Table) { tab.PerDatagram = 1 })
	for _, fault := range []Fault{{}, {Edit: At(1, WrongSequence)}, {Edit: At(1, Interrupted)}, {Done: unix.EBUSY}} {
		r.Hook(once(GetDaemon, true, fault))
		list, err = r.Daemons(ctx)
		require.NoError(t, err)
		require.Equal(t, daemons, list)
	}
	r.Hook(once(GetDaemon, true, Fault{Edit: At(0, BadAttribute)}))
	_, err = r.Daemons(ctx)
	require.ErrorContains(t, err, "synchronisation daemon")

	info, err := r.Info(ctx)
	require.NoError(t, err)
	require.Equal(t, ipvs.Info{Version: 0x010201, ConnTabSize: 4096}, info)
	timeouts, err := r.Timeouts(ctx)
	require.NoError(t, err)
	require.Equal(t, ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}, timeouts)

	// An acknowledgement is not an answer.
	ack := func(_ int, d []byte) []byte { return Refusal(native(d, 8), native(d, 12), 0, nil) }
	r.Hook(once(GetInfo, false, Fault{Edit: ack}))
	_, err = r.Info(ctx)
	require.ErrorIs(t, err, ipvs.ErrNoItem)
	r.Hook(once(GetConfig, false, Fault{Edit: ack}))
	_, err = r.Timeouts(ctx)
	require.ErrorIs(t, err, ipvs.ErrNoItem)
	r.Hook(func(Request) Fault { return Fault{Edit: ack} })
	require.ErrorIs(t, r.read(), ipvs.ErrNoItem)
	r.Hook(func(Request) Fault { return Fault{Edit: BadAttribute} })
	require.ErrorContains(t, r.read(), "look up the IPVS netlink family: attribute of 65535 bytes")
}

func native(b []byte, at int) uint32 {
	return uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16 | uint32(b[at+3])<<24
}

func TestUnsupported(t *testing.T) {
	r := newRig(t, table(1, 1))
	r.LoadModule(false)
	r.s.Add(webService())
	for range 2 {
		require.ErrorIs(t, r.read(), ipvs.ErrUnsupported)
		require.Empty(t, r.s.Services)
	}
	_, err := r.Info(context.Background())
	require.ErrorIs(t, err, ipvs.ErrUnsupported)
	require.Zero(t, r.Opened(), "asking for the family would load the module")

	r.LoadModule(true)
	r.Edit(func(tab *Table) { tab.Family = 0 })
	require.ErrorIs(t, r.read(), ipvs.ErrUnsupported)

	// The module gets another number each time that it is loaded.
	for id := range uint16(3) {
		r.Edit(func(tab *Table) { tab.Family = 30 + id })
		r.requireTable(t)
	}
	require.Equal(t, 2, r.Opened())

	// It vanishes in the midst of a read: the stale number is refused.
	r.Hook(func(req Request) Fault {
		if req.Command == GetDest {
			r.Edit(func(tab *Table) { tab.Family = 99 })
		}
		return Fault{}
	})
	err = r.read()
	require.ErrorIs(t, err, syscall.ENOENT)
	require.NotErrorIs(t, err, ipvs.ErrUnsupported)
	require.Empty(t, r.s.Services)
	r.Hook(nil)
	r.requireTable(t)
}

func TestModuleFileUnreadable(t *testing.T) {
	r := newRig(t, nil, func(c *ipvs.Config) { c.ModuleFile = filepath.Join(c.ModuleFile, "x") })
	err := r.read()
	require.ErrorIs(t, err, syscall.ENOTDIR)
	require.NotErrorIs(t, err, ipvs.ErrUnsupported)
}

func TestPermission(t *testing.T) {
	r := newRig(t, table(3, 1))
	r.Hook(func(req Request) Fault {
		if req.Type == 0x10 {
			return Fault{}
		}
		return Fault{Refuse: unix.EPERM}
	})
	err := r.read()
	require.ErrorIs(t, err, ipvs.ErrPermission)
	require.ErrorContains(t, err, "AmbientCapabilities=CAP_NET_ADMIN")
	require.Empty(t, r.s.Services)
	_, err = r.Daemons(context.Background())
	require.ErrorIs(t, err, ipvs.ErrPermission)

	// Taken away in the midst of a read: no use asking for the rest.
	before := r.count(GetDest, true)
	r.Hook(once(GetDest, true, Fault{Refuse: unix.EPERM}))
	err = r.read()
	require.ErrorIs(t, err, ipvs.ErrPermission)
	var partial *ipvs.PartialError
	require.ErrorAs(t, err, &partial)
	require.Equal(t, 3, partial.Missing)
	require.Equal(t, before+1, r.count(GetDest, true))
	r.Hook(nil)
	r.requireTable(t)
	require.Equal(t, 2, r.Opened(), "a refusal leaves the socket usable")
}

func TestSocketFails(t *testing.T) {
	var errno syscall.Errno
	cfg := New(t).Config()
	cfg.Socket = func() (int, error) { return -1, os.NewSyscallError("socket", errno) }
	c := ipvs.New(cfg)
	var s ipvs.Snapshot
	errno = unix.EAFNOSUPPORT
	require.ErrorContains(t, c.Read(context.Background(), &s), "RestrictAddressFamilies must name AF_NETLINK")
	errno = unix.EMFILE
	err := c.Read(context.Background(), &s)
	require.ErrorIs(t, err, unix.EMFILE)
	require.NotContains(t, err.Error(), "RestrictAddressFamilies")

	// What is no socket is closed again.
	before := openFiles(t)
	cfg.Socket = func() (int, error) { return unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0) }
	c = ipvs.New(cfg)
	require.ErrorIs(t, c.Read(context.Background(), &s), unix.ENOTSOCK)
	require.Equal(t, before, openFiles(t))
	require.NoError(t, c.Close())
}

// Every fault that leaves the socket in an unknown state is mended once, in the
// dump of services, of destinations, and in a question for one service.
func TestRetried(t *testing.T) {
	faults := map[string]Fault{
		"EBUSY":             {Refuse: unix.EBUSY},
		"ENOBUFS":           {Refuse: unix.ENOBUFS},
		"code in DONE":      {Done: unix.ENOBUFS},
		"wrong sequence":    {Edit: At(0, WrongSequence)},
		"wrong port":        {Edit: At(0, WrongPort)},
		"foreign family":    {Edit: At(0, ForeignFamily)},
		"cut off":           {Edit: At(0, Cut)},
		"garbage":           {Edit: At(0, Garbage)},
		"larger than room":  {Edit: At(0, Oversize)},
		"later datagram":    {Edit: At(1, WrongSequence)},
		"last datagram cut": {Edit: At(2, Cut)},
	}
	for name, fault := range faults {
		for _, tt := range []struct {
			cmd  uint8
			dump bool
		}{{GetService, true}, {GetDest, true}, {GetService, false}} {
			if fault.Edit != nil && !tt.dump && (name == "later datagram" || name == "last datagram cut") || fault.Done != 0 && !tt.dump {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d,%v", name, tt.cmd, tt.dump), func(t *testing.T) {
				services := table(12, 11)
				if !tt.dump {
					services[0].Destinations = nil // an empty service is asked for
				}
				r := newRig(t, services)
				r.Hook(once(tt.cmd, tt.dump, fault))
				r.requireTable(t)
				require.Equal(t, ipvs.Counters{Reopened: 1}, r.Counters())
				require.Equal(t, 3, r.Opened())
				r.requireTable(t)
				require.Equal(t, 3, r.Opened())
			})
		}
	}
}

// A fault that stays is an error, and does not hide the rest of the table.
func TestNotRetriedForEver(t *testing.T) {
	for name, tt := range map[string]struct {
		fault Fault
		want  error
	}{
		"EBUSY":    {Fault{Refuse: unix.EBUSY}, unix.EBUSY},
		"ESRCH":    {Fault{Refuse: unix.ESRCH}, unix.ESRCH},
		"EINVAL":   {Fault{Done: unix.EINVAL}, unix.EINVAL},
		"desync":   {Fault{Edit: WrongSequence}, ipvs.ErrDesync},
		"garbage":  {Fault{Edit: Garbage}, ipvs.ErrMalformed},
		"oversize": {Fault{Edit: Oversize}, ipvs.ErrTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			services := table(4, 2)
			r := newRig(t, services)
			r.Hook(func(req Request) Fault {
				if req.Command == GetDest && req.Key == services[1].ServiceKey {
					return tt.fault
				}
				return Fault{}
			})
			err := r.read()
			require.ErrorIs(t, err, tt.want)
			var partial *ipvs.PartialError
			require.ErrorAs(t, err, &partial)
			require.Equal(t, 1, partial.Missing)
			require.ErrorContains(t, err, "list real servers of tcp 192.0.2.1:1001")
			require.Equal(t, []Service{services[0], services[2], services[3]}, contents(&r.s))

			r.Hook(func(req Request) Fault {
				if req.Command == GetService && req.Dump {
					return tt.fault
				}
				return Fault{}
			})
			err = r.read()
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, "list virtual servers")
			require.False(t, errors.As(err, &partial))
			require.Empty(t, r.s.Services)
			require.Zero(t, r.s.NumDestinations())

			r.Hook(nil)
			r.requireTable(t)
		})
	}
}

// A dump that is always interrupted is taken as it is in the end.
func TestInterrupted(t *testing.T) {
	r := newRig(t, table(3, 15))
	r.Hook(once(GetDest, true, Fault{Edit: At(1, Interrupted)}))
	r.requireTable(t)
	require.Equal(t, 4, r.count(GetDest, true))
	r.Hook(func(req Request) Fault { return Fault{Edit: Interrupted} })
	r.requireTable(t)
	require.Zero(t, r.Counters())
	require.Equal(t, 2, r.Opened())
}

func TestTimeout(t *testing.T) {
	silent := map[string]func(req Request) Fault{
		"family":       func(req Request) Fault { return Fault{Silent: req.Type == 0x10} },
		"services":     func(req Request) Fault { return Fault{Silent: req.Command == GetService} },
		"destinations": func(req Request) Fault { return Fault{Silent: req.Command == GetDest} },
		"last datagram": func(req Request) Fault {
			if req.Command == GetDest {
				return Fault{Edit: At(1, Drop)}
			}
			return Fault{}
		},
	}
	for name, hook := range silent {
		t.Run(name, func(t *testing.T) {
			const services = 40 // waiting for each would take longer by far than the bound below
			r := newRig(t, table(services, 2), timeout(250*time.Millisecond))
			r.requireTable(t)
			r.Hook(hook)
			asked := len(r.Requests())
			start := time.Now()
			err := r.read()
			elapsed := time.Since(start)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.ErrorContains(t, err, "the kernel has not answered within 250ms")
			require.GreaterOrEqual(t, elapsed, 250*time.Millisecond)
			require.Less(t, elapsed, 5*time.Second)
			require.LessOrEqual(t, len(r.Requests())-asked, 3, "for family, services and the destinations of one")
			require.Empty(t, r.s.Services)
			var partial *ipvs.PartialError
			if errors.As(err, &partial) {
				require.Equal(t, services, partial.Missing)
			}
			require.Equal(t, 2, r.Opened(), "silence is not tried again")
			r.Hook(nil)
			r.requireTable(t)
			require.Equal(t, 3, r.Opened())
		})
	}
	t.Run("longer than a slice", func(t *testing.T) {
		r := newRig(t, table(1, 1), timeout(450*time.Millisecond))
		r.Hook(silent["services"])
		start := time.Now()
		require.ErrorIs(t, r.read(), os.ErrDeadlineExceeded)
		require.GreaterOrEqual(t, time.Since(start), 450*time.Millisecond)
		require.Less(t, time.Since(start), 4*time.Second, "the default is 5 s")
	})
	t.Run("as long as the kernel speaks", func(t *testing.T) {
		// The whole read takes far longer than the timeout.
		r := newRig(t, table(40, 1), timeout(250*time.Millisecond))
		r.Hook(func(Request) Fault {
			<-time.After(10 * time.Millisecond)
			return Fault{}
		})
		r.requireTable(t)
	})
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := newRig(t, table(3, 2))
	r.requireTable(t)

	// While the kernel is silent.
	r.Hook(func(req Request) Fault {
		if req.Command == GetDest && req.Key.Port == 1001 {
			cancel()
			return Fault{Silent: true}
		}
		return Fault{}
	})
	start := time.Now()
	err := r.Read(ctx, &r.s)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(start), 3*time.Second, "the timeout is 10 s")
	var partial *ipvs.PartialError
	require.ErrorAs(t, err, &partial)
	require.Equal(t, 2, partial.Missing)
	require.Equal(t, table(1, 2), contents(&r.s))
	require.Zero(t, r.Counters().Reopened)

	// Before anything was asked.
	n := len(r.Requests())
	require.ErrorIs(t, r.Read(ctx, &r.s), context.Canceled)
	require.Empty(t, r.s.Services)
	require.Len(t, r.Requests(), n)

	r.Hook(nil)
	r.requireTable(t)
}

// The peer is gone for good, as when a socket is refused.
func TestPeerGone(t *testing.T) {
	k := New(t)
	cfg := k.Config()
	opened := 0
	cfg.Socket = func() (int, error) {
		opened++
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Close(fds[1])
		}
		return fds[0], err
	}
	before := openFiles(t)
	c := ipvs.New(cfg)
	var s ipvs.Snapshot
	require.ErrorIs(t, c.Read(context.Background(), &s), unix.EPIPE)
	require.Equal(t, 2, opened)
	require.Equal(t, before, openFiles(t), "a broken socket is closed")
}
