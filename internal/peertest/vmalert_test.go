package peertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/peertest"
)

func TestVMAlert(t *testing.T) {
	const rules = `{"groups": [{"name": "g", "rules": [{"alert": "Always", "expr": "vector(7) > %s", "labels": {"who": "me"}}]}]}`
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, rules, ""), 0o644))
	require.ErrorContains(t, peertest.CheckRules(t, file), "rules.yml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, rules, "6"), 0o644))
	require.NoError(t, peertest.CheckRules(t, file))

	got := make(chan string, 100)
	alertmanager := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var list []struct{ Labels map[string]string }
		if err := json.NewDecoder(r.Body).Decode(&list); err == nil && len(list) == 1 {
			select {
			case got <- r.Method + " " + r.URL.Path + " " + list[0].Labels["alertname"] + " " + list[0].Labels["who"]:
			default: // one is enough
			}
		}
	}))
	defer alertmanager.Close()
	p := peertest.VMAlert(t, peertest.VictoriaMetrics(t), file, alertmanager.URL, "-evaluationInterval=100ms")
	defer p.Stop() // before the server that it holds connections to
	select {
	case alert := <-got:
		require.Equal(t, "POST /api/v2/alerts Always me", alert)
	case <-time.After(30 * time.Second):
		require.Fail(t, "no alert")
	}
}
