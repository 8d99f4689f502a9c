package peertest

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"telegraf-ipvs/internal/childtest"
)

// VMAlert starts vmalert 1.79, which evaluates a file of rules over what a VictoriaMetrics server has, keeps its state there
// too, and posts alerts to an Alertmanager at a URL. Further flags may follow.
func VMAlert(t testing.TB, server *Server, rules, alertmanager string, flags ...string) *Process {
	t.Helper()
	root, dir, address := tree(t), t.TempDir(), childtest.Address(t)
	args := append([]string{
		"-rule=" + rules, "-datasource.url=" + server.api, "-remoteWrite.url=" + server.api, "-remoteRead.url=" + server.api,
		"-notifier.url=" + alertmanager, "-httpListenAddr=" + address, "-loggerLevel=WARN",
	}, flags...)
	p := start(t, root, dir, "usr/bin/vmalert", args...)
	err := p.await(t.Context(), func(ctx context.Context) error {
		if err := reachable(ctx, address); err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
		if err != nil {
			return err
		}
		req.Close = true // leaves no goroutine
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("health: %s", answer.Status)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("start vmalert: %v", err)
	}
	return p
}

// CheckRules has vmalert 1.79 look for mistakes in a file of rules, among them unknown keys. The error holds what it said.
func CheckRules(t testing.TB, rules string) error {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(tree(t), "usr/bin/vmalert"),
		"-dryRun", "-rule="+rules, "-loggerLevel=WARN").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, lastLine(out))
	}
	return nil
}
