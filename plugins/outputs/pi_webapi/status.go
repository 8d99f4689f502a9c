package piwebapi

import (
	_ "embed"

	"telegraf-ipvs/internal/outlet"
	pi "telegraf-ipvs/internal/piwebapi"
)

//go:embed status.html
var statusPage string

// A view is what the status page shows beside what that of every output has.
type view struct {
	Stored, Accepted uint64
	Points           []outlet.Counted
	Directory        pi.DirectoryStats
}

func (o *Output) view() any {
	return view{
		Stored: o.stats.stored.Load(), Accepted: o.stats.accepted.Load(),
		Points: outlet.Sorted(o.sink.states()), Directory: o.directory.Stats(),
	}
}

// place says for people where values go.
func (c Config) place() string {
	if c.AFDatabase != "" {
		return c.AFDatabase
	}
	return `\\` + c.DataServer
}
