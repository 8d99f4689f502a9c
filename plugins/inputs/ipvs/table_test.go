package ipvs

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/ipvs/ipvstest"
	"telegraf-ipvs/internal/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gatherTime is the time of every gather in these tests.
var gatherTime = time.Unix(1_700_000_000, 123_456_789)

// Flags of a service (IP_VS_SVC_F_* in ip_vs.h).
const (
	persistent = 0x1
	onePacket  = 0x4
	sched1     = 0x8
	sched2     = 0x10
)

// newInput returns an input that reads k.
func newInput(t testing.TB, k *ipvstest.Kernel, cfg Config) *Input {
	t.Helper()
	in, err := New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	if k != nil {
		in.client = k.Config()
	}
	in.estimation = t.TempDir() + "/run_estimation"
	in.now = func() time.Time { return gatherTime }
	t.Cleanup(func() { require.NoError(t, in.Close()) })
	return in
}

// lines gathers once and returns what was emitted, in line protocol.
func lines(t testing.TB, in *Input) (text string, err error) {
	t.Helper()
	var b []byte
	err = in.Gather(t.Context(), func(m *metric.Metric) error {
		var err error
		b, err = m.AppendLine(b)
		return err
	})
	return string(b), err
}

// tags returns the value of each tag of a series.
func tags(s *metric.Series) map[string]string {
	all := map[string]string{}
	for _, tag := range s.Tags() {
		all[tag.Key] = tag.Value
	}
	return all
}

func address(protocol ipvs.Protocol, at string) ipvs.ServiceKey {
	ap := netip.MustParseAddrPort(at)
	return ipvs.ServiceKey{Family: family(ap.Addr()), Protocol: protocol, Address: ap.Addr(), Port: ap.Port()}
}

func family(a netip.Addr) ipvs.Family {
	if a.Is4() {
		return ipvs.IPv4
	}
	return ipvs.IPv6
}

func server(at string, d ipvs.Destination) ipvs.Destination {
	ap := netip.MustParseAddrPort(at)
	d.DestinationKey = ipvs.DestinationKey{Address: ap.Addr(), Port: ap.Port(), Family: family(ap.Addr())}
	return d
}

// counted returns statistics that are all different, from n on.
func counted(n uint64) ipvs.Stats {
	return ipvs.Stats{
		Connections: n, PacketsIn: n + 1, PacketsOut: n + 2, BytesIn: n + 3, BytesOut: n + 4,
		CPS: n + 5, PPSIn: n + 6, PPSOut: n + 7, BPSIn: n + 8, BPSOut: n + 9,
	}
}

func virtual(key ipvs.ServiceKey, svc ipvs.Service, reals ...ipvs.Destination) ipvstest.Service {
	svc.ServiceKey = key
	return ipvstest.Service{Service: svc, Destinations: reals}
}

// everyKind is a table with every kind of server.
func everyKind() []ipvstest.Service {
	const host, net24 = 0xffffffff, 0xffffff00
	return []ipvstest.Service{
		virtual(address(ipvs.TCP, "192.0.2.1:80"),
			ipvs.Service{Scheduler: "wlc", Flags: persistent, Timeout: 300, Netmask: net24, Stats: counted(1000)},
			server("10.0.0.2:80", ipvs.Destination{Forwarding: ipvs.Route, Weight: 3, UpperThreshold: 1000, LowerThreshold: 500,
				ActiveConnections: 11, InactiveConnections: 12, PersistentConnections: 13, Stats: counted(100)}),
			server("10.0.0.3:8080", ipvs.Destination{Forwarding: ipvs.Masquerade, Weight: 0, Stats: counted(200)}),
			server("10.0.0.4:80", ipvs.Destination{Forwarding: ipvs.Tunnel, Weight: 70000, Stats: counted(300)}),
			server("10.0.0.5:80", ipvs.Destination{Forwarding: ipvs.Tunnel, TunnelType: ipvs.GUE, TunnelPort: 6080, TunnelFlags: 1, Weight: 1}),
			server("10.0.0.6:80", ipvs.Destination{Forwarding: ipvs.Local, Weight: 1}),
		),
		virtual(address(ipvs.UDP, "192.0.2.1:53"), ipvs.Service{Scheduler: "rr", Flags: onePacket, Netmask: host},
			server("10.0.0.2:53", ipvs.Destination{Weight: 1})),
		virtual(address(ipvs.TCP, "192.0.2.1:53"), ipvs.Service{Scheduler: "rr", Netmask: host},
			server("10.0.0.2:53", ipvs.Destination{Weight: 1})),
		virtual(address(ipvs.UDP, "192.0.2.1:5060"),
			ipvs.Service{Scheduler: "rr", PEName: "sip", Flags: persistent, Timeout: 60, Netmask: host}),
		// Without the flag the kernel's timeout means nothing.
		virtual(address(ipvs.SCTP, "192.0.2.1:3868"), ipvs.Service{Scheduler: "none", Timeout: 360, Netmask: host},
			server("10.0.0.2:3868", ipvs.Destination{Weight: 1})),
		virtual(address(ipvs.TCP, "[2001:db8::1]:443"),
			ipvs.Service{Scheduler: "sh", Flags: persistent | sched1 | sched2, Timeout: 100, Netmask: 64},
			server("[2001:db8::2]:443", ipvs.Destination{Weight: 5}),
			server("10.0.0.9:443", ipvs.Destination{Weight: 7, Forwarding: ipvs.Tunnel, TunnelType: ipvs.GRE}),
		),
		virtual(address(ipvs.TCP, "[2001:db8::1]:80"), ipvs.Service{Scheduler: "rr", Netmask: 128}),
		virtual(ipvs.ServiceKey{FWMark: 47, Family: ipvs.IPv4}, ipvs.Service{Scheduler: "rr", Netmask: host},
			server("10.0.0.2:0", ipvs.Destination{Weight: 1, Forwarding: ipvs.Route})),
		virtual(ipvs.ServiceKey{FWMark: 47, Family: ipvs.IPv6}, ipvs.Service{Scheduler: "mh", Flags: sched2, Netmask: 128},
			server("[2001:db8::2]:0", ipvs.Destination{Weight: 1, Forwarding: ipvs.Route}),
			server("10.0.0.2:0", ipvs.Destination{Weight: 1, Forwarding: ipvs.Tunnel})),
	}
}

// A fakeReader reads from memory.
type fakeReader struct {
	table  ipvs.Snapshot
	err    error
	closed bool
}

func (r *fakeReader) Read(_ context.Context, s *ipvs.Snapshot) error {
	s.Reset()
	for i := range r.table.Services {
		svc := &r.table.Services[i]
		s.Add(*svc, r.table.Destinations(svc)...)
	}
	return r.err
}

func (r *fakeReader) Close() error {
	r.closed = true
	return nil
}

// add gives the fake another service.
func (r *fakeReader) add(services ...ipvstest.Service) {
	for _, svc := range services {
		r.table.Add(svc.Service, svc.Destinations...)
	}
}
