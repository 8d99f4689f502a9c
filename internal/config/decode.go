package config

import (
	"bytes"
	"errors"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Decode decodes the TOML in text into v, a pointer to a struct. Fields are
// named by their toml tags, and keys match them in exact case. file is the name
// to use in errors. env looks up environment variables, as os.LookupEnv does; a
// nil env means that none is set.
//
// A fault of the text is returned as [Errors]. Unknown keys, wrong types,
// values that a type refuses and unset variables are all found in one go and
// leave v untouched; a key or table that is defined twice is looked for only
// after those, and may leave v partly filled.
//
// Decode does not keep text. It is safe for concurrent use on different v. It
// panics when v is not a pointer to a struct.
func Decode(file string, text []byte, env func(string) (string, bool), v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		panic("config: Decode needs a pointer to a struct")
	}
	doc, err := newDocument(file, text)
	if err != nil {
		return err
	}
	errs := doc.expand(env)
	errs = append(errs, doc.check(target.Type().Elem())...)
	if err := errs.orNil(); err != nil {
		return err
	}
	dec := toml.NewDecoder(bytes.NewReader(doc.full)).DisallowUnknownFields()
	return doc.translate(dec.Decode(v))
}

// translate turns an error of go-toml's decoder into Errors in terms of the
// file as it was written.
func (d *document) translate(err error) error {
	if err == nil {
		return nil
	}
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) {
		var errs Errors
		for i := range missing.Errors {
			one := d.decodeError(&missing.Errors[i])
			one.Reason = "unknown key " + quoted(one.Key)
			errs = append(errs, one)
		}
		return errs.orNil()
	}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		return Errors{d.decodeError(de)}
	}
	return Errors{{File: d.file, Reason: strings.TrimPrefix(err.Error(), "toml: ")}}
}

func (d *document) decodeError(de *toml.DecodeError) Error {
	line, column := de.Position()
	key := dotted(de.Key())
	reason := strings.TrimPrefix(de.Error(), "toml: ")
	if !strings.Contains(reason, key) {
		reason = key + ": " + reason
	}
	return d.errorAt(d.offset(line, column), key, reason, "")
}

// syntaxError describes where and why the parser stopped.
func (d *document) syntaxError(p *unstable.Parser, err error) Error {
	var perr *unstable.ParserError
	if !errors.As(err, &perr) {
		return Error{File: d.file, Reason: "syntax error: " + err.Error()}
	}
	offset := 0
	if perr.Highlight != nil {
		offset = int(p.Range(perr.Highlight).Offset)
	}
	return d.errorAt(offset, "", "syntax error: "+perr.Message, syntaxHint(perr.Message, d.full, offset))
}

// syntaxHint knows the slips that go-toml's own words do not explain.
func syntaxHint(message string, text []byte, offset int) string {
	switch {
	case offset >= len(text):
	case strings.HasPrefix(message, "invalid escape character"):
		return `in double quotes a backslash starts an escape; use single quotes or write \\`
	case strings.HasPrefix(message, "unexpected character") && text[offset] == '$':
		return `a variable works only inside quotes: "${NAME}"`
	case strings.HasPrefix(message, "unexpected character"),
		strings.HasPrefix(message, "expected keyword"):
		return "a text value needs quotes"
	case message == "strings must be quoted":
		return `a duration or size with its unit is one too: "10s"`
	}
	return ""
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
