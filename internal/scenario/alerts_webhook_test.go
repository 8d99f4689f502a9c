package scenario

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/telegraftest"
)

// An alert is a body that the webhook has got.
type alert struct {
	Text, Status, Condition, Host, Namespace, Service string

	Value   json.RawMessage
	Seconds int64
	Time    time.Time
}

// A webhook takes alerts, and refuses some on demand.
type webhook struct {
	url string

	mu       sync.Mutex
	status   int
	left     int // so many more requests get the status
	rejected int
	accepted []alert
}

func startWebhook(t *testing.T) *webhook {
	h := new(webhook)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		content, err := io.ReadAll(req.Body)
		if err != nil {
			return // a Telegraf that was ended meanwhile
		}
		var a alert
		body := json.NewDecoder(bytes.NewReader(content))
		body.DisallowUnknownFields()
		err = body.Decode(&a)
		if err != nil || body.More() || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
			t.Errorf("not what a webhook takes: %v, %s %v", err, req.Method, req.Header)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.left > 0 {
			h.left--
			h.rejected++
			w.WriteHeader(h.status)
			return
		}
		h.accepted = append(h.accepted, a)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL + "/hooks/ipvs"
	return h
}

// answer refuses the next n requests with a status.
func (h *webhook) answer(status, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.left = status, n
}

// refused returns how many requests have been refused.
func (h *webhook) refused() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rejected
}

// take returns what it has accepted since the last time.
func (h *webhook) take() []alert {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.accepted
	h.accepted = nil
	return list
}

// alertsUnderTelegraf runs the whole of telegraf.conf, with some gathers of a server that has too many connections.
func alertsUnderTelegraf(t *testing.T) {
	telegraftest.Binary(t)
	r := newAlertsRun(t)
	r.active[alertsWeb] = 5000
	r.now = time.Now().Add(-30 * time.Second).UTC()
	var lines string
	for range 2 {
		for _, m := range r.gather() {
			if m.Name() != "internal_agent" { // Telegraf makes those itself
				lines += m.Line()
			}
		}
		r.skip(10 * time.Second)
	}
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(database.Close)
	runTelegraf(t, text(t, "alerts", "telegraf.conf",
		`["/usr/bin/telegraf-ipvs", "--config", "/etc/telegraf-ipvs/ipvs.conf"]`, ipvsPlayer(t, lines),
		"/etc/telegraf-ipvs/alerts.star", path(t, "alerts", "alerts.star"),
		"/var/lib/telegraf/statefile", filepath.Join(t.TempDir(), "statefile"),
		"https://alerts.example.com/hooks/ipvs", r.hook.url,
		"http://influxdb.example.com:8086", database.URL,
		`interval = "10s"`, `interval = "1s"`))
	var list []alert
	eventually(t, func() bool { list = append(list, r.hook.take()...); return len(list) > 0 }, "an alert")
	require.Equal(t, alertsWeb+" on lb01 has 5000 active connections, more than 4000", list[0].Text)
	require.Equal(t, "firing", list[0].Status)
}
