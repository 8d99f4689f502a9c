package opentsdb

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

var (
	errBodyTooLarge = errors.New("body is too large")
	errBadEncoding  = errors.New("body is not compressed as its head says")
)

// A body is that of a request, decompressed and bounded.
type body struct {
	io.Reader
	packed io.Closer // a decompressor
	count  *counted
}

// body returns the body of a request, or the answer if there can be none.
func (h *httpSide) body(w http.ResponseWriter, r *http.Request) (*body, *answer) {
	in := h.port.in
	limit := in.cfg.MaxBody.Bytes()
	if r.ContentLength > limit {
		a := h.bodyFault(errBodyTooLarge)
		a.close = true
		return nil, &a
	}
	raw := &counted{from: http.MaxBytesReader(w, r.Body, limit)}
	b := &body{Reader: raw, count: raw}
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return b, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, h.undecodable(raw, err)
		}
		b.Reader, b.packed = &decoded{z, raw}, z
	case "deflate":
		z, err := zlib.NewReader(raw)
		if err != nil {
			return nil, h.undecodable(raw, err)
		}
		b.Reader, b.packed = &decoded{z, raw}, z
	default:
		a := fault(http.StatusUnsupportedMediaType, "Unsupported content encoding",
			fmt.Sprintf("Content-Encoding is %q: want gzip, deflate or none", printable(encoding)))
		return nil, &a
	}
	b.Reader = &bounded{b.Reader, limit}
	return b, nil
}

func (h *httpSide) undecodable(raw *counted, err error) *answer {
	a := h.bodyFault(encodingError(raw, err))
	return &a
}

// close gives back what the decompressor has.
func (b *body) close() {
	if b.packed != nil {
		_ = b.packed.Close() // says what reading has said
	}
}

// discard reads to the end.
func (b *body) discard() (int64, error) { return io.Copy(io.Discard, b.Reader) }

// counted remembers the error of reading, to tell it from those of a decompressor.
type counted struct {
	from io.Reader
	err  error
}

// Read implements [io.Reader].
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// decoded says of errors whether the sender's bytes or the way that they came is to blame.
type decoded struct {
	from io.Reader
	raw  *counted
}

// Read implements [io.Reader].
func (d *decoded) Read(p []byte) (int, error) {
	n, err := d.from.Read(p)
	if err != nil && err != io.EOF {
		err = encodingError(d.raw, err)
	}
	return n, err
}

func encodingError(raw *counted, err error) error {
	if raw.err != nil {
		return raw.err
	}
	return fmt.Errorf("%w: %w", errBadEncoding, err)
}

// bounded fails when there is more than so many bytes.
type bounded struct {
	from io.Reader
	left int64
}

// Read implements [io.Reader].
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errBodyTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errBodyTooLarge
	}
	return n, err
}
