package httpauth

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
)

const (
	kdcTimeout = 5 * time.Second // for one KDC
	maxReply   = 1 << 20         // bytes; a ticket with a large list of groups has some ten thousand
)

// ask sends a message to the KDCs of a realm, one after another until one
// answers. A KRB-ERROR comes back as a messages.KRBError.
func (r *realms) ask(ctx context.Context, realm string, message []byte) ([]byte, error) {
	addresses, err := r.kdcs(ctx, realm)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, address := range addresses {
		reply, err := askOne(ctx, address, message)
		if err != nil {
			failures = append(failures, fmt.Errorf("KDC %s: %w", address, err))
			continue
		}
		var refused messages.KRBError
		if refused.Unmarshal(reply) == nil {
			return nil, refused
		}
		return reply, nil
	}
	return nil, &cause{kind: ErrUnreachable, reason: "no KDC of realm " + realm + " answers", err: errors.Join(failures...),
		remedy: "check [realms] in krb5.conf, and that TCP port 88 is open"}
}

// askOne exchanges one message over TCP: four bytes of length, big-endian, then
// the message, both ways (RFC 4120, 7.2.2).
func askOne(ctx context.Context, address string, message []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, kdcTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	framed := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(message)), uint32(len(message)))
	if _, err := conn.Write(append(framed, message...)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > maxReply {
		return nil, fmt.Errorf("reply of %d bytes", n)
	}
	reply := make([]byte, n)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	return reply, nil
}
