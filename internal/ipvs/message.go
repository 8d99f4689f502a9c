package ipvs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// Faults of an exchange after which the socket's state is unknown. The socket is
// closed and the exchange made once more on a new one.
var (
	errDesync    = errors.New("answer to another request")
	errTruncated = errors.New("message cut off by the receive buffer")
	errMalformed = errors.New("malformed netlink message")
)

// errInterrupted says that the table changed in a way that the kernel noticed
// while a dump was made (NLM_F_DUMP_INTR). The dump ended well otherwise.
var errInterrupted = errors.New("table changed during the dump")

// A kernelError is the kernel's refusal of a request. The exchange ended well and
// the socket stays usable.
type kernelError struct{ errno syscall.Errno }

func (e *kernelError) Error() string { return e.errno.Error() }
func (e *kernelError) Unwrap() error { return e.errno }

// A reply takes in the answer to one request, datagram by datagram.
type reply struct {
	seq, port uint32 // of the request
	family    uint16 // message type that carries data
	cmd       uint8  // generic netlink command that carries data

	interrupted bool // the kernel saw the table change during the dump
	datagrams   int  // that carried data
}

// take walks the messages of one datagram and hands the attributes of each data
// message to each. It reports whether the answer is complete. The kernel's own
// refusal comes back as a *kernelError.
//
//	datagram:  | nlmsghdr | genlmsghdr | attributes | nlmsghdr | … |
//	end:       | nlmsghdr (DONE)  | s32 error, 0 or negative |
//	refusal:   | nlmsghdr (ERROR) | s32 error | nlmsghdr of the request … |
func (r *reply) take(datagram []byte, each func(payload []byte)) (done bool, err error) {
	if len(datagram) == 0 {
		return false, fmt.Errorf("%w: empty datagram", errMalformed)
	}
	counted := false
	for len(datagram) > 0 {
		if len(datagram) < nlmsgHeader {
			return false, fmt.Errorf("%w: %d bytes where a header should be", errMalformed, len(datagram))
		}
		length := int(binary.NativeEndian.Uint32(datagram))
		if length < nlmsgHeader || length > len(datagram) {
			return false, fmt.Errorf("%w: length %d where %d bytes are left", errMalformed, length, len(datagram))
		}
		msg := datagram[:length]
		datagram = datagram[min(align4(length), len(datagram)):]

		typ := binary.NativeEndian.Uint16(msg[4:])
		flags := binary.NativeEndian.Uint16(msg[6:])
		if binary.NativeEndian.Uint32(msg[8:]) != r.seq || binary.NativeEndian.Uint32(msg[12:]) != r.port {
			return false, errDesync
		}
		if flags&nlmFDumpIntr != 0 {
			r.interrupted = true
		}
		switch typ {
		case nlmsgNoop:
			continue
		case nlmsgOver:
			return false, errTruncated
		case nlmsgDone, nlmsgError:
			if body := msg[nlmsgHeader:]; len(body) >= 4 {
				if code := int32(binary.NativeEndian.Uint32(body)); code < 0 {
					return true, &kernelError{syscall.Errno(-code)}
				}
			} else if typ == nlmsgError {
				return false, fmt.Errorf("%w: refusal without a code", errMalformed)
			}
			// A DONE without a code is an old kernel's way to say 0.
			return true, nil
		}
		if typ != r.family || len(msg) < nlmsgHeader+genlHeader || msg[nlmsgHeader] != r.cmd {
			return false, fmt.Errorf("%w: type %d instead of %d", errDesync, typ, r.family)
		}
		if !counted {
			r.datagrams++
			counted = true
		}
		each(msg[nlmsgHeader+genlHeader:])
		if flags&nlmFMulti == 0 {
			return true, nil
		}
	}
	return false, nil
}
