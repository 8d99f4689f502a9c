package queue

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// A boltFile reads the pages of a bbolt file by itself, with read(2) and checking every length, because bbolt trusts
// what it maps: a flipped bit makes it panic, partly on goroutines of its own where nothing can recover, and a file cut
// short makes it die of SIGBUS. The format is that of go.etcd.io/bbolt/internal/common (page.go, meta.go, bucket.go),
// version 2, in the byte order of the machine:
//
//	page     id 8, flags 2, count 2, overflow 4 (further pages that belong to it), elements, keys and values
//	branch   elements of 16 bytes: position of the key from the element 4, its length 4, page 8
//	leaf     elements of 16 bytes: flags 4 (1: the value is a bucket), position 4, length of key 4, of value 4
//	bucket   root page 8, sequence 8; with root page 0 a page follows in the value itself
//	meta     page header, then magic 4, version 4, page size 4, flags 4, root bucket 16, freelist page 8,
//	         first page never used 8, transaction 8, FNV-1a of everything before 8; pages 0 and 1
type boltFile struct {
	r        io.ReaderAt
	size     int64
	pageSize int
	metas    []boltMeta // those that are valid, the newest first
}

type boltMeta struct {
	version    uint32
	pageSize   int
	root       uint64
	freelist   uint64
	end        uint64 // first page never used
	tx         uint64
	ownPage    int64 // offset of its page
	wellFormed bool
}

const (
	boltMagic      = 0xED0CDAED
	boltVersion    = 2
	boltPageHead   = 16
	boltElement    = 16
	boltMetaSize   = 64
	boltBucketHead = 16
	boltBranch     = 1
	boltLeaf       = 2
	boltFreelist   = 16
	boltIsBucket   = 1
	boltNoFreelist = math.MaxUint64
)

// openBoltFile reads the two meta pages. It fails if neither is valid.
func openBoltFile(r io.ReaderAt, size int64) (*boltFile, error) {
	f := &boltFile{r: r, size: size}
	first, err := f.readMeta(0)
	if err != nil {
		return nil, err
	}
	second := boltMeta{}
	if first.wellFormed {
		if second, err = f.readMeta(int64(first.pageSize)); err != nil {
			return nil, err
		}
	}
	// The page size is in the meta page; without the first, bbolt looks for the second at these places too.
	for p := int64(1024); !first.wellFormed && !second.wellFormed && p <= 1024<<14; p *= 2 {
		if second, err = f.readMeta(p); err != nil {
			return nil, err
		}
		if int64(second.pageSize) != p {
			second.wellFormed = false
		}
	}
	for _, m := range []boltMeta{first, second} {
		if !m.wellFormed {
			continue
		}
		if m.version > boltVersion {
			return nil, fmt.Errorf("%w: bbolt version %d", ErrNewer, m.version)
		}
		f.pageSize = m.pageSize
		f.metas = append(f.metas, m)
	}
	switch {
	case len(f.metas) == 0:
		return nil, fmt.Errorf("both meta pages are bad: %w", ErrDamaged)
	case len(f.metas) == 2 && f.metas[1].tx > f.metas[0].tx:
		f.metas[0], f.metas[1] = f.metas[1], f.metas[0]
	}
	return f, nil
}

// readMeta reads the meta page at an offset. Only a read that fails is an error, not what is read.
func (f *boltFile) readMeta(off int64) (boltMeta, error) {
	if off+boltPageHead+boltMetaSize > f.size {
		return boltMeta{}, nil
	}
	page := make([]byte, boltPageHead+boltMetaSize)
	if _, err := f.r.ReadAt(page, off); err != nil {
		return boltMeta{}, fmt.Errorf("read meta page: %w", err)
	}
	b := page[boltPageHead:]
	sum := fnv.New64a()
	sum.Write(b[:boltMetaSize-8])
	order := binary.NativeEndian
	m := boltMeta{
		version:  order.Uint32(b[4:]),
		pageSize: int(order.Uint32(b[8:])),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		end:      order.Uint64(b[40:]),
		tx:       order.Uint64(b[48:]),
		ownPage:  off,
	}
	m.wellFormed = order.Uint32(b) == boltMagic && order.Uint64(b[56:]) == sum.Sum64() &&
		m.pageSize >= 512 && m.pageSize <= 1<<24 && m.pageSize&(m.pageSize-1) == 0
	return m, nil
}

// A boltPage is one page with those that belong to it. Only its first pageSize bytes are in memory, or all of an
// inline page.
type boltPage struct {
	file     *boltFile // nil for an inline page
	off      int64
	head     []byte
	size     int // with overflow
	id       uint64
	flags    uint16
	count    int
	overflow uint32
}

// page reads a page and checks its header and that its elements lie inside it.
func (f *boltFile) page(id uint64, end uint64) (*boltPage, error) {
	if id < 2 || id >= end {
		return nil, fmt.Errorf("page %d: not between 2 and %d: %w", id, end, ErrDamaged)
	}
	p := &boltPage{file: f, off: int64(id) * int64(f.pageSize), head: make([]byte, f.pageSize)}
	if _, err := f.r.ReadAt(p.head, p.off); err != nil {
		return nil, fmt.Errorf("page %d: %w: %w", id, err, ErrDamaged)
	}
	p.parse()
	p.size = (int(p.overflow) + 1) * f.pageSize
	if p.id != id || uint64(p.overflow) >= end-id {
		return nil, fmt.Errorf("page %d: says it is page %d with %d more: %w", id, p.id, p.overflow, ErrDamaged)
	}
	return p, p.check()
}

// inlinePage reads the page in the value of a bucket.
func inlinePage(value []byte) (*boltPage, error) {
	if len(value) < boltBucketHead+boltPageHead {
		return nil, fmt.Errorf("inline bucket of %d bytes: %w", len(value), ErrDamaged)
	}
	p := &boltPage{head: value[boltBucketHead:], size: len(value) - boltBucketHead}
	p.parse()
	if p.flags != boltLeaf || p.overflow != 0 {
		return nil, fmt.Errorf("inline bucket with flags %#x: %w", p.flags, ErrDamaged)
	}
	return p, p.check()
}

func (p *boltPage) parse() {
	order := binary.NativeEndian
	p.id, p.flags = order.Uint64(p.head), order.Uint16(p.head[8:])
	p.count, p.overflow = int(order.Uint16(p.head[10:])), order.Uint32(p.head[12:])
}

// check refuses pages of other kinds than branch and leaf, and elements outside of the page.
func (p *boltPage) check() error {
	bad := func(what string) error { return fmt.Errorf("page %d: %s: %w", p.id, what, ErrDamaged) }
	if p.flags != boltBranch && p.flags != boltLeaf {
		return bad(fmt.Sprintf("unexpected flags %#x", p.flags))
	}
	if p.count == 0 && p.flags == boltBranch {
		return bad("empty branch")
	}
	table := boltPageHead + p.count*boltElement
	if table > p.size {
		return bad("more elements than there is room for")
	}
	elements, err := p.read(0, table)
	if err != nil {
		return err
	}
	for i := range p.count {
		e := p.element(elements, i)
		if e.key < table || e.key+e.keySize+e.valueSize > p.size || e.keySize == 0 && p.flags == boltLeaf {
			return bad(fmt.Sprintf("element %d outside of the page", i))
		}
	}
	return nil
}

// A boltItem is one element of a page: where its key begins in the page, and what belongs to it.
type boltItem struct {
	key, keySize, valueSize int
	child                   uint64 // page, in a branch
	bucket                  bool   // in a leaf
}

func (p *boltPage) element(elements []byte, i int) boltItem {
	order := binary.NativeEndian
	at := boltPageHead + i*boltElement
	b := elements[at:]
	if p.flags == boltBranch {
		return boltItem{key: at + int(order.Uint32(b)), keySize: int(order.Uint32(b[4:])), child: order.Uint64(b[8:])}
	}
	return boltItem{
		key: at + int(order.Uint32(b[4:])), keySize: int(order.Uint32(b[8:])), valueSize: int(order.Uint32(b[12:])),
		bucket: order.Uint32(b)&boltIsBucket != 0,
	}
}

// read returns n bytes from offset at in the page. The caller keeps within the page.
func (p *boltPage) read(at, n int) ([]byte, error) {
	if at+n <= len(p.head) {
		return p.head[at : at+n : at+n], nil
	}
	b := make([]byte, n)
	if _, err := p.file.r.ReadAt(b, p.off+int64(at)); err != nil {
		return nil, fmt.Errorf("page %d: %w: %w", p.id, err, ErrDamaged)
	}
	return b, nil
}
