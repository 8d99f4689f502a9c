package peertest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const natsConfig = `
listen: "ADDRESS"
jetstream { store_dir: "FOLDER" }
`

// A NATS is a running nats-server.
type NATS struct {
	*Process
	URL     string // nats://HOST:PORT
	Address string // HOST:PORT
	Store   string // the folder FOLDER of its configuration
}

// NATSServer starts nats-server 2.9, with JetStream that keeps what it has in files. They survive [Process.Restart].
//
// A configuration may be given in place of the one that has no more than that. In it ADDRESS is where to listen, and
// FOLDER an empty folder.
func NATSServer(t testing.TB, config ...string) *NATS {
	t.Helper()
	s := new(NATS)
	begin(t, 1, func(root, dir string, addresses []string) *Process {
		s.Address, s.URL, s.Store = addresses[0], "nats://"+addresses[0], filepath.Join(dir, "store")
		text := strings.NewReplacer("ADDRESS", s.Address, "FOLDER", s.Store).Replace(cmp.Or(strings.Join(config, "\n"), natsConfig))
		file := filepath.Join(dir, "nats-server.conf")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s.Process = start(t, root, dir, "usr/sbin/nats-server", "-c", file)
		return s.Process
	}, func(ctx context.Context, addresses []string) error {
		// It listens when its streams are there, and speaks first.
		answer, err := greet(ctx, addresses[0], "")
		if err == nil && !strings.HasPrefix(answer, "INFO") {
			err = fmt.Errorf("no NATS server at %s: %.40q", addresses[0], answer)
		}
		return err
	})
	return s
}
