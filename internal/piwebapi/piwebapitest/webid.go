package piwebapitest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// errWebID is of a text that is no WebID of this version.
var errWebID = errors.New("unknown or invalid WebID format")

// Markers of the objects that have a WebID here. Those of an attribute are followed by one of its owner.
const (
	markPoint     = "DP"
	markServer    = "DS"
	markElement   = "Em"
	markAttribute = "AbE"
	markAFServer  = "RS"
	markSet       = "MSD"
)

// guidLen and intLen are the lengths of a GUID and of a 32-bit number in base64.
const guidLen, intLen = 22, 6

// identity is what a WebID may be made of. The parts follow each other in this order, each encoded by itself:
//
//	Full      F 1 marker ids path
//	IDOnly    I 1 marker ids
//	PathOnly  P 1 marker path
type identity struct {
	marker string
	ids    string // encoded GUIDs and numbers
	path   string // without the leading backslashes
}

// webID renders id in one of the forms Full, IDOnly and PathOnly; any other text means Full.
func (id identity) webID(form string) string {
	path := base64.RawURLEncoding.EncodeToString([]byte(strings.ToUpper(id.path)))
	switch {
	case strings.EqualFold(form, "IDOnly"):
		return "I1" + id.marker + id.ids
	case strings.EqualFold(form, "PathOnly"):
		return "P1" + id.marker + path
	}
	return "F1" + id.marker + id.ids + path
}

// parseWebID takes a WebID apart whose ids are expected to be idLen characters long. It returns the path of a PathOnly
// one, else the ids; the path in a Full one may be that of days gone by.
func parseWebID(text, marker string, idLen int) (ids, path string, err error) {
	if len(text) < 2+len(marker) || text[1] != '1' || text[2:2+len(marker)] != marker {
		return "", "", errWebID
	}
	rest := text[2+len(marker):]
	if !isBase64(rest) || len(rest) < idLen && text[0] != 'P' {
		return "", "", errWebID
	}
	switch text[0] {
	case 'I':
		if len(rest) == idLen {
			return rest, "", nil
		}
	case 'F':
		if n := len(rest) - idLen; n > 1 && n%4 != 1 {
			return rest[:idLen], "", nil
		}
	case 'P':
		if name, err := base64.RawURLEncoding.DecodeString(rest); err == nil && len(name) > 0 {
			return "", string(name), nil
		}
	}
	return "", "", errWebID
}

// isBase64 reports whether s has only characters of the alphabet, of URLs.
func isBase64(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// encodeInt renders a number in little-endian order.
func encodeInt(n int32) string {
	return base64.RawURLEncoding.EncodeToString(binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

// decodeInt is the inverse of encodeInt, and -1 for what is no number.
func decodeInt(s string) int32 {
	var raw [4]byte
	if n, err := base64.RawURLEncoding.Decode(raw[:], []byte(s)); err != nil || n != 4 {
		return -1
	}
	return int32(binary.LittleEndian.Uint32(raw[:]))
}

// encodeGUID renders a GUID such as 85bb49d6-f101-4807-baf9-57c2fbd33000 in the order of bytes that Windows keeps it in.
func encodeGUID(guid string) (string, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(guid, "-", ""))
	if err != nil || len(raw) != 16 || len(guid) != 36 {
		return "", fmt.Errorf("%q is no GUID: want 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12", guid)
	}
	mixed := binary.LittleEndian.AppendUint32(nil, binary.BigEndian.Uint32(raw))
	mixed = binary.LittleEndian.AppendUint16(mixed, binary.BigEndian.Uint16(raw[4:]))
	mixed = binary.LittleEndian.AppendUint16(mixed, binary.BigEndian.Uint16(raw[6:]))
	return base64.RawURLEncoding.EncodeToString(append(mixed, raw[8:]...)), nil
}
