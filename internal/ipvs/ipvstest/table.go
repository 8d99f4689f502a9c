package ipvstest

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"telegraf-ipvs/internal/ipvs"
)

// A Service is a virtual server of the fake's table with its real servers.
type Service struct {
	ipvs.Service
	Destinations []ipvs.Destination
}

// A Table is what a [Kernel] knows.
type Table struct {
	Services []Service
	Info     ipvs.Info
	Timeouts ipvs.Timeouts
	Daemons  []ipvs.Daemon

	Family      uint16  // generic netlink's number of IPVS; 0 means not registered
	Version     Encoder // how messages are made
	PerDatagram int     // messages in one datagram of a dump
}

// A Request is a message that reached the fake.
type Request struct {
	Type     uint16 // netlink family
	Command  uint8
	Dump     bool
	Sequence uint32
	Key      ipvs.ServiceKey // the service that it is about, if any
}

// items returns a function that makes the i-th item of the answer to req, with
// command 0 past the last. Nil means that there is no such command, or that it
// would change the table.
func items(req Request) func(t *Table, i int) (cmd uint8, attrs []byte, errno syscall.Errno) {
	if req.Type == typeControl && req.Command == GetFamily {
		return func(t *Table, i int) (uint8, []byte, syscall.Errno) {
			if t.Family == 0 {
				return 0, nil, syscall.ENOENT
			}
			return newFamily, t.Version.Family(t.Family), 0
		}
	}
	var item func(t *Table, i int) (uint8, []byte, syscall.Errno)
	switch {
	case req.Command == GetService && req.Dump:
		item = func(t *Table, i int) (uint8, []byte, syscall.Errno) {
			if i >= len(t.Services) {
				return 0, nil, 0
			}
			return NewService, t.Version.Service(&t.Services[i].Service), 0
		}
	case req.Command == GetService:
		item = func(t *Table, i int) (uint8, []byte, syscall.Errno) {
			if svc := t.find(req.Key); svc != nil {
				return NewService, t.Version.Service(&svc.Service), 0
			}
			return 0, nil, syscall.ESRCH
		}
	case req.Command == GetDest && req.Dump:
		item = func(t *Table, i int) (uint8, []byte, syscall.Errno) {
			svc := t.find(req.Key)
			if svc == nil || i >= len(svc.Destinations) {
				return 0, nil, 0
			}
			return NewDest, t.Version.Destination(&svc.Destinations[i]), 0
		}
	case req.Command == GetDaemon && req.Dump:
		item = func(t *Table, i int) (uint8, []byte, syscall.Errno) {
			if i >= len(t.Daemons) {
				return 0, nil, 0
			}
			return NewDaemon, t.Version.Daemon(&t.Daemons[i]), 0
		}
	case req.Command == GetConfig && !req.Dump:
		item = func(t *Table, _ int) (uint8, []byte, syscall.Errno) {
			return SetConfig, t.Version.Timeouts(t.Timeouts), 0
		}
	case req.Command == GetInfo && !req.Dump:
		item = func(t *Table, _ int) (uint8, []byte, syscall.Errno) {
			return SetInfo, t.Version.Info(t.Info), 0
		}
	default:
		return nil
	}
	return func(t *Table, i int) (uint8, []byte, syscall.Errno) {
		if req.Type != t.Family {
			return 0, nil, syscall.ENOENT
		}
		return item(t, i)
	}
}

// find returns the service with the given key, nil if there is none.
func (t *Table) find(key ipvs.ServiceKey) *Service {
	for i := range t.Services {
		if t.Services[i].ServiceKey == key {
			return &t.Services[i]
		}
	}
	return nil
}

// parse reads a request.
func parse(msg []byte) Request {
	req := Request{
		Type:     binary.NativeEndian.Uint16(msg[4:]),
		Command:  msg[headerSize],
		Dump:     binary.NativeEndian.Uint16(msg[6:])&flagDump == flagDump,
		Sequence: binary.NativeEndian.Uint32(msg[8:]),
	}
	if req.Type == typeControl {
		return req
	}
	var addr []byte
	key := &req.Key
	attributes(nested(msg), func(typ uint16, v []byte) {
		switch typ {
		case 1:
			key.Family = ipvs.Family(binary.NativeEndian.Uint16(v))
		case 2:
			key.Protocol = ipvs.Protocol(binary.NativeEndian.Uint16(v))
		case 3:
			addr = v
		case 4:
			key.Port = binary.BigEndian.Uint16(v)
		case 5:
			key.FWMark = binary.NativeEndian.Uint32(v)
		}
	})
	if key.Family == afInet && len(addr) == 16 {
		addr = addr[:4]
	}
	key.Address, _ = netip.AddrFromSlice(addr)
	return req
}
