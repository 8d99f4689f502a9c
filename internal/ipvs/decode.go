package ipvs

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Every decoder below takes the attributes of one message, that is, what follows
// the generic netlink header, and skips attributes that it does not know.

var errNoItem = errors.New("message without its main attribute")

// nested returns the value of the first attribute of type typ.
func nested(payload []byte, typ uint16) ([]byte, error) {
	a := attrs{run: payload}
	for a.next() {
		if a.typ == typ {
			return a.value, nil
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return nil, errNoItem
}

// A strtab makes equal strings one, so that a steady table allocates none. It
// is bounded: past its limit strings are simply made anew.
type strtab map[string]string

func (t strtab) get(b []byte) string {
	if s, ok := t[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(t) < 256 {
		t[s] = s
	}
	return s
}

// decodeService decodes a NEW_SERVICE message into svc, whose old contents are
// replaced.
func decodeService(payload []byte, svc *Service, names strtab) error {
	body, err := nested(payload, attrService)
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	*svc = Service{}
	var addr, netmask, stats, stats64 []byte
	a := attrs{run: body}
	for a.next() {
		switch a.typ {
		case svcAF:
			svc.Family = family(a.u16())
		case svcProtocol:
			svc.Protocol = Protocol(a.u16())
		case svcAddr:
			addr = a.value
		case svcPort:
			svc.Port = a.be16()
		case svcFWMark:
			svc.FWMark = a.u32()
		case svcSchedName:
			svc.Scheduler = names.get(a.text())
		case svcFlags:
			svc.Flags = Flags(a.u32()) &^ flagHashed
		case svcTimeout:
			svc.Timeout = a.u32()
		case svcNetmask:
			if a.need(4) {
				netmask = a.value
			}
		case svcPEName:
			svc.PEName = names.get(a.text())
		case svcStats:
			stats = a.value
		case svcStats64:
			stats64 = a.value
		}
	}
	if a.err != nil {
		return fmt.Errorf("service: %w", a.err)
	}
	switch {
	case svc.FWMark == 0:
		svc.Address, err = address(svc.Family, addr)
	case svc.Family == IPv4 || svc.Family == IPv6:
		svc.Protocol, svc.Port = 0, 0
	default:
		err = errFamily(svc.Family)
	}
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	if svc.Family == IPv4 && netmask != nil {
		svc.Netmask = binary.BigEndian.Uint32(netmask)
	} else if netmask != nil {
		svc.Netmask = binary.NativeEndian.Uint32(netmask)
	}
	if err := decodeStats(stats64, stats, &svc.Stats); err != nil {
		return fmt.Errorf("statistics of %s: %w", svc.ServiceKey, err)
	}
	return nil
}

// decodeDestination decodes a NEW_DEST message into d, whose old contents are
// replaced. Kernels before 3.18 do not name the family; it is then the
// service's, which the caller gives.
func decodeDestination(payload []byte, inherited Family, d *Destination) error {
	body, err := nested(payload, attrDest)
	if err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	*d = Destination{}
	d.Family = inherited
	var addr, stats, stats64 []byte
	a := attrs{run: body}
	for a.next() {
		switch a.typ {
		case destAddrFamily:
			d.Family = family(a.u16())
		case destAddr:
			addr = a.value
		case destPort:
			d.Port = a.be16()
		case destFwdMethod:
			d.Forwarding = ForwardingMethod(a.u32() & fwdMask)
		case destWeight:
			d.Weight = a.u32()
		case destUThresh:
			d.UpperThreshold = a.u32()
		case destLThresh:
			d.LowerThreshold = a.u32()
		case destActiveConns:
			d.ActiveConnections = a.u32()
		case destInactConns:
			d.InactiveConnections = a.u32()
		case destPersistConns:
			d.PersistentConnections = a.u32()
		case destTunType:
			d.TunnelType = TunnelType(a.u8())
		case destTunPort:
			d.TunnelPort = a.be16()
		case destTunFlags:
			d.TunnelFlags = a.u16()
		case destStats:
			stats = a.value
		case destStats64:
			stats64 = a.value
		}
	}
	if a.err != nil {
		return fmt.Errorf("destination: %w", a.err)
	}
	if d.Address, err = address(d.Family, addr); err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	if err := decodeStats(stats64, stats, &d.Stats); err != nil {
		return fmt.Errorf("statistics of %s: %w", d.DestinationKey, err)
	}
	return nil
}

// family narrows an address family to the model's width; a number that does not
// fit becomes one that no address has.
func family(n uint16) Family {
	if n > 0xff {
		return 0xff
	}
	return Family(n)
}

// decodeStats decodes the 64-bit statistics, or, on kernels before 4.1, the
// 32-bit ones. The members have the same numbers in both.
func decodeStats(stats64, stats []byte, s *Stats) error {
	if stats64 == nil {
		stats64 = stats
	}
	a := attrs{run: stats64}
	for a.next() {
		switch a.typ {
		case statConns:
			s.Connections = a.uint()
		case statInPkts:
			s.PacketsIn = a.uint()
		case statOutPkts:
			s.PacketsOut = a.uint()
		case statInBytes:
			s.BytesIn = a.uint()
		case statOutBytes:
			s.BytesOut = a.uint()
		case statCPS:
			s.CPS = a.uint()
		case statInPPS:
			s.PPSIn = a.uint()
		case statOutPPS:
			s.PPSOut = a.uint()
		case statInBPS:
			s.BPSIn = a.uint()
		case statOutBPS:
			s.BPSOut = a.uint()
		}
	}
	return a.err
}

func decodeInfo(payload []byte) (Info, error) {
	var info Info
	a := attrs{run: payload}
	for a.next() {
		switch a.typ {
		case infoVersion:
			info.Version = a.u32()
		case infoConnTabSize:
			info.ConnTabSize = a.u32()
		}
	}
	return info, a.err
}

func decodeTimeouts(payload []byte) (Timeouts, error) {
	var t Timeouts
	a := attrs{run: payload}
	for a.next() {
		switch a.typ {
		case attrTimeoutTCP:
			t.TCP = a.u32()
		case attrTimeoutFin:
			t.TCPFin = a.u32()
		case attrTimeoutUDP:
			t.UDP = a.u32()
		}
	}
	return t, a.err
}

func decodeDaemon(payload []byte) (Daemon, error) {
	var d Daemon
	body, err := nested(payload, attrDaemon)
	if err != nil {
		return d, fmt.Errorf("synchronisation daemon: %w", err)
	}
	a := attrs{run: body}
	for a.next() {
		switch a.typ {
		case daemonState:
			d.State = DaemonState(a.u32())
		case daemonMcastIfn:
			d.Interface = string(a.text())
		case daemonSyncID:
			d.SyncID = a.u32()
		case daemonSyncMaxLen:
			d.MaxLength = a.u16()
		case daemonMcastGroup:
			d.Group = a.addr(IPv4)
		case daemonMcastGrp6:
			d.Group = a.addr(IPv6)
		case daemonMcastPort:
			d.Port = a.u16()
		case daemonMcastTTL:
			d.TTL = a.u8()
		}
	}
	if a.err != nil {
		return d, fmt.Errorf("synchronisation daemon: %w", a.err)
	}
	return d, nil
}

// decodeFamily returns the number under which generic netlink knows IPVS, from
// the controller's reply.
func decodeFamily(payload []byte) (uint16, error) {
	a := attrs{run: payload}
	for a.next() {
		if a.typ == ctrlFamilyID {
			return a.u16(), a.err
		}
	}
	if a.err != nil {
		return 0, a.err
	}
	return 0, errNoItem
}
