package opentsdb

import (
	"math"
	"time"

	"telegraf-ipvs/internal/metric"
)

const (
	defaultAge   = 365 * 24 * time.Hour
	defaultSkew  = 24 * time.Hour
	defaultDepth = 64
)

// Config says how strict a [Parser] is. Zero values mean defaults.
type Config struct {
	// Profile is the dialect.
	Profile Profile
	// MaxTags is how many tags a data point may have. Zero means 256 under IRONdb, 8 under OpenTSDB.
	MaxTags int
	// MaxIngestAge is how far back a timestamp may lie. Zero means 365 days, a negative one that there is no bound.
	MaxIngestAge time.Duration
	// MaxClockSkew is how far ahead a timestamp may lie, but not beyond [MaxLineTime]. Zero means a day. A negative one
	// means that there is no bound at all, which is of use only where points do not go into line protocol.
	MaxClockSkew time.Duration
	// Now tells the time that those two are measured from. Nil means [time.Now]. See [Parser.Tick].
	Now func() time.Time
	// MaxPoints is how many data points one JSON body may hold, good and bad ones. Zero means no bound.
	MaxPoints int
	// MaxDepth is how deep objects and arrays of a JSON body may stand in one another. Zero means 64.
	MaxDepth int
}

// Parser reads telnet lines and JSON bodies. It is for one goroutine at a time; any number of parsers may share a
// [Table], whatever their configurations.
type Parser struct {
	cfg       Config
	table     *Table
	age, skew time.Duration
	dialect   dialect // of telnet lines; that of JSON is the next one

	now            time.Time
	oldest, newest int64  // timestamps that are taken, in milliseconds
	tick           uint32 // of the table

	tags  []metric.Tag // scratch
	body  body
	point Point // of body
}

// NewParser returns a parser for points whose series a table keeps.
func NewParser(cfg Config, t *Table) *Parser {
	if cfg.MaxTags <= 0 {
		cfg.MaxTags = cfg.Profile.maxTags()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxDepth <= 0 {
		cfg.MaxDepth = defaultDepth
	}
	p := &Parser{
		cfg:     cfg,
		table:   t,
		age:     orDefault(cfg.MaxIngestAge, defaultAge),
		skew:    orDefault(cfg.MaxClockSkew, defaultSkew),
		dialect: dialect(cfg.Profile)*dialects + telnet,
	}
	p.Tick()
	return p
}

func orDefault(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}

// Tick takes the time anew. Call it before the lines that a read brought; [Parser.ParseJSON] does it by itself. Between
// two calls all timestamps are compared with the same time.
func (p *Parser) Tick() {
	p.now = p.cfg.Now()
	ms := p.now.UnixMilli()
	p.oldest, p.newest = math.MinInt64, math.MaxInt64
	if p.age >= 0 {
		p.oldest = ms - p.age.Milliseconds()
	}
	if p.skew >= 0 {
		p.newest = min(ms+p.skew.Milliseconds(), MaxLineTime)
	}
	p.tick = p.table.now()
}
