package ipvs

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// attrs walks a run of netlink attributes:
//
//	 0      2      4            length     next multiple of 4
//	+------+------+------------+----------+
//	|length| type | value      | padding  |
//	+------+------+------------+----------+
//
// length counts the header and the value. Values are read with the typed
// methods, which check their size; the first error sticks and ends the walk.
// A 64-bit value may stand at any multiple of four.
type attrs struct {
	run   []byte
	value []byte // of the current attribute
	typ   uint16 // of the current attribute
	after int    // where the next one begins
	err   error
}

// next moves to the next attribute and reports whether there is one.
func (a *attrs) next() bool {
	at := a.after
	if at+nlaHeader > len(a.run) {
		return false // fewer bytes than a header can only be padding
	}
	length := int(binary.NativeEndian.Uint16(a.run[at:]))
	if length < nlaHeader || at+length > len(a.run) {
		return a.broken()
	}
	a.typ = binary.NativeEndian.Uint16(a.run[at+2:]) & nlaTypeMask
	a.value = a.run[at+nlaHeader : at+length]
	a.after = at + align4(length)
	return true
}

// broken ends the walk at an attribute that does not fit.
func (a *attrs) broken() bool {
	if a.err == nil {
		a.err = fmt.Errorf("attribute of %d bytes where %d are left",
			binary.NativeEndian.Uint16(a.run[a.after:]), len(a.run)-a.after)
	}
	return false
}

// need reports whether the value holds at least n bytes. Kernels may lengthen a
// value in later versions, so more is no error.
func (a *attrs) need(n int) bool {
	if len(a.value) >= n {
		return true
	}
	if a.err == nil {
		a.err = fmt.Errorf("attribute %d has %d bytes, want %d", a.typ, len(a.value), n)
	}
	a.after = len(a.run) // the first error ends the walk
	return false
}

func (a *attrs) u8() uint8 {
	if !a.need(1) {
		return 0
	}
	return a.value[0]
}

func (a *attrs) u16() uint16 {
	if !a.need(2) {
		return 0
	}
	return binary.NativeEndian.Uint16(a.value)
}

// be16 reads a 16-bit value in network order, as ports are.
func (a *attrs) be16() uint16 {
	if !a.need(2) {
		return 0
	}
	return binary.BigEndian.Uint16(a.value)
}

func (a *attrs) u32() uint32 {
	if !a.need(4) {
		return 0
	}
	return binary.NativeEndian.Uint32(a.value)
}

// uint reads a 32-bit or 64-bit value, told apart by its length.
func (a *attrs) uint() uint64 {
	if len(a.value) >= 8 {
		return binary.NativeEndian.Uint64(a.value)
	}
	return uint64(a.u32())
}

// text returns a NUL-terminated string's bytes without the NUL.
func (a *attrs) text() []byte {
	for i, c := range a.value {
		if c == 0 {
			return a.value[:i]
		}
	}
	return a.value
}

// addr reads an address of the given family.
func (a *attrs) addr(family Family) netip.Addr {
	addr, err := address(family, a.value)
	if a.err == nil {
		a.err = err
	}
	return addr
}

// address reads the union nf_inet_addr as an address of the given family.
func address(family Family, value []byte) (netip.Addr, error) {
	switch {
	case family == IPv4 && len(value) >= 4:
		return netip.AddrFrom4([4]byte(value)), nil
	case family == IPv6 && len(value) >= addressSize:
		return netip.AddrFrom16([addressSize]byte(value)), nil
	case family != IPv4 && family != IPv6:
		return netip.Addr{}, errFamily(family)
	}
	return netip.Addr{}, fmt.Errorf("%s address of %d bytes", family, len(value))
}

func errFamily(family Family) error {
	return fmt.Errorf("address family %d is neither IPv4 nor IPv6", family)
}

func align4(n int) int { return (n + 3) &^ 3 }
