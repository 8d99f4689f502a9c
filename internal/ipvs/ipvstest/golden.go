package ipvstest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Golden is what a kernel said during one read: whole netlink messages, each
// from its nlmsghdr on. As a file it is text, one message a line:
//
//	# comment
//	SVC <hex>          NEW_SERVICE, in the order of the dump
//	DEST svc#<n> <hex> NEW_DEST of the n-th SVC of the file, from 0
//	INFO <hex>         SET_INFO
//	CONFIG <hex>       SET_CONFIG
//	DAEMON <hex>       NEW_DAEMON
type Golden struct {
	Comments     []string // without "# "; the kernel and how the table came about
	Services     [][]byte
	Destinations []GoldenDestination
	Info, Config []byte // nil if absent
	Daemons      [][]byte
}

// A GoldenDestination is a NEW_DEST message of a service.
type GoldenDestination struct {
	Service int // index into Golden.Services
	Message []byte
}

// Attributes returns what follows the headers of a message.
func Attributes(message []byte) []byte { return message[headerSize+genericSize:] }

// ReadGolden reads a golden file. Its errors name the line.
func ReadGolden(r io.Reader) (*Golden, error) {
	g := new(Golden)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			g.Comments = append(g.Comments, strings.TrimSpace(comment))
		} else if line != "" {
			if err := g.add(strings.Fields(line)); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	return g, lines.Err()
}

func (g *Golden) add(fields []string) error {
	msg, err := hex.DecodeString(fields[len(fields)-1])
	if err != nil {
		return err
	}
	if len(msg) < headerSize+genericSize || int(binary.NativeEndian.Uint32(msg)) != len(msg) {
		return fmt.Errorf("%d bytes are not one message", len(msg))
	}
	if fields[0] == "DEST" && len(fields) == 3 {
		number, ok := strings.CutPrefix(fields[1], "svc#")
		i, err := strconv.Atoi(number)
		if !ok || err != nil || i < 0 || i >= len(g.Services) {
			return fmt.Errorf("%q names no service before it", fields[1])
		}
		g.Destinations = append(g.Destinations, GoldenDestination{i, msg})
		return nil
	}
	if len(fields) != 2 {
		return fmt.Errorf("%d words", len(fields))
	}
	switch fields[0] {
	case "SVC":
		g.Services = append(g.Services, msg)
	case "INFO":
		g.Info = msg
	case "CONFIG":
		g.Config = msg
	case "DAEMON":
		g.Daemons = append(g.Daemons, msg)
	default:
		return fmt.Errorf("unknown label %q", fields[0])
	}
	return nil
}

// Write writes g as a golden file.
func (g *Golden) Write(w io.Writer) error {
	var b bytes.Buffer
	for _, c := range g.Comments {
		fmt.Fprintf(&b, "# %s\n", c)
	}
	for _, m := range g.Services {
		fmt.Fprintf(&b, "SVC %x\n", m)
	}
	for _, d := range g.Destinations {
		fmt.Fprintf(&b, "DEST svc#%d %x\n", d.Service, d.Message)
	}
	if g.Info != nil {
		fmt.Fprintf(&b, "INFO %x\n", g.Info)
	}
	if g.Config != nil {
		fmt.Fprintf(&b, "CONFIG %x\n", g.Config)
	}
	for _, m := range g.Daemons {
		fmt.Fprintf(&b, "DAEMON %x\n", m)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A Recorder makes a [Golden] of what a client hears: give its Observe to
// ipvs.Config.Observe, call Read, Info, Timeouts and Daemons once each, and write
// Golden. A later answer of the same kind replaces the earlier one. It is no more
// safe for concurrent use than the client is.
type Recorder struct {
	Golden Golden

	listing, daemons uint32 // sequence numbers of the dumps recorded
}

// Observe takes one datagram.
func (r *Recorder) Observe(request, answer []byte) {
	if binary.NativeEndian.Uint16(request[4:]) == typeControl {
		return
	}
	seq := binary.NativeEndian.Uint32(request[8:])
	dump := binary.NativeEndian.Uint16(request[6:])&flagDump == flagDump
	switch request[headerSize] {
	case GetService:
		if dump && seq != r.listing {
			r.listing = seq
			r.Golden.Services, r.Golden.Destinations = nil, nil
		}
	case GetDaemon:
		if seq != r.daemons {
			r.daemons = seq
			r.Golden.Daemons = nil
		}
	}
	messages(answer, func(msg []byte) {
		if binary.NativeEndian.Uint16(msg[4:]) <= typeControl || len(msg) < headerSize+genericSize {
			return
		}
		msg = bytes.Clone(msg)
		switch msg[headerSize] {
		case NewService:
			if dump {
				r.Golden.Services = append(r.Golden.Services, msg)
			}
		case NewDest:
			if i := r.service(request); i >= 0 {
				r.Golden.Destinations = append(r.Golden.Destinations, GoldenDestination{i, msg})
			}
		case NewDaemon:
			r.Golden.Daemons = append(r.Golden.Daemons, msg)
		case SetConfig:
			r.Golden.Config = msg
		case SetInfo:
			r.Golden.Info = msg
		}
	})
}

// service finds the service that a request is about. The attributes of a key
// stand first in a service, and in the same order.
func (r *Recorder) service(request []byte) int {
	key := nested(request)
	for i, msg := range r.Golden.Services {
		if len(key) > 0 && bytes.HasPrefix(nested(msg), key) {
			return i
		}
	}
	return -1
}

// nested returns the value of a message's first attribute.
func nested(msg []byte) (body []byte) {
	attributes(Attributes(msg), func(_ uint16, value []byte) {
		if body == nil {
			body = value
		}
	})
	return body
}
