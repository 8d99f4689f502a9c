package piwebapitest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReading(t *testing.T) {
	s := newServer(t, Config{MaxItems: 100}, PointSpec{Name: "a"}, PointSpec{Name: "b", Type: "Float32"}, PointSpec{Name: "s", Type: "String"})
	for i := range 10 {
		post(t, s, "", "a", timed(float64(i-20), fmt.Sprint(i)))
	}
	post(t, s, "", "b", timed(-1, "0.1"))
	post(t, s, "", "s", timed(-1, `"\"<x>"`))
	a := webID(t, s, "a")
	get := func(path string) any {
		got := call(t, s, "GET", path, "")
		require.Equal(t, 200, got.status, got.body)
		return got.json(t)
	}
	list := func(path string) []float64 {
		var values []float64
		for _, one := range get(path).(map[string]any)["Items"].([]any) {
			values = append(values, one.(map[string]any)["Value"].(float64))
		}
		return values
	}
	stream := "streams/" + a
	require.Equal(t, map[string]any{
		"Timestamp": "2026-03-04T11:59:49Z", "Value": 9.0, "UnitsAbbreviation": "", "Good": true, "Questionable": false,
		"Substituted": false, "Annotated": false,
	}, get(stream+"/value"))
	require.Equal(t, get(stream+"/value"), get(stream+"/end"))
	require.Equal(t, 3.0, get(stream + "/value?time=*-17s").(map[string]any)["Value"])
	require.Equal(t, "Pt Created", get(stream + "/value?time=2020-01-01").(map[string]any)["Value"].(map[string]any)["Name"])
	require.Len(t, list(stream+"/recorded"), 10)
	require.Equal(t, []float64{2, 3, 4}, list(stream+"/recorded?startTime=*-18s&endTime=*-16s"))
	require.Equal(t, []float64{4, 3, 2}, list(stream+"/recorded?startTime=*-16s&endTime=*-18s"))
	require.Equal(t, []float64{0, 1}, list(stream+"/recorded?maxCount=2"))
	require.Equal(t, []float64{9, 8}, list(stream+"/recorded?maxCount=2&startTime=*&endTime=*-1d"))
	require.Equal(t, []float64{0, 4, 5, 9}, list(stream+"/plot?startTime=*-20s&endTime=*-10s&intervals=2"))
	require.Equal(t, 0.1, get("streams/" + webID(t, s, "b") + "/value").(map[string]any)["Value"])

	sets := get("streamsets/value?webId=" + a + "&webId=" + webID(t, s, "s")).(map[string]any)["Items"].([]any)
	require.Len(t, sets, 2)
	require.Equal(t, "s", sets[1].(map[string]any)["Name"])
	require.Equal(t, `"<x>`, sets[1].(map[string]any)["Value"].(map[string]any)["Value"])
	recorded := get("streamsets/recorded?webId=" + a).(map[string]any)["Items"].([]any)[0].(map[string]any)
	require.Equal(t, `\\PISRV01\a`, recorded["Path"])
	require.Len(t, recorded["Items"], 10)

	for path, want := range map[string]int{
		stream + "/value?time=noon": 400, stream + "/recorded?startTime=noon": 400, stream + "/recorded?maxCount=101": 400,
		stream + "/recorded?maxCount=x": 400, stream + "/plot?intervals=0": 400, "streams/x/value": 400, "streamsets/value": 400,
		"streamsets/value?webId=x": 400, "streamsets/value?webId=P1DPQUJD": 404,
	} {
		require.Equal(t, want, call(t, s, "GET", path, "").status, path)
	}
}

func TestAttributes(t *testing.T) {
	s := newServer(t, Config{KeepLog: true}, PointSpec{Name: "cps", Type: "Float32"})
	require.NoError(t, s.CreateAttribute(AttributeSpec{Path: `Site\lb01|Rate`, Point: `\\PISRV01\CPS`}))
	require.NoError(t, s.CreateAttribute(AttributeSpec{Path: `\\AFSRV01\Network\Site\lb01|Scheduler`, Type: "String", Value: `"wrr"`, Units: "u"}))
	require.NoError(t, s.CreateAttribute(AttributeSpec{Path: `Site\lb01|Broken`, Point: "none"}))
	for _, bad := range []AttributeSpec{
		{Path: `Site\lb01|rate`}, {Path: "Site"}, {Path: "Site|"}, {Path: `\\OTHER\Network\Site|x`}, {Path: "a|b", Type: "Int64"}, {Path: "a|b", Value: "x"},
	} {
		require.Error(t, s.CreateAttribute(bad))
	}
	get := func(path string) map[string]any {
		got := call(t, s, "GET", "attributes?path="+escape(path), "")
		require.Equal(t, 200, got.status, got.body)
		return got.json(t).(map[string]any)
	}
	rate, scheduler := get(`\\afsrv01\network\site\LB01|Rate`), get(`\\AFSRV01\Network\Site\lb01|Scheduler`)
	require.Equal(t, "PI Point", rate["DataReferencePlugIn"])
	require.Equal(t, "F1AbE", rate["WebId"].(string)[:5])
	require.Equal(t, 404, call(t, s, "GET", "attributes?path="+escape(`\\AFSRV01\Network\Site\lb01|x`), "").status)
	got := call(t, s, "GET", "attributes/multiple?path="+escape(`\\AFSRV01\Network\Site\lb01|Rate`)+"&path=x&webId="+scheduler["WebId"].(string), "")
	require.Equal(t, 207, got.status)
	require.Len(t, got.json(t).(map[string]any)["Items"], 3)
	require.Equal(t, 200, call(t, s, "GET", "elements?path="+escape(`\\AFSRV01\Network\Site\lb01`), "").status)
	require.Equal(t, 404, call(t, s, "GET", "elements?path="+escape(`\\AFSRV01\Network\Site\lb02`), "").status)

	ids := []string{rate["WebId"].(string), "I1AbE" + s.reg.attributeIdentity(s.reg.tree.attributes[`AFSRV01\NETWORK\SITE\LB01|RATE`]).ids}
	for i, id := range ids {
		require.Equal(t, 202, call(t, s, "POST", "streams/"+id+"/recorded", "["+timed(float64(-i), "1")+"]").status)
		require.Equal(t, 200, call(t, s, "GET", "attributes/"+id, "").status)
		require.Equal(t, 1.0, call(t, s, "GET", "attributes/"+id+"/value", "").json(t).(map[string]any)["Value"])
	}
	require.Len(t, s.Stored("cps"), 2)
	require.Len(t, s.Received("cps"), 2)
	require.Equal(t, 409, call(t, s, "PUT", "attributes/"+ids[0]+"/value", `{"Value":1}`).status)

	static := scheduler["WebId"].(string)
	require.Equal(t, 204, call(t, s, "PUT", "attributes/"+static+"/value", `{"Value":"rr"}`).status)
	require.Equal(t, 400, call(t, s, "PUT", "attributes/"+static+"/value", `{"Value":[]}`).status)
	value, ok := s.AttributeValue(`Site\lb01|Scheduler`)
	require.True(t, ok)
	require.Equal(t, `"rr"`, value)
	require.Equal(t, 202, call(t, s, "POST", "streams/"+static+"/value", `{"Value":"lc"}`).status)
	require.Equal(t, 409, call(t, s, "POST", "streams/"+static+"/recorded", `[{"Value":"sed"}]`).status)
	got = call(t, s, "POST", "streamsets/recorded", set(stream(static, `{"Value":"sed"}`), stream(ids[0], timed(-9, "1"))))
	require.Equal(t, 207, got.status)
	require.Contains(t, got.body, `{"Substatus":409`)
	require.Equal(t, "lc", call(t, s, "GET", "attributes/"+static+"/value", "").json(t).(map[string]any)["Value"])
	_, ok = s.AttributeValue("none")
	require.False(t, ok)
	require.Equal(t, 404, call(t, s, "POST", "streams/"+get(`\\AFSRV01\Network\Site\lb01|Broken`)["WebId"].(string)+"/value", timed(0, "1")).status)
	require.Equal(t, 400, call(t, s, "GET", "attributes/F1AbEx", "").status)
}

func TestBatch(t *testing.T) {
	create := `"Tag":{"Method":"POST","Resource":"https://localhost/piwebapi/%s","Content":"{\"Name\":\"%s\",\"PointClass\":\"classic\",\"PointType\":\"Float64\"}"}`
	get := `"Get":{"Method":"GET","Resource":"{0}","Parameters":["$.Tag.Headers.Location"],"ParentIds":["Tag"]}`
	dev := `"Dev":{"Method":"PUT","Resource":"https://other:99/piwebapi/points/{0}/attributes/compdev","Content":"7","Parameters":["$.Get.Content.WebId"],"ParentIds":["Get"]}`
	status := func(got result, id string) float64 {
		return got.json(t).(map[string]any)[id].(map[string]any)["Status"].(float64)
	}
	t.Run("a chain", func(t *testing.T) {
		s := newServer(t, Config{})
		got := call(t, s, "POST", "batch", "{"+dev+","+get+","+fmt.Sprintf(create, createPath(s), "a")+"}")
		require.Equal(t, 207, got.status, got.body)
		require.Equal(t, []float64{201, 200, 204}, []float64{status(got, "Tag"), status(got, "Get"), status(got, "Dev")}, got.body)
		p, ok := s.Point("a")
		require.True(t, ok)
		require.Equal(t, 7.0, p.Attributes["compdev"])
		require.Equal(t, uint64(1), s.Requests()["batch: PUT points/{webId}/attributes/{name}"][204])
	})
	t.Run("a parent fails", func(t *testing.T) {
		s := newServer(t, Config{ChildStatus: 424}, PointSpec{Name: "a"})
		got := call(t, s, "POST", "batch", "{"+dev+","+get+","+fmt.Sprintf(create, createPath(s), "A")+"}")
		require.Equal(t, 207, got.status)
		require.Equal(t, []float64{409, 424, 424}, []float64{status(got, "Tag"), status(got, "Get"), status(got, "Dev")}, got.body)
	})
	t.Run("values and lists", func(t *testing.T) {
		s := newServer(t, Config{}, PointSpec{Name: "a"})
		got := call(t, s, "POST", "batch", `{"L":{"Method":"GET","Resource":"/piwebapi/`+createPath(s)+`?nameFilter=a"},
			"W":{"Method":"POST","Resource":"https://x/piwebapi/streams/{0}/value?bufferOption=DoNotBuffer","Content":"{\"Value\":{1}}","Parameters":["$.L.Content.Items[0].WebId","$.L.Status"],"ParentIds":["L"]}}`)
		require.Equal(t, 204.0, status(got, "W"), got.body)
		require.Equal(t, []any{200.0}, values(s, "a"))
	})
	for name, body := range map[string]string{
		"no object": "[]", "nothing": "{}", "circle": `{"A":{"ParentIds":["B"]},"B":{"ParentIds":["A"]}}`, "unknown parent": `{"A":{"ParentIds":["B"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 400, call(t, newServer(t, Config{}), "POST", "batch", body).status)
		})
	}
	for name, sub := range map[string]string{
		"outside":             `{"Method":"GET","Resource":"https://x/other"}`,
		"no URL":              `{"Method":"GET","Resource":"http://[::1"}`,
		"batch in a batch":    `{"Method":"POST","Resource":"/piwebapi/batch","Content":"{}"}`,
		"template":            `{"Method":"GET","RequestTemplate":{"Resource":"x"}}`,
		"path without parent": `{"Method":"GET","Resource":"{0}","Parameters":["$.B.Headers.Location"]}`,
		"path that is none":   `{"Method":"GET","Resource":"{0}","Parameters":["Location"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, newServer(t, Config{}), "POST", "batch", `{"A":`+sub+`}`)
			require.Equal(t, 207, got.status)
			require.Equal(t, 400.0, status(got, "A"), got.body)
		})
	}
}
