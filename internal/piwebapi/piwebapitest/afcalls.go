package piwebapitest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// renderAFAttribute renders a. The caller holds the lock of the registry.
func (s *Server) renderAFAttribute(r *request, a *attribute) object {
	webID := s.reg.attributeIdentity(a).webID(s.form(r))
	stream := r.base + "/streams/" + webID
	plugIn, config := "", ""
	links := object{
		"Self":    r.base + "/attributes/" + webID,
		"Element": r.base + "/elements/" + s.reg.elementIdentity(a.element).webID(s.form(r)),
		"Value":   r.base + "/attributes/" + webID + "/value", "RecordedData": stream + "/recorded", "PlotData": stream + "/plot",
		"EndValue": stream + "/end",
	}
	if a.point != "" {
		plugIn, config = "PI Point", a.point
		if p := s.reg.byName[strings.ToUpper(a.point[strings.LastIndex(a.point, `\`)+1:])]; p != nil {
			links["Point"] = r.base + "/points/" + s.reg.identity(p).webID(s.form(r))
		}
	}
	return object{
		"WebId": webID, "Id": a.guid, "Name": a.name, "Path": `\\` + a.path, "Description": "", "Type": a.typ,
		"TypeQualifier": "", "DefaultUnitsName": a.units, "DefaultUnitsNameAbbreviation": a.units,
		"DataReferencePlugIn": plugIn, "ConfigString": config, "IsConfigurationItem": a.point == "", "IsExcluded": false,
		"IsHidden": false, "IsManualDataEntry": false, "HasChildren": false, "CategoryNames": []string{}, "Step": false,
		"TraitName": "", "Span": 100, "Zero": 0, "DisplayDigits": -5, "Links": links,
	}
}

func (s *Server) getElementByPath(r *request) *reply {
	path := r.query.Get("path")
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	e := s.reg.tree.elements[strings.ToUpper(strings.TrimPrefix(path, `\\`))]
	if e == nil || !strings.HasPrefix(path, `\\`) {
		return failure(http.StatusNotFound, pathNotFound(path))
	}
	webID := s.reg.elementIdentity(e).webID(s.form(r))
	return answer(http.StatusOK, object{
		"WebId": webID, "Id": e.guid, "Name": e.name, "Path": `\\` + e.path, "Description": "", "TemplateName": "",
		"HasChildren": false, "CategoryNames": []string{}, "Links": object{"Self": r.base + "/elements/" + webID},
	})
}

// attributeAt returns the attribute of a path. The caller holds the lock of the registry.
func (s *Server) attributeAt(path string) *attribute {
	if !strings.HasPrefix(path, `\\`) {
		return nil
	}
	return s.reg.tree.attributes[strings.ToUpper(strings.TrimPrefix(path, `\\`))]
}

func (s *Server) getAttributeByPath(r *request) *reply {
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	path := r.query.Get("path")
	a := s.attributeAt(path)
	if a == nil {
		return failure(http.StatusNotFound, pathNotFound(path))
	}
	return answer(http.StatusOK, s.renderAFAttribute(r, a))
}

func (s *Server) getAttributes(r *request) *reply {
	return s.multiple(r, func(kind, id string) (object, error) {
		s.reg.mu.RLock()
		defer s.reg.mu.RUnlock()
		a := s.attributeAt(id)
		if kind == "WebId" {
			var err error
			if a, err = s.reg.attributeByWebID(id); err != nil {
				return nil, err
			}
		}
		if a == nil {
			return nil, errMissing
		}
		return s.renderAFAttribute(r, a), nil
	})
}

func (s *Server) getAttribute(r *request) *reply {
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	a, err := s.reg.attributeByWebID(r.args[0])
	if err != nil {
		return notFound(err, r.args[0])
	}
	return answer(http.StatusOK, s.renderAFAttribute(r, a))
}

// getAttributeValue returns the value of an attribute, which for a reference is that of its point.
func (s *Server) getAttributeValue(r *request) *reply { return s.getStream(valueOf)(r) }

// putAttributeValue sets a static attribute; what refers to a point is written as a stream is.
func (s *Server) putAttributeValue(r *request) *reply {
	s.reg.mu.RLock()
	a, err := s.reg.attributeByWebID(r.args[0])
	s.reg.mu.RUnlock()
	switch {
	case err != nil:
		return notFound(err, r.args[0])
	case a.point != "":
		return failure(http.StatusConflict, unsupported.message(""))
	}
	rep := s.write(r, formValue)
	if rep.status < 300 {
		return &reply{status: http.StatusNoContent}
	}
	return rep
}

// staticTimed renders the value of a static attribute. The caller holds the lock of the registry.
func staticTimed(a *attribute) json.RawMessage {
	b := appendTime([]byte(`{"Timestamp":"`), a.changed)
	b = append(append(b, `","Value":`...), a.value...)
	b = appendString(append(b, `,"UnitsAbbreviation":`...), a.units)
	return append(b, `,"Good":true,"Questionable":false,"Substituted":false,"Annotated":false}`...)
}
