package execd

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// maxRepeats bounds how many texts are remembered, and by that the memory: at most 4 MB.
const maxRepeats = 1000

// repeats remembers which texts were written of late, and counts how often each came again since.
type repeats struct {
	once time.Duration // how long a text is remembered
	now  func() time.Time
	byID map[textID]*repeat
	age  []*repeat // the same, the oldest first
}

// textID is the hash of a whole text, for the text may be longer than what is kept of it.
type textID [sha256.Size]byte

type repeat struct {
	id      textID
	text    string // as much as fits a line
	written time.Time
	count   int // how often it came since and was not written
}

func newRepeats(once time.Duration, now func() time.Time) repeats {
	return repeats{once: once, now: now, byID: make(map[textID]*repeat)}
}

// add reports whether text was written of late. If so it is counted and must not be written again; if not it must be
// written, with the suffix, which tells the former count.
func (r *repeats) add(text string) (suffix string, again bool) {
	now, id := r.now(), textID(sha256.Sum256([]byte(text)))
	if old := r.byID[id]; old != nil {
		if now.Sub(old.written) < r.once {
			old.count++
			return "", true
		}
		suffix = old.suffix(now)
		r.age = slices.DeleteFunc(r.age, func(e *repeat) bool { return e == old })
	}
	added := &repeat{id: id, text: cutText(text, maxLine), written: now}
	r.byID[id] = added
	r.age = append(r.age, added)
	return suffix, false
}

// expired forgets the texts that are old or too many, and calls report for those that came again.
func (r *repeats) expired(report func(text, suffix string) error) error {
	now := r.now()
	return r.forget(now, report, func(e *repeat) bool {
		return len(r.age) > maxRepeats || now.Sub(e.written) >= r.once
	})
}

// all forgets every text, and calls report for those that came again.
func (r *repeats) all(report func(text, suffix string) error) error {
	return r.forget(r.now(), report, func(*repeat) bool { return true })
}

// forget forgets texts from the oldest on, as long as due says so and report returns no error.
func (r *repeats) forget(now time.Time, report func(text, suffix string) error, due func(*repeat) bool) error {
	for len(r.age) > 0 && due(r.age[0]) {
		e := r.age[0]
		if e.count > 0 {
			if err := report(e.text, e.suffix(now)); err != nil {
				return err
			}
		}
		delete(r.byID, e.id)
		r.age = slices.Delete(r.age, 0, 1)
	}
	return nil
}

// suffix returns what is to be written after the text, nothing if it did not come again.
func (e *repeat) suffix(now time.Time) string {
	if e.count == 0 {
		return ""
	}
	return fmt.Sprintf(" (repeated %d times in the last %s)", e.count, now.Sub(e.written).Round(time.Second))
}
