package ipvs

import (
	"math/bits"
	"net/netip"
	"strconv"
)

// A Family is an address family by its number in Linux: 2 for IPv4, 10 for IPv6.
type Family uint8

// Address families that IPVS balances.
const (
	IPv4 Family = familyInet
	IPv6 Family = familyInet6
)

// String returns "inet", "inet6", or the number of any other family.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "inet"
	case IPv6:
		return "inet6"
	}
	return strconv.Itoa(int(f))
}

// A Protocol is a transport protocol by its IANA number.
type Protocol uint16

// Transport protocols that IPVS balances.
const (
	TCP  Protocol = protocolTCP
	UDP  Protocol = protocolUDP
	SCTP Protocol = protocolSCTP
)

// String returns "tcp", "udp", "sctp", or the number of any other protocol.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	}
	return strconv.Itoa(int(p))
}

// A ForwardingMethod says how packets reach a real server.
type ForwardingMethod uint8

// Forwarding methods, numbered as IP_VS_CONN_F_* in ip_vs.h.
const (
	Masquerade ForwardingMethod = 0 // network address translation
	Local      ForwardingMethod = 1 // the director itself
	Tunnel     ForwardingMethod = 2 // encapsulation, see TunnelType
	Route      ForwardingMethod = 3 // direct routing
	Bypass     ForwardingMethod = 4 // past the real servers to the original destination
)

// String returns the lower-case name that ipvsadm and keepalived use, or the number.
func (m ForwardingMethod) String() string {
	switch m {
	case Masquerade:
		return "masq"
	case Local:
		return "local"
	case Tunnel:
		return "tunnel"
	case Route:
		return "route"
	case Bypass:
		return "bypass"
	}
	return strconv.Itoa(int(m))
}

// A TunnelType is the encapsulation used by the forwarding method [Tunnel].
type TunnelType uint8

// Tunnel types, numbered as IP_VS_CONN_F_TUNNEL_TYPE_* in ip_vs.h.
const (
	IPIP TunnelType = 0
	GUE  TunnelType = 1
	GRE  TunnelType = 2
)

// String returns "ipip", "gue", "gre", or the number of any other type.
func (t TunnelType) String() string {
	switch t {
	case IPIP:
		return "ipip"
	case GUE:
		return "gue"
	case GRE:
		return "gre"
	}
	return strconv.Itoa(int(t))
}

// Flags are the properties of a service, IP_VS_SVC_F_* without HASHED, which
// the kernel sets on every service.
type Flags uint32

// Persistent reports whether clients stick to a real server (ipvsadm -p).
func (f Flags) Persistent() bool { return f&flagPersistent != 0 }

// OnePacket reports whether every packet is scheduled by itself (ipvsadm -o).
func (f Flags) OnePacket() bool { return f&flagOnePacket != 0 }

// Scheduler names the scheduler's own flags as ipvsadm -b takes them. They have
// names only for the schedulers sh and mh; for any other they are called
// flag-1 to flag-3. The result is empty when none is set.
func (f Flags) Scheduler(sched string) string {
	names := [3]string{"flag-1", "flag-2", "flag-3"}
	if sched == "sh" || sched == "mh" {
		names[0], names[1] = sched+"-fallback", sched+"-port"
	}
	var list string
	for i, bit := range [3]Flags{flagSched1, flagSched2, flagSched3} {
		if f&bit == 0 {
			continue
		}
		if list != "" {
			list += ","
		}
		list += names[i]
	}
	return list
}

// Stats are the counters and rates that IPVS keeps of a service or destination.
// The kernel brings them up to date every two seconds, and not at all while
// net.ipv4.vs.run_estimation is 0. Counters start at zero with the object and
// after "ipvsadm --zero". Replies that do not pass the director (direct routing,
// tunnels) are not in the Out members. On kernels before 4.1 all members but
// the bytes wrap at 2^32.
type Stats struct {
	Connections uint64 // connections scheduled
	PacketsIn   uint64 // packets from clients
	PacketsOut  uint64 // packets to clients
	BytesIn     uint64 // bytes from clients
	BytesOut    uint64 // bytes to clients
	CPS         uint64 // connections per second, averaged by the kernel
	PPSIn       uint64 // packets per second from clients
	PPSOut      uint64 // packets per second to clients
	BPSIn       uint64 // bytes (not bits) per second from clients
	BPSOut      uint64 // bytes (not bits) per second to clients
}

// A ServiceKey identifies a service within a network namespace: by firewall
// mark and family, or by family, protocol, address and port. It is comparable.
type ServiceKey struct {
	Address  netip.Addr // virtual address; invalid for a firewall-mark service
	FWMark   uint32     // firewall mark; 0 for a service with an address
	Protocol Protocol   // 0 for a firewall-mark service
	Port     uint16     // virtual port; 0 for any port, and for a firewall-mark service
	Family   Family
}

// String returns the key as an operator would name it: "tcp 192.0.2.1:80" or
// "fwmark 47 inet6".
func (k ServiceKey) String() string {
	if k.FWMark != 0 {
		return "fwmark " + strconv.FormatUint(uint64(k.FWMark), 10) + " " + k.Family.String()
	}
	return k.Protocol.String() + " " + netip.AddrPortFrom(k.Address, k.Port).String()
}

// A Service is a virtual server.
type Service struct {
	ServiceKey
	Scheduler string // "rr", "wlc", …; "none" when none is bound
	PEName    string // persistence engine, such as "sip"; empty for none
	Stats     Stats
	Timeout   uint32 // persistence timeout in seconds; means something only with Flags.Persistent
	Flags     Flags
	// Netmask is the granularity of persistence: for IPv4 the mask of the client
	// network (255.255.255.0 is 0xffffff00), for IPv6 the length of its prefix.
	Netmask uint32

	first, count int32 // where its destinations lie in the snapshot
}

// PrefixLength returns the granularity of persistence as a prefix length: the set
// bits of an IPv4 mask (0 to 32), or an IPv6 prefix length (1 to 128).
func (s *Service) PrefixLength() int {
	if s.Family == IPv4 {
		return bits.OnesCount32(s.Netmask)
	}
	return int(s.Netmask)
}

// A DestinationKey identifies a real server within one service. Its family may
// differ from the service's, for tunnels. It is comparable.
type DestinationKey struct {
	Address netip.Addr
	Port    uint16 // 0 for the port the client asked for
	Family  Family
}

// String returns the key as "192.0.2.2:8080".
func (k DestinationKey) String() string { return netip.AddrPortFrom(k.Address, k.Port).String() }

// A Destination is a real server of one service.
type Destination struct {
	DestinationKey
	Forwarding ForwardingMethod
	TunnelType TunnelType // means something only with Forwarding Tunnel
	TunnelPort uint16     // UDP port of GUE; 0 otherwise
	// TunnelFlags are 1 for a checksum, 2 for remote checksum offload
	// (IP_VS_TUNNEL_ENCAP_FLAG_*).
	TunnelFlags           uint16
	Weight                uint32 // share of new connections; 0 takes none (quiesced)
	UpperThreshold        uint32 // connections at which new ones stop; 0 for no limit
	LowerThreshold        uint32 // connections at which they start again; 0 for three quarters of the upper
	ActiveConnections     uint32 // connections in the state established
	InactiveConnections   uint32 // connections in any other state
	PersistentConnections uint32 // persistence templates
	Stats                 Stats
}

// A Snapshot is the table of one network namespace at one gather. Its zero value
// is an empty table. It does not say how it was read. The memory is reused: what
// the methods return is valid until the next Reset, that is, until the next
// [Client.Read] into the same snapshot.
type Snapshot struct {
	Services     []Service
	destinations []Destination
}

// Reset empties the snapshot and keeps its memory.
func (s *Snapshot) Reset() {
	s.Services = s.Services[:0]
	s.destinations = s.destinations[:0]
}

// Add appends a service with its destinations, which are copied.
func (s *Snapshot) Add(svc Service, destinations ...Destination) {
	svc.first, svc.count = int32(len(s.destinations)), int32(len(destinations))
	s.destinations = append(s.destinations, destinations...)
	s.Services = append(s.Services, svc)
}

// Destinations returns the real servers of svc, which must be an element of
// s.Services or a copy of one.
func (s *Snapshot) Destinations(svc *Service) []Destination {
	return s.destinations[svc.first : svc.first+svc.count]
}

// NumDestinations returns how many real servers the snapshot holds in all.
func (s *Snapshot) NumDestinations() int { return len(s.destinations) }

// Info describes the kernel's IPVS.
type Info struct {
	Version     uint32 // 0x010201 for 1.2.1, which every kernel since 2.6.28 says
	ConnTabSize uint32 // buckets of the connection hash table
}

// Timeouts are the connection timeouts of a network namespace, in seconds.
type Timeouts struct {
	TCP, TCPFin, UDP uint32
}

// A DaemonState is the role of a synchronisation daemon.
type DaemonState uint32

// Roles, numbered as IP_VS_STATE_* in ip_vs.h.
const (
	Master DaemonState = 1
	Backup DaemonState = 2
)

// String returns "master", "backup" or the number of any other state.
func (s DaemonState) String() string {
	switch s {
	case Master:
		return "master"
	case Backup:
		return "backup"
	}
	return strconv.FormatUint(uint64(s), 10)
}

// A Daemon is a connection synchronisation daemon of the network namespace.
type Daemon struct {
	State     DaemonState
	Interface string     // multicast interface
	SyncID    uint32     // 0 for any, in a backup
	MaxLength uint16     // bytes of one synchronisation message; 0 on kernels before 4.3
	Group     netip.Addr // multicast group; invalid on kernels before 4.3
	Port      uint16     // UDP port of the group
	TTL       uint8      // time to live of the messages
}
