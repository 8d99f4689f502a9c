package piwebapitest

import (
	"encoding/json"
	"net/http"
	"slices"
)

// renderSet renders a digital set. The caller holds the lock of the registry.
func (s *Server) renderSet(r *request, set *digitalSet) object {
	webID := s.reg.setIdentity(set).webID(s.form(r))
	self := r.base + "/enumerationsets/" + webID
	return object{
		"WebId": webID, "Name": set.name, "Description": set.descr,
		"Path": `\\PIServers[` + s.config.ServerName + `]\EnumerationSets[` + set.name + `]`,
		"Links": object{
			"Self": self, "DataServer": r.base + "/dataservers/" + s.serverIdentity().webID(s.form(r)),
			"Values": self + "/enumerationvalues",
		},
	}
}

func (s *Server) getSets(r *request) *reply {
	if refused := s.atServer(r); refused != nil {
		return refused
	}
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	var list []object
	for id := int32(1); int(id) <= len(s.reg.setIDs); id++ {
		list = append(list, s.renderSet(r, s.reg.setIDs[id]))
	}
	return items(http.StatusOK, list)
}

func (s *Server) postSet(r *request) *reply {
	if refused := s.atServer(r); refused != nil {
		return refused
	}
	var body struct{ Name, Description string }
	if err := json.Unmarshal(r.body, &body); err != nil {
		return failure(http.StatusBadRequest, errShape.Error())
	}
	set, err := s.reg.addSet(body.Name, body.Description, nil)
	if err != nil {
		return failure(s.statusOf(err), err.Error())
	}
	s.keepSet(set)
	rep := &reply{status: http.StatusCreated}
	return rep.with("Location", r.base+"/enumerationsets/"+s.reg.setIdentity(set).webID(s.form(r)))
}

func (s *Server) getSet(r *request) *reply {
	set, err := s.reg.setByWebID(r.args[0])
	if err != nil {
		return notFound(err, r.args[0])
	}
	return answer(http.StatusOK, s.renderSet(r, set))
}

func (s *Server) getSetValues(r *request) *reply {
	set, err := s.reg.setByWebID(r.args[0])
	if err != nil {
		return notFound(err, r.args[0])
	}
	s.reg.mu.RLock()
	states := slices.Clone(set.states)
	s.reg.mu.RUnlock()
	var list []object
	for n, name := range states {
		list = append(list, object{"Name": name, "Value": n, "Description": ""})
	}
	return items(http.StatusOK, list)
}

func (s *Server) postSetValue(r *request) *reply {
	set, err := s.reg.setByWebID(r.args[0])
	if err != nil {
		return notFound(err, r.args[0])
	}
	var body struct {
		Name  string
		Value *int
	}
	if err := json.Unmarshal(r.body, &body); err != nil || body.Value == nil {
		return failure(http.StatusBadRequest, errShape.Error())
	}
	if err := s.reg.setState(set, *body.Value, body.Name); err != nil {
		return failure(s.statusOf(err), err.Error())
	}
	s.keepSet(set)
	rep := &reply{status: http.StatusCreated}
	return rep.with("Location", r.base+"/enumerationsets/"+r.args[0]+"/enumerationvalues")
}
