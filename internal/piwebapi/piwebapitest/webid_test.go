package piwebapitest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The first rows are WebIDs that real servers have issued, or that the vendor has published.
func TestWebIDVectors(t *testing.T) {
	guid := func(s string) string {
		id, err := encodeGUID(s)
		require.NoError(t, err)
		return id
	}
	for _, test := range []struct {
		id   identity
		form string
		want string
	}{
		{identity{markPoint, guid("93a5a55b-d44f-4bb6-bdbd-64efc60e39a0") + encodeInt(8), `PISRV1\ba:conc.1`}, "Full", "F1DPW6Wlk0_Utku9vWTvxg45oACAAAAAUElTUlYxXEJBOkNPTkMuMQ"},
		{identity{markPoint, guid("a384d314-0f37-48ce-a030-d3a97755d97a") + encodeInt(141), `HISTORIAN\bae9cf24-c8b3-46c0-ad5d-a64df2174ed9`}, "", "F1DPFNOEozcPzkigMNOpd1XZegjQAAAASElTVE9SSUFOXEJBRTlDRjI0LUM4QjMtNDZDMC1BRDVELUE2NERGMjE3NEVEOQ"},
		{identity{markPoint, "", `CLSAF\SINUSOID`}, "PathOnly", "P1DPQ0xTQUZcU0lOVVNPSUQ"},
		{identity{markServer, "", "CLSAF"}, "pathonly", "P1DSQ0xTQUY"},
		{identity{markElement, "", `CLSAF\Wells\West Texas\Clear Fork`}, "PathOnly", "P1EmQ0xTQUZcV0VMTFNcV0VTVCBURVhBU1xDTEVBUiBGT1JL"},
		{identity{markAFServer, "", "CLSAF"}, "PathOnly", "P1RSQ0xTQUY"},
		{identity{markServer, guid("85bb49d6-f101-4807-baf9-57c2fbd33000"), "x"}, "IDOnly", "I1DS1km7hQHxB0i6-VfC-9MwAA"},
	} {
		require.Equal(t, test.want, test.id.webID(test.form))
	}
	require.Equal(t, int32(141), decodeInt("jQAAAA"))
	for _, bad := range []string{"", "x", "85bb49d6f1014807baf957c2fbd33000", "85bb49d6-f101-4807-baf9-57c2fbd3300"} {
		_, err := encodeGUID(bad)
		require.Error(t, err)
	}
}

func TestMalformedWebIDs(t *testing.T) {
	ids := strings.Repeat("A", guidLen+intLen)
	for _, test := range []struct {
		id string
		ok bool
	}{
		{"F1DP" + ids + "QUJD", true}, {"I1DP" + ids, true}, {"P1DPQUJD", true},
		{"", false}, {"F", false}, {"F1", false}, {"F1DP", false}, {"I1DP", false}, {"P1DP", false}, {"F1DP" + ids, false},
		{"F0DP" + ids + "QUJD", false}, {"F1DS" + ids + "QUJD", false}, {"D1DP" + ids, false}, {"f1DP" + ids + "QUJD", false},
		{"I1DP" + ids + "A", false}, {"F1DP" + ids + "QUJD=", false}, {"F1DP" + ids + "QUJ+", false}, {"P1DPQ", false},
	} {
		_, _, err := parseWebID(test.id, markPoint, guidLen+intLen)
		require.Equal(t, test.ok, err == nil, test.id)
	}
}

func TestWebIDsLiveAndDie(t *testing.T) {
	s := newServer(t, Config{}, PointSpec{Name: "old"})
	forms := func(path string) map[string]string {
		all := make(map[string]string)
		for _, form := range []string{"Full", "IDOnly", "PathOnly"} {
			got := call(t, s, "GET", "points?webIdType="+form+"&path="+escape(path), "")
			require.Equal(t, 200, got.status)
			all[form] = got.json(t).(map[string]any)["WebId"].(string)
		}
		return all
	}
	status := func(id string) int { return call(t, s, "POST", "streams/"+id+"/value", timed(0, "1")).status }
	old := forms(`\\pisrv01\OLD`)
	for form, id := range old {
		require.Equal(t, form[:1], id[:1])
		require.Equal(t, 202, status(id))
	}
	lower := "P1DP" + "cGlzcnYwMVxvbGQ" // pisrv01\old
	require.Equal(t, 202, status(lower))

	require.NoError(t, s.Rename("old", "new"))
	for form, want := range map[string]int{"Full": 202, "IDOnly": 202, "PathOnly": 404} {
		require.Equal(t, want, status(old[form]), form)
	}
	require.Equal(t, 202, status(forms(`\\PISRV01\new`)["PathOnly"]))

	require.NoError(t, s.Rename("new", "old"))
	require.NoError(t, s.Delete("old"))
	for form, id := range old {
		require.Equal(t, 404, status(id), form)
	}
	require.NoError(t, s.CreatePoint(PointSpec{Name: "old"}))
	for form, want := range map[string]int{"Full": 404, "IDOnly": 404, "PathOnly": 202} {
		require.Equal(t, want, status(old[form]), form)
	}

	other := newServer(t, Config{ServerID: "00000000-0000-0000-0000-000000000001", ServerName: "OTHER"}, PointSpec{Name: "old"})
	for _, id := range forms(`\\PISRV01\old`) {
		require.Equal(t, 404, call(t, other, "POST", "streams/"+id+"/value", timed(0, "1")).status)
	}
	require.ErrorIs(t, s.Rename("none", "x"), ErrNoPoint)
	require.ErrorIs(t, s.Delete("none"), ErrNoPoint)
	require.NoError(t, s.CreatePoint(PointSpec{Name: "third"}))
	require.Error(t, s.Rename("third", "OLD"))
	require.NoError(t, s.Rename("third", "THIRD"))
}
