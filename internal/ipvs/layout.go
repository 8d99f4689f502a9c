package ipvs

import (
	"encoding/binary"
	"fmt"
)

// A layout remembers where the values of a NEW_DEST message lie. A kernel writes
// all of them alike, so after the first it is enough to see that the attribute
// headers are the same ones. That halves the time of decoding, which a table of a
// hundred thousand real servers feels.
//
// Only messages that hold every attribute of the model, each of its usual size,
// have a layout. The zero layout fits no message.
type layout struct {
	size  int    // of the message's attributes in bytes; 0 if they have no layout
	tried int    // size of the message that it was learnt from, or was to be
	heads []head // in the order of the message
	at    [destTunFlags + 1]int
}

// A head is an attribute header and its place.
type head struct {
	at   int
	word uint32 // length and type
}

// destSizes are the value sizes of the attributes that decode reads.
var destSizes = [destTunFlags + 1]int{
	destAddr: addressSize, destPort: 2, destFwdMethod: 4, destWeight: 4, destUThresh: 4, destLThresh: 4,
	destActiveConns: 4, destInactConns: 4, destPersistConns: 4, destAddrFamily: 2,
	destStats64: statOutBPS * (nlaHeader + 8), destTunType: 1, destTunPort: 2, destTunFlags: 2,
}

// destination is decodeDestination for a run of messages.
func (l *layout) destination(payload []byte, inherited Family, d *Destination) error {
	if l.fits(payload) {
		return l.decode(payload, d)
	}
	err := decodeDestination(payload, inherited, d)
	if err == nil && len(payload) != l.tried {
		l.learn(payload)
	}
	return err
}

// learn takes on the layout of payload, which has been decoded without an error.
func (l *layout) learn(payload []byte) {
	*l = layout{tried: len(payload), heads: l.heads[:0]}
	nest := attrs{run: payload}
	if !nest.next() || nest.typ != attrDest || align4(nlaHeader+len(nest.value)) != len(payload) {
		return
	}
	l.add(payload, 0)
	a := attrs{run: nest.value}
	for a.next() {
		start := nlaHeader + a.after - align4(nlaHeader+len(a.value))
		l.add(payload, start)
		if int(a.typ) >= len(l.at) {
			continue // nothing that is read
		}
		if l.at[a.typ] != 0 {
			return
		}
		if want := destSizes[a.typ]; want != 0 && want != len(a.value) {
			return
		}
		l.at[a.typ] = start + nlaHeader
	}
	for typ, size := range destSizes {
		if size != 0 && l.at[typ] == 0 {
			return
		}
	}
	for i := range statOutBPS {
		l.add(payload, l.at[destStats64]+i*(nlaHeader+8))
		if h := l.heads[len(l.heads)-1]; h.word != headWord(nlaHeader+8, uint16(i+1)) {
			return
		}
	}
	l.size = len(payload)
}

func (l *layout) add(payload []byte, at int) {
	l.heads = append(l.heads, head{at, binary.NativeEndian.Uint32(payload[at:])})
}

func headWord(length, typ uint16) uint32 {
	var b [nlaHeader]byte
	binary.NativeEndian.PutUint16(b[:], length)
	binary.NativeEndian.PutUint16(b[2:], typ)
	return binary.NativeEndian.Uint32(b[:])
}

// fits reports whether payload has this layout.
func (l *layout) fits(payload []byte) bool {
	if len(payload) != l.size || l.size == 0 {
		return false
	}
	for _, h := range l.heads {
		if binary.NativeEndian.Uint32(payload[h.at:]) != h.word {
			return false
		}
	}
	return true
}

// decode decodes a payload that fits into d, whose old contents are replaced.
func (l *layout) decode(payload []byte, d *Destination) (err error) {
	u32 := func(typ int) uint32 { return binary.NativeEndian.Uint32(payload[l.at[typ]:]) }
	d.Family = family(binary.NativeEndian.Uint16(payload[l.at[destAddrFamily]:]))
	d.Address, err = address(d.Family, payload[l.at[destAddr]:][:addressSize])
	d.Port = binary.BigEndian.Uint16(payload[l.at[destPort]:])
	d.Forwarding = ForwardingMethod(u32(destFwdMethod) & fwdMask)
	d.TunnelType = TunnelType(payload[l.at[destTunType]])
	d.TunnelPort = binary.BigEndian.Uint16(payload[l.at[destTunPort]:])
	d.TunnelFlags = binary.NativeEndian.Uint16(payload[l.at[destTunFlags]:])
	d.Weight = u32(destWeight)
	d.UpperThreshold = u32(destUThresh)
	d.LowerThreshold = u32(destLThresh)
	d.ActiveConnections = u32(destActiveConns)
	d.InactiveConnections = u32(destInactConns)
	d.PersistentConnections = u32(destPersistConns)

	stats := payload[l.at[destStats64]:][:statOutBPS*(nlaHeader+8)]
	stat := func(typ int) uint64 { return binary.NativeEndian.Uint64(stats[(typ-1)*(nlaHeader+8)+nlaHeader:]) }
	d.Stats = Stats{
		Connections: stat(statConns),
		PacketsIn:   stat(statInPkts),
		PacketsOut:  stat(statOutPkts),
		BytesIn:     stat(statInBytes),
		BytesOut:    stat(statOutBytes),
		CPS:         stat(statCPS),
		PPSIn:       stat(statInPPS),
		PPSOut:      stat(statOutPPS),
		BPSIn:       stat(statInBPS),
		BPSOut:      stat(statOutBPS),
	}
	if err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	return nil
}
