package contracttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

func (v *Validator) checkBody(r route, body []byte) error {
	if r.operation == nil {
		if !json.Valid(body) {
			return errors.New("the body is not JSON")
		}
		return nil
	}
	ref := r.operation.RequestBody
	if ref == nil {
		if len(body) > 0 {
			return errors.New("the call takes no body")
		}
		return nil
	}
	if ref.Value == nil {
		return fmt.Errorf("the contract's body %s is not resolved", ref.Ref)
	}
	media := ref.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return errors.New("the contract gives no schema of the body")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON of the body")
	}
	return v.checkValue(r.method, "body", media.Schema, value)
}

// checkValue holds a value against a schema. It does what the library's own validation does not: the marks of the
// vendor, and properties that nobody knows.
func (v *Validator) checkValue(method, where string, ref *openapi3.SchemaRef, value any) error {
	name, schema := v.resolve(ref)
	if schema == nil {
		return fmt.Errorf("%s: the contract's schema %s is missing", where, ref.Ref)
	}
	switch value := value.(type) {
	case []any:
		if !schema.Type.Is(openapi3.TypeArray) {
			return fmt.Errorf("%s: an array, want %v", where, schema.Type)
		}
		var problems []error
		for i, item := range value {
			problems = append(problems, v.checkValue(method, fmt.Sprintf("%s[%d]", where, i), schema.Items, item))
		}
		return errors.Join(problems...)
	case map[string]any:
		if !schema.Type.Is(openapi3.TypeObject) {
			return fmt.Errorf("%s: an object, want %v", where, schema.Type)
		}
		return v.checkObject(method, where, name, schema, value)
	case nil:
		return fmt.Errorf("%s: null", where)
	}
	return checkScalar(where, schema, value)
}

func (v *Validator) checkObject(method, where, name string, schema *openapi3.Schema, value map[string]any) error {
	var problems []error
	for key, item := range value {
		at := where + "." + key
		property, ok := schema.Properties[key]
		switch {
		case !ok && schema.AdditionalProperties.Schema != nil:
			problems = append(problems, v.checkValue(method, at, schema.AdditionalProperties.Schema, item))
		case !ok:
			problems = append(problems, fmt.Errorf("%s: no such property", at))
		case v.marked(property, "x-disallow-"+strings.ToLower(method)):
			problems = append(problems, fmt.Errorf("%s: not allowed in a %s", at, method))
		case anyType[name+"."+key]:
			if item == nil {
				problems = append(problems, fmt.Errorf("%s: null", at))
			}
		default:
			problems = append(problems, v.checkValue(method, at, property, item))
		}
	}
	for key, property := range schema.Properties {
		if _, ok := value[key]; !ok && v.marked(property, "x-required-"+strings.ToLower(method)) {
			problems = append(problems, fmt.Errorf("%s.%s: missing, and required in a %s", where, key, method))
		}
	}
	if name == "TimedValue" && method == http.MethodPost {
		if _, ok := value["Timestamp"]; !ok { // legal, and means the time of the server: never what we mean
			problems = append(problems, fmt.Errorf("%s.Timestamp: missing", where))
		}
	}
	return errors.Join(problems...)
}

// checkScalar leaves numbers and texts to the library.
func checkScalar(where string, schema *openapi3.Schema, value any) error {
	if text, ok := value.(string); ok && schema.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil || !strings.HasSuffix(text, "Z") {
			return fmt.Errorf("%s: %q is not a time in UTC", where, text)
		}
		if _, fraction, ok := strings.Cut(text, "."); ok && len(fraction) > len("1234567Z") {
			return fmt.Errorf("%s: %q has more than seven decimals", where, text)
		}
		return nil
	}
	if err := schema.VisitJSON(value); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

// marked reports whether the vendor has put a mark on a property.
func (v *Validator) marked(ref *openapi3.SchemaRef, mark string) bool {
	if on, ok := ref.Extensions[mark].(bool); ok {
		return on
	}
	if ref.Ref != "" || ref.Value == nil {
		return false
	}
	on, _ := ref.Value.Extensions[mark].(bool)
	return on
}

// resolve returns the schema and, if it has one, its name in the document.
func (v *Validator) resolve(ref *openapi3.SchemaRef) (name string, schema *openapi3.Schema) {
	if ref.Ref == "" {
		return "", ref.Value
	}
	name = ref.Ref[strings.LastIndex(ref.Ref, "/")+1:]
	if found := v.doc.Components.Schemas[name]; found != nil {
		return name, found.Value
	}
	return name, ref.Value
}
