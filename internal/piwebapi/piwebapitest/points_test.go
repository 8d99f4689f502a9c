package piwebapitest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func createPath(s *Server) string {
	return "dataservers/" + s.serverIdentity().webID("Full") + "/points"
}

func TestCreate(t *testing.T) {
	full := `{"Name":"LB.x","Descriptor":"d","PointClass":"classic","PointType":"float32","EngineeringUnits":"1/s","Step":true,"Future":false,"DisplayDigits":3}`
	minimal := func(name string) string {
		return `{"Name":"` + name + `","PointClass":"classic","PointType":"Float64"}`
	}
	for _, test := range []struct {
		name   string
		config Config
		body   string
		want   int
		text   string
	}{
		{"all fields", Config{}, full, 201, ""},
		{"required ones", Config{}, minimal("a"), 201, ""},
		{"duplicate", Config{}, minimal("THERE"), 409, "exists already"},
		{"duplicate as a bad request", Config{DuplicateStatus: 400}, minimal("there"), 400, "exists already"},
		{"illegal name", Config{}, minimal("a*"), 400, "characters"},
		{"no name", Config{}, `{"PointClass":"classic","PointType":"Float64"}`, 400, "required"},
		{"no type", Config{}, `{"Name":"a","PointClass":"classic"}`, 400, "required"},
		{"no class", Config{}, `{"Name":"a","PointType":"Float64"}`, 400, "required"},
		{"unknown type", Config{}, `{"Name":"a","PointClass":"classic","PointType":"Int64"}`, 400, "Int64"},
		{"unknown class", Config{}, `{"Name":"a","PointClass":"noble","PointType":"Int32"}`, 400, "noble"},
		{"with span", Config{}, `{"Name":"a","PointClass":"classic","PointType":"Int32","Span":5}`, 400, "Span"},
		{"with zero", Config{}, `{"Name":"a","PointClass":"classic","PointType":"Int32","Zero":0}`, 400, "Zero"},
		{"with ID", Config{}, `{"Name":"a","PointClass":"classic","PointType":"Int32","Id":5}`, 400, "Id"},
		{"digital without a set", Config{}, `{"Name":"a","PointClass":"classic","PointType":"Digital"}`, 400, "digital set"},
		{"digital with an unknown set", Config{}, `{"Name":"a","PointClass":"classic","PointType":"Digital","DigitalSetName":"x"}`, 400, "does not exist"},
		{"digital", Config{}, `{"Name":"a","PointClass":"classic","PointType":"Digital","DigitalSetName":"UPDOWN"}`, 201, ""},
		{"no JSON", Config{}, `{"Name":`, 400, "form"},
		{"licence", Config{LicenceLimit: 1}, minimal("a"), 500, "[-12216] Maximum licensed aggregate Point /Module Count exceeded"},
		{"forbidden", Config{CreateForbidden: func(string) bool { return true }}, minimal("a"), 403, "may not"},
		{"forbidden as a server error", Config{ForbiddenStatus: 500, CreateForbidden: func(n string) bool { return n == "a" }}, minimal("a"), 500, "may not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, test.config, PointSpec{Name: "there"})
			require.NoError(t, s.CreateDigitalSet("Updown", "Up", "Down"))
			got := call(t, s, "POST", createPath(s), test.body)
			require.Equal(t, test.want, got.status, got.body)
			if test.want != 201 {
				require.Contains(t, fmt.Sprint(got.json(t).(map[string]any)["Errors"]), test.text)
				require.Len(t, s.Points(), 1)
				return
			}
			require.Empty(t, got.body)
			location := got.header.Get("Location")
			require.True(t, strings.HasPrefix(location, "https://pi.example/piwebapi/points/F1DP"), location)
			require.Equal(t, 200, call(t, s, "GET", strings.TrimPrefix(location, "https://pi.example/piwebapi/"), "").status)
		})
	}
	t.Run("at an unknown server", func(t *testing.T) {
		s := newServer(t, Config{})
		require.Equal(t, 404, call(t, s, "POST", "dataservers/P1DSQ0xTQUY/points", minimal("a")).status)
		require.Equal(t, 400, call(t, s, "POST", "dataservers/nonsense/points", minimal("a")).status)
		require.Equal(t, 201, call(t, s, "POST", "dataservers/"+s.serverIdentity().webID("PathOnly")+"/points?webIdType=PathOnly", minimal("a")).status)
	})
	t.Run("the archive itself counts the licence", func(t *testing.T) {
		s := newServer(t, Config{LicenceLimit: 2}, PointSpec{Name: "a"})
		require.Equal(t, 201, call(t, s, "POST", createPath(s), minimal("b")).status)
		require.Equal(t, 500, call(t, s, "POST", createPath(s), minimal("c")).status)
		require.NoError(t, s.Delete("a"))
		require.Equal(t, 201, call(t, s, "POST", createPath(s), minimal("c")).status)
	})
}

func TestPointAsServed(t *testing.T) {
	s := newServer(t, Config{ServerName: "SRV"}, PointSpec{Name: "A", Type: "Float32", Units: "1/s", Descriptor: "d", Step: true, DisplayDigits: -5})
	got := call(t, s, "GET", `points?path=`+escape(`\\srv\a`), "")
	require.Equal(t, 200, got.status)
	id := webID(t, s, "a")
	stream := "https://pi.example/piwebapi/streams/" + id
	require.Equal(t, map[string]any{
		"WebId": id, "Id": 1.0, "Name": "A", "Path": `\\SRV\A`, "Descriptor": "d", "PointClass": "classic", "PointType": "Float32",
		"DigitalSetName": "", "EngineeringUnits": "1/s", "Span": 100.0, "Zero": 0.0, "Step": true, "Future": false, "DisplayDigits": -5.0,
		"Links": map[string]any{
			"Self": "https://pi.example/piwebapi/points/" + id, "DataServer": "https://pi.example/piwebapi/dataservers/" + s.serverIdentity().webID("Full"),
			"Attributes": "https://pi.example/piwebapi/points/" + id + "/attributes", "InterpolatedData": stream + "/interpolated",
			"RecordedData": stream + "/recorded", "PlotData": stream + "/plot", "SummaryData": stream + "/summary", "Value": stream + "/value",
			"EndValue": stream + "/end",
		},
	}, got.json(t))
	for path, want := range map[string]int{`\\srv\none`: 404, `\\other\a`: 404, "a": 404, "": 400} {
		got := call(t, s, "GET", "points?path="+escape(path), "")
		require.Equal(t, want, got.status, path)
		require.Contains(t, got.body, `"Errors"`)
	}
}

func TestMultiple(t *testing.T) {
	s := newServer(t, Config{}, PointSpec{Name: "a"}, PointSpec{Name: "b"})
	paths := func(list ...string) string {
		query := ""
		for _, p := range list {
			query += "&path=" + escape(p)
		}
		return "points/multiple?asParallel=true" + query
	}
	require.Equal(t, 200, call(t, s, "GET", paths(`\\PISRV01\a`, `\\pisrv01\B`)+"&webId="+webID(t, s, "a"), "").status)
	require.Equal(t, 400, call(t, s, "GET", paths(), "").status)
	got := call(t, s, "GET", paths(`\\PISRV01\a`, `\\PISRV01\none`, "b")+"&webId=x", "")
	require.Equal(t, 207, got.status)
	list := got.json(t).(map[string]any)["Items"].([]any)
	require.Len(t, list, 4)
	first := list[0].(map[string]any)
	require.Equal(t, "a", first["Object"].(map[string]any)["Name"])
	require.Nil(t, first["Exception"])
	require.Equal(t, "Path", first["IdentifierType"])
	for i, want := range []string{`\\PISRV01\none`, "b", "x"} {
		one := list[i+1].(map[string]any)
		require.Equal(t, want, one["Identifier"])
		require.Nil(t, one["Object"])
		require.NotEmpty(t, one["Exception"].(map[string]any)["Errors"])
	}
}

func TestListPoints(t *testing.T) {
	s := newServer(t, Config{MaxItems: 50})
	for i := range 30 {
		require.NoError(t, s.CreatePoint(PointSpec{Name: fmt.Sprintf("LB.%02d", i)}))
	}
	for _, test := range []struct {
		query string
		names []string // first and last
		n     int
	}{
		{"", []string{"LB.00", "LB.29"}, 30},
		{"nameFilter=lb.*5", []string{"LB.05", "LB.25"}, 3},
		{"nameFilter=*.?0", []string{"LB.00", "LB.20"}, 3},
		{"startIndex=28", []string{"LB.28", "LB.29"}, 2},
		{"startIndex=5&maxCount=2", []string{"LB.05", "LB.06"}, 2},
		{"startIndex=99", nil, 0},
		{"nameFilter=LB", nil, 0},
	} {
		t.Run(test.query, func(t *testing.T) {
			list := call(t, s, "GET", createPath(s)+"?"+test.query, "").json(t).(map[string]any)["Items"].([]any)
			require.Len(t, list, test.n)
			if test.n > 0 {
				require.Equal(t, test.names[0], list[0].(map[string]any)["Name"])
				require.Equal(t, test.names[1], list[test.n-1].(map[string]any)["Name"])
			}
		})
	}
	require.Equal(t, 400, call(t, s, "GET", createPath(s)+"?maxCount=51", "").status)
	require.Equal(t, 400, call(t, s, "GET", createPath(s)+"?startIndex=-1", "").status)
}

func TestLike(t *testing.T) {
	for _, test := range []struct {
		name, pattern string
		want          bool
	}{
		{"abc", "*", true}, {"abc", "a*c", true}, {"abc", "A?C", true}, {"abc", "a?", false}, {"", "*", true}, {"", "?", false},
		{"aXbXc", "a*x*c", true}, {"abcabd", "*abd", true}, {"abc", "abc*", true}, {"abc", "", false}, {"äb", "?B", true},
		{"aab", "*ab*", true}, {"abc", "**c", true}, {"ab", "a*b*c", false},
	} {
		require.Equal(t, test.want, like(test.name, test.pattern), "%q %q", test.name, test.pattern)
	}
}

func TestPatchAndDelete(t *testing.T) {
	s := newServer(t, Config{}, PointSpec{Name: "a"}, PointSpec{Name: "b"})
	path := "points/" + webID(t, s, "a")
	require.Equal(t, 204, call(t, s, "PATCH", path, `{"Name":"c","Descriptor":"new","EngineeringUnits":"m","Step":true,"DisplayDigits":2}`).status)
	p, ok := s.Point("c")
	require.True(t, ok)
	require.Equal(t, PointSpec{Name: "c", Type: "Float64", Class: "classic", Descriptor: "new", Units: "m", Step: true, DisplayDigits: 2, Span: 100}, p.PointSpec)
	require.Equal(t, 409, call(t, s, "PATCH", path, `{"Name":"B"}`).status)
	require.Equal(t, 400, call(t, s, "PATCH", path, `{"Name":"*"}`).status)
	require.Equal(t, 400, call(t, s, "PATCH", path, `{"PointType":"Int32"}`).status)
	require.Equal(t, 400, call(t, s, "PATCH", path, `[]`).status)
	require.Equal(t, 204, call(t, s, "DELETE", path, "").status)
	require.Equal(t, 404, call(t, s, "DELETE", path, "").status)
	require.Equal(t, 404, call(t, s, "GET", path, "").status)
	require.Equal(t, 400, call(t, s, "GET", "points/x", "").status)
}

func TestPointAttributes(t *testing.T) {
	s := newServer(t, Config{}, PointSpec{Name: "a"})
	path := "points/" + webID(t, s, "a") + "/attributes"
	get := func(name string) any {
		got := call(t, s, "GET", path+"/"+name, "")
		require.Equal(t, 200, got.status)
		return got.json(t).(map[string]any)["Value"]
	}
	for _, test := range []struct {
		name, body string
		want       int
		after      any
	}{
		{"compdev", "0", 204, 0.0},
		{"CompDevPercent", "1.5", 204, 1.5},
		{"excmax", "600", 204, 600.0},
		{"pointsource", `"TG"`, 204, "TG"},
		{"descriptor", `"new"`, 204, "new"},
		{"engunits", `"s"`, 204, "s"},
		{"span", "200", 204, 200.0},
		{"zero", "-5", 204, -5.0},
		{"step", "1", 204, true},
		{"step", "false", 204, false},
		{"displaydigits", "3", 204, 3.0},
		{"compressing", "false", 204, 0.0},
		{"span", "0", 400, 200.0},
		{"span", `"wide"`, 400, 200.0},
		{"descriptor", "5", 400, "new"},
		{"pointid", "5", 400, 1.0},
		{"pointtype", `"Int32"`, 400, "Float64"},
		{"digitalset", `"x"`, 400, ""},
		{"compdev", "{", 400, 1.5},
	} {
		t.Run(test.name+" "+test.body, func(t *testing.T) {
			require.Equal(t, test.want, call(t, s, "PUT", path+"/"+test.name, test.body).status)
			require.Equal(t, test.after, get(test.name))
		})
	}
	require.Equal(t, 0.75, get("compdevpercent").(float64)/2) // the span has changed since, the percentage has not
	require.Equal(t, 400, call(t, s, "PUT", path+"/colour", "1").status)
	require.Equal(t, 400, call(t, s, "GET", path+"/colour", "").status)
	require.Equal(t, 400, call(t, s, "GET", path+"?name=colour", "").status)
	require.Len(t, call(t, s, "GET", path+"?name=compdev&name=Span", "").json(t).(map[string]any)["Items"], 2)
	require.Len(t, call(t, s, "GET", path+"?nameFilter=location*", "").json(t).(map[string]any)["Items"], 5)
	require.Greater(t, len(call(t, s, "GET", path, "").json(t).(map[string]any)["Items"].([]any)), 40)
	require.Equal(t, 204, call(t, s, "PUT", path+"/tag", `"renamed"`).status)
	require.Equal(t, "renamed", get("tag"))

	old := newServer(t, Config{NoPointAttributes: true}, PointSpec{Name: "a"})
	require.Equal(t, 405, call(t, old, "PUT", "points/"+webID(t, old, "a")+"/attributes/compdev", "0").status)
}

func TestDataServers(t *testing.T) {
	s := newServer(t, Config{})
	list := call(t, s, "GET", "dataservers", "").json(t).(map[string]any)["Items"].([]any)
	require.Len(t, list, 1)
	server := list[0].(map[string]any)
	require.Equal(t, "PISRV01", server["Name"])
	require.Equal(t, noonText, server["ServerTime"])
	for _, query := range []string{"name=pisrv01", "path=" + escape(`\\PISRV01`), "path=" + escape(`\\PIServers[PISRV01]`)} {
		require.Equal(t, server["WebId"], call(t, s, "GET", "dataservers?"+query, "").json(t).(map[string]any)["WebId"])
	}
	require.Equal(t, 404, call(t, s, "GET", "dataservers?name=x", "").status)
	require.Equal(t, 200, call(t, s, "GET", "dataservers/"+server["WebId"].(string), "").status)
	require.Equal(t, 200, call(t, s, "GET", "dataservers/I1DS"+s.reg.serverGUID, "").status)
	require.Equal(t, 404, call(t, s, "GET", "dataservers/I1DS1km7hQHxB0i6-VfC-9MwAA", "").status)
	require.Equal(t, 200, call(t, s, "GET", "assetservers", "").status)
	require.Equal(t, 404, call(t, s, "GET", "assetservers?name=x", "").status)
}

func TestDigitalSets(t *testing.T) {
	s := newServer(t, Config{})
	sets := "dataservers/" + s.serverIdentity().webID("Full") + "/enumerationsets"
	got := call(t, s, "POST", sets, `{"Name":"Updown","Description":"d"}`)
	require.Equal(t, 201, got.status)
	path := strings.TrimPrefix(got.header.Get("Location"), "https://pi.example/piwebapi/")
	for i, name := range []string{"Up", "Down"} {
		require.Equal(t, 201, call(t, s, "POST", path+"/enumerationvalues", fmt.Sprintf(`{"Name":%q,"Value":%d}`, name, i)).status)
	}
	require.Equal(t, 409, call(t, s, "POST", path+"/enumerationvalues", `{"Name":"down","Value":7}`).status)
	require.Equal(t, 400, call(t, s, "POST", path+"/enumerationvalues", `{"Name":"x","Value":-1}`).status)
	require.Equal(t, 400, call(t, s, "POST", path+"/enumerationvalues", `{"Name":"x"}`).status)
	require.Equal(t, 409, call(t, s, "POST", sets, `{"Name":"UPDOWN"}`).status)
	require.Equal(t, 400, call(t, s, "POST", sets, `{"Name":" "}`).status)
	require.Equal(t, "Updown", call(t, s, "GET", path, "").json(t).(map[string]any)["Name"])
	require.Len(t, call(t, s, "GET", path+"/enumerationvalues", "").json(t).(map[string]any)["Items"], 2)
	require.Len(t, call(t, s, "GET", sets, "").json(t).(map[string]any)["Items"], 1)
	require.Equal(t, 400, call(t, s, "GET", "enumerationsets/x", "").status)
	require.Equal(t, 404, call(t, s, "GET", "enumerationsets/P1MSDQUJD", "").status)
	require.NoError(t, s.CreatePoint(PointSpec{Name: "a", Type: "Digital", DigitalSet: "Updown"}))
	require.Equal(t, 202, post(t, s, "", "a", timed(0, `"DOWN"`)).status)
	require.JSONEq(t, `{"Timestamp":"`+noonText+`","Value":{"Name":"Down","Value":1,"IsSystem":false},"UnitsAbbreviation":"","Good":true,"Questionable":false,"Substituted":false,"Annotated":false}`,
		call(t, s, "GET", "streams/"+webID(t, s, "a")+"/value", "").body)
}

func TestReset(t *testing.T) {
	s := newServer(t, Config{}, PointSpec{Name: "a"})
	require.NoError(t, s.CreateDigitalSet("x", "y"))
	post(t, s, "", "a", timed(0, "1"))
	s.SetFaults(func(string, int) Fault { return Fault{Kind: Unavailable} })
	require.Equal(t, 503, call(t, s, "GET", "system", "").status)
	s.Reset()
	require.Empty(t, s.Points())
	require.Empty(t, s.Requests())
	require.Empty(t, s.FaultCounts())
	require.Equal(t, 200, call(t, s, "GET", "system", "").status)
	require.NoError(t, s.CreatePoint(PointSpec{Name: "a"}))
}
