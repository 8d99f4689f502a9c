package option

import (
	"cmp"
	"errors"
	"net"
	"time"

	"telegraf-ipvs/internal/config"
)

// Output is how a plugin takes metrics into its [Queue] and delivers them out of it.
type Output struct {
	FlushInterval *config.Duration `toml:"flush_interval"` // how long a line may wait for others before it is stored
	MaxLine       *config.Size     `toml:"max_line"`       // of a line from stdin

	DeadLetterMaxSize *config.Size     `toml:"dead_letter_max_size"`
	HoldTime          *config.Duration `toml:"hold_time"` // for which values wait for a target that takes none
	MaxAhead          *config.Duration `toml:"max_ahead"` // values of a later time wait until it is near; 0 means they do not

	RequestsInFlight int              `toml:"requests_in_flight"`
	SendInterval     *config.Duration `toml:"send_interval"` // how long a value waits for company

	StatusAddress string `toml:"status_address"` // empty means that there is no status page
}

// SetDefaults sets what is unset.
func (o *Output) SetDefaults() {
	o.RequestsInFlight = cmp.Or(o.RequestsInFlight, 2)
	Default(&o.FlushInterval, config.DurationOf(200*time.Millisecond))
	Default(&o.MaxLine, config.SizeOf(1<<20))
	Default(&o.DeadLetterMaxSize, config.SizeOf(100<<20))
	Default(&o.HoldTime, config.DurationOf(24*time.Hour))
	Default(&o.MaxAhead, config.DurationOf(10*time.Minute))
	Default(&o.SendInterval, config.DurationOf(250*time.Millisecond))
}

// Validate returns every problem of options with defaults, of which some have to fit those of the queue.
func (o *Output) Validate(q *Queue) error {
	const year = 366 * 24 * time.Hour
	problems := Problems{
		SizeWithin("dead_letter_max_size", *o.DeadLetterMaxSize, 64<<10, 1<<50),
		SizeWithin("max_line", *o.MaxLine, 1<<10, 64<<20),
	}
	if o.MaxLine.Bytes() > q.QueueMaxSize.Bytes()/2 {
		problems.Add("max_line = %q: want at most half of queue_max_size = %q", o.MaxLine, q.QueueMaxSize)
	}
	problems = append(problems,
		DurationWithin("hold_time", *o.HoldTime, time.Minute, year),
		DurationWithin("max_ahead", *o.MaxAhead, 0, year),
		DurationWithin("flush_interval", *o.FlushInterval, time.Millisecond, time.Minute),
		DurationWithin("send_interval", *o.SendInterval, 0, time.Minute),
		IntWithin("requests_in_flight", o.RequestsInFlight, 1, 64))
	if o.StatusAddress != "" {
		if _, port, err := net.SplitHostPort(o.StatusAddress); err != nil || port == "" {
			problems.Add(`status_address = %q: want an address with a port, such as "localhost:9273"`, o.StatusAddress)
		}
	}
	return errors.Join(problems...)
}
