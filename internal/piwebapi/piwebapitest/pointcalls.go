package piwebapitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// renderPoint renders p. The caller holds the lock of the registry.
func (s *Server) renderPoint(r *request, p *point) object {
	webID := s.reg.identity(p).webID(s.form(r))
	stream := r.base + "/streams/" + webID
	return object{
		"WebId": webID, "Id": p.id, "Name": p.spec.Name, "Path": `\\` + s.config.ServerName + `\` + p.spec.Name,
		"Descriptor": p.spec.Descriptor, "PointClass": p.spec.Class, "PointType": p.typ,
		"DigitalSetName": p.spec.DigitalSet, "EngineeringUnits": p.spec.Units, "Span": p.spec.Span, "Zero": p.spec.Zero,
		"Step": p.spec.Step, "Future": p.future, "DisplayDigits": p.spec.DisplayDigits,
		"Links": object{
			"Self": r.base + "/points/" + webID, "DataServer": r.base + "/dataservers/" + s.serverIdentity().webID(s.form(r)),
			"Attributes": r.base + "/points/" + webID + "/attributes", "InterpolatedData": stream + "/interpolated",
			"RecordedData": stream + "/recorded", "PlotData": stream + "/plot", "SummaryData": stream + "/summary",
			"Value": stream + "/value", "EndValue": stream + "/end",
		},
	}
}

// point returns the point of the first argument, or the answer that there is none.
func (s *Server) point(r *request) (*point, *reply) {
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	p, err := s.reg.pointByWebID(r.args[0])
	if err != nil {
		return nil, notFound(err, r.args[0])
	}
	return p, nil
}

func (s *Server) renderFound(r *request, p *point) *reply {
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	return answer(http.StatusOK, s.renderPoint(r, p))
}

func (s *Server) getPoint(r *request) *reply {
	p, refused := s.point(r)
	if refused != nil {
		return refused
	}
	return s.renderFound(r, p)
}

// pathNotFound is the message about a path without a point.
func pathNotFound(path string) string {
	return "The specified path '" + path + "' was not found."
}

func (s *Server) getPointByPath(r *request) *reply {
	path := r.query.Get("path")
	if path == "" {
		return failure(http.StatusBadRequest, "The path is required.")
	}
	p := s.reg.find(path)
	if p == nil || !strings.HasPrefix(path, `\\`) {
		return failure(http.StatusNotFound, pathNotFound(path))
	}
	return s.renderFound(r, p)
}

// getPoints answers points/multiple, for paths and WebIDs.
func (s *Server) getPoints(r *request) *reply {
	return s.multiple(r, func(kind, id string) (object, error) {
		s.reg.mu.RLock()
		defer s.reg.mu.RUnlock()
		if kind == "WebId" {
			p, err := s.reg.pointByWebID(id)
			if err != nil {
				return nil, err
			}
			return s.renderPoint(r, p), nil
		}
		_, name, ok := strings.Cut(strings.TrimPrefix(id, `\\`), `\`)
		p := s.reg.byName[strings.ToUpper(name)]
		if !ok || p == nil || !strings.HasPrefix(strings.ToUpper(id), strings.ToUpper(`\\`+s.config.ServerName+`\`)) {
			return nil, errMissing
		}
		return s.renderPoint(r, p), nil
	})
}

// multiple answers a call for many objects, each found by get.
func (s *Server) multiple(r *request, get func(kind, id string) (object, error)) *reply {
	status := http.StatusOK
	var list []object
	for _, q := range []struct{ kind, key string }{{"Path", "path"}, {"WebId", "webId"}} {
		for _, id := range r.query[q.key] {
			found, err := get(q.kind, id)
			one := object{"Identifier": id, "IdentifierType": q.kind, "Object": found, "Exception": nil}
			if err != nil {
				status = http.StatusMultiStatus
				message := pathNotFound(id)
				if errors.Is(err, errWebID) {
					message = malformedID.message(id)
				}
				one["Object"], one["Exception"] = nil, object{"Errors": []string{message}}
			}
			list = append(list, one)
		}
	}
	if len(list) == 0 {
		return failure(http.StatusBadRequest, "Either path or webId is required.")
	}
	return items(status, list)
}

// getDataServerPoints lists points by a filter, a page at a time.
func (s *Server) getDataServerPoints(r *request) *reply {
	if refused := s.atServer(r); refused != nil {
		return refused
	}
	start, ok1 := count(r.query.Get("startIndex"), 0)
	limit, ok2 := count(r.query.Get("maxCount"), min(1000, s.config.MaxItems))
	switch {
	case !ok1 || !ok2:
		return failure(http.StatusBadRequest, "startIndex and maxCount must be numbers.")
	case limit > s.config.MaxItems:
		return s.tooMany(limit)
	}
	filter := r.query.Get("nameFilter")
	if filter == "" {
		filter = "*"
	}
	points := s.reg.all()
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	points = slices.DeleteFunc(points, func(p *point) bool { return !like(p.spec.Name, filter) })
	from := min(start, len(points))
	points = points[from:min(len(points), from+limit)]
	list := make([]object, len(points))
	for i, p := range points {
		list[i] = s.renderPoint(r, p)
	}
	return items(http.StatusOK, list)
}

func (s *Server) tooMany(n int) *reply {
	return failure(http.StatusBadRequest, fmt.Sprintf(
		"The number %d of requested items is greater than the maximum allowed %d.", n, s.config.MaxItems))
}

// count reads a number that is not negative.
func count(s string, otherwise int) (int, bool) {
	if s == "" {
		return otherwise, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}

// like matches a name with a pattern of * and ?, in whatever case.
func like(name, pattern string) bool {
	n, p := []rune(strings.ToUpper(name)), []rune(strings.ToUpper(pattern))
	star, back := -1, 0
	i, j := 0, 0
	for i < len(n) {
		switch {
		case j < len(p) && p[j] == '*':
			star, back = j, i
			j++
		case j < len(p) && (p[j] == '?' || p[j] == n[i]):
			i++
			j++
		case star >= 0: // let the last star take one more
			back++
			i, j = back, star+1
		default:
			return false
		}
	}
	return strings.Trim(string(p[j:]), "*") == ""
}

// newPoint is the body that creates a point, or changes one.
type newPoint struct {
	Name, Descriptor, PointClass, PointType, DigitalSetName, EngineeringUnits *string
	Step, Future                                                              *bool
	DisplayDigits                                                             *int
	ID                                                                        *json.RawMessage `json:"Id"`
	Path, WebID, Span, Zero                                                   *json.RawMessage
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// postPoint creates a point.
func (s *Server) postPoint(r *request) *reply {
	if refused := s.atServer(r); refused != nil {
		return refused
	}
	var n newPoint
	if err := json.Unmarshal(r.body, &n); err != nil {
		return failure(http.StatusBadRequest, errShape.Error())
	}
	if n.ID != nil || n.Path != nil || n.WebID != nil || n.Span != nil || n.Zero != nil {
		return failure(http.StatusBadRequest, "Id, Path, WebId, Span and Zero must not be given.")
	}
	if value(n.Name) == "" || value(n.PointClass) == "" || value(n.PointType) == "" {
		return failure(http.StatusBadRequest, "Name, PointClass and PointType are required.")
	}
	if s.config.CreateForbidden(*n.Name) {
		return failure(s.config.ForbiddenStatus, "The current user may not create points.")
	}
	spec := PointSpec{
		Name: *n.Name, Type: *n.PointType, Class: *n.PointClass, Descriptor: value(n.Descriptor),
		Units: value(n.EngineeringUnits), Step: value(n.Step), Future: value(n.Future), DigitalSet: value(n.DigitalSetName),
		DisplayDigits: -5,
	}
	if n.DisplayDigits != nil {
		spec.DisplayDigits = *n.DisplayDigits
	}
	p, err := s.create(spec, s.config.LicenceLimit)
	switch {
	case errors.Is(err, errLicence):
		return failure(http.StatusInternalServerError, err.Error())
	case errors.Is(err, errExists):
		return failure(s.config.DuplicateStatus, err.Error())
	case err != nil:
		return failure(http.StatusBadRequest, err.Error())
	}
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	rep := &reply{status: http.StatusCreated}
	return rep.with("Location", r.base+"/points/"+s.reg.identity(p).webID(s.form(r)))
}

// patchPoint changes what can be changed of a point.
func (s *Server) patchPoint(r *request) *reply {
	p, refused := s.point(r)
	if refused != nil {
		return refused
	}
	var n newPoint
	if err := json.Unmarshal(r.body, &n); err != nil {
		return failure(http.StatusBadRequest, errShape.Error())
	}
	if n.ID != nil || n.Path != nil || n.WebID != nil || n.Span != nil || n.Zero != nil || n.PointType != nil ||
		n.PointClass != nil || n.Future != nil || n.DigitalSetName != nil {
		return failure(http.StatusBadRequest, "Only Name, Descriptor, EngineeringUnits, Step and DisplayDigits can be changed.")
	}
	if n.Name != nil {
		if err := s.rename(p, *n.Name); err != nil {
			return failure(s.statusOf(err), err.Error())
		}
	}
	s.reg.mu.Lock()
	setTo(&p.spec.Descriptor, n.Descriptor)
	setTo(&p.spec.Units, n.EngineeringUnits)
	setTo(&p.spec.Step, n.Step)
	setTo(&p.spec.DisplayDigits, n.DisplayDigits)
	s.keepPoint(p)
	s.reg.mu.Unlock()
	_ = s.sync() // as in flush
	return &reply{status: http.StatusNoContent}
}

func setTo[T any](field *T, v *T) {
	if v != nil {
		*field = *v
	}
}

// statusOf is the status of an error about a name.
func (s *Server) statusOf(err error) int {
	if errors.Is(err, errExists) {
		return s.config.DuplicateStatus
	}
	return http.StatusBadRequest
}

func (s *Server) deletePoint(r *request) *reply {
	p, refused := s.point(r)
	if refused != nil {
		return refused
	}
	s.remove(p)
	return &reply{status: http.StatusNoContent}
}
