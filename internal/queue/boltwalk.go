package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A boltWalk goes through all buckets of a [boltFile], in the order of keys.
type boltWalk struct {
	file *boltFile
	meta boltMeta
	seen []uint64 // bit id%64 of id/64 stands for a page that was met
	// item is called for each key that is no bucket, with the names of the buckets around it. The value is read on
	// demand.
	item func(path [][]byte, key []byte, value func() ([]byte, error))
	// bad is called for what cannot be read. An error that it returns ends the walk; otherwise that part is left out.
	bad func(error) error
}

// maxBoltDepth bounds branches and buckets inside one another; a real file has less than ten.
const maxBoltDepth = 64

// walk goes through the tree of one meta page.
func (f *boltFile) walk(m boltMeta, w boltWalk) error {
	w.file, w.meta = f, m
	if m.end < 3 || m.end > uint64(f.size)/uint64(f.pageSize) {
		return w.bad(fmt.Errorf("file of %d bytes is shorter than its %d pages: %w", f.size, m.end, ErrDamaged))
	}
	w.seen = make([]uint64, m.end/64+1)
	if err := w.tree(nil, m.root, nil, nil, 0); err != nil {
		return err
	}
	return w.freelist()
}

// tree walks the pages of one bucket below page id. Keys must be at least low and less than high.
func (w *boltWalk) tree(path [][]byte, id uint64, low, high []byte, depth int) error {
	if depth > maxBoltDepth {
		return w.bad(fmt.Errorf("page %d: too deep: %w", id, ErrDamaged))
	}
	p, err := w.file.page(id, w.meta.end)
	if err != nil {
		return w.bad(err)
	}
	for i := id; i <= id+uint64(p.overflow); i++ {
		if !w.mark(i) {
			return w.bad(fmt.Errorf("page %d: belongs to two others: %w", i, ErrDamaged))
		}
	}
	return w.page(path, p, low, high, depth)
}

// mark notes a page, and reports whether it was new.
func (w *boltWalk) mark(id uint64) bool {
	was := w.seen[id/64]
	w.seen[id/64] |= 1 << (id % 64)
	return w.seen[id/64] != was
}

func (w *boltWalk) page(path [][]byte, p *boltPage, low, high []byte, depth int) error {
	elements, err := p.read(0, boltPageHead+p.count*boltElement)
	if err != nil {
		return w.bad(err)
	}
	keys := make([][]byte, p.count)
	for i := range keys {
		e := p.element(elements, i)
		if keys[i], err = p.read(e.key, e.keySize); err != nil {
			return w.bad(err)
		}
		before := low
		if i > 0 {
			before = keys[i-1]
		}
		order := bytes.Compare(before, keys[i])
		if order > 0 || order == 0 && i > 0 || high != nil && bytes.Compare(keys[i], high) >= 0 {
			return w.bad(fmt.Errorf("page %d: key %d is out of order: %w", p.id, i, ErrDamaged))
		}
	}
	for i, key := range keys {
		e := p.element(elements, i)
		if p.flags == boltBranch {
			next := high
			if i+1 < len(keys) {
				next = keys[i+1]
			}
			err = w.tree(path, e.child, key, next, depth+1)
		} else {
			err = w.leaf(path, p, e, key, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *boltWalk) leaf(path [][]byte, p *boltPage, e boltItem, key []byte, depth int) error {
	value := func() ([]byte, error) { return p.read(e.key+e.keySize, e.valueSize) }
	if !e.bucket {
		w.item(path, key, value)
		return nil
	}
	if e.valueSize < boltBucketHead {
		return w.bad(fmt.Errorf("page %d: bucket %q of %d bytes: %w", p.id, key, e.valueSize, ErrDamaged))
	}
	head, err := value()
	if err != nil {
		return w.bad(err)
	}
	inside := append(path[:len(path):len(path)], key)
	if root := binary.NativeEndian.Uint64(head); root != 0 {
		return w.tree(inside, root, nil, nil, depth+1)
	}
	inline, err := inlinePage(head)
	if err != nil {
		return w.bad(err)
	}
	return w.page(inside, inline, nil, nil, depth+1)
}

// freelist checks that no page that is in use is listed as free. It must come last.
func (w *boltWalk) freelist() error {
	if w.meta.freelist == boltNoFreelist {
		return nil
	}
	bad := func(what string) error { return w.bad(fmt.Errorf("freelist: %s: %w", what, ErrDamaged)) }
	id := w.meta.freelist
	if id < 2 || id >= w.meta.end {
		return bad("no such page")
	}
	p := &boltPage{file: w.file, off: int64(id) * int64(w.file.pageSize), head: make([]byte, w.file.pageSize)}
	if _, err := w.file.r.ReadAt(p.head, p.off); err != nil {
		return bad(err.Error())
	}
	p.parse()
	p.size = (int(p.overflow) + 1) * w.file.pageSize
	if p.id != id || p.flags != boltFreelist || uint64(p.overflow) >= w.meta.end-id {
		return bad("wrong header")
	}
	for i := id; i <= id+uint64(p.overflow); i++ {
		if !w.mark(i) {
			return bad("in use")
		}
	}
	at, n := boltPageHead, uint64(p.count)
	if p.count == 0xFFFF { // the real number is the first entry
		b, err := p.read(at, 8)
		if err != nil {
			return bad(err.Error())
		}
		at, n = at+8, binary.NativeEndian.Uint64(b)
	}
	if n > uint64(p.size-at)/8 {
		return bad("too long")
	}
	ids, err := p.read(at, int(n)*8)
	if err != nil {
		return bad(err.Error())
	}
	for ; len(ids) > 0; ids = ids[8:] {
		if free := binary.NativeEndian.Uint64(ids); free < 2 || free >= w.meta.end || !w.mark(free) {
			return bad(fmt.Sprintf("page %d is in use", free))
		}
	}
	return nil
}
