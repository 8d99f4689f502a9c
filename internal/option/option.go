package option

import (
	"fmt"
	"slices"
	"time"

	"telegraf-ipvs/internal/config"
)

// Default sets an option that is unset. It never writes through a pointer that a caller may share.
func Default[T any](option **T, value T) {
	if *option == nil {
		*option = &value
	}
}

// OneOf returns an error unless value is one of those wanted.
func OneOf(key, value string, want ...string) error {
	if slices.Contains(want, value) {
		return nil
	}
	return fmt.Errorf("%s = %q: want one of %q", key, value, want)
}

// IntWithin returns an error unless n is from least to most.
func IntWithin(key string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s = %d: want %d to %d", key, n, least, most)
	}
	return nil
}

// SizeWithin is IntWithin for sizes, with the bounds in bytes.
func SizeWithin(key string, s config.Size, least, most int64) error {
	if s.Bytes() < least || s.Bytes() > most {
		return fmt.Errorf("%s = %q: want %s to %s", key, s, config.SizeOf(least), config.SizeOf(most))
	}
	return nil
}

// DurationWithin is IntWithin for durations.
func DurationWithin(key string, d config.Duration, least, most time.Duration) error {
	if d.Duration() < least || d.Duration() > most {
		return fmt.Errorf("%s = %q: want %s to %s", key, d, config.DurationOf(least), config.DurationOf(most))
	}
	return nil
}

// Problems are what is wrong with a configuration. Entries that are nil count for nothing; errors.Join(p...) makes one
// error of the others.
type Problems []error

// Add adds a problem in the manner of fmt.Errorf.
func (p *Problems) Add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }
