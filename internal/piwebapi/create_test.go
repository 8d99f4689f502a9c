package piwebapi

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/piwebapi/piwebapitest"
)

func TestCreate(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{})
	var mu sync.Mutex
	made := map[string]error{}
	d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", CreatePoints: true, OnCreate: func(path string, err error) {
		mu.Lock()
		defer mu.Unlock()
		made[path] = err
	}})
	target := point("new", Float64)
	require.NoError(t, d.Resolve(t.Context(), []*Target{target}))
	require.Equal(t, StateReady, target.State)
	require.Equal(t, map[string]error{`\\PISRV01\new`: nil}, made)
	info, ok := server.Point("new")
	require.True(t, ok)
	require.Equal(t, "Float64", info.Type)
	require.Equal(t, "conns", info.Units)
	require.True(t, info.Step)
	item, err := client.Item(t.Context(), target.Path)
	require.NoError(t, err)
	require.Equal(t, "of a test", item.Descriptor)
	require.Equal(t, target.WebID, item.WebID)
	require.EqualValues(t, 1, d.Stats().Created)
}

func TestCreateRace(t *testing.T) {
	for _, status := range []int{http.StatusConflict, http.StatusBadRequest} {
		server, client := newDouble(t, piwebapitest.Config{DuplicateStatus: status})
		var all sync.WaitGroup
		const directors = 8
		targets := make([]*Target, directors)
		for i := range directors {
			d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", CreatePoints: true})
			targets[i] = point("raced", Int32)
			all.Go(func() { require.NoError(t, d.Resolve(t.Context(), []*Target{targets[i]})) })
		}
		all.Wait()
		for _, target := range targets {
			require.Equal(t, StateReady, target.State, target.Detail)
			require.Equal(t, Int32, target.Type)
		}
		require.Len(t, server.Points(), 1)
	}
}

func TestLicence(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{LicenceLimit: 1})
	require.NoError(t, server.CreatePoint(piwebapitest.PointSpec{Name: "there"}))
	now := time.Now()
	d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", CreatePoints: true, Now: func() time.Time { return now }})
	there, refused := point("there", Float64), point("refused", Float64)
	require.NoError(t, d.Resolve(t.Context(), []*Target{there, refused}))
	require.Equal(t, StateReady, there.State, "it stops nothing else")
	require.Equal(t, StateAbsent, refused.State)
	require.Contains(t, d.Stats().CreationStopped, "licence")

	creations := func() uint64 { return server.Requests()["POST dataservers/{webId}/points"][500] }
	before := creations()
	require.NotZero(t, before)
	other := point("other", Float64)
	require.NoError(t, d.Resolve(t.Context(), []*Target{other}))
	require.Equal(t, before, creations(), "it is not tried again")
	require.Contains(t, other.Detail, "licence")
	now = now.Add(creationBreak)
	d.Forget(other)
	require.NoError(t, d.Resolve(t.Context(), []*Target{other}))
	require.Equal(t, before+1, creations(), "but for once in a while")
}

// newPoints returns points that do not exist.
func newPoints(n int) []*Target {
	list := make([]*Target, n)
	for i := range list {
		list[i] = point(fmt.Sprintf("new%d", i), Float64)
	}
	return list
}

// TestCreateOnABusyServer makes points on a server that often refuses or resets: all come to be, with all their attributes.
func TestCreateOnABusyServer(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{})
	d := NewDirectory(DirectoryConfig{
		Client: client, DataServer: "PISRV01", CreatePoints: true, RateLimitPause: time.Millisecond,
		OnWarn: func(path, warning string) { t.Errorf("%s: %s", path, warning) },
	})
	rnd := rand.New(rand.NewPCG(3, 4))
	server.SetFaults(func(call string, _ int) piwebapitest.Fault {
		faults := []piwebapitest.Fault{{Kind: piwebapitest.RateLimited}, {Kind: piwebapitest.Unavailable}}
		if call == "POST dataservers/{webId}/points" {
			faults = append(faults, piwebapitest.Fault{Kind: piwebapitest.Reset}, piwebapitest.Fault{Kind: piwebapitest.Reset, After: true})
		}
		if rnd.IntN(4) > 0 {
			return piwebapitest.Fault{}
		}
		return faults[rnd.IntN(len(faults))]
	})
	targets := newPoints(40)
	failures := 0
	for d.Resolve(t.Context(), targets) != nil {
		failures++
		require.Less(t, failures, 1000)
		for _, target := range targets {
			if target.State != StateReady { // as who sends to them does
				target.State = StateUnresolved
			}
		}
	}
	require.NotZero(t, failures)
	for _, target := range targets {
		require.Equal(t, StateReady, target.State)
		info, ok := server.Point(target.Path)
		require.True(t, ok)
		require.Equal(t, target.WebID, info.WebID)
		require.EqualValues(t, 0, info.Attributes["compdev"], target.Path)
		require.EqualValues(t, 1000, info.Attributes["span"], target.Path)
	}
	before := server.Requests()
	require.NoError(t, d.Resolve(t.Context(), targets))
	require.Equal(t, before, server.Requests(), "nothing is left to do")
}

// TestCreateWithinALimit makes points on a server that takes thirty requests in each window of time: one call makes them all.
func TestCreateWithinALimit(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{})
	var mu sync.Mutex
	begin, n := time.Now(), 0
	const window = 50 * time.Millisecond
	server.SetFaults(func(string, int) piwebapitest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(begin) >= window {
			begin, n = time.Now(), 0
		}
		if n++; n > 30 {
			return piwebapitest.Fault{Kind: piwebapitest.RateLimited}
		}
		return piwebapitest.Fault{}
	})
	d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", CreatePoints: true, RateLimitPause: window})
	targets := newPoints(100)
	require.NoError(t, d.Resolve(t.Context(), targets))
	for _, target := range targets {
		info, ok := server.Point(target.Path)
		require.True(t, ok)
		require.EqualValues(t, 1000, info.Attributes["span"], target.Path)
	}
	require.NotZero(t, server.FaultCounts()[piwebapitest.RateLimited])
	require.Less(t, server.FaultCounts()[piwebapitest.RateLimited], uint64(100), "it is left alone for a while")
}

// TestCreateStops begins with no further point once the server has failed.
func TestCreateStops(t *testing.T) {
	for _, kind := range []piwebapitest.FaultKind{piwebapitest.RateLimited, piwebapitest.Unavailable, piwebapitest.Unauthorized, piwebapitest.Reset} {
		server, client := newDouble(t, piwebapitest.Config{})
		tries := 0
		server.SetFaults(func(call string, _ int) piwebapitest.Fault {
			if call != "POST dataservers/{webId}/points" {
				return piwebapitest.Fault{}
			}
			tries++
			return piwebapitest.Fault{Kind: kind}
		})
		d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", CreatePoints: true})
		require.Error(t, d.Resolve(t.Context(), newPoints(100)))
		server.SetFaults(nil)
		require.LessOrEqual(t, tries, creators+1, "%s: those under way, and one that was about to be", kind)
		require.Empty(t, server.Points())
	}
}

// TestCreatorsAreFew has several deliveries make points at the same time.
func TestCreatorsAreFew(t *testing.T) {
	server, client := newDouble(t, piwebapitest.Config{})
	var mu sync.Mutex
	under, most := 0, 0
	inner := client.http.Transport
	client.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				under--
			}()
		}
		return inner.RoundTrip(r)
	})
	d := NewDirectory(DirectoryConfig{Client: client, DataServer: "PISRV01", CreatePoints: true})
	var all sync.WaitGroup
	targets := newPoints(80)
	for i := range 8 {
		all.Go(func() { require.NoError(t, d.Resolve(t.Context(), targets[10*i:10*i+10])) })
	}
	all.Wait()
	require.Len(t, server.Points(), 80)
	require.LessOrEqual(t, most, creators)
	require.Greater(t, most, 1)
}
