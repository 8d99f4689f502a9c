package piwebapitest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEverythingAtOnce is for the race detector.
func TestEverythingAtOnce(t *testing.T) {
	s := newServer(t, Config{
		KeepLog: true, Pages: true, BufferDelay: time.Nanosecond, RateLimit: -1, Now: time.Now, Store: t.TempDir() + "/store",
	}, PointSpec{Name: "a"}, PointSpec{Name: "m"})
	a, m := webID(t, s, "a"), webID(t, s, "m")
	jobs := []func(i int){
		func(i int) {
			call(t, s, "POST", "streamsets/recorded?updateOption=Insert", set(stream(a, timed(0, fmt.Sprint(i))), stream(m, timed(0, "1"))))
		},
		func(int) {
			call(t, s, "POST", "streamsets/recorded?updateOption=Insert&bufferOption=Buffer", set(stream(a, timed(0, "1"))))
		},
		func(i int) { _ = s.Rename([]string{"m", "n"}[i%2], []string{"n", "m"}[i%2]) },
		func(i int) {
			_ = s.CreatePoint(PointSpec{Name: "x"})
			_ = s.Delete("x")
		},
		func(int) { call(t, s, "PUT", "points/"+m+"/attributes/span", "5") },
		func(int) { call(t, s, "GET", "points/"+m+"/attributes", "") },
		func(int) { call(t, s, "GET", createPath(s), "") },
		func(int) { call(t, s, "GET", "streams/"+a+"/recorded", "") },
		func(int) { s.listPage("") },
		func(int) { s.stats() },
		func(i int) { s.SetFaults(func(string, int) Fault { return Fault{Kind: ShortList} }) },
		func(int) { s.Received("a") },
		func(i int) { _ = s.CreateDigitalSet(fmt.Sprint("set", i), "x") },
		func(int) {
			call(t, s, "GET", "dataservers/"+s.serverIdentity().webID("Full")+"/enumerationsets", "")
		},
	}
	const rounds = 40
	var wg sync.WaitGroup
	for _, job := range jobs {
		wg.Go(func() {
			for i := range rounds {
				job(i)
			}
		})
	}
	wg.Wait()
	s.flush(true)
	require.Len(t, s.Stored("a"), 2*rounds)
	require.Len(t, s.Received("a"), 2*rounds)
}
