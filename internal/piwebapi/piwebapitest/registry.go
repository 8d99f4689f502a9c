package piwebapitest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Errors of the registry.
var (
	errExists  = errors.New("exists already")
	errMissing = errors.New("was not found")
	errLicence = errors.New("[-12216] Maximum licensed aggregate Point /Module Count exceeded")
)

// registry holds what has a name or a WebID.
type registry struct {
	server, serverGUID     string // name, and GUID as WebIDs hold it
	afServer, afServerGUID string

	mu     sync.RWMutex // guards what follows, and what describes a point
	byID   map[int32]*point
	byName map[string]*point // upper case
	byFull map[string]*point // by the Full WebID of today, which is what most requests have
	lastID int32             // IDs are never used again
	sets   map[string]*digitalSet
	setIDs map[int32]*digitalSet
	tree   tree
}

// digitalSet is a set of digital states. States are replaced, never changed, so that a copy of the slice stays true.
type digitalSet struct {
	id     int32
	name   string
	descr  string
	states []string
}

func newRegistry(c Config) (*registry, error) {
	server, err := encodeGUID(c.ServerID)
	if err != nil {
		return nil, fmt.Errorf("ServerID: %w", err)
	}
	af, err := encodeGUID(c.AFServerID)
	if err != nil {
		return nil, fmt.Errorf("AFServerID: %w", err)
	}
	r := &registry{server: c.ServerName, serverGUID: server, afServer: c.AFServerName, afServerGUID: af}
	r.reset(c.AFDatabase)
	return r, nil
}

// reset forgets everything.
func (r *registry) reset(database string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID, r.byName = make(map[int32]*point), make(map[string]*point)
	r.byFull = make(map[string]*point)
	r.sets, r.setIDs = make(map[string]*digitalSet), make(map[int32]*digitalSet)
	r.tree = newTree(database)
	r.lastID = 0
}

// create adds a point. limit is that of the licence, 0 none. An id of 0 means the next one.
func (r *registry) create(spec PointSpec, id int32, limit int, now time.Time) (*point, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := strings.ToUpper(spec.Name)
	if r.byName[key] != nil {
		return nil, fmt.Errorf("the point %q %w", spec.Name, errExists)
	}
	if set := r.sets[strings.ToUpper(spec.DigitalSet)]; set == nil && spec.Type == "Digital" {
		return nil, fmt.Errorf("the digital set %q does not exist", spec.DigitalSet)
	}
	if limit > 0 && len(r.byID) >= limit {
		return nil, errLicence
	}
	if id == 0 {
		id = r.lastID + 1
	}
	r.lastID = max(r.lastID, id)
	p := &point{id: id, typ: spec.Type, future: spec.Future, created: now, spec: spec, attributes: pointAttributes(now)}
	r.byID[p.id] = p
	r.index(p)
	return p, nil
}

// rename gives p another name.
func (r *registry) rename(p *point, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.byName[strings.ToUpper(name)]; other != nil && other != p {
		return fmt.Errorf("the point %q %w", name, errExists)
	}
	r.unindex(p)
	p.spec.Name = name
	r.index(p)
	return nil
}

// index enters p under its name. The caller holds the lock, as for unindex.
func (r *registry) index(p *point) {
	r.byName[strings.ToUpper(p.spec.Name)] = p
	r.byFull[r.identity(p).webID("Full")] = p
}

func (r *registry) unindex(p *point) {
	delete(r.byName, strings.ToUpper(p.spec.Name))
	delete(r.byFull, r.identity(p).webID("Full"))
}

// delete removes p, and reports whether it was still there.
func (r *registry) delete(p *point) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[p.id] != p {
		return false
	}
	delete(r.byID, p.id)
	r.unindex(p)
	return true
}

// find returns the point at \\SERVER\NAME, SERVER\NAME or NAME.
func (r *registry) find(path string) *point {
	name := strings.TrimPrefix(path, `\\`)
	if server, rest, ok := strings.Cut(name, `\`); ok {
		if !strings.EqualFold(server, r.server) {
			return nil
		}
		name = rest
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[strings.ToUpper(name)]
}

// all returns the points in the order of their names.
func (r *registry) all() []*point {
	r.mu.RLock()
	defer r.mu.RUnlock()
	points := make([]*point, 0, len(r.byName))
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		points = append(points, r.byName[name])
	}
	return points
}

// pointByWebID returns the point of a WebID. The error is errWebID or errMissing. The caller holds the lock.
func (r *registry) pointByWebID(text string) (*point, error) {
	ids, path, err := parseWebID(text, markPoint, guidLen+intLen)
	if err != nil {
		return nil, err
	}
	if ids != "" { // a Full one goes by its numbers, so it survives a new name and no new point
		if p := r.byID[decodeInt(ids[guidLen:])]; p != nil && ids[:guidLen] == r.serverGUID {
			return p, nil
		}
		return nil, errMissing
	}
	server, name, ok := strings.Cut(path, `\`)
	if p := r.byName[strings.ToUpper(name)]; ok && p != nil && strings.EqualFold(server, r.server) {
		return p, nil
	}
	return nil, errMissing
}

// identity returns what the WebID of p is made of. The caller holds the lock.
func (r *registry) identity(p *point) identity {
	return identity{marker: markPoint, ids: r.serverGUID + encodeInt(p.id), path: r.server + `\` + p.spec.Name}
}

// addSet adds a digital set, or states to one of that name and ID.
func (r *registry) addSet(name, descr string, states []string) (*digitalSet, error) {
	if strings.TrimSpace(name) == "" {
		return nil, errors.New("the digital set has no name")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := strings.ToUpper(name)
	if r.sets[key] != nil {
		return nil, fmt.Errorf("the digital set %q %w", name, errExists)
	}
	set := &digitalSet{id: int32(len(r.setIDs) + 1), name: name, descr: descr, states: slices.Clone(states)}
	r.sets[key], r.setIDs[set.id] = set, set
	return set, nil
}

// setState names state number n of a set.
func (r *registry) setState(set *digitalSet, n int, name string) error {
	if n < 0 || n > 1<<14 || name == "" {
		return fmt.Errorf("state %d, named %q: want a number from 0 to 16384 and a name", n, name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range set.states {
		if strings.EqualFold(other, name) && i != n {
			return fmt.Errorf("the state %q %w", name, errExists)
		}
	}
	states := make([]string, max(n+1, len(set.states)))
	copy(states, set.states)
	states[n] = name
	set.states = states
	return nil
}

// states returns the digital states of p. The caller holds the lock.
func (r *registry) states(p *point) []string {
	if set := r.sets[strings.ToUpper(p.spec.DigitalSet)]; set != nil {
		return set.states
	}
	return nil
}

// setByWebID returns a digital set.
func (r *registry) setByWebID(text string) (*digitalSet, error) {
	ids, path, err := parseWebID(text, markSet, guidLen+intLen)
	if err != nil {
		return nil, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var set *digitalSet
	if ids != "" && ids[:guidLen] == r.serverGUID {
		set = r.setIDs[decodeInt(ids[guidLen:])]
	} else if server, name, ok := strings.Cut(path, `\`); ids == "" && ok && strings.EqualFold(server, r.server) {
		set = r.sets[strings.ToUpper(name)]
	}
	if set == nil {
		return nil, errMissing
	}
	return set, nil
}

func (r *registry) setIdentity(set *digitalSet) identity {
	return identity{marker: markSet, ids: r.serverGUID + encodeInt(set.id), path: r.server + `\` + set.name}
}
