package ipvstest

import (
	"encoding/binary"
	"net/netip"

	"telegraf-ipvs/internal/ipvs"
)

// An Encoder makes messages as one version of the kernel makes them. Its zero
// value is Linux 5.3 and later.
type Encoder struct {
	NoStats64       bool // before 4.1
	NoAddressFamily bool // before 3.18: destinations do not name theirs
	NoTunnel        bool // before 5.2
}

// Attr appends an attribute with its padding to b.
func Attr(b []byte, typ uint16, value ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrSize+len(value)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, value...)
	return append(b, make([]byte, -len(b)&3)...)
}

// Attr16 appends a 16-bit attribute in host order.
func Attr16(b []byte, typ, value uint16) []byte {
	return Attr(b, typ, binary.NativeEndian.AppendUint16(nil, value)...)
}

// Attr32 appends a 32-bit attribute in host order.
func Attr32(b []byte, typ uint16, value uint32) []byte {
	return Attr(b, typ, binary.NativeEndian.AppendUint32(nil, value)...)
}

// Attr64 appends a 64-bit attribute in host order.
func Attr64(b []byte, typ uint16, value uint64) []byte {
	return Attr(b, typ, binary.NativeEndian.AppendUint64(nil, value)...)
}

// Text appends a NUL-terminated string.
func Text(b []byte, typ uint16, s string) []byte { return Attr(b, typ, append([]byte(s), 0)...) }

func port(b []byte, typ, value uint16) []byte { return Attr(b, typ, byte(value>>8), byte(value)) }

func address(b []byte, typ uint16, a netip.Addr) []byte {
	return Attr(b, typ, append(a.AsSlice(), make([]byte, 16-a.BitLen()/8)...)...)
}

// Service returns the attributes of a NEW_SERVICE message.
func (e Encoder) Service(s *ipvs.Service) []byte {
	b := Attr16(nil, 1, uint16(s.Family))
	if s.FWMark != 0 {
		b = Attr32(b, 5, s.FWMark)
	} else {
		b = Attr16(b, 2, uint16(s.Protocol))
		b = address(b, 3, s.Address)
		b = port(b, 4, s.Port)
	}
	b = Text(b, 6, s.Scheduler)
	if s.PEName != "" {
		b = Text(b, 11, s.PEName)
	}
	b = Attr(b, 7, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, uint32(s.Flags)|serviceHashed), ^uint32(0))...)
	b = Attr32(b, 8, s.Timeout)
	if s.Family == afInet6 {
		b = Attr32(b, 9, s.Netmask)
	} else {
		b = Attr(b, 9, binary.BigEndian.AppendUint32(nil, s.Netmask)...)
	}
	return Attr(nil, 1, e.stats(b, 10, 12, &s.Stats)...)
}

// Destination returns the attributes of a NEW_DEST message.
func (e Encoder) Destination(d *ipvs.Destination) []byte {
	b := address(nil, 1, d.Address)
	b = port(b, 2, d.Port)
	b = Attr32(b, 3, uint32(d.Forwarding))
	b = Attr32(b, 4, d.Weight)
	if !e.NoTunnel {
		b = Attr(b, 13, uint8(d.TunnelType))
		b = port(b, 14, d.TunnelPort)
		b = Attr16(b, 15, d.TunnelFlags)
	}
	b = Attr32(b, 5, d.UpperThreshold)
	b = Attr32(b, 6, d.LowerThreshold)
	b = Attr32(b, 7, d.ActiveConnections)
	b = Attr32(b, 8, d.InactiveConnections)
	b = Attr32(b, 9, d.PersistentConnections)
	if !e.NoAddressFamily {
		b = Attr16(b, 11, uint16(d.Family))
	}
	return Attr(nil, 2, e.stats(b, 10, 12, &d.Stats)...)
}

// stats appends the 32-bit statistics, where all but the bytes are cut to 32
// bits, and the 64-bit ones.
func (e Encoder) stats(b []byte, narrow, wide uint16, s *ipvs.Stats) []byte {
	var n, w []byte
	for i, v := range [10]uint64{s.Connections, s.PacketsIn, s.PacketsOut, s.BytesIn, s.BytesOut,
		s.CPS, s.PPSIn, s.PPSOut, s.BPSIn, s.BPSOut} {
		typ := uint16(i + 1)
		w = Attr64(w, typ, v)
		if typ == 4 || typ == 5 {
			n = Attr64(n, typ, v)
		} else {
			n = Attr32(n, typ, uint32(v))
		}
	}
	b = Attr(b, narrow, n...)
	if !e.NoStats64 {
		b = Attr(b, wide, w...)
	}
	return b
}

// Info returns the attributes of a SET_INFO message.
func (Encoder) Info(i ipvs.Info) []byte { return Attr32(Attr32(nil, 1, i.Version), 2, i.ConnTabSize) }

// Timeouts returns the attributes of a SET_CONFIG message.
func (Encoder) Timeouts(t ipvs.Timeouts) []byte {
	return Attr32(Attr32(Attr32(nil, 4, t.TCP), 5, t.TCPFin), 6, t.UDP)
}

// Daemon returns the attributes of a NEW_DAEMON message.
func (Encoder) Daemon(d *ipvs.Daemon) []byte {
	b := Attr32(nil, 1, uint32(d.State))
	b = Text(b, 2, d.Interface)
	b = Attr32(b, 3, d.SyncID)
	if d.Group.IsValid() {
		b = Attr16(b, 4, d.MaxLength)
		b = Attr16(b, 7, d.Port)
		b = Attr(b, 8, d.TTL)
		typ := uint16(5)
		if d.Group.Is6() {
			typ = 6
		}
		b = Attr(b, typ, d.Group.AsSlice()...)
	}
	return Attr(nil, 3, b...)
}

// Family returns the attributes of the controller's NEWFAMILY message.
func (Encoder) Family(id uint16) []byte {
	b := Text(nil, 2, "IPVS")
	b = Attr16(b, 1, id)
	return Attr32(Attr32(Attr32(b, 3, 1), 4, 0), 5, 3)
}

// Message returns a whole generic netlink message.
func Message(typ, flags uint16, seq, pid uint32, cmd uint8, attrs []byte) []byte {
	return append(append(header(typ, flags, seq, pid, genericSize+len(attrs)), cmd, 1, 0, 0), attrs...)
}

// Done returns the message that ends a dump, with the kernel's code: 0, or an
// error number.
func Done(seq, pid uint32, code uint32) []byte {
	return binary.NativeEndian.AppendUint32(header(typeDone, flagMulti, seq, pid, 4), -code)
}

// Refusal returns an error message, which holds the request that it is about.
func Refusal(seq, pid uint32, code uint32, request []byte) []byte {
	return append(binary.NativeEndian.AppendUint32(header(typeError, 0, seq, pid, 4+len(request)), -code), request...)
}

func header(typ, flags uint16, seq, pid uint32, size int) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(headerSize+size))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	return binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(b, seq), pid)
}

// attributes calls f with each attribute of b.
func attributes(b []byte, f func(typ uint16, value []byte)) {
	for len(b) >= attrSize {
		n := int(binary.NativeEndian.Uint16(b))
		if n < attrSize || n > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[2:]), b[attrSize:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

// messages calls f with each message of a datagram.
func messages(b []byte, f func(msg []byte)) {
	for len(b) >= headerSize {
		n := int(binary.NativeEndian.Uint32(b))
		if n < headerSize || n > len(b) {
			return
		}
		f(b[:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}
