//go:build bench

package bench

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/ipvs"
)

// bare dumps the table and parses nothing: it sends requests made beforehand and
// receives into one buffer until each dump's end. What it costs is the kernel's
// price, the floor for every reader that goes through netlink.
type bare struct {
	fd       int
	buffer   []byte
	requests [][]byte
}

func newBare(t testing.TB, size int, snapshot *ipvs.Snapshot) *bare {
	family, err := nlFamily()
	require.NoError(t, err)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))

	b := &bare{fd: fd, buffer: make([]byte, size)}
	b.requests = append(b.requests, dumpRequest(family, 4, nil))
	for i := range snapshot.Services {
		svc := &snapshot.Services[i]
		addr := svc.Address.As4()
		nest := nl.NewRtAttr(1, nil)
		nest.AddRtAttr(1, nl.Uint16Attr(unix.AF_INET))
		nest.AddRtAttr(2, nl.Uint16Attr(uint16(svc.Protocol)))
		nest.AddRtAttr(3, append(addr[:], make([]byte, 12)...))
		nest.AddRtAttr(4, binary.BigEndian.AppendUint16(nil, svc.Port))
		b.requests = append(b.requests, dumpRequest(family, 8, nest))
	}
	return b
}

func nlFamily() (uint16, error) {
	req := nl.NewNetlinkRequest(unix.GENL_ID_CTRL, 0)
	req.AddData(&nl.Genlmsg{Command: unix.CTRL_CMD_GETFAMILY, Version: 2})
	req.AddData(nl.NewRtAttr(unix.CTRL_ATTR_FAMILY_NAME, nl.ZeroTerminated("IPVS")))
	msgs, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, err
	}
	attrs, err := nl.ParseRouteAttr(msgs[0][nl.SizeofGenlmsg:])
	if err != nil {
		return 0, err
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.CTRL_ATTR_FAMILY_ID {
			return binary.NativeEndian.Uint16(a.Value), nil
		}
	}
	return 0, unix.ENOENT
}

func dumpRequest(family uint16, cmd uint8, nest *nl.RtAttr) []byte {
	req := nl.NewNetlinkRequest(int(family), unix.NLM_F_DUMP)
	req.AddData(&nl.Genlmsg{Command: cmd, Version: 1})
	if nest != nil {
		req.AddData(nest)
	}
	return req.Serialize()
}

func (b *bare) read() error {
	for _, req := range b.requests {
		if err := unix.Send(b.fd, req, 0); err != nil {
			return err
		}
		for {
			n, err := unix.Read(b.fd, b.buffer)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return err
			}
			if n < 16 {
				return unix.EBADMSG
			}
			if typ := binary.NativeEndian.Uint16(b.buffer[4:]); typ == unix.NLMSG_DONE || typ == unix.NLMSG_ERROR {
				break
			}
		}
	}
	return nil
}
