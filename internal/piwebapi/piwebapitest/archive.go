package piwebapitest

import (
	"iter"
	"slices"
	"sort"
	"strings"
)

// updateOption says what becomes of a value at whose time another one is stored already.
type updateOption uint8

const (
	replace updateOption = iota
	insert
	noReplace
	replaceOnly
	insertNoCompression
	remove
)

// updateOptions are the names of the options in the order of their constants, and the numbers that AF has for them.
var updateOptions = []struct{ name, number string }{
	{"Replace", "0"}, {"Insert", "1"}, {"NoReplace", "2"}, {"ReplaceOnly", "3"},
	{"InsertNoCompression", "5"}, {"Remove", "6"},
}

// parseUpdateOption reads an option in whatever case, or its number, "" being Replace.
func parseUpdateOption(s string) (updateOption, bool) {
	for i, o := range updateOptions {
		if s == "" || s == o.number || strings.EqualFold(s, o.name) {
			return updateOption(i), true
		}
	}
	return replace, false
}

func (o updateOption) String() string { return updateOptions[o].name }

// blockSize is how many events a block holds at most. Blocks bound the cost of an event that comes late.
const blockSize = 512

// archive holds the events of one point in the order of their times, equal times in the order of arrival.
type archive struct {
	blocks [][]event // none empty
	count  int
	texts  map[uint64]string // of events that have text, by event.num
	last   uint64            // the last key of texts
}

// apply stores c, or not, as option says. limit bounds how many events are kept, 0 does not.
func (a *archive) apply(option updateOption, c *converted, limit int) {
	b, i := a.after(c.at)
	found := i > 0 && a.blocks[b][i-1].at == c.at
	switch option {
	case remove:
		if found {
			a.removeAt(b, i-1)
		}
		return
	case noReplace:
		if found {
			return
		}
	case replace, replaceOnly:
		if found {
			a.overwrite(b, i-1, c)
			return
		}
		if option == replaceOnly {
			return
		}
	}
	a.insertAt(b, i, a.keep(c))
	if limit > 0 && a.count > limit {
		a.removeAt(0, 0)
	}
}

// after returns the block and the place in it behind the last event that is not later than t. i is 0 only before the
// first event of all.
func (a *archive) after(t ticks) (b, i int) {
	n := len(a.blocks)
	if n == 0 {
		return 0, 0
	}
	if last := a.blocks[n-1]; last[len(last)-1].at <= t {
		return n - 1, len(last)
	}
	b = sort.Search(n, func(b int) bool { return a.blocks[b][0].at > t }) - 1
	if b < 0 {
		return 0, 0
	}
	return b, sort.Search(len(a.blocks[b]), func(i int) bool { return a.blocks[b][i].at > t })
}

// keep returns the event of c with its text put away.
func (a *archive) keep(c *converted) event {
	e := c.event
	if e.hasText() {
		if a.texts == nil {
			a.texts = make(map[uint64]string)
		}
		a.last++
		e.num = a.last
		a.texts[e.num] = c.text
	}
	return e
}

func (a *archive) overwrite(b, i int, c *converted) {
	old := &a.blocks[b][i]
	if old.hasText() {
		delete(a.texts, old.num)
	}
	*old = a.keep(c)
	old.flags |= flagSubstituted
}

func (a *archive) insertAt(b, i int, e event) {
	a.count++
	if b == len(a.blocks) {
		a.blocks = append(a.blocks, []event{e})
		return
	}
	block := a.blocks[b]
	switch {
	case len(block) < blockSize:
		a.blocks[b] = slices.Insert(block, i, e)
	case b == len(a.blocks)-1 && i == len(block): // the usual case: values come in order
		a.blocks = append(a.blocks, append(make([]event, 0, blockSize), e))
	default:
		half := len(block) / 2
		a.blocks = slices.Insert(a.blocks, b+1, append(make([]event, 0, blockSize), block[half:]...))
		a.blocks[b] = block[:half]
		if i > half {
			b, i = b+1, i-half
		}
		a.blocks[b] = slices.Insert(a.blocks[b], i, e)
	}
}

func (a *archive) removeAt(b, i int) {
	a.count--
	block := a.blocks[b]
	if block[i].hasText() {
		delete(a.texts, block[i].num)
	}
	switch {
	case len(block) == 1:
		a.blocks = slices.Delete(a.blocks, b, b+1)
	case i == 0: // the oldest goes, which must not move all others
		a.blocks[b] = block[1:]
	default:
		a.blocks[b] = slices.Delete(block, i, i+1)
	}
}

// between yields the events from one time to another, both included.
func (a *archive) between(from, to ticks) iter.Seq[event] {
	return func(yield func(event) bool) {
		b := max(0, sort.Search(len(a.blocks), func(b int) bool { return a.blocks[b][0].at >= from })-1)
		for ; b < len(a.blocks); b++ {
			block := a.blocks[b]
			for _, e := range block[sort.Search(len(block), func(i int) bool { return block[i].at >= from }):] {
				if e.at > to || !yield(e) {
					return
				}
			}
		}
	}
}

// at returns the last event that is not later than t.
func (a *archive) at(t ticks) (event, bool) {
	b, i := a.after(t)
	if i == 0 {
		return event{}, false
	}
	return a.blocks[b][i-1], true
}
