package option

import (
	"cmp"
	"errors"
	"path/filepath"
	"time"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/queue"
)

// Queue says where a plugin keeps on disk what it has taken in, and how much of it.
type Queue struct {
	QueuePath    string          `toml:"queue_path"`     // a directory of its own, absolute
	QueueMaxSize *config.Size    `toml:"queue_max_size"` // of what waits
	QueueMaxAge  config.Duration `toml:"queue_max_age"`  // 0 means for ever
	QueueFull    string          `toml:"queue_full"`     // "block" or "drop_oldest"
}

// SetDefaults sets what is unset, but for the path, which has no default: 1 GiB, and block.
func (o *Queue) SetDefaults() {
	o.QueueFull = cmp.Or(o.QueueFull, string(queue.Block))
	Default(&o.QueueMaxSize, config.SizeOf(1<<30))
}

// Validate returns every problem of options with defaults. The example is a path to show when none is set.
func (o *Queue) Validate(example string) error {
	var problems Problems
	switch {
	case o.QueuePath == "":
		problems.Add("queue_path is not set: want a directory of its own that survives restarts, such as %q", example)
	case !filepath.IsAbs(o.QueuePath):
		problems.Add("queue_path = %q: want an absolute path, as it would depend on where the process starts", o.QueuePath)
	}
	problems = append(problems,
		OneOf("queue_full", o.QueueFull, string(queue.Block), string(queue.DropOldest)),
		SizeWithin("queue_max_size", *o.QueueMaxSize, 1<<20, 1<<50))
	if age := o.QueueMaxAge.Duration(); age > 0 && age < time.Minute {
		problems.Add("queue_max_age = %q: want at least 1m, or 0s to keep everything", o.QueueMaxAge)
	}
	return errors.Join(problems...)
}

// Config returns the settings of the queue, for options with defaults. Dead letters are bounded as package queue sees
// fit.
func (o *Queue) Config() queue.Config {
	return queue.Config{
		Dir:      o.QueuePath,
		MaxSize:  o.QueueMaxSize.Bytes(),
		MaxAge:   o.QueueMaxAge.Duration(),
		WhenFull: queue.Policy(o.QueueFull),
	}
}
