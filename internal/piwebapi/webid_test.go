package piwebapi

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func guid(t testing.TB, text string) GUID {
	t.Helper()
	g, err := ParseGUID(text)
	require.NoError(t, err)
	return g
}

// Ids that the vendor or a server of the vendor's has issued, and what they are known to name.
func TestWebIDVectors(t *testing.T) {
	for _, test := range []struct {
		name, id string
		want     WebID
		path     string // as written; "" if the id holds none
	}{
		{"point by path", "P1DPQ0xTQUZcU0lOVVNPSUQ",
			WebID{Form: FormPath, Kind: KindPoint, Path: `CLSAF\SINUSOID`}, `\\CLSAF\Sinusoid`},
		{"data server by path", "P1DSQ0xTQUY", WebID{Form: FormPath, Kind: KindDataServer, Path: "CLSAF"}, `\\clsaf`},
		{"element by path", "P1EmQ0xTQUZcV0VMTFNcV0VTVCBURVhBU1xDTEVBUiBGT1JL",
			WebID{Form: FormPath, Kind: KindElement, Path: `CLSAF\WELLS\WEST TEXAS\CLEAR FORK`}, `\\CLSAF\Wells\West Texas\Clear Fork`},
		{"asset server by path", "P1RSQ0xTQUY", WebID{Form: FormPath, Kind: KindAssetServer, Path: "CLSAF"}, ""},
		{"point in full, of a historian",
			"F1DPFNOEozcPzkigMNOpd1XZegjQAAAASElTVE9SSUFOXEJBRTlDRjI0LUM4QjMtNDZDMC1BRDVELUE2NERGMjE3NEVEOQ",
			WebID{Form: FormFull, Kind: KindPoint, GUIDs: []GUID{guid(t, "a384d314-0f37-48ce-a030-d3a97755d97a")}, PointID: 141,
				Path: `HISTORIAN\BAE9CF24-C8B3-46C0-AD5D-A64DF2174ED9`}, ""},
		{"point in full, of a demonstration server", "F1DPW6Wlk0_Utku9vWTvxg45oACAAAAAUElTUlYxXEJBOkNPTkMuMQ",
			WebID{Form: FormFull, Kind: KindPoint, GUIDs: []GUID{guid(t, "93a5a55b-d44f-4bb6-bdbd-64efc60e39a0")}, PointID: 8,
				Path: `PISRV1\BA:CONC.1`}, ""},
		{"data server by id", "I1DS1km7hQHxB0i6-VfC-9MwAA",
			WebID{Form: FormIDOnly, Kind: KindDataServer, GUIDs: []GUID{guid(t, "85bb49d6-f101-4807-baf9-57c2fbd33000")}}, ""},
		// The reference says of this one that its number is 82. It is not.
		{"point by id, of the reference", "I1DPa70Wf0zBA06CLkV9ovNQgQCAAAAA",
			WebID{Form: FormIDOnly, Kind: KindPoint, GUIDs: []GUID{guid(t, "7f16bd6b-c14c-4e03-822e-457da2f35081")}, PointID: 8}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, err := DecodeWebID(test.id)
			require.NoError(t, err)
			require.Equal(t, test.want, w)
			text, err := w.Encode()
			require.NoError(t, err)
			require.Equal(t, test.id, text)
			if test.path != "" {
				text, err = PathWebID(test.path)
				require.NoError(t, err)
				require.Equal(t, test.id, text)
			}
		})
	}
}

func TestWebIDRoundTrip(t *testing.T) {
	a, b, c := guid(t, "00112233-4455-6677-8899-aabbccddeeff"), guid(t, "{FFEEDDCC-BBAA-9988-7766-554433221100}"), GUID{15: 1}
	for _, w := range []WebID{
		{Form: FormFull, Kind: KindElementAttribute, GUIDs: []GUID{a, b, c}, Path: `AF\DB\E|A`},
		{Form: FormIDOnly, Kind: KindEventFrameAttribute, GUIDs: []GUID{a, b, c}},
		{Form: FormPath, Kind: KindNotificationAttribute, Path: `AF\DB\N|A`},
		{Form: FormFull, Kind: KindElement, GUIDs: []GUID{a, b}, Path: `AF\DB\E`},
		{Form: FormFull, Kind: KindDatabase, GUIDs: []GUID{a, b}, Path: `AF\DB`},
		{Form: FormIDOnly, Kind: KindPoint, GUIDs: []GUID{a}, PointID: -1},
		{Form: FormFull, Kind: KindPoint, GUIDs: []GUID{a}, PointID: 1<<31 - 1, Path: "S\\ÄÖ~>?"},
	} {
		t.Run(w.Form.String()+" "+w.Kind.String(), func(t *testing.T) {
			text, err := w.Encode()
			require.NoError(t, err)
			require.NotContains(t, text, "=")
			require.NotContains(t, text, "+")
			require.NotContains(t, text, "/")
			again, err := DecodeWebID(text)
			require.NoError(t, err)
			require.Equal(t, w, again)
		})
	}
}

func TestWebIDFormDropsWhatItDoesNotHold(t *testing.T) {
	w, err := DecodeWebID("F1DPW6Wlk0_Utku9vWTvxg45oACAAAAAUElTUlYxXEJBOkNPTkMuMQ")
	require.NoError(t, err)
	for form, want := range map[WebIDForm]string{
		FormIDOnly: "I1DPW6Wlk0_Utku9vWTvxg45oACAAAAA",
		FormPath:   "P1DPUElTUlYxXEJBOkNPTkMuMQ",
	} {
		w.Form = form
		text, err := w.Encode()
		require.NoError(t, err)
		require.Equal(t, want, text)
	}
}

// Local and default ids are understood as far as the reference lets one conclude.
func TestDecodeWebIDOfOneServer(t *testing.T) {
	w, err := DecodeWebID("L1DPCAAAAA")
	require.NoError(t, err)
	require.Equal(t, WebID{Form: FormLocal, Kind: KindPoint, PointID: 8}, w)
	w, err = DecodeWebID("D1Em1km7hQHxB0i6-VfC-9MwAA")
	require.NoError(t, err)
	require.Equal(t, "DefaultIDOnly", w.Form.String())
	require.Equal(t, []GUID{guid(t, "85bb49d6-f101-4807-baf9-57c2fbd33000")}, w.GUIDs)
}

func TestDecodeWebIDRefuses(t *testing.T) {
	path := func(s string) string { return "P1DP" + base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, test := range []struct{ name, id, want string }{
		{"empty", "", "too short"},
		{"head alone", "P1D", "too short"},
		{"other form", "X1DPQQ", `begins with "X"`},
		{"other version", "P0DPQQ", `version is "0"`},
		{"invented", "P0HkAAAA", `version is "0"`},
		{"other kind", "P1XxQQ", `unknown kind "Xx"`},
		{"kind in capitals", "P1ABEQQ", `unknown kind "AB"`},
		{"attribute without owner", "P1Ab", "too short"},
		{"attribute of what", "P1AbXQQ", `unknown kind "AbX"`},
		{"cut within the server", "I1DS1km7hQHxB0i6-VfC-9MwA", "ends within a GUID"},
		{"cut within the number", "I1DPW6Wlk0_Utku9vWTvxg45oACAAAA", "ends within the number"},
		{"line ends within the server", "I1DS1km7hQHxB0i6-VfC-9Mw\n\n", "a GUID: illegal base64"},
		{"line end within the number", "L1DPCAAA\r\n", "the number of the point: illegal base64"},
		{"line end within the path", "P1DPQ0xT\nQUY", "its path: illegal base64"},
		{"more than ids", "I1DS1km7hQHxB0i6-VfC-9MwAAA", "1 characters too many"},
		{"stray bits of a server", "I1DS1km7hQHxB0i6-VfC-9MwAB", "a GUID: illegal base64"},
		{"stray bits of a number", "L1DPCAAAAB", "the number of the point: illegal base64"},
		{"stray bits of a path", "P1DSQR", "its path: illegal base64"},
		{"padding", "P1DSQ0xTQUY=", "its path: illegal base64"},
		{"other alphabet", "P1DSfn5+", "its path: illegal base64"},
		{"no path", "P1DP", "its path is empty"},
		{"path of one character", "P1DPQ", "its path: illegal base64"},
		{"not UTF-8", path("S\\\xff"), "is not UTF-8"},
		{"UNC path", path(`\\S\T`), "begins with two backslashes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, err := DecodeWebID(test.id)
			require.ErrorContains(t, err, test.want)
			require.Zero(t, w)
		})
	}
}

func TestEncodeWebIDRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		w    WebID
		want string
	}{
		{"zero", WebID{}, "unknown kind"},
		{"no form", WebID{Kind: KindPoint}, "the form unknown"},
		{"local", WebID{Form: FormLocal, Kind: KindPoint}, "the form LocalIDOnly"},
		{"no server", WebID{Form: FormIDOnly, Kind: KindPoint}, "holds 1 GUIDs, not 0"},
		{"no path", WebID{Form: FormPath, Kind: KindPoint}, "path is empty"},
		{"not UTF-8", WebID{Form: FormPath, Kind: KindPoint, Path: "\xff"}, "not UTF-8"},
		{"UNC path", WebID{Form: FormPath, Kind: KindPoint, Path: `\\S\T`}, "begins with two backslashes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.w.Encode()
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestParsePath(t *testing.T) {
	for _, test := range []struct {
		path  string
		kind  WebIDKind
		bytes string
	}{
		{`\\srv`, KindDataServer, "SRV"},
		{`\\srv\a tag`, KindPoint, `SRV\A TAG`},
		{`\\srv\größe.µ`, KindPoint, `SRV\GRÖßE.µ`},
		{`\\af\db\e`, KindElement, `AF\DB\E`},
		{`\\af\db\e\f|a`, KindElementAttribute, `AF\DB\E\F|A`},
		{`\\af\db\e|a|b`, KindElementAttribute, `AF\DB\E|A|B`},
	} {
		t.Run(test.path, func(t *testing.T) {
			w, err := ParsePath(test.path)
			require.NoError(t, err)
			require.Equal(t, WebID{Form: FormPath, Kind: test.kind, Path: test.bytes}, w)
		})
	}
	id, err := PointWebID("clsaf", "sinusoid")
	require.NoError(t, err)
	require.Equal(t, "P1DPQ0xTQUZcU0lOVVNPSUQ", id)
}

func TestParsePathRefuses(t *testing.T) {
	for path, want := range map[string]string{
		"":            "two backslashes",
		`\srv\tag`:    "two backslashes",
		`srv\tag`:     "two backslashes",
		`\\`:          "a name in it is empty",
		`\\\tag`:      "a name in it is empty",
		`\\srv\`:      "a name in it is empty",
		`\\srv\ `:     "a name in it is empty",
		`\\af\db\\e`:  "a name in it is empty",
		`\\af\db\e|`:  "a name in it is empty",
		`\\af\db\|a`:  "a name in it is empty",
		`\\af\db\e||`: "a name in it is empty",
		`\\srv\a|b`:   `want \\AFSERVER\DATABASE\ELEMENT|ATTRIBUTE`,
		`\\af\d\e|a\`: "behind the |",
		"\\\\s\\\xff": "not UTF-8",
	} {
		t.Run(path, func(t *testing.T) {
			_, err := PathWebID(path)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestUpper(t *testing.T) {
	for _, test := range []struct {
		in, want string
		portable bool
	}{
		{`srv\LB.lb01:cps 1`, `SRV\LB.LB01:CPS 1`, true},
		{"ÄÉΩЖ", "ÄÉΩЖ", true},
		{"温度→", "温度→", true},
		{"äéωж", "ÄÉΩЖ", false},
		{"ß", "ß", false},
		{"ı", "ı", false},
		{"ſ", "ſ", false},
		{"µ", "µ", false},
		{"ς", "ς", false},
		{"ǅ", "ǅ", false},
	} {
		t.Run(test.in, func(t *testing.T) {
			require.Equal(t, test.want, upper(test.in))
			require.Equal(t, test.portable, Portable(test.in))
			require.Equal(t, test.want, upper(test.want), "capitals stay")
		})
	}
}

func TestParseGUID(t *testing.T) {
	const text = "93a5a55b-d44f-4bb6-bdbd-64efc60e39a0"
	require.Equal(t, text, guid(t, text).String())
	require.Equal(t, text, guid(t, "{"+strings.ToUpper(text)+"}").String())
	for _, bad := range []string{"", text + "0", text[1:], "93a5a55bd44f4bb6bdbd64efc60e39a0", "93a5a55b-d44f-4bb6-bdbd-64efc60e39ag", "-" + text[1:]} {
		_, err := ParseGUID(bad)
		require.ErrorContains(t, err, "is no GUID", bad)
	}
}

// Whatever decodes is the one text of what it says.
func FuzzDecodeWebID(f *testing.F) {
	for _, seed := range []string{
		"P1DPQ0xTQUZcU0lOVVNPSUQ", "I1DS1km7hQHxB0i6-VfC-9MwAA", "F1DPW6Wlk0_Utku9vWTvxg45oACAAAAAUElTUlYxXEJBOkNPTkMuMQ",
		"I1DS1km7hQHxB0i6-VfC-9Mw\n\n", "L1DPCAAAAA", "P1AbEQUZcREJcRXxB", "P1Ab",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := DecodeWebID(text)
		if err != nil || w.Form == FormLocal || w.Form == FormDefault {
			return
		}
		again, err := w.Encode()
		require.NoError(t, err)
		require.Equal(t, text, again)
	})
}

// A path that is accepted makes a WebID, which leads back to it in capitals.
func FuzzPathWebID(f *testing.F) {
	for _, seed := range []string{`\\srv`, `\\srv\tag`, `\\af\db\e|a`, `\\s\größe`, `\\\`, `\\s\|`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		id, err := PathWebID(path)
		if err != nil {
			return
		}
		w, err := DecodeWebID(id)
		require.NoError(t, err)
		require.Equal(t, upper(strings.TrimPrefix(path, `\\`)), w.Path)
		if strings.TrimFunc(path, func(r rune) bool { return r < 0x80 }) == "" {
			require.True(t, Portable(path))
			require.Equal(t, strings.ToUpper(path), `\\`+w.Path)
		}
	})
}
