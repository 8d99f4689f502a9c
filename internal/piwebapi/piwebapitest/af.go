package piwebapitest

import (
	"fmt"
	"strings"
	"time"
)

// AttributeSpec describes an AF attribute to create; elements above it come by themselves.
type AttributeSpec struct {
	// Path is \\AF\DATABASE\ELEMENT\…|ATTRIBUTE, or without server and database: ELEMENT\…|ATTRIBUTE.
	Path  string
	Type  string // Double, Single, Int16, Int32, String, DateTime, Boolean; "" = Double. Of a reference: that of the point.
	Units string
	// Point is the path or name of the PI point behind the attribute; "" makes a static one.
	Point string
	// Value is the JSON of a static attribute's value; "" = null.
	Value string
}

// attributeTypes gives the point type whose rules hold for a type of AF.
var attributeTypes = map[string]string{
	"Double": "Float64", "Single": "Float32", "Int16": "Int16", "Int32": "Int32", "String": "String",
	"DateTime": "Timestamp", "Boolean": "Int16",
}

// tree is the asset model: elements by path, attributes by path, both in upper case without the leading backslashes.
type tree struct {
	database   string
	elements   map[string]*element
	attributes map[string]*attribute
	byID       map[string]*attribute // by the encoded GUIDs of server, element and attribute
	last       int
}

type element struct {
	name, path string
	guid, id   string // as people and as WebIDs have it
}

// attribute is an AF attribute: static, with a value of its own, or a reference to a point.
type attribute struct {
	name, path string // the path of the element, "|" and the name
	guid, id   string
	element    *element
	typ, units string
	point      string    // "" for a static one
	value      string    // JSON, of a static one
	changed    time.Time // when value was set
}

func newTree(database string) tree {
	return tree{
		database: database, elements: make(map[string]*element),
		attributes: make(map[string]*attribute), byID: make(map[string]*attribute),
	}
}

// addAttribute creates an attribute.
func (r *registry) addAttribute(spec AttributeSpec, now time.Time) error {
	if spec.Type == "" {
		spec.Type = "Double"
	}
	if attributeTypes[spec.Type] == "" {
		return fmt.Errorf("the attribute type %q is unknown", spec.Type)
	}
	scan := scanner{b: []byte(spec.Value)}
	if scan.value(); spec.Value != "" && !scan.end() {
		return fmt.Errorf("the value of %q is no JSON: %q", spec.Path, spec.Value)
	}
	path := strings.TrimPrefix(spec.Path, `\\`)
	if path == spec.Path {
		path = r.afServer + `\` + r.tree.database + `\` + path
	}
	elementPath, name, ok := strings.Cut(path, "|")
	parts := strings.Split(elementPath, `\`)
	if !ok || name == "" || len(parts) < 3 || !strings.EqualFold(parts[0], r.afServer) {
		return fmt.Errorf("%q is no path of an attribute on %s: want ELEMENT|ATTRIBUTE", spec.Path, r.afServer)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tree.attributes[strings.ToUpper(path)] != nil {
		return fmt.Errorf("the attribute %q %w", spec.Path, errExists)
	}
	e := r.tree.elements[strings.ToUpper(elementPath)]
	if e == nil {
		e = &element{name: elementPath[strings.LastIndex(elementPath, `\`)+1:], path: elementPath}
		e.guid, e.id = r.tree.newGUID()
		r.tree.elements[strings.ToUpper(elementPath)] = e
	}
	a := &attribute{
		name: name, path: path, element: e, typ: spec.Type, units: spec.Units, point: spec.Point, value: spec.Value,
		changed: now,
	}
	if a.value == "" {
		a.value = "null"
	}
	a.guid, a.id = r.tree.newGUID()
	r.tree.attributes[strings.ToUpper(path)] = a
	r.tree.byID[r.afServerGUID+e.id+a.id] = a
	return nil
}

// newGUID returns a GUID that this tree has not used, and as WebIDs hold it.
func (t *tree) newGUID() (guid, id string) {
	t.last++
	guid = fmt.Sprintf("5d0c8f3e-0000-4000-8000-%012x", t.last)
	id, err := encodeGUID(guid)
	if err != nil {
		panic("piwebapitest: " + err.Error()) // the text above is no GUID
	}
	return guid, id
}

// attributeByWebID returns the attribute of a WebID. The caller holds the lock.
func (r *registry) attributeByWebID(text string) (*attribute, error) {
	ids, path, err := parseWebID(text, markAttribute, 3*guidLen)
	if err != nil {
		return nil, err
	}
	a := r.tree.byID[ids]
	if ids == "" {
		a = r.tree.attributes[strings.ToUpper(path)]
	}
	if a == nil {
		return nil, errMissing
	}
	return a, nil
}

func (r *registry) attributeIdentity(a *attribute) identity {
	return identity{marker: markAttribute, ids: r.afServerGUID + a.element.id + a.id, path: a.path}
}

func (r *registry) elementIdentity(e *element) identity {
	return identity{marker: markElement, ids: r.afServerGUID + e.id, path: e.path}
}

// target returns what a WebID of a stream stands for. The error is errWebID or errMissing. The caller holds the lock.
func (r *registry) target(webID string) (target, error) {
	t := target{}
	if len(webID) > 4 && webID[2:4] == markAttribute[:2] {
		a, err := r.attributeByWebID(webID)
		if err != nil {
			return t, err
		}
		t.attribute = a
		if a.point == "" {
			t.typ = attributeTypes[a.typ]
			return t, nil
		}
		_, name, ok := strings.Cut(strings.TrimPrefix(a.point, `\\`), `\`)
		if !ok {
			name = a.point
		}
		if t.point = r.byName[strings.ToUpper(name)]; t.point == nil {
			return t, errMissing
		}
	} else {
		var err error
		if t.point, err = r.pointByWebID(webID); err != nil {
			return t, err
		}
	}
	r.describe(&t)
	return t, nil
}

// describe sets what t has from its point. The caller holds the lock.
func (r *registry) describe(t *target) {
	p := t.point
	t.typ, t.future, t.name = p.typ, p.future, p.spec.Name
	t.zero, t.span = p.spec.Zero, p.spec.Span
	if t.typ == "Digital" {
		t.states = r.states(p)
	}
}
