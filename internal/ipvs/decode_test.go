package ipvs_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

var (
	v4 = netip.MustParseAddr("192.0.2.1")
	v6 = netip.MustParseAddr("2001:db8::1")

	// wide has a member above 2^32 wherever the kernel can have one.
	wide = ipvs.Stats{
		Connections: 1<<40 + 1, PacketsIn: 1<<41 + 2, PacketsOut: 1<<42 + 3, BytesIn: 1<<50 + 4, BytesOut: 1<<51 + 5,
		CPS: 1<<33 + 6, PPSIn: 1<<34 + 7, PPSOut: 1<<35 + 8, BPSIn: 1<<36 + 9, BPSOut: 1<<37 + 10,
	}
	// narrow is what 32-bit statistics keep of it.
	narrow = ipvs.Stats{
		Connections: 1, PacketsIn: 2, PacketsOut: 3, BytesIn: 1<<50 + 4, BytesOut: 1<<51 + 5,
		CPS: 6, PPSIn: 7, PPSOut: 8, BPSIn: 9, BPSOut: 10,
	}
)

func webService() ipvs.Service {
	return ipvs.Service{
		ServiceKey: ipvs.ServiceKey{Family: ipvs.IPv4, Protocol: ipvs.TCP, Address: v4, Port: 80},
		Scheduler:  "wlc", Netmask: math.MaxUint32, Stats: wide,
	}
}

func webDestination() ipvs.Destination {
	return ipvs.Destination{
		DestinationKey: ipvs.DestinationKey{Family: ipvs.IPv4, Address: netip.MustParseAddr("192.0.2.2"), Port: 8080},
		Weight:         1, Stats: wide,
	}
}

// Every service and destination that the model can hold comes through unchanged.
func TestDecodeRoundTrip(t *testing.T) {
	services := map[string]func(*ipvs.Service){
		"plain":       func(*ipvs.Service) {},
		"udp ops":     func(s *ipvs.Service) { s.Protocol = ipvs.UDP; s.Flags = 4 },
		"sctp":        func(s *ipvs.Service) { s.Protocol = ipvs.SCTP; s.Port = 65535 },
		"persistent":  func(s *ipvs.Service) { s.Flags = 1; s.Timeout = math.MaxUint32; s.Netmask = 0xffffff00 },
		"ipv6":        func(s *ipvs.Service) { s.Family = ipvs.IPv6; s.Address = v6; s.Netmask = 64 },
		"ipv4-mapped": func(s *ipvs.Service) { s.Family = ipvs.IPv6; s.Address = netip.MustParseAddr("::ffff:1.2.3.4") },
		"zero addr":   func(s *ipvs.Service) { s.Address = netip.IPv4Unspecified(); s.Port = 0 },
		"fwmark": func(s *ipvs.Service) {
			s.ServiceKey = ipvs.ServiceKey{Family: ipvs.IPv4, FWMark: math.MaxUint32}
		},
		"fwmark inet6": func(s *ipvs.Service) {
			s.ServiceKey = ipvs.ServiceKey{Family: ipvs.IPv6, FWMark: 47}
			s.Netmask = 128
		},
		"sh flags":     func(s *ipvs.Service) { s.Scheduler = "sh"; s.Flags = 8 | 16 },
		"all flags":    func(s *ipvs.Service) { s.Flags = ^ipvs.Flags(2) },
		"sip":          func(s *ipvs.Service) { s.PEName = "sip" },
		"no scheduler": func(s *ipvs.Service) { s.Scheduler = "none" },
		"16 letters":   func(s *ipvs.Service) { s.Scheduler = "0123456789abcdef" },
	}
	for name, edit := range services {
		t.Run("service "+name, func(t *testing.T) {
			want := webService()
			edit(&want)
			got := ipvs.Service{PEName: "old", Timeout: 99} // must be replaced
			require.NoError(t, ipvs.DecodeService(Encoder{}.Service(&want), &got))
			require.Equal(t, want, got)

			want.Stats = narrow
			require.NoError(t, ipvs.DecodeService(Encoder{NoStats64: true}.Service(&want), &got))
			require.Equal(t, want, got)
		})
	}
	destinations := map[string]func(*ipvs.Destination){
		"plain":    func(*ipvs.Destination) {},
		"ipv6":     func(d *ipvs.Destination) { d.Family = ipvs.IPv6; d.Address = v6 },
		"port 0":   func(d *ipvs.Destination) { d.Port = 0 },
		"weight":   func(d *ipvs.Destination) { d.Weight = 70000 },
		"weight 0": func(d *ipvs.Destination) { d.Weight = 0 },
		"limits":   func(d *ipvs.Destination) { d.UpperThreshold, d.LowerThreshold = 1000, 500 },
		"counts": func(d *ipvs.Destination) {
			d.ActiveConnections, d.InactiveConnections, d.PersistentConnections = 1, 2, 3
		},
		"route":     func(d *ipvs.Destination) { d.Forwarding = ipvs.Route },
		"gue":       func(d *ipvs.Destination) { d.Forwarding, d.TunnelType, d.TunnelPort, d.TunnelFlags = 2, 1, 6080, 3 },
		"gre":       func(d *ipvs.Destination) { d.Forwarding, d.TunnelType = ipvs.Tunnel, ipvs.GRE },
		"all zeros": func(d *ipvs.Destination) { d.Address = netip.IPv4Unspecified() },
	}
	for name, edit := range destinations {
		t.Run("destination "+name, func(t *testing.T) {
			want := webDestination()
			edit(&want)
			got := ipvs.Destination{PersistentConnections: 99} // must be replaced
			require.NoError(t, ipvs.DecodeDestination(Encoder{}.Destination(&want), ipvs.IPv4, &got))
			require.Equal(t, want, got)

			// Without the attribute the family is the service's.
			require.NoError(t, ipvs.DecodeDestination(Encoder{NoAddressFamily: true}.Destination(&want), want.Family, &got))
			require.Equal(t, want, got)

			want.Stats = narrow
			want.TunnelType, want.TunnelPort, want.TunnelFlags = 0, 0, 0
			old := Encoder{NoStats64: true, NoTunnel: true}
			require.NoError(t, ipvs.DecodeDestination(old.Destination(&want), ipvs.IPv4, &got))
			require.Equal(t, want, got)
		})
	}
}

// serviceWith decodes an IPv4 service whose last attribute is typ with value.
func serviceWith(typ uint16, value ...byte) (svc ipvs.Service, err error) {
	b := Attr16(nil, 1, 2)
	b = Attr(b, 3, append(v4.AsSlice(), make([]byte, 12)...)...)
	err = ipvs.DecodeService(Attr(nil, 1, Attr(b, typ, value...)...), &svc)
	return svc, err
}

func destinationWith(typ uint16, value ...byte) (d ipvs.Destination, err error) {
	b := Attr(nil, 1, append(v4.AsSlice(), make([]byte, 12)...)...)
	err = ipvs.DecodeDestination(Attr(nil, 2, Attr(b, typ, value...)...), ipvs.IPv4, &d)
	return d, err
}

// One row for each attribute: its value, then the same value short of its last
// byte and with bytes behind it.
func TestDecodeServiceAttribute(t *testing.T) {
	base, err := serviceWith(999)
	require.NoError(t, err, "unknown attribute")
	stats := Attr64(Attr32(nil, 1, 7), 4, 1<<40)
	tests := []struct {
		name  string
		typ   uint16
		value []byte
		edit  func(*ipvs.Service)
		need  int // bytes without which it is an error; 0 for a text
	}{
		{"protocol", 2, native16(132), func(s *ipvs.Service) { s.Protocol = ipvs.SCTP }, 2},
		{"address", 3, append([]byte{1, 2, 3, 4}, make([]byte, 12)...), func(s *ipvs.Service) { s.Address = netip.MustParseAddr("1.2.3.4") }, 4},
		{"port", 4, []byte{0x1f, 0x90}, func(s *ipvs.Service) { s.Port = 8080 }, 2},
		{"fwmark", 5, native32(47), func(s *ipvs.Service) { s.FWMark = 47; s.Address = netip.Addr{} }, 4},
		{"scheduler", 6, []byte("wrr\x00"), func(s *ipvs.Service) { s.Scheduler = "wrr" }, 0},
		{"scheduler without NUL", 6, []byte("wrr"), func(s *ipvs.Service) { s.Scheduler = "wrr" }, -1},
		{"flags", 7, append(native32(2|1|4), 0xff, 0xff, 0xff, 0xff), func(s *ipvs.Service) { s.Flags = 5 }, 4},
		{"timeout", 8, native32(300), func(s *ipvs.Service) { s.Timeout = 300 }, 4},
		{"netmask", 9, []byte{255, 255, 255, 0}, func(s *ipvs.Service) { s.Netmask = 0xffffff00 }, 4},
		{"stats", 10, stats, func(s *ipvs.Service) { s.Stats.Connections = 7; s.Stats.BytesIn = 1 << 40 }, -1},
		{"PE name", 11, []byte("sip\x00"), func(s *ipvs.Service) { s.PEName = "sip" }, 0},
		{"stats64", 12, Attr64(nil, 10, 1<<40), func(s *ipvs.Service) { s.Stats.BPSOut = 1 << 40 }, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := base
			tt.edit(&want)
			got, err := serviceWith(tt.typ, tt.value...)
			require.NoError(t, err)
			require.Equal(t, want, got)
			if tt.need < 0 {
				return
			}
			got, err = serviceWith(tt.typ, append(tt.value, 1, 2, 3)...)
			require.NoError(t, err, "longer value")
			require.Equal(t, want, got, "longer value")
			if tt.need > 0 {
				_, err = serviceWith(tt.typ, tt.value[:tt.need-1]...)
				require.Error(t, err, "short value")
				_, err = serviceWith(tt.typ)
				require.Error(t, err, "empty value")
			}
		})
	}
}

func TestDecodeDestinationAttribute(t *testing.T) {
	base, err := destinationWith(999)
	require.NoError(t, err, "unknown attribute")
	tests := []struct {
		name  string
		typ   uint16
		value []byte
		edit  func(*ipvs.Destination)
		size  int
	}{
		{"address", 1, append([]byte{1, 2, 3, 4}, make([]byte, 12)...), func(d *ipvs.Destination) { d.Address = netip.MustParseAddr("1.2.3.4") }, 4},
		{"port", 2, []byte{0x1f, 0x90}, func(d *ipvs.Destination) { d.Port = 8080 }, 2},
		{"forwarding", 3, native32(3), func(d *ipvs.Destination) { d.Forwarding = ipvs.Route }, 4},
		{"forwarding with flags", 3, native32(0xff00 | 4), func(d *ipvs.Destination) { d.Forwarding = ipvs.Bypass }, 4},
		{"weight", 4, native32(70000), func(d *ipvs.Destination) { d.Weight = 70000 }, 4},
		{"upper", 5, native32(1000), func(d *ipvs.Destination) { d.UpperThreshold = 1000 }, 4},
		{"lower", 6, native32(500), func(d *ipvs.Destination) { d.LowerThreshold = 500 }, 4},
		{"active", 7, native32(math.MaxUint32), func(d *ipvs.Destination) { d.ActiveConnections = math.MaxUint32 }, 4},
		{"inactive", 8, native32(8), func(d *ipvs.Destination) { d.InactiveConnections = 8 }, 4},
		{"persistent", 9, native32(9), func(d *ipvs.Destination) { d.PersistentConnections = 9 }, 4},
		{"tunnel type", 13, []byte{1}, func(d *ipvs.Destination) { d.TunnelType = ipvs.GUE }, 1},
		{"tunnel port", 14, []byte{0x17, 0xc0}, func(d *ipvs.Destination) { d.TunnelPort = 6080 }, 2},
		{"tunnel flags", 15, native16(1), func(d *ipvs.Destination) { d.TunnelFlags = 1 }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := base
			tt.edit(&want)
			got, err := destinationWith(tt.typ, tt.value...)
			require.NoError(t, err)
			require.Equal(t, want, got)
			got, err = destinationWith(tt.typ, append(tt.value, 1, 2, 3)...)
			require.NoError(t, err, "longer value")
			require.Equal(t, want, got, "longer value")
			_, err = destinationWith(tt.typ, tt.value[:tt.size-1]...)
			require.Error(t, err, "short value")
		})
	}
	t.Run("family of its own", func(t *testing.T) {
		b := Attr16(Attr(nil, 1, v6.AsSlice()...), 11, 10)
		var d ipvs.Destination
		require.NoError(t, ipvs.DecodeDestination(Attr(nil, 2, b...), ipvs.IPv4, &d))
		require.Equal(t, ipvs.DestinationKey{Address: v6, Family: ipvs.IPv6}, d.DestinationKey)
	})
}

// Each of the ten statistics lands in its own member, in both widths.
func TestDecodeStatsMember(t *testing.T) {
	for i := range uint16(10) {
		for _, short := range []bool{false, true} {
			value := uint64(0xabcdef01_23456789)
			member := Attr64(nil, i+1, value)
			if short {
				value = 0x23456789
				member = Attr32(nil, i+1, uint32(value))
			}
			d, err := destinationWith(12, member...)
			require.NoError(t, err)
			s := d.Stats
			members := []uint64{s.Connections, s.PacketsIn, s.PacketsOut, s.BytesIn, s.BytesOut, s.CPS, s.PPSIn, s.PPSOut, s.BPSIn, s.BPSOut}
			want := make([]uint64, 10)
			want[i] = value
			require.Equal(t, want, members, "member %d", i+1)

			_, err = destinationWith(12, Attr(nil, i+1, 1, 2, 3)...)
			require.Error(t, err, "member %d of 3 bytes", i+1)
		}
	}
	// A pad stands before 64-bit members on some machines.
	d, err := destinationWith(12, Attr64(Attr(nil, 11), 1, 5)...)
	require.NoError(t, err)
	require.Equal(t, ipvs.Stats{Connections: 5}, d.Stats)
}

// The order of attributes and any offset in memory make no difference.
func TestDecodeShuffled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	svc, dest := webService(), webDestination()
	dest.Forwarding, dest.TunnelType, dest.TunnelPort = ipvs.Tunnel, ipvs.GUE, 6080
	for range 50 {
		shift := make([]byte, rng.IntN(8), 1024)
		var s ipvs.Service
		require.NoError(t, ipvs.DecodeService(append(shift, shuffle(rng, Encoder{}.Service(&svc))...)[len(shift):], &s))
		require.Equal(t, svc, s)
		var d ipvs.Destination
		require.NoError(t, ipvs.DecodeDestination(append(shift, shuffle(rng, Encoder{}.Destination(&dest))...)[len(shift):], ipvs.IPv6, &d))
		require.Equal(t, dest, d)
	}
}

// shuffle changes the order of the attributes within the outermost one, and marks
// it as nested, as other kernel code does.
func shuffle(rng *rand.Rand, outer []byte) []byte {
	var list [][]byte
	for rest := outer[4:]; len(rest) > 0; {
		n := (int(rest[0]) | int(rest[1])<<8 + 3) &^ 3
		list, rest = append(list, rest[:n]), rest[n:]
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	b := append([]byte(nil), outer[:4]...)
	b[3] |= 0x80
	for _, a := range list {
		b = append(b, a...)
	}
	return b
}

func TestDecodeRefuses(t *testing.T) {
	svc, dest := webService(), webDestination()
	whole := Encoder{}.Service(&svc)
	for n := range whole {
		var s ipvs.Service
		require.Error(t, ipvs.DecodeService(whole[:n], &s), "first %d bytes", n)
	}
	whole = Encoder{}.Destination(&dest)
	for n := range whole {
		var d ipvs.Destination
		require.Error(t, ipvs.DecodeDestination(whole[:n], ipvs.IPv4, &d), "first %d bytes", n)
	}
	tests := []struct {
		name    string
		payload []byte
		want    string
	}{
		{"nothing", nil, "main attribute"},
		{"another main attribute", Attr(nil, 2), "main attribute"},
		{"empty", Attr(nil, 1), "address family 0"},
		{"no family", Attr(nil, 1, Attr(nil, 3, make([]byte, 16)...)...), "address family 0"},
		{"no address", Attr(nil, 1, Attr16(nil, 1, 2)...), "inet address of 0 bytes"},
		{"IPv6 address of 4 bytes", Attr(nil, 1, Attr(Attr16(nil, 1, 10), 3, 1, 2, 3, 4)...), "inet6 address of 4 bytes"},
		{"family 258", Attr(nil, 1, Attr16(nil, 1, 258)...), "address family 255"},
		{"mark without family", Attr(nil, 1, Attr32(nil, 5, 47)...), "address family 0"},
		{"attribute of no length", Attr(nil, 1, 0, 0, 1, 0), "attribute of 0 bytes where 4 are left"},
		{"bad statistics", Attr(nil, 1, Attr(Attr32(Attr16(nil, 1, 2), 5, 47), 12, 8, 0, 1, 0)...), "statistics of fwmark 47 inet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s ipvs.Service
			require.ErrorContains(t, ipvs.DecodeService(tt.payload, &s), tt.want)
		})
	}
}

// The bytes of a decoded service may be overwritten.
func TestDecodeCopies(t *testing.T) {
	want := webService()
	want.PEName = "sip"
	payload := Encoder{}.Service(&want)
	var got ipvs.Service
	require.NoError(t, ipvs.DecodeService(payload, &got))
	clear(payload)
	require.Equal(t, want, got)
}

func TestStrtabBounded(t *testing.T) {
	names := ipvs.Strtab{}
	for i := range 1000 {
		svc := webService()
		svc.Scheduler = strings.Repeat("x", i)
		var got ipvs.Service
		require.NoError(t, ipvs.DecodeServiceWith(Encoder{}.Service(&svc), &got, names))
		require.Equal(t, svc.Scheduler, got.Scheduler)
	}
	require.LessOrEqual(t, len(names), 256)
}

func TestDecodeOthers(t *testing.T) {
	info, err := ipvs.DecodeInfo(Encoder{}.Info(ipvs.Info{Version: 0x010201, ConnTabSize: 4096}))
	require.NoError(t, err)
	require.Equal(t, ipvs.Info{Version: 0x010201, ConnTabSize: 4096}, info)

	timeouts, err := ipvs.DecodeTimeouts(Encoder{}.Timeouts(ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}))
	require.NoError(t, err)
	require.Equal(t, ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}, timeouts)

	id, err := ipvs.DecodeFamily(Encoder{}.Family(34))
	require.NoError(t, err)
	require.Equal(t, uint16(34), id)

	for _, want := range []ipvs.Daemon{
		{State: ipvs.Master, Interface: "d0", SyncID: 7, MaxLength: 1472, Group: netip.MustParseAddr("224.0.0.99"), Port: 9000, TTL: 3},
		{State: ipvs.Backup, Interface: "averylongname15", Group: netip.MustParseAddr("ff02::5"), Port: 8848, TTL: 1},
		{State: ipvs.Backup, Interface: "eth0", SyncID: 255},
	} {
		got, err := ipvs.DecodeDaemon(Encoder{}.Daemon(&want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}

	for name, bad := range map[string]func() error{
		"info":           func() error { _, err := ipvs.DecodeInfo(Attr16(nil, 1, 1)); return err },
		"timeouts":       func() error { _, err := ipvs.DecodeTimeouts(Attr16(nil, 6, 1)); return err },
		"family":         func() error { _, err := ipvs.DecodeFamily(Attr(nil, 1, 1)); return err },
		"no family":      func() error { _, err := ipvs.DecodeFamily(Attr16(nil, 2, 1)); return err },
		"no daemon":      func() error { _, err := ipvs.DecodeDaemon(nil); return err },
		"daemon's group": func() error { _, err := ipvs.DecodeDaemon(Attr(nil, 3, Attr(nil, 5, 1, 2)...)); return err },
		"daemon's port":  func() error { _, err := ipvs.DecodeDaemon(Attr(nil, 3, Attr(nil, 7, 1)...)); return err },
		"a good attribute after a bad one": func() error {
			_, err := ipvs.DecodeDaemon(Attr(nil, 3, Attr(Attr(nil, 6, 1, 2), 5, 1, 2, 3, 4)...))
			return err
		},
	} {
		require.Error(t, bad(), name)
	}
}

func TestModelNames(t *testing.T) {
	tests := []struct{ got, want string }{
		{ipvs.IPv4.String(), "inet"}, {ipvs.IPv6.String(), "inet6"}, {ipvs.Family(7).String(), "7"},
		{ipvs.TCP.String(), "tcp"}, {ipvs.UDP.String(), "udp"}, {ipvs.SCTP.String(), "sctp"}, {ipvs.Protocol(500).String(), "500"},
		{ipvs.Masquerade.String(), "masq"}, {ipvs.Local.String(), "local"}, {ipvs.Tunnel.String(), "tunnel"},
		{ipvs.Route.String(), "route"}, {ipvs.Bypass.String(), "bypass"}, {ipvs.ForwardingMethod(7).String(), "7"},
		{ipvs.IPIP.String(), "ipip"}, {ipvs.GUE.String(), "gue"}, {ipvs.GRE.String(), "gre"}, {ipvs.TunnelType(3).String(), "3"},
		{ipvs.Master.String(), "master"}, {ipvs.Backup.String(), "backup"}, {ipvs.DaemonState(0).String(), "0"},
		{ipvs.Flags(0).Scheduler("sh"), ""}, {ipvs.Flags(8 | 16).Scheduler("sh"), "sh-fallback,sh-port"},
		{ipvs.Flags(16).Scheduler("mh"), "mh-port"}, {ipvs.Flags(8 | 16 | 32).Scheduler("rr"), "flag-1,flag-2,flag-3"},
		{webService().ServiceKey.String(), "tcp 192.0.2.1:80"},
		{ipvs.ServiceKey{Family: ipvs.IPv6, Protocol: ipvs.UDP, Address: v6, Port: 53}.String(), "udp [2001:db8::1]:53"},
		{ipvs.ServiceKey{Family: ipvs.IPv6, FWMark: 47}.String(), "fwmark 47 inet6"},
		{webDestination().DestinationKey.String(), "192.0.2.2:8080"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.got)
	}
	require.True(t, ipvs.Flags(1).Persistent() && !ipvs.Flags(4).Persistent())
	require.True(t, ipvs.Flags(4).OnePacket() && !ipvs.Flags(1).OnePacket())
	for _, tt := range []struct {
		family  ipvs.Family
		netmask uint32
		want    int
	}{{ipvs.IPv4, 0xffffff00, 24}, {ipvs.IPv4, 0, 0}, {ipvs.IPv4, math.MaxUint32, 32}, {ipvs.IPv6, 128, 128}, {ipvs.IPv6, 64, 64}} {
		svc := ipvs.Service{ServiceKey: ipvs.ServiceKey{Family: tt.family}, Netmask: tt.netmask}
		require.Equal(t, tt.want, svc.PrefixLength())
	}
}

func TestSnapshot(t *testing.T) {
	var s ipvs.Snapshot
	a, b := webService(), webService()
	b.Port = 443
	d1, d2 := webDestination(), webDestination()
	d2.Port = 1
	for range 2 {
		s.Reset()
		require.Empty(t, s.Services)
		s.Add(a)
		s.Add(b, d1, d2)
		require.Empty(t, s.Destinations(&s.Services[0]))
		require.Equal(t, []ipvs.Destination{d1, d2}, s.Destinations(&s.Services[1]))
		require.Equal(t, 2, s.NumDestinations())
	}
}
