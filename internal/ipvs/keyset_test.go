package ipvs_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
)

// TestHashSpreads checks that real servers numbered one after the other, as
// people number them, do not meet in a few places of a hash table.
func TestHashSpreads(t *testing.T) {
	const n = 128
	key := func(address netip.Addr, port uint16) *ipvs.DestinationKey {
		return &ipvs.DestinationKey{Address: address, Port: port}
	}
	v6At := func(place int) func(i byte) *ipvs.DestinationKey {
		return func(i byte) *ipvs.DestinationKey {
			a := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}
			a[place] = i
			return key(netip.AddrFrom16(a), 443)
		}
	}
	rows := map[string]func(i byte) *ipvs.DestinationKey{
		"IPv4 last byte":  func(i byte) *ipvs.DestinationKey { return key(netip.AddrFrom4([4]byte{10, 0, 0, i}), 80) },
		"IPv4 third byte": func(i byte) *ipvs.DestinationKey { return key(netip.AddrFrom4([4]byte{10, 0, i, 1}), 80) },
		"IPv4 first byte": func(i byte) *ipvs.DestinationKey { return key(netip.AddrFrom4([4]byte{i, 0, 0, 1}), 80) },
		"port low byte":   func(i byte) *ipvs.DestinationKey { return key(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(i)) },
		"port high byte":  func(i byte) *ipvs.DestinationKey { return key(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(i)<<8) },
		"IPv6 last byte":  v6At(15),
		"IPv6 byte 8":     v6At(8),
		"IPv6 byte 7":     v6At(7),
		"IPv6 byte 4":     v6At(4),
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			places := map[uint32]int{}
			for i := range byte(n) {
				places[ipvs.Hash(row(i))%(2*n)]++
			}
			// At random 101 places of 256 would be taken, give or take four.
			require.Greater(t, len(places), 75)
		})
	}
}
