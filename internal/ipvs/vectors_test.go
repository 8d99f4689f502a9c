package ipvs_test

import (
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

// vectors are messages of a real kernel, kept outside of the repository.
const vectors = "../../../shared/vectors/ipvs.txt"

const (
	persistent = 1
	onePacket  = 4
	sched1     = 8
	sched2     = 16
)

func virtual(p ipvs.Protocol, at, sched string, edit func(*ipvs.Service), reals ...ipvs.Destination) Service {
	addr := netip.MustParseAddrPort(at)
	svc := Service{
		Service: ipvs.Service{
			ServiceKey: ipvs.ServiceKey{Family: ipvs.IPv4, Protocol: p, Address: addr.Addr(), Port: addr.Port()},
			Scheduler:  sched,
			Netmask:    0xffffffff,
		},
		Destinations: reals,
	}
	if addr.Addr().Is6() {
		svc.Family, svc.Netmask = ipvs.IPv6, 128
	}
	if edit != nil {
		edit(&svc.Service)
	}
	return svc
}

func marked(family ipvs.Family, mark uint32, sched string, flags ipvs.Flags, reals ...ipvs.Destination) Service {
	svc := Service{Destinations: reals}
	svc.Family, svc.FWMark, svc.Scheduler, svc.Flags, svc.Netmask = family, mark, sched, flags, 0xffffffff
	if family == ipvs.IPv6 {
		svc.Netmask = 128
	}
	return svc
}

func real(at string, forward ipvs.ForwardingMethod, weight uint32, edit func(*ipvs.Destination)) ipvs.Destination {
	addr := netip.MustParseAddrPort(at)
	d := ipvs.Destination{
		DestinationKey: ipvs.DestinationKey{Family: ipvs.IPv4, Address: addr.Addr(), Port: addr.Port()},
		Forwarding:     forward,
		Weight:         weight,
	}
	if addr.Addr().Is6() {
		d.Family = ipvs.IPv6
	}
	if edit != nil {
		edit(&d)
	}
	return d
}

// What ipvsadm printed for the three blocks of the file, in the order of the dump.
var printed = []capture{
	{ // ipvsadm -Sn
		Services: []Service{
			virtual(ipvs.SCTP, "10.1.0.1:3868", "rr", nil, real("10.1.0.2:3868", ipvs.Masquerade, 1, nil)),
			virtual(ipvs.TCP, "[2001:db8::1]:80", "rr", nil),
			virtual(ipvs.TCP, "[2001:db8::1]:443", "sh",
				func(s *ipvs.Service) { s.Flags, s.Timeout, s.Netmask = persistent|sched1|sched2, 100, 64 },
				real("10.1.0.9:443", ipvs.Tunnel, 7, nil),
				real("[2001:db8::2]:443", ipvs.Masquerade, 5, nil)),
			virtual(ipvs.UDP, "10.1.0.1:53", "rr", func(s *ipvs.Service) { s.Flags = onePacket },
				real("10.1.0.2:53", ipvs.Masquerade, 1, nil)),
			virtual(ipvs.TCP, "10.1.0.1:80", "wlc",
				func(s *ipvs.Service) { s.Flags, s.Timeout, s.Netmask = persistent, 300, 0xffffff00 },
				real("10.1.0.5:80", ipvs.Tunnel, 1, func(d *ipvs.Destination) {
					d.TunnelType, d.TunnelPort, d.TunnelFlags = ipvs.GUE, 6080, 1
				}),
				real("10.1.0.4:80", ipvs.Tunnel, 70000, nil),
				real("10.1.0.3:8080", ipvs.Masquerade, 0, nil),
				real("10.1.0.2:80", ipvs.Route, 3, func(d *ipvs.Destination) {
					d.UpperThreshold, d.LowerThreshold = 1000, 500
				})),
			marked(ipvs.IPv6, 47, "mh", sched2, real("[2001:db8::2]:0", ipvs.Route, 1, nil)),
			marked(ipvs.IPv4, 47, "rr", 0, real("10.1.0.2:0", ipvs.Route, 1, nil)),
		},
		Info:     ipvs.Info{Version: 0x010201, ConnTabSize: 4096},
		Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300},
	},
	{ // ipvsadm -Ln --stats, --rate, and the connections of -Ln
		Services: []Service{
			virtual(ipvs.TCP, "10.1.0.1:80", "rr",
				func(s *ipvs.Service) { s.Stats = ipvs.Stats{230, 1214, 1096, 90498, 320342, 9, 45, 41, 3364, 11905} },
				real("10.1.0.1:8082", ipvs.Masquerade, 2, func(d *ipvs.Destination) {
					d.InactiveConnections = 115
					d.Stats = ipvs.Stats{115, 607, 548, 45249, 160171, 4, 23, 20, 1681, 5930}
				}),
				real("10.1.0.1:8081", ipvs.Masquerade, 1, func(d *ipvs.Destination) {
					d.InactiveConnections = 115
					d.Stats = ipvs.Stats{115, 607, 548, 45249, 160171, 4, 23, 21, 1683, 5975}
				})),
		},
		Info:     ipvs.Info{Version: 0x010201, ConnTabSize: 4096},
		Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300},
	},
	{
		Services: []Service{
			virtual(ipvs.UDP, "10.1.0.1:5060", "rr",
				func(s *ipvs.Service) { s.Flags, s.Timeout, s.PEName = persistent|onePacket, 60, "sip" }),
		},
		Info:     ipvs.Info{Version: 0x010201, ConnTabSize: 4096},
		Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300},
		Daemons: []ipvs.Daemon{
			{State: ipvs.Master, Interface: "d0", SyncID: 7, MaxLength: 1472, Group: netip.MustParseAddr("224.0.0.99"), Port: 9000, TTL: 3},
			{State: ipvs.Backup, Interface: "d0", SyncID: 8, MaxLength: 1472, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1},
		},
	},
}

// The decoder agrees with ipvsadm about a real kernel's messages, and the fake
// makes the same messages byte for byte.
func TestVectors(t *testing.T) {
	if native16(1)[0] == 0 {
		t.Skip("the vectors come from a little-endian machine")
	}
	if _, err := os.Stat(vectors); err != nil {
		t.Skipf("the vectors are not part of the repository: %v", err)
	}
	blocks := readVectors(t, vectors)
	require.Len(t, blocks, len(printed))
	for i, g := range blocks {
		want := printed[i]
		require.Equal(t, want, decodeGolden(t, g))

		var e Encoder
		next := 0
		for j, svc := range want.Services {
			require.Equal(t, g.Services[j], framed(g.Services[j], e.Service(&svc.Service)), "%s", svc.ServiceKey)
			for _, d := range svc.Destinations {
				msg := g.Destinations[next].Message
				next++
				require.Equal(t, msg, framed(msg, e.Destination(&d)), "%s", d.DestinationKey)
			}
		}
		require.Equal(t, g.Info, framed(g.Info, e.Info(want.Info)))
		require.Equal(t, g.Config, framed(g.Config, e.Timeouts(want.Timeouts)))
		for j, d := range want.Daemons {
			require.Equal(t, g.Daemons[j], framed(g.Daemons[j], e.Daemon(&d)))
		}
	}
}

// framed puts attributes behind the headers of msg.
func framed(msg, attrs []byte) []byte {
	b := append([]byte(nil), msg[:20]...)
	b = append(b, attrs...)
	return append(native32(uint32(len(b))), b[4:]...)
}
