package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBridgeKill kills processes that listen and deliver at the same time. What was answered with success has to reach
// the receiver, which takes nothing now and then.
func TestBridgeKill(t *testing.T) {
	t.Parallel()
	for _, acknowledge := range []string{"stored", "handed_over"} {
		t.Run(acknowledge, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, rand.New(rand.NewPCG(uint64(os.Getpid()), 7)))
			receiver := httptest.NewServer(v.receiver(rand.New(rand.NewPCG(uint64(os.Getpid()), 8))))
			t.Cleanup(receiver.Close)
			queue := fmt.Sprintf("queue_path = %q", filepath.Join(v.dir, "queue"))
			if acknowledge == "handed_over" {
				queue = ""
			}
			require.NoError(t, os.WriteFile(filepath.Join(v.dir, "in.conf"), fmt.Appendf(nil, `
[[inputs.opentsdb]]
  http_address = %q
  acknowledge = %q
  %s
  [[inputs.opentsdb.listener]]
    address = %q
    account_id = 1
    check_uuid = %q
    check_name = "telnet"
[[outputs.opentsdb]]
  url = %q
  account_id = 1
  check_uuid = %q
  check_name = "bridge"
  queue_path = %q
  send_interval = "5ms"
`, v.http, acknowledge, queue, v.telnet, killUUID, receiver.URL, killUUID, filepath.Join(v.dir, "out")), 0o600))
			v.live(40)
		})
	}
}

// receiver is an IRONdb that keeps the points it is sent, and answers one request in ten with 503.
func (v *victim) receiver(rnd *rand.Rand) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		refuse := rnd.IntN(10) == 0
		mu.Unlock()
		var points []struct {
			Value int
			Tags  map[string]string
		}
		switch err := json.NewDecoder(r.Body).Decode(&points); {
		case err != nil:
			w.WriteHeader(http.StatusBadRequest) // the process was killed meanwhile
			return
		case refuse:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for _, p := range points {
			client, err := strconv.Atoi(p.Tags["client"])
			if err != nil || client < 0 || client >= len(v.clients) || !v.clients[client].knows(p.Value) {
				v.t.Errorf("never sent, or in a form that is refused: %+v", p)
				continue
			}
			v.out.mu.Lock()
			v.out.seen[[2]int{client, p.Value}]++
			v.out.lines++
			v.out.mu.Unlock()
		}
		_, _ = fmt.Fprintf(w, `{"records":%d,"updated":%[1]d,"misdirected":0,"errors":0}`, len(points)) // the process may be dead
	})
}
