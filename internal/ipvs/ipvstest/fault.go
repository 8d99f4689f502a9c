package ipvstest

import "encoding/binary"

// Edits for Fault.Edit. Each damages a datagram as its name says.

// At applies edit to the n-th datagram only.
func At(n int, edit func(int, []byte) []byte) func(int, []byte) []byte {
	return func(i int, d []byte) []byte {
		if i != n {
			return d
		}
		return edit(i, d)
	}
}

// Drop drops the datagram.
func Drop(int, []byte) []byte { return nil }

// WrongSequence makes the first message answer another request.
func WrongSequence(_ int, d []byte) []byte {
	binary.NativeEndian.PutUint32(d[8:], binary.NativeEndian.Uint32(d[8:])+1000)
	return d
}

// WrongPort makes the first message answer another socket.
func WrongPort(_ int, d []byte) []byte {
	binary.NativeEndian.PutUint32(d[12:], binary.NativeEndian.Uint32(d[12:])+1000)
	return d
}

// ForeignFamily makes the first message one of another netlink family.
func ForeignFamily(_ int, d []byte) []byte {
	binary.NativeEndian.PutUint16(d[4:], 0x7777)
	return d
}

// Interrupted sets NLM_F_DUMP_INTR, by which the kernel says that the table has
// changed during the dump.
func Interrupted(_ int, d []byte) []byte {
	binary.NativeEndian.PutUint16(d[6:], binary.NativeEndian.Uint16(d[6:])|flagIntr)
	return d
}

// Cut leaves out the last bytes of the datagram.
func Cut(_ int, d []byte) []byte { return d[:len(d)-6] }

// Garbage replaces the datagram by bytes without sense.
func Garbage(int, []byte) []byte {
	return []byte("\xff\xff\xff\x7f these bytes are no netlink message at all \x00\x00")
}

// Oversize makes the datagram larger than any receive buffer.
func Oversize(_ int, d []byte) []byte { return append(d, make([]byte, 64<<10)...) }

// BadAttribute breaks the length of the first attribute in the first message,
// whose frame stays whole.
func BadAttribute(_ int, d []byte) []byte {
	binary.NativeEndian.PutUint16(d[headerSize+genericSize:], 0xffff)
	return d
}
