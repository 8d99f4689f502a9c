package config

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Size is an amount of bytes in a configuration: a number with a unit in powers
// of 1024 (KiB, MiB, GiB, TiB) or of 1000 (kB, KB, MB, GB, TB), such as "64KiB"
// or "10GB", or a bare number of bytes. The zero value is no byte.
type Size struct{ n int64 }

// SizeOf returns n bytes as an option holds them.
func SizeOf(n int64) Size { return Size{n} }

// Bytes returns the amount in bytes, zero or more.
func (s Size) Bytes() int64 { return s.n }

// String returns the shortest form that UnmarshalText reads back.
func (s Size) String() string {
	count, unit := s.n, "B"
	for _, u := range sizeUnits {
		if s.n != 0 && s.n%u.bytes == 0 && s.n/u.bytes < count {
			count, unit = s.n/u.bytes, u.name
		}
	}
	return strconv.FormatInt(count, 10) + unit
}

// UnmarshalText reads a size. A negative one is refused, and so is one that is
// not a whole number of bytes.
func (s *Size) UnmarshalText(text []byte) error {
	str := string(text)
	n, err := parseSize(str)
	if errors.Is(err, errRange) {
		return fmt.Errorf("%q is too large; the largest size is 8388607TiB", str)
	}
	if err != nil {
		what, examples := s.describe()
		return fmt.Errorf("%q is not a %s; %s", str, what, examples)
	}
	if n < 0 {
		return fmt.Errorf("%q is negative; want a size of zero or more", str)
	}
	s.n = n
	return nil
}

func (Size) describe() (what, examples string) {
	return "size", `examples: "64KiB", "1MiB", "10GB", or a bare number of bytes`
}

// sizeUnits lists the units that String may choose before those it may not.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"B", 1},
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"KB", 1e3},
}

func parseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "BKMGTikb")
	unit := s[len(number):]
	number = strings.TrimSuffix(number, " ")
	if unit == "" {
		unit = "B"
	}
	digits := strings.ReplaceAll(strings.TrimLeft(number, "+-"), "_", "")
	if strings.Trim(digits, ".") == "" || strings.Trim(digits, "0123456789.") != "" || len(number)-len(strings.TrimLeft(number, "+-")) > 1 {
		return 0, errSyntax
	}
	for _, u := range sizeUnits {
		if u.name != unit {
			continue
		}
		if len(digits) > 40 {
			return 0, errRange
		}
		amount, ok := new(big.Rat).SetString(digits)
		if !ok {
			return 0, errSyntax
		}
		amount.Mul(amount, new(big.Rat).SetInt64(u.bytes))
		if !amount.IsInt() {
			return 0, errSyntax
		}
		if amount.Cmp(new(big.Rat).SetInt64(math.MaxInt64)) > 0 {
			return 0, errRange
		}
		n := amount.Num().Int64()
		if strings.HasPrefix(number, "-") {
			n = -n
		}
		return n, nil
	}
	return 0, errSyntax
}
