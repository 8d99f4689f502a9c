package piwebapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// creators is how many points are made at the same time, by all calls together. It is slow work for the archive.
	creators = 4

	// creationBreak is how long no points are made after the server said that its licence allows no more.
	creationBreak = time.Hour
)

func (d *Directory) mayCreate(t *Target, now time.Time) bool {
	if !d.cfg.CreatePoints || t.Create == nil || strings.Contains(t.Path, "|") {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.noCreation == "" {
		return true
	}
	if now.Sub(d.noneSince) >= creationBreak {
		d.noCreation = ""
		return true
	}
	t.Detail = "there is no such point, and none is made: " + d.noCreation
	return false
}

// create makes points, and ends what was not finished of some, as fast as the server lets it. The error says that the
// server cannot be asked.
func (d *Directory) create(ctx context.Context, list []*Target) error {
	if len(list) == 0 {
		return nil
	}
	server, err := d.serverID(ctx)
	if err != nil {
		return err
	}
	for {
		left, err := d.createSome(ctx, server, list)
		var status *StatusError
		if !errors.As(err, &status) || status.Code != http.StatusTooManyRequests || len(left) == len(list) {
			return err
		}
		// Many points may be made in each second of the server's; pauses that grow would make it hours.
		wait := max(status.RetryAfter, d.cfg.RateLimitPause)
		select {
		case <-time.After(wait + rand.N(wait)):
		case <-ctx.Done():
			return ctx.Err()
		}
		list = left
	}
}

// createSome works on a list until something fails, and returns what is left of it.
func (d *Directory) createSome(ctx context.Context, server string, list []*Target) (left []*Target, err error) {
	var mu sync.Mutex
	leave := func(list ...*Target) {
		mu.Lock()
		defer mu.Unlock()
		left = append(left, list...)
	}
	group, failed := errgroup.WithContext(ctx)
	for i, t := range list {
		d.making <- struct{}{}
		if failed.Err() != nil {
			<-d.making
			leave(list[i:]...)
			break
		}
		group.Go(func() error { // with ctx: what has begun is not broken off when another fails
			defer func() { <-d.making }()
			err := d.createOne(ctx, server, t)
			if err != nil {
				leave(t)
			}
			return err
		})
	}
	err = group.Wait()
	return left, err
}

func (d *Directory) serverID(ctx context.Context) (string, error) {
	d.mu.Lock()
	id := d.server
	d.mu.Unlock()
	if id != "" {
		return id, nil
	}
	s, err := d.cfg.Client.DataServer(ctx, d.cfg.DataServer)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server = s.WebID
	return s.WebID, nil
}

func (d *Directory) createOne(ctx context.Context, server string, t *Target) error {
	if t.unfinished() {
		return d.setAttributes(ctx, t)
	}
	if !d.mayCreate(t, d.cfg.Now()) { // the licence may have said no meanwhile
		return nil
	}
	t.unset = t.Create.Attributes
	webID, err := d.cfg.Client.CreatePoint(ctx, server, *t.Create)
	if serverFails(err) {
		t.State = StateUnresolved
		return err // it may exist now, the next Resolve tells
	}
	if webID == "" { // another director of the pair may have been faster, or the answer does not tell
		item, lookErr := d.cfg.Client.Item(ctx, t.Path)
		switch {
		case lookErr == nil && err != nil:
			t.unset = nil
			d.note(t, ItemResult{Path: t.Path, Item: item})
			return nil
		case lookErr == nil:
			webID = item.WebID
		}
	}
	if d.cfg.OnCreate != nil {
		d.cfg.OnCreate(t.Path, err)
	}
	if status := (*StatusError)(nil); errors.As(err, &status) {
		d.notCreated(t, status)
		return nil
	}
	if webID == "" {
		t.State = StateUnresolved
		return &StatusError{Code: http.StatusBadGateway, Call: "dataservers/{webId}/points",
			Messages: []string{"the point " + t.Path + " was made but cannot be found"}}
	}
	t.WebID, t.Type, t.State, t.Detail = webID, t.Create.PointType, StateReady, ""
	t.Until = d.cfg.Now().Add(d.cfg.FoundTTL)
	d.count(func(s *DirectoryStats) { s.Created++ })
	return d.setAttributes(ctx, t)
}

// serverFails reports whether an error has to do with the server, and not with the point that was asked about.
func serverFails(err error) bool {
	var status *StatusError
	if !errors.As(err, &status) {
		return err != nil
	}
	switch status.Code {
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		return true
	case http.StatusInternalServerError:
		return false
	}
	return status.Retryable()
}

// notCreated notes why a point could not be made.
func (d *Directory) notCreated(t *Target, why *StatusError) {
	now := d.cfg.Now()
	t.Detail = "there is no such point, and making it failed: " + why.Error()
	t.State, t.Until = StateFailed, now.Add(d.cfg.ForbiddenTTL)
	t.unset = nil
	if why.Code == http.StatusForbidden {
		t.State = StateForbidden
	}
	d.count(func(s *DirectoryStats) { s.NotCreated++ })
	if why.Licence() {
		t.State = StateAbsent
		d.mu.Lock()
		defer d.mu.Unlock()
		d.noCreation, d.noneSince = "the licence of the data server allows no more points", now
	}
}

// setAttributes sets what a new point cannot be made with. That one cannot be set does not keep the point from taking
// values; but while the server refuses everything they wait, as the archive would compress them in another way.
func (d *Directory) setAttributes(ctx context.Context, t *Target) error {
	for ; len(t.unset) > 0; t.unset = t.unset[1:] {
		d.mu.Lock()
		skip := d.noAttributes
		d.mu.Unlock()
		if skip {
			continue
		}
		a := t.unset[0]
		err := d.cfg.Client.SetPointAttribute(ctx, t.WebID, a)
		if err == nil {
			continue
		}
		if refusesAll(err) {
			return err
		}
		warning := "attribute " + a.Name + " was not set: " + err.Error()
		var status *StatusError
		if errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusMethodNotAllowed) {
			d.mu.Lock()
			d.noAttributes = true
			d.mu.Unlock()
			warning = "this version of PI Web API cannot set attributes of points such as " + a.Name + ": new points have the archive's defaults"
		}
		if d.cfg.OnWarn != nil {
			d.cfg.OnWarn(t.Path, warning)
		}
	}
	return nil
}

// refusesAll reports whether an error says that the server did not look at a request, nor would at any other one.
func refusesAll(err error) bool {
	var unsent *TransportError
	if errors.As(err, &unsent) {
		return unsent.Unsent
	}
	var status *StatusError
	return errors.As(err, &status) && (status.Code == http.StatusTooManyRequests || status.Code == http.StatusServiceUnavailable)
}
