package ipvs_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

func native16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
func native32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func TestReply(t *testing.T) {
	const seq, port, family = 7, 200, 34
	data := func(flags uint16, attrs string) []byte {
		return Message(family, flags, seq, port, NewService, []byte(attrs))
	}
	edited := func(edit func(int, []byte) []byte, d []byte) []byte { return edit(0, d) }
	noCode := Done(seq, port, 0)[:16]
	binary.NativeEndian.PutUint32(noCode, 16)
	noErrno := Refusal(seq, port, 0, nil)[:16]
	binary.NativeEndian.PutUint32(noErrno, 16)
	noop := Done(seq, port, 0)
	binary.NativeEndian.PutUint16(noop[4:], 1)
	over := Done(seq, port, 0)
	binary.NativeEndian.PutUint16(over[4:], 4)
	bare := Message(family, 2, seq, port, NewService, nil)[:16]
	binary.NativeEndian.PutUint32(bare, 16)

	tests := []struct {
		name      string
		datagrams [][]byte
		items     string // payloads, joined by a blank
		done      bool
		err       error
		datas     int
		intr      bool
	}{
		{name: "single", datagrams: [][]byte{data(0, "a")}, items: "a", done: true, datas: 1},
		{name: "dump", datagrams: [][]byte{join(data(2, "aaaa"), data(2, "bbbb")), data(2, "cccc"), Done(seq, port, 0)},
			items: "aaaa bbbb cccc", done: true, datas: 2},
		{name: "dump with DONE at its end", datagrams: [][]byte{join(data(2, "aaaa"), Done(seq, port, 0))}, items: "aaaa", done: true, datas: 1},
		{name: "unaligned length", datagrams: [][]byte{join(data(2, "a"), []byte{0, 0, 0}, data(2, "bb"), []byte{0, 0}, Done(seq, port, 0))},
			items: "a bb", done: true, datas: 1},
		{name: "unaligned length without padding", datagrams: [][]byte{data(2, "a")}, items: "a", datas: 1},
		{name: "empty dump", datagrams: [][]byte{Done(seq, port, 0)}, done: true},
		{name: "DONE without a code", datagrams: [][]byte{noCode}, done: true},
		{name: "code in DONE", datagrams: [][]byte{data(2, "a"), Done(seq, port, uint32(syscall.ENOBUFS))}, items: "a", done: true, err: syscall.ENOBUFS, datas: 1},
		{name: "refusal", datagrams: [][]byte{Refusal(seq, port, uint32(syscall.EPERM), data(0, ""))}, done: true, err: syscall.EPERM},
		{name: "acknowledgement", datagrams: [][]byte{Refusal(seq, port, 0, data(0, ""))}, done: true},
		{name: "refusal without a code", datagrams: [][]byte{noErrno}, err: ipvs.ErrMalformed},
		{name: "NOOP", datagrams: [][]byte{join(noop, data(2, "aaaa")), Done(seq, port, 0)}, items: "aaaa", done: true, datas: 1},
		{name: "OVERRUN", datagrams: [][]byte{over}, err: ipvs.ErrTruncated},
		{name: "interrupted", datagrams: [][]byte{edited(Interrupted, data(2, "a")), Done(seq, port, 0)}, items: "a", done: true, datas: 1, intr: true},
		{name: "interrupted at the end", datagrams: [][]byte{data(2, "a"), edited(Interrupted, Done(seq, port, 0))}, items: "a", done: true, datas: 1, intr: true},
		{name: "not done", datagrams: [][]byte{data(2, "a")}, items: "a", datas: 1},
		{name: "wrong sequence", datagrams: [][]byte{edited(WrongSequence, data(2, "a"))}, err: ipvs.ErrDesync},
		{name: "wrong sequence in DONE", datagrams: [][]byte{data(2, "a"), edited(WrongSequence, Done(seq, port, 0))}, items: "a", err: ipvs.ErrDesync, datas: 1},
		{name: "wrong port", datagrams: [][]byte{edited(WrongPort, data(2, "a"))}, err: ipvs.ErrDesync},
		{name: "another family", datagrams: [][]byte{edited(ForeignFamily, data(2, "a"))}, err: ipvs.ErrDesync},
		{name: "another command", datagrams: [][]byte{Message(family, 2, seq, port, NewDest, nil)}, err: ipvs.ErrDesync},
		{name: "no generic header", datagrams: [][]byte{bare}, err: ipvs.ErrDesync},
		{name: "empty datagram", datagrams: [][]byte{{}}, err: ipvs.ErrMalformed},
		{name: "less than a header", datagrams: [][]byte{make([]byte, 15)}, err: ipvs.ErrMalformed},
		{name: "header of zeros", datagrams: [][]byte{make([]byte, 16)}, err: ipvs.ErrMalformed},
		{name: "bytes behind the last message", datagrams: [][]byte{join(data(2, "aaaa"), []byte{0, 0, 0, 0})}, items: "aaaa", err: ipvs.ErrMalformed, datas: 1},
		{name: "cut off", datagrams: [][]byte{edited(Cut, data(2, "aaaabbbb"))}, err: ipvs.ErrMalformed},
		{name: "garbage", datagrams: [][]byte{Garbage(0, nil)}, err: ipvs.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ipvs.NewReply(seq, port, family, NewService)
			var items []string
			var done bool
			var err error
			for i, d := range tt.datagrams {
				done, err = r.Take(d, func(p []byte) { items = append(items, string(p)) })
				if i < len(tt.datagrams)-1 {
					require.NoError(t, err)
					require.False(t, done)
				}
			}
			require.Equal(t, tt.items, strings.Join(items, " "))
			require.Equal(t, tt.done, done)
			require.Equal(t, tt.datas, r.Datagrams())
			require.Equal(t, tt.intr, r.Interrupted())
			require.ErrorIs(t, err, tt.err)
			if tt.err == nil {
				require.NoError(t, err)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	if native16(1)[0] == 0 {
		t.Skip("the bytes below are those of a little-endian machine")
	}
	const header4 = "22000103 00000000 00000000" // type, REQUEST|DUMP, sequence, port
	mapped := ipvs.ServiceKey{Family: ipvs.IPv6, Protocol: ipvs.SCTP, Address: v6, Port: 65535}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"family", ipvs.AppendFamilyRequest(nil), "20000000 10000100 00000000 00000000 03020000 0900 0200 49505653 00 000000"},
		{"services", ipvs.AppendRequest(nil, 34, 0x300, GetService), "14000000" + header4 + "04010000"},
		{"daemons", ipvs.AppendRequest(nil, 34, 0x300, GetDaemon), "14000000" + header4 + "0b010000"},
		{"info", ipvs.AppendRequest(nil, 34, 0, GetInfo), "14000000 22000100 00000000 00000000 0f010000"},
		{"timeouts", ipvs.AppendRequest(nil, 34, 0, GetConfig), "14000000 22000100 00000000 00000000 0d010000"},
		{"destinations", ipvs.AppendServiceRequest(nil, 34, 0x300, GetDest, webService().ServiceKey), "44000000" + header4 + "08010000" +
			"3000 0100  0600 0100 0200 0000  0600 0200 0600 0000  1400 0300 c0000201 00000000 00000000 00000000  0600 0400 0050 0000"},
		{"destinations, IPv6", ipvs.AppendServiceRequest(nil, 34, 0x300, GetDest, mapped), "44000000" + header4 + "08010000" +
			"3000 0100  0600 0100 0a00 0000  0600 0200 8400 0000  1400 0300 20010db8 00000000 00000000 00000001  0600 0400 ffff 0000"},
		{"one service by mark", ipvs.AppendServiceRequest(nil, 34, 0, GetService, ipvs.ServiceKey{Family: ipvs.IPv6, FWMark: 47}),
			"28000000 22000100 00000000 00000000 04010000  1400 0100  0600 0100 0a00 0000  0800 0500 2f000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want, err := hex.DecodeString(strings.ReplaceAll(tt.want, " ", ""))
			require.NoError(t, err)
			require.Equal(t, want, tt.got)
		})
	}
	t.Run("memory is reused", func(t *testing.T) {
		b := make([]byte, 0, 256)
		key := webService().ServiceKey
		require.Zero(t, testing.AllocsPerRun(10, func() {
			b = ipvs.AppendServiceRequest(b, 34, 0, GetService, key)
			b = ipvs.AppendRequest(b, 34, 0, GetInfo)
		}))
	})
}

func reading(cmd int) bool {
	switch cmd {
	case GetService, GetDest, GetDaemon, GetConfig, GetInfo:
		return true
	}
	return false
}

func TestAllowed(t *testing.T) {
	for cmd := range 256 {
		msg := Message(34, 1, 0, 0, uint8(cmd), nil)
		if reading(cmd) {
			require.NoError(t, ipvs.Allowed(msg, 34), "command %d", cmd)
		} else {
			require.Error(t, ipvs.Allowed(msg, 34), "command %d", cmd)
		}
		require.Error(t, ipvs.Allowed(msg, 0), "command %d before the family is known", cmd)
		require.Error(t, ipvs.Allowed(msg, 35), "command %d to another family", cmd)
		control := Message(0x10, 1, 0, 0, uint8(cmd), nil)
		if cmd == GetFamily {
			require.NoError(t, ipvs.Allowed(control, 34))
		} else {
			require.Error(t, ipvs.Allowed(control, 34), "controller's command %d", cmd)
		}
	}
	good := Message(34, 1, 0, 0, GetInfo, nil)
	require.Error(t, ipvs.Allowed(append(good, Message(34, 1, 0, 0, 17, nil)...), 34), "a second message behind the first")
	for n := range good {
		require.Error(t, ipvs.Allowed(good[:n], 34), "%d bytes", n)
	}
	require.Error(t, ipvs.Allowed(Message(0, 1, 0, 0, GetInfo, nil), 0), "no family")
}

func TestErrorTexts(t *testing.T) {
	for _, want := range []string{"CAP_NET_ADMIN", "systemctl edit telegraf", "[Service]",
		"AmbientCapabilities=CAP_NET_ADMIN", "CapabilityBoundingSet=CAP_NET_ADMIN", "CAP_NET_RAW is not needed"} {
		require.ErrorContains(t, ipvs.ErrPermission, want)
	}
	require.ErrorContains(t, ipvs.ErrUnsupported, "modprobe ip_vs")

	cause := errors.New("cause")
	err := &ipvs.PartialError{Missing: 3, Err: cause}
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "3 of its servers missing: cause")
}
