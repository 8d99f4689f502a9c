package queue

import (
	"errors"
	"fmt"
	"time"
)

// Policy says what happens to new records when the queue is full.
type Policy string

const (
	// Block refuses them with [ErrFull].
	Block Policy = "block"
	// DropOldest makes room by giving up what has waited longest.
	DropOldest Policy = "drop_oldest"
)

const (
	defaultMaxSize        = 1 << 30
	defaultMaxDeadLetters = 100 << 20

	// unlimited is larger than any disk and still far from an overflow of sums.
	unlimited = 1 << 60
)

// Config says where a queue lives and how much it may hold. Only Dir has no default.
type Config struct {
	// Dir is the directory of the queue. It is created, with mode 0700, if it is missing; its parents are too.
	Dir string
	// MaxSize bounds the bytes of records that wait, unsettled in the queue or held aside. Zero means 1 GiB. What the
	// queue adds to each record does not count, yet the space on disk stays below about twice this size.
	MaxSize int64
	// MaxAge bounds how long a record may wait, held aside or not; what is older is dropped and counted. Zero means for ever.
	MaxAge time.Duration
	// WhenFull says what happens at MaxSize. Empty means Block.
	WhenFull Policy
	// MaxDeadLetters bounds the bytes of the dead-letter area, as they are stored. The oldest are dropped and counted.
	// Zero means 100 MiB.
	MaxDeadLetters int64
	// Now tells the time that is stored with records and letters. Nil means time.Now.
	Now func() time.Time
	// OnProblem, if set, is told of damage: what was found, and where it was set aside. It is called on any goroutine,
	// one call at a time, and must not call the queue.
	OnProblem func(error)
	// RenderReplay makes the record that [Queue.Replay] appends for a dead letter. A nil result refuses the letter.
	// Nil means the Line as it was. It is called on any goroutine.
	RenderReplay func(Letter) []byte
}

// withDefaults returns c with every default in place, or says everything that is wrong with it.
func (c Config) withDefaults() (Config, error) {
	var problems []error
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf("queue: "+format, args...)) }
	if c.Dir == "" {
		refuse("no directory is given")
	}
	if c.MaxSize < 0 {
		refuse("the maximum size must not be negative, it is %d", c.MaxSize)
	}
	if c.MaxAge < 0 {
		refuse("the maximum age must not be negative, it is %s", c.MaxAge)
	}
	if c.MaxDeadLetters < 0 {
		refuse("the size of the dead-letter area must not be negative, it is %d", c.MaxDeadLetters)
	}
	if c.WhenFull == "" {
		c.WhenFull = Block
	}
	if c.WhenFull != Block && c.WhenFull != DropOldest {
		refuse("what to do when full is %q, it must be %q or %q", c.WhenFull, Block, DropOldest)
	}
	if c.MaxSize == 0 {
		c.MaxSize = defaultMaxSize
	}
	if c.MaxDeadLetters == 0 {
		c.MaxDeadLetters = defaultMaxDeadLetters
	}
	c.MaxSize, c.MaxDeadLetters = min(c.MaxSize, unlimited), min(c.MaxDeadLetters, unlimited)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnProblem == nil {
		c.OnProblem = func(error) {}
	}
	if c.RenderReplay == nil {
		c.RenderReplay = func(l Letter) []byte { return l.Line }
	}
	return c, errors.Join(problems...)
}

// tuning holds sizes and times that no user needs to know. Tests make them small.
type tuning struct {
	chunkBytes   int           // a chunk is closed when it has reached this
	cacheBytes   int           // chunks kept in memory
	batchBytes   int           // payload after which a transaction takes no further request
	reserveBytes int64         // of the file that is given up when the disk is full
	compactFile  int64         // the file is rewritten when it is larger than this,
	compactLive  int64         // no more than this is in its chunks, and less than a quarter of it is live
	tick         time.Duration // between looks at age, reserve and size of the file
}

func defaultTuning() tuning {
	return tuning{
		chunkBytes:   256 << 10,
		cacheBytes:   8 << 20,
		batchBytes:   8 << 20,
		reserveBytes: 1 << 20,
		compactFile:  32 << 20,
		compactLive:  128 << 20,
		tick:         10 * time.Second,
	}
}
