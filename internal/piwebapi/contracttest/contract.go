// Package contracttest holds requests against the contract that the vendor of PI Web API publishes: a Swagger 2.0
// document of version 2018 SP1. Tests put [Transport] between a client and a server, and any request that the document
// does not know fails them.
//
// Three things are added to what the document's schemas say: its x-required-post and x-disallow-post marks are held
// to, a property or a query parameter that it does not list is an error, and the header X-Requested-With is demanded
// where PI Web API's defence against forged requests demands it. What is newer than the document, or was lost in it,
// stands in tables in exceptions.go. Replies are not checked: what a server may answer is the client's business.
package contracttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// file is where the document lies, beside the module's directory.
const file = "../shared/contracts/pi-web-api-1.11-swagger.json"

// basePath is where a PI Web API is found on its host, unless somebody moved it.
const basePath = "/piwebapi"

// A Validator checks requests. It is safe for concurrent use.
type Validator struct {
	doc *openapi3.T
}

// Load reads the document. The error wraps [os.ErrNotExist] if it is not there.
func Load() (*Validator, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	return parse(text)
}

func parse(text []byte) (*Validator, error) {
	var old openapi2.T
	if err := json.Unmarshal(text, &old); err != nil {
		return nil, fmt.Errorf("parse the contract: %w", err)
	}
	doc, err := openapi2conv.ToV3(&old)
	if err != nil {
		return nil, fmt.Errorf("convert the contract to OpenAPI 3: %w", err)
	}
	if doc.Paths.Len() == 0 || doc.Components == nil {
		return nil, errors.New("the contract holds no calls")
	}
	return &Validator{doc: doc}, nil
}

// Check returns what is wrong with a request, nil if nothing is. The path is that of the URL, escaped, base path
// included; body is nil for a request without one.
func (v *Validator) Check(method, path string, query url.Values, header http.Header, body []byte) error {
	call, ok := strings.CutPrefix(path, basePath)
	if !ok {
		return fmt.Errorf("path %s is not below %s", path, basePath)
	}
	route := v.route(method, call)
	if route.template == "" {
		return fmt.Errorf("no call %s %s", method, call)
	}
	problems := []error{checkHeader(method, header, body)}
	problems = append(problems, v.checkQuery(route, query)...)
	problems = append(problems, v.checkBody(route, body))
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("%s %s: %w", method, route.template, err)
	}
	return nil
}

// A route is a call of the document, or one of the exceptions, whose operation is nil.
type route struct {
	method, template string
	operation        *openapi3.Operation
}

func (v *Validator) route(method, call string) route {
	var found route
	for template, item := range v.doc.Paths.Map() {
		op := item.GetOperation(method)
		// Of /points/multiple and /points/{webId} the one with fewer braces is meant.
		if op != nil && matches(template, call) &&
			(found.operation == nil || strings.Count(template, "{") < strings.Count(found.template, "{")) {
			found = route{method, template, op}
		}
	}
	if found.operation != nil {
		return found
	}
	for _, e := range newerCalls {
		if e.method == method && matches(e.template, call) {
			return route{method, e.template, nil}
		}
	}
	return route{}
}

// matches reports whether a path fits a template, in which {…} stands for one segment.
func matches(template, path string) bool {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i, w := range want {
		if strings.HasPrefix(w, "{") {
			if have[i] == "" {
				return false
			}
		} else if w != have[i] {
			return false
		}
	}
	return true
}

func checkHeader(method string, header http.Header, body []byte) error {
	var problems []error
	if method != http.MethodGet && header.Get("X-Requested-With") == "" {
		problems = append(problems, errors.New("header X-Requested-With is missing: the server takes this for a forged request"))
	}
	if kind, _, _ := strings.Cut(header.Get("Content-Type"), ";"); len(body) > 0 && kind != "application/json" {
		problems = append(problems, fmt.Errorf("content type %q: want application/json", kind))
	}
	return errors.Join(problems...)
}

func (v *Validator) checkQuery(r route, query url.Values) []error {
	known := make(map[string]*openapi3.Parameter)
	if r.operation != nil {
		for _, p := range r.operation.Parameters {
			if p.Value != nil && p.Value.In == openapi3.ParameterInQuery {
				known[p.Value.Name] = p.Value
			}
		}
	}
	var problems []error
	for name, values := range query {
		p, ok := known[name]
		switch {
		case !ok && slices.Contains(lostParameters[r.method+" "+r.template], name):
		case !ok:
			problems = append(problems, fmt.Errorf("unknown query parameter %s", name))
			continue
		}
		if list := p != nil && p.Schema.Value.Type.Is(openapi3.TypeArray); len(values) > 1 && !list {
			problems = append(problems, fmt.Errorf("query parameter %s is given %d times", name, len(values)))
		}
		for _, text := range values {
			if err := checkParameter(name, text); err != nil {
				problems = append(problems, err)
			}
		}
	}
	for name, p := range known {
		if p.Required && !query.Has(name) {
			problems = append(problems, fmt.Errorf("query parameter %s is missing", name))
		}
	}
	return problems
}

func checkParameter(name, text string) error {
	if text == "" {
		return fmt.Errorf("query parameter %s is empty", name)
	}
	if allowed, ok := parameterValues[name]; ok && !slices.Contains(allowed, text) {
		return fmt.Errorf("query parameter %s is %q: want one of %s", name, text, strings.Join(allowed, ", "))
	}
	return nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the test")
		}
	}
	return "", err
}
