package ipvs

import (
	"encoding/binary"
	"fmt"
)

// readOnly are the commands that a request to IPVS may carry. A collector must
// be unable to change the table, whatever else goes wrong in it.
var readOnly = [...]bool{
	cmdGetService: true,
	cmdGetDest:    true,
	cmdGetDaemon:  true,
	cmdGetConfig:  true,
	cmdGetInfo:    true,
}

// allowed is asked once for every message, at the only place that sends
// (conn.send). Besides the reading commands it lets through the question for
// IPVS's family number.
func allowed(msg []byte, family uint16) error {
	// The length rules out a second message behind the first.
	if len(msg) < nlmsgHeader+genlHeader || binary.NativeEndian.Uint32(msg) != uint32(len(msg)) {
		return fmt.Errorf("%d bytes are not one generic netlink message", len(msg))
	}
	typ, cmd := binary.NativeEndian.Uint16(msg[4:]), msg[nlmsgHeader]
	if typ == ctrlFamily && cmd == ctrlGetFamily {
		return nil
	}
	if typ == family && family != 0 && int(cmd) < len(readOnly) && readOnly[cmd] {
		return nil
	}
	return fmt.Errorf("command %d to netlink family %d is not a reading one", cmd, typ)
}

// appendHeader appends the netlink and generic netlink headers. Length, sequence
// and port id are filled in by finish and conn.send.
func appendHeader(b []byte, typ, flags uint16, cmd, version uint8) []byte {
	b = binary.NativeEndian.AppendUint32(b, 0) // length
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, nlmFRequest|flags)
	b = binary.NativeEndian.AppendUint32(b, 0) // sequence
	b = binary.NativeEndian.AppendUint32(b, 0) // port id
	return append(b, cmd, version, 0, 0)
}

// finish writes the length of the message that begins at b[0].
func finish(b []byte) []byte {
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

// appendAttr appends one attribute with its padding.
func appendAttr(b []byte, typ uint16, value ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(nlaHeader+len(value)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func appendAttr16(b []byte, typ, value uint16) []byte {
	var v [2]byte
	binary.NativeEndian.PutUint16(v[:], value)
	return appendAttr(b, typ, v[:]...)
}

// appendServiceKey appends the nested attribute that names a service. With a
// firewall mark the kernel looks at the family and the mark only.
func appendServiceKey(b []byte, key ServiceKey) []byte {
	nest := len(b)
	b = append(b, 0, 0, 0, 0)
	b = appendAttr16(b, svcAF, uint16(key.Family))
	if key.FWMark != 0 {
		var mark [4]byte
		binary.NativeEndian.PutUint32(mark[:], key.FWMark)
		b = appendAttr(b, svcFWMark, mark[:]...)
	} else {
		b = appendAttr16(b, svcProtocol, uint16(key.Protocol))
		var addr [addressSize]byte // an IPv4 address fills the first four
		if key.Address.Is4() {
			v4 := key.Address.As4()
			copy(addr[:], v4[:])
		} else {
			addr = key.Address.As16()
		}
		b = appendAttr(b, svcAddr, addr[:]...)
		b = appendAttr(b, svcPort, byte(key.Port>>8), byte(key.Port))
	}
	binary.NativeEndian.PutUint16(b[nest:], uint16(len(b)-nest))
	binary.NativeEndian.PutUint16(b[nest+2:], attrService)
	return b
}

// appendFamilyRequest builds the question for IPVS's family number.
func appendFamilyRequest(b []byte) []byte {
	b = appendHeader(b[:0], ctrlFamily, 0, ctrlGetFamily, ctrlVersion)
	return finish(appendAttr(b, ctrlFamilyName, append([]byte(familyName), 0)...))
}

// appendRequest builds a request of family typ without attributes.
func appendRequest(b []byte, typ, flags uint16, cmd uint8) []byte {
	return finish(appendHeader(b[:0], typ, flags, cmd, familyVersion))
}

// appendServiceRequest builds a request of family typ about one service.
func appendServiceRequest(b []byte, typ, flags uint16, cmd uint8, key ServiceKey) []byte {
	return finish(appendServiceKey(appendHeader(b[:0], typ, flags, cmd, familyVersion), key))
}
