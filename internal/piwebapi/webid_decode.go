package piwebapi

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// DecodeWebID reads a WebID. The error says where it is wrong.
func DecodeWebID(text string) (WebID, error) {
	w, err := decodeWebID(text)
	if err != nil {
		return WebID{}, fmt.Errorf("%.80q is no WebID: %w", text, err)
	}
	return w, nil
}

func decodeWebID(text string) (WebID, error) {
	if len(text) < 4 {
		return WebID{}, errors.New("it is too short")
	}
	w := WebID{Form: WebIDForm(text[0]), Kind: WebIDKind(text[2:4])}
	switch w.Form {
	case FormFull, FormIDOnly, FormPath, FormLocal, FormDefault:
	default:
		return w, fmt.Errorf("it begins with %q, not with F, I, P, L or D", text[:1])
	}
	if text[1] != '1' {
		return w, fmt.Errorf("its version is %q, not 1", text[1:2])
	}
	rest := text[4:]
	if w.Kind == "Ab" {
		if rest == "" {
			return w, errors.New("it is too short")
		}
		w.Kind, rest = WebIDKind("Ab"+rest[:1]), rest[1:]
	}
	layout, ok := webIDKinds[w.Kind]
	if !ok {
		return w, fmt.Errorf("it names something of the %v", w.Kind)
	}
	guids, point := layout.guids, layout.point
	switch w.Form {
	case FormPath:
		guids, point = 0, false
	case FormLocal, FormDefault: // the server goes without saying
		guids--
	}
	for range guids {
		raw, tail, err := take(rest, guidSize, "a GUID")
		if err != nil {
			return w, err
		}
		w.GUIDs, rest = append(w.GUIDs, GUID(raw).swapped()), tail
	}
	if point {
		raw, tail, err := take(rest, pointSize, "the number of the point")
		if err != nil {
			return w, err
		}
		w.PointID, rest = int32(binary.LittleEndian.Uint32(raw)), tail
	}
	if w.Form != FormFull && w.Form != FormPath {
		if rest != "" {
			return w, fmt.Errorf("%d characters too many", len(rest))
		}
		return w, nil
	}
	raw, err := decodeStrictly(rest)
	if err != nil {
		return w, fmt.Errorf("its path: %w", err)
	}
	w.Path = string(raw)
	return w, checkWebIDPath(w.Path)
}

// checkWebIDPath returns what is wrong with a path in a WebID.
func checkWebIDPath(path string) error {
	switch {
	case path == "":
		return errors.New("its path is empty")
	case !utf8.ValidString(path):
		return fmt.Errorf("its path %q is not UTF-8", path)
	case strings.HasPrefix(path, `\\`):
		return fmt.Errorf(`its path %q begins with two backslashes, which are left out in a WebID`, path)
	}
	return nil
}

// take decodes the first n characters of a text.
func take(text string, n int, what string) (raw []byte, rest string, err error) {
	if len(text) < n {
		return nil, "", fmt.Errorf("it ends within %s", what)
	}
	raw, err = decodeStrictly(text[:n])
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", what, err)
	}
	return raw, text[n:], nil
}

// decodeStrictly decodes base64 of which there is no other text for the same bytes. The library skips line ends, even
// in its strict mode, and so would give fewer bytes than the length of the text promises.
func decodeStrictly(text string) ([]byte, error) {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return encoding().DecodeString(text)
}
