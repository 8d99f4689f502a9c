package ipvs

import (
	"encoding/binary"
	"math/bits"
)

// A keySet is the set of the keys of some destinations: a hash table that holds
// no keys, only where they are. For services with many real servers it takes a
// fifth of the time of a Go map. The zero keySet must be reset before use.
type keySet struct {
	slots []int32 // 1 + index of a destination, or 0; a power of two of them, at most half full
}

// reset empties the set and makes room for n keys.
func (s *keySet) reset(n int) {
	size := 64
	for size < 2*n {
		size *= 2
	}
	if size > cap(s.slots) {
		s.slots = make([]int32, size)
		return
	}
	s.slots = s.slots[:size]
	clear(s.slots)
}

// add adds key, which is about to become the key of the destination behind the
// last of list, unless it is in the set. It reports whether it was added. All
// keys in the set must lie in list where they lay when they were added.
func (s *keySet) add(list []Destination, key *DestinationKey) bool {
	mask := uint32(len(s.slots) - 1)
	for i := hash(key) & mask; ; i = (i + 1) & mask {
		switch at := s.slots[i]; {
		case at == 0:
			s.slots[i] = int32(len(list)) + 1
			return true
		case list[at-1].DestinationKey == *key:
			return false
		}
	}
}

// hash spreads addresses and ports that differ in a few bits, wherever these are.
func hash(key *DestinationKey) uint32 {
	a := key.Address.As16()
	high, low := bits.Mul64(
		binary.NativeEndian.Uint64(a[:])^uint64(key.Port)<<16^0x9e3779b97f4a7c15,
		binary.NativeEndian.Uint64(a[8:])^0xe7037ed1a0b428db)
	high, low = bits.Mul64(high^low, 0x9e3779b97f4a7c15)
	return uint32(high ^ low)
}
