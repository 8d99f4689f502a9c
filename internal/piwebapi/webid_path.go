package piwebapi

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// PathWebID returns the path-only WebID of what a path names, see [ParsePath]. It proves nothing of whether that
// exists. For a path that is not [Portable] it may differ from what the server makes of it.
func PathWebID(path string) (string, error) {
	w, err := ParsePath(path)
	if err != nil {
		return "", err
	}
	return w.Encode()
}

// PointWebID returns the path-only WebID of a PI point by the names of its data server and of itself, like [PathWebID].
func PointWebID(server, tag string) (string, error) {
	return PathWebID(`\\` + server + `\` + tag)
}

// ParsePath returns the path-only WebID that a path means:
//
//	\\SERVER                      data server
//	\\SERVER\TAG                  PI point
//	\\AFSERVER\DATABASE\E\E       AF element, at least one
//	\\AFSERVER\DATABASE\E|A|A     AF attribute of an element
//
// An AF server alone and its databases look like the first two, and are taken for those: values are written to neither.
func ParsePath(path string) (WebID, error) {
	fail := func(reason string) (WebID, error) { return WebID{}, fmt.Errorf("path %.300q: %s", path, reason) }
	rest, ok := strings.CutPrefix(path, `\\`)
	switch {
	case !ok:
		return fail(`want one that begins with two backslashes, such as \\SERVER\TAG`)
	case !utf8.ValidString(rest):
		return fail("it is not UTF-8")
	}
	owner, attribute, isAttribute := strings.Cut(rest, "|")
	names := strings.Split(owner, `\`)
	kind, err := kindOf(names, isAttribute)
	if err != nil {
		return fail(err.Error())
	}
	if isAttribute {
		if strings.Contains(attribute, `\`) {
			return fail(`there is a \ behind the |`)
		}
		names = append(names, strings.Split(attribute, "|")...)
	}
	for _, name := range names {
		if strings.TrimSpace(name) == "" {
			return fail("a name in it is empty")
		}
	}
	return WebID{Form: FormPath, Kind: kind, Path: upper(rest)}, nil
}

func kindOf(names []string, isAttribute bool) (WebIDKind, error) {
	switch {
	case isAttribute && len(names) < 3:
		return "", errors.New(`want \\AFSERVER\DATABASE\ELEMENT|ATTRIBUTE`)
	case isAttribute:
		return KindElementAttribute, nil
	case len(names) == 1:
		return KindDataServer, nil
	case len(names) == 2:
		return KindPoint, nil
	}
	return KindElement, nil
}
