package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a password, token or key in a configuration. However it is printed,
// logged or encoded, "(secret)" comes out; only Reveal gives the text. The zero
// value is no secret. Secrets are compared with Reveal, never with ==.
type Secret struct {
	text *string // behind a pointer, which fmt does not follow where it may not call String
}

const secretText = "(secret)"

// SecretOf returns text as an option holds it.
func SecretOf(text string) Secret { return Secret{&text} }

// Reveal returns the secret itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a secret, and not an empty one.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// UnmarshalText takes every text, so that no error ever quotes one.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = SecretOf(string(text))
	return nil
}

// String returns "(secret)", also when none is set.
func (s Secret) String() string { return secretText }

// GoString returns "(secret)".
func (s Secret) GoString() string { return secretText }

// Format writes "(secret)", whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secretText) }

// MarshalText returns "(secret)".
func (s Secret) MarshalText() ([]byte, error) { return []byte(secretText), nil }

// LogValue returns "(secret)".
func (s Secret) LogValue() slog.Value { return slog.StringValue(secretText) }
