package execd

import (
	"io"
	"os"
	"sync"
	"time"
)

// readSize is what a pipe holds by default.
const readSize = 64 << 10

// source reads an input in a goroutine of its own, at most two chunks ahead.
type source struct {
	r      io.Reader
	file   *waiter // nil if r is no file
	chunks chan chunk
	free   chan []byte
	gone   chan struct{} // nobody takes chunks any more
	reader sync.WaitGroup
}

// chunk is the result of one Read. Its data is to be given back by recycle.
type chunk struct {
	data []byte
	err  error
}

// startSource begins to read r. drain is for how long it reads what comes to a file after stop. Its close must be called.
func startSource(r io.Reader, drain time.Duration) *source {
	s := &source{r: r, chunks: make(chan chunk), free: make(chan []byte, 2), gone: make(chan struct{})}
	for range cap(s.free) {
		s.free <- make([]byte, readSize)
	}
	if f, ok := r.(*os.File); ok {
		s.file = newWaiter(f, drain) // or nil, and it remains like any other reader
	}
	s.reader.Go(s.read)
	return s
}

func (s *source) read() {
	for {
		var c chunk
		select {
		case c.data = <-s.free:
		case <-s.gone:
			return
		}
		if s.file != nil {
			c.err = s.file.wait()
		}
		n := 0
		if c.err == nil {
			n, c.err = s.r.Read(c.data)
		}
		if s.file != nil {
			s.file.read(n)
		}
		c.data = c.data[:n]
		select {
		case s.chunks <- c:
		case <-s.gone:
			return
		}
		if c.err != nil {
			return
		}
	}
}

func (s *source) recycle(c chunk) { s.free <- c.data[:cap(c.data)] }

// stop requests the end of reading. It reports whether a last chunk with an error is going to come: of a file, with
// what can be read without waiting before it. If not, a Read is blocked that nothing can end.
func (s *source) stop() bool {
	if s.file != nil {
		s.file.stop()
		return true
	}
	return unblock(s.r)
}

// close ends the goroutine, unless stop was false.
func (s *source) close(stopped bool) {
	close(s.gone)
	if stopped {
		s.reader.Wait()
		if s.file != nil {
			s.file.close()
		}
	}
}
