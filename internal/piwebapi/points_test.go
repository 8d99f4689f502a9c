package piwebapi

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/piwebapi/piwebapitest"
)

// newDouble returns a client of a double.
func newDouble(t *testing.T, cfg piwebapitest.Config) (*piwebapitest.Server, *Client) {
	t.Helper()
	cfg.RateLimit = -1
	server, err := piwebapitest.New(cfg)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := New(Config{URL: listener.URL + "/piwebapi/", Transport: transport})
	require.NoError(t, err)
	return server, c
}

func point(name string, t PointType) *Target {
	return &Target{Path: `\\PISRV01\` + name, Create: &NewPoint{
		Name: name, PointClass: "base", PointType: t, EngineeringUnits: "conns", Step: true, Descriptor: "of a test",
		Attributes: []PointAttribute{{"compdev", 0.0}, {"span", 1000.0}},
	}}
}

func TestResolve(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{})
	require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: "There", Type: "Int32"}))
	now := time.Now()
	d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", Now: func() time.Time { return now }})
	there, absent := point("tHERE", Float64), point("absent", Float64)
	require.NoError(t, d.Resolve(t.Context(), []*Target{there, absent}))
	require.Equal(t, StateReady, there.State)
	require.Equal(t, Int32, there.Type, "the type is that of the point")
	require.NotEmpty(t, there.WebID)
	require.Equal(t, StateAbsent, absent.State)
	require.Contains(t, absent.Detail, "404")

	calls := func() uint64 {
		return server.Requests()["GET points/multiple"][207] + server.Requests()["GET points/multiple"][200]
	}
	before := calls()
	require.NoError(t, d.Resolve(t.Context(), []*Target{there, absent}))
	require.Equal(t, before, calls(), "both answers are remembered")
	now = now.Add(2 * time.Minute)
	require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: "absent", Type: "String"}))
	require.NoError(t, d.Resolve(t.Context(), []*Target{there, absent}))
	require.Equal(t, before+1, calls(), "an absent one not for long")
	require.Equal(t, StateReady, absent.State)
	require.Equal(t, String, absent.Type)

	d.Forget(there)
	require.NoError(t, d.Resolve(t.Context(), []*Target{there}))
	require.Equal(t, StateReady, there.State)
	require.Equal(t, DirectoryStats{Found: 3, Absent: 1}, d.Stats())
}

func TestResolveMany(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{})
	var list []*Target
	for range 1000 {
		list = append(list, point("some.rather.long.name.of.a.point.that.fills.the.query."+time.Now().Format(time.RFC3339Nano), Float64))
	}
	d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01"})
	require.NoError(t, d.Resolve(t.Context(), list))
	for _, target := range list {
		require.Equal(t, StateAbsent, target.State)
	}
	require.Less(t, server.Requests()["GET points/multiple"][207], uint64(50), "many by one request")
}

func TestResolveDown(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{})
	require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: "there"}))
	now := time.Now()
	d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", Now: func() time.Time { return now }})
	there := point("there", Float64)
	require.NoError(t, d.Resolve(t.Context(), []*Target{there}))
	server.SetFaults(func(string, int) piwebapitest.Fault { return piwebapitest.Fault{Kind: piwebapitest.Unavailable} })
	now = now.Add(25 * time.Hour)
	require.NoError(t, d.Resolve(t.Context(), []*Target{there}), "what was known goes on")
	require.Equal(t, StateReady, there.State)
	var status *StatusError
	require.ErrorAs(t, d.Resolve(t.Context(), []*Target{point("new", Float64)}), &status)
	require.Equal(t, http.StatusServiceUnavailable, status.Code)
}

func TestPathOnlyTargets(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{})
	require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: "straße", Type: "Float32"}))
	d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", PathOnly: true})
	plain, doubtful := point("SINUSOID", Float64), point("straße", Float64)
	require.NoError(t, d.Resolve(t.Context(), []*Target{plain, doubtful}))
	require.Equal(t, "P1DPUElTUlYwMVxTSU5VU09JRA", plain.WebID)
	require.Equal(t, StateReady, doubtful.State, "the server is asked where capitals are in doubt")
	require.Equal(t, Float32, doubtful.Type)
}
