package piwebapi

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// WebIDForm is how much a WebID 2.0 says of what it names. The values are the letters that begin a WebID.
type WebIDForm byte

// The forms. The last two are good inside one server only, so they are decoded and never made.
const (
	FormFull    WebIDForm = 'F' // ids and path
	FormIDOnly  WebIDForm = 'I'
	FormPath    WebIDForm = 'P' // whatever is at that path; it need not exist
	FormLocal   WebIDForm = 'L'
	FormDefault WebIDForm = 'D'
)

// String returns the name that the reference gives the form.
func (f WebIDForm) String() string {
	switch f {
	case FormFull:
		return "Full"
	case FormIDOnly:
		return "IDOnly"
	case FormPath:
		return "PathOnly"
	case FormLocal:
		return "LocalIDOnly"
	case FormDefault:
		return "DefaultIDOnly"
	}
	return "unknown"
}

// WebIDKind is what a WebID names, as the marker in it.
type WebIDKind string

// The kinds. AF attributes carry the kind of their owner behind the marker.
const (
	KindPoint                 WebIDKind = "DP"
	KindDataServer            WebIDKind = "DS"
	KindElement               WebIDKind = "Em"
	KindElementAttribute      WebIDKind = "AbE"
	KindEventFrameAttribute   WebIDKind = "AbF"
	KindNotificationAttribute WebIDKind = "AbN"
	KindAssetServer           WebIDKind = "RS"
	KindDatabase              WebIDKind = "RD"
)

// webIDKinds tells for each kind what it is called and how many GUIDs stand in a full id.
var webIDKinds = map[WebIDKind]struct {
	name  string
	guids int
	point bool // the number of a point follows
}{
	KindPoint:                 {"PI point", 1, true},
	KindDataServer:            {"data server", 1, false},
	KindElement:               {"AF element", 2, false},
	KindElementAttribute:      {"AF attribute of an element", 3, false},
	KindEventFrameAttribute:   {"AF attribute of an event frame", 3, false},
	KindNotificationAttribute: {"AF attribute of a notification", 3, false},
	KindAssetServer:           {"asset server", 1, false},
	KindDatabase:              {"AF database", 2, false},
}

// String returns the name of the kind.
func (k WebIDKind) String() string {
	if d, ok := webIDKinds[k]; ok {
		return d.name
	}
	return fmt.Sprintf("unknown kind %q", string(k))
}

// Point reports whether the kind is a PI point.
func (k WebIDKind) Point() bool { return k == KindPoint }

// A WebID is what a WebID 2.0 says. PI Web API has that format since its version 2017 R2. Its text, by the pages
// webid-encoding and webid-encoded-datatypes of the reference:
//
//	F 1 DP W6Wlk0_Utku9vWTvxg45oA CAAAAA UElTUlYxXEJBOkNPTkMuMQ
//	| | |  |                      |      path: UTF-8, F and P only
//	| | |  |                      number of a PI point: int32, little endian, F and I only
//	| | |  one, two or three GUIDs in the order of .NET, F and I only
//	| | kind
//	| version
//	form
//
// Each part behind the kind is base64 for URLs (RFC 4648, section 5) without padding.
type WebID struct {
	Form WebIDForm
	Kind WebIDKind
	// GUIDs are, from outside in: server, then database, element, or element and attribute. Nil in a path-only id.
	GUIDs []GUID
	// PointID is the number of a PI point on its server; 0 in a path-only id.
	PointID int32
	// Path is without the two backslashes at its beginning, and in capitals; empty in an id-only one.
	Path string
}

// A GUID is 16 bytes in the order in which it is written.
type GUID [16]byte

// ParseGUID reads a GUID such as 93a5a55b-d44f-4bb6-bdbd-64efc60e39a0, with or without braces.
func ParseGUID(text string) (GUID, error) {
	var g GUID
	t := strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	if len(t) != 36 || t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
		return g, fmt.Errorf("%q is no GUID such as 93a5a55b-d44f-4bb6-bdbd-64efc60e39a0", text)
	}
	if _, err := hex.Decode(g[:], []byte(strings.ReplaceAll(t, "-", ""))); err != nil {
		return GUID{}, fmt.Errorf("%q is no GUID: %w", text, err)
	}
	return g, nil
}

// String returns the GUID in its usual form.
func (g GUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// swapped returns the bytes in the order of .NET, whose first three groups are numbers in little endian; or back.
func (g GUID) swapped() GUID {
	return GUID{g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]}
}

// Sizes in characters of base64 without padding.
const (
	guidSize  = 22
	pointSize = 6
)

// encoding is strict: bits that belong to no byte must be zero, or two texts would be one id.
func encoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// Encode returns the id as text, which [DecodeWebID] reads back. What the form does not hold is left out, so that a
// full id becomes an id-only one by its Form alone. The path is taken as it is: [ParsePath] makes one in capitals.
func (w WebID) Encode() (string, error) {
	layout, ok := webIDKinds[w.Kind]
	if !ok {
		return "", fmt.Errorf("encode a WebID: %v", w.Kind)
	}
	ids := w.Form == FormFull || w.Form == FormIDOnly
	path := w.Form == FormFull || w.Form == FormPath
	switch {
	case !ids && !path:
		return "", fmt.Errorf("encode a WebID: the form %v is not made here, it is good for one server only", w.Form)
	case ids && len(w.GUIDs) != layout.guids:
		return "", fmt.Errorf("encode a WebID: that of the %v holds %d GUIDs, not %d", w.Kind, layout.guids, len(w.GUIDs))
	}
	if path {
		if err := checkWebIDPath(w.Path); err != nil {
			return "", fmt.Errorf("encode a WebID: %w", err)
		}
	}
	b := append([]byte{byte(w.Form), '1'}, w.Kind...)
	if ids {
		for _, g := range w.GUIDs {
			s := g.swapped()
			b = encoding().AppendEncode(b, s[:])
		}
		if layout.point {
			b = encoding().AppendEncode(b, binary.LittleEndian.AppendUint32(nil, uint32(w.PointID)))
		}
	}
	if path {
		b = encoding().AppendEncode(b, []byte(w.Path))
	}
	return string(b), nil
}
