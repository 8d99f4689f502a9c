package piwebapitest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// renderAttribute renders an attribute of p. The caller holds the lock of the registry.
func (s *Server) renderAttribute(r *request, p *point, name string) (object, bool) {
	value, ok := p.get(strings.ToLower(name))
	self := r.base + "/points/" + s.reg.identity(p).webID(s.form(r))
	return object{
		"Name": strings.ToLower(name), "Value": value,
		"Links": object{"Self": self + "/attributes/" + strings.ToLower(name), "Point": self},
	}, ok
}

func noAttribute(name string) *reply {
	return failure(http.StatusBadRequest, "The point attribute '"+name+"' does not exist.")
}

// getPointAttributes lists all attributes, or those of a name or filter.
func (s *Server) getPointAttributes(r *request) *reply {
	p, refused := s.point(r)
	if refused != nil {
		return refused
	}
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	names, filter := r.query["name"], r.query.Get("nameFilter")
	if len(names) == 0 {
		for _, name := range p.attributeNames() {
			if filter == "" || like(name, filter) {
				names = append(names, name)
			}
		}
	}
	var list []object
	for _, name := range names {
		one, ok := s.renderAttribute(r, p, name)
		if !ok {
			return noAttribute(name)
		}
		list = append(list, one)
	}
	return items(http.StatusOK, list)
}

func (s *Server) getPointAttribute(r *request) *reply {
	p, refused := s.point(r)
	if refused != nil {
		return refused
	}
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	one, ok := s.renderAttribute(r, p, r.args[1])
	if !ok {
		return noAttribute(r.args[1])
	}
	return answer(http.StatusOK, one)
}

// putPointAttribute sets an attribute to the bare JSON value of the body.
func (s *Server) putPointAttribute(r *request) *reply {
	p, refused := s.point(r)
	if refused != nil {
		return refused
	}
	var value any
	if err := json.Unmarshal(r.body, &value); err != nil {
		return failure(http.StatusBadRequest, errSyntax.Error())
	}
	name := strings.ToLower(r.args[1])
	if text, ok := value.(string); ok && name == "tag" {
		if err := s.rename(p, text); err != nil {
			return failure(s.statusOf(err), err.Error())
		}
		return &reply{status: http.StatusNoContent}
	}
	s.reg.mu.Lock()
	err := p.set(name, value)
	if err == nil {
		s.keepPoint(p)
	}
	s.reg.mu.Unlock()
	switch {
	case errors.Is(err, errNoAttribute):
		return noAttribute(r.args[1])
	case err != nil:
		return failure(http.StatusBadRequest, err.Error())
	}
	_ = s.sync() // as in flush
	return &reply{status: http.StatusNoContent}
}
