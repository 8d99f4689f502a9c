package piwebapi

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// TargetState says what is known of a [Target].
type TargetState uint8

// The states.
const (
	StateUnresolved TargetState = iota
	StateReady                  // values can be written
	StateAbsent                 // there is no such point or attribute
	StateForbidden              // we may not see or make it
	StateFailed                 // it could not be made, for another reason
)

// String returns the name of the state in lower case.
func (s TargetState) String() string {
	switch s {
	case StateUnresolved:
		return "unresolved"
	case StateReady:
		return "ready"
	case StateAbsent:
		return "absent"
	case StateForbidden:
		return "forbidden"
	}
	return "failed"
}

// A Target is a PI point or AF attribute to write to. Whoever calls Resolve with it owns it.
type Target struct {
	Path   string    // \\SERVER\TAG, or \\AFSERVER\DATABASE\ELEMENT|ATTRIBUTE
	Create *NewPoint // how to make the point; nil if it must exist

	WebID  string
	Type   PointType // Unspecified if it is not known
	State  TargetState
	Until  time.Time // when to ask again
	Detail string    // why it is not ready, for people

	unset []PointAttribute // of a point that was made here, or may have been
}

// unfinished reports whether there is a point whose attributes are still to be set.
func (t *Target) unfinished() bool { return t.State == StateReady && len(t.unset) > 0 }

// DirectoryConfig is what a [Directory] works with.
type DirectoryConfig struct {
	Client       *Client
	DataServer   string // where points are made
	PathOnly     bool   // use WebIDs that hold the path, and ask the server for nothing
	CreatePoints bool

	FoundTTL     time.Duration // 0 means 24 h
	AbsentTTL    time.Duration // 0 means 1 min
	ForbiddenTTL time.Duration // 0 means 5 min

	RateLimitPause time.Duration // as in a [WriterConfig], while points are made; 0 means 1 s

	Now      func() time.Time
	OnCreate func(path string, err error)      // a point was made, or could not be made; may be nil
	OnWarn   func(path string, warning string) // a point was made, but not all of its attributes were set; may be nil
}

// A Directory finds out the WebIDs and types of targets, and makes points that do not exist. It is safe for concurrent
// use with different targets.
type Directory struct {
	cfg DirectoryConfig

	mu           sync.Mutex // guards what follows
	server       string     // WebID of the data server; "" until it is needed
	noCreation   string     // why no points are made; "" if they are
	noneSince    time.Time
	noAttributes bool // the server does not have that call
	counts       DirectoryStats

	making chan struct{} // holds one for each point that is being made
}

// DirectoryStats are counts since the start.
type DirectoryStats struct {
	Found, Absent, Forbidden, Created, NotCreated uint64
	CreationStopped                               string // why; "" if it goes on
	StoppedSince                                  time.Time
}

// NewDirectory returns a directory.
func NewDirectory(cfg DirectoryConfig) *Directory {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&cfg.FoundTTL, 24*time.Hour)
	set(&cfg.AbsentTTL, time.Minute)
	set(&cfg.ForbiddenTTL, 5*time.Minute)
	set(&cfg.RateLimitPause, time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Directory{cfg: cfg, making: make(chan struct{}, creators)}
}

// Stats returns counts.
func (d *Directory) Stats() DirectoryStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.counts
	s.CreationStopped, s.StoppedSince = d.noCreation, d.noneSince
	return s
}

func (d *Directory) count(change func(*DirectoryStats)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.counts)
}

// Forget makes the next Resolve ask for a target anew, after the server did not know its WebID.
func (d *Directory) Forget(t *Target) {
	t.WebID, t.State, t.Until, t.unset = "", StateUnresolved, time.Time{}, nil
}

// Resolve brings every target to a state, asking for those whose state is unknown or out of date. The error says that
// the server cannot be asked; targets keep what they had then.
func (d *Directory) Resolve(ctx context.Context, targets []*Target) error {
	now := d.cfg.Now()
	var ask, unmade []*Target
	for _, t := range targets {
		switch {
		case t.unfinished():
			unmade = append(unmade, t)
		case t.State != StateUnresolved && now.Before(t.Until):
		case d.cfg.PathOnly && d.byPath(t):
		default:
			ask = append(ask, t)
		}
	}
	if err := d.ask(ctx, ask); err != nil {
		return err
	}
	for _, t := range ask {
		if t.unfinished() || t.State == StateAbsent && d.mayCreate(t, now) {
			unmade = append(unmade, t)
		}
	}
	return d.create(ctx, unmade)
}

// ask asks the server for targets.
func (d *Directory) ask(ctx context.Context, targets []*Target) error {
	if len(targets) == 0 {
		return nil
	}
	paths := make([]string, len(targets))
	for i, t := range targets {
		paths[i] = t.Path
	}
	results, err := d.cfg.Client.Items(ctx, paths)
	if err != nil {
		return d.outOfDate(targets, err)
	}
	for i, t := range targets {
		d.note(t, results[i])
	}
	return nil
}

// outOfDate lets targets be used that are known but should have been asked for again.
func (d *Directory) outOfDate(ask []*Target, err error) error {
	for _, t := range ask {
		if t.State != StateReady {
			return err
		}
	}
	for _, t := range ask {
		t.Until = d.cfg.Now().Add(d.cfg.AbsentTTL)
	}
	return nil
}

// byPath makes a target ready without asking, if its path has only letters that everybody writes large alike.
func (d *Directory) byPath(t *Target) bool {
	if !Portable(t.Path) {
		return false
	}
	id, err := PathWebID(t.Path)
	if err != nil {
		t.State, t.Detail, t.Until = StateFailed, err.Error(), d.cfg.Now().Add(d.cfg.FoundTTL)
		return true
	}
	t.WebID, t.State, t.Until, t.Detail = id, StateReady, d.cfg.Now().Add(d.cfg.FoundTTL), ""
	if t.Create != nil && t.Type == Unspecified {
		t.Type = t.Create.PointType // what it would be made as is the best guess
	}
	return true
}

// note takes in what the server says of a target.
func (d *Directory) note(t *Target, r ItemResult) {
	now := d.cfg.Now()
	if r.Err == nil {
		t.WebID, t.Type = r.Item.WebID, r.Item.PointType
		if t.Type == Unspecified {
			t.Type = attributeType(r.Item.Type)
		}
		t.State, t.Until, t.Detail = StateReady, now.Add(d.cfg.FoundTTL), ""
		d.count(func(s *DirectoryStats) { s.Found++ })
		return
	}
	t.WebID, t.Detail = "", r.Err.Error()
	var status *StatusError
	if errors.As(r.Err, &status) && status.Code == http.StatusForbidden {
		t.State, t.Until = StateForbidden, now.Add(d.cfg.ForbiddenTTL)
		d.count(func(s *DirectoryStats) { s.Forbidden++ })
		return
	}
	t.State, t.Until = StateAbsent, now.Add(d.cfg.AbsentTTL)
	d.count(func(s *DirectoryStats) { s.Absent++ })
}

// attributeType returns the type of point that an AF attribute with a .NET type behaves like.
func attributeType(name string) PointType {
	switch name {
	case "Double":
		return Float64
	case "Single":
		return Float32
	case "Int32":
		return Int32
	case "String":
		return String
	}
	return Unspecified // Int64, Boolean, DateTime, enumerations: as they are
}
