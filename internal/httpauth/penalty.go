package httpauth

import (
	"crypto/sha256"
	"errors"
	"time"
)

// After a wrong password the same one is not tried again for minPenalty, then for
// twice as long, and so on up to maxPenalty. Directories lock an account after a
// handful of failures within, usually, 10 to 30 minutes.
const (
	minPenalty = time.Minute
	maxPenalty = 15 * time.Minute
)

// A penalty remembers a secret that was refused. It is not safe for concurrent use.
type penalty struct {
	secret [sha256.Size]byte
	err    error
	wait   time.Duration
	until  time.Time
}

// refuse returns the error of the last time if it is too early to try this secret again.
func (p *penalty) refuse(secret []byte) error {
	if p.err != nil && sha256.Sum256(secret) == p.secret && time.Now().Before(p.until) {
		return p.err
	}
	return nil
}

// note takes down what came of trying a secret, and returns err.
func (p *penalty) note(secret []byte, err error) error {
	sum := sha256.Sum256(secret)
	switch {
	case err == nil:
		*p = penalty{}
	case !errors.Is(err, ErrCredentials):
	case p.err == nil || p.secret != sum:
		*p = penalty{sum, err, minPenalty, time.Now().Add(minPenalty)}
	default:
		p.wait = min(2*p.wait, maxPenalty)
		p.err, p.until = err, time.Now().Add(p.wait)
	}
	return err
}
