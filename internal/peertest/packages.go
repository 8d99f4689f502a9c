package peertest

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"telegraf-ipvs/internal/debian"
)

// release is the Debian release whose versions of the programs are known here.
const release = "bookworm"

// packages are the programs and the libraries that a small system may lack.
var packages = []string{"influxdb", "victoria-metrics", "collectd-core", "libzstd1", "libcap2"}

// fetchLimit is how long getting the packages may take, of which there are 30 MB.
const fetchLimit = 4 * time.Minute

// tree returns the folder that the packages are unpacked in, or skips the test.
func tree(t testing.TB) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skipf("the servers to test against are programs for amd64, this machine is %s", runtime.GOARCH)
	}
	ctx, cancel := context.WithTimeout(t.Context(), fetchLimit)
	defer cancel()
	dir, err := debian.Cached(ctx, "peers/"+release, func(ctx context.Context, work string) (string, error) {
		return debian.Fetch(ctx, work, [][]string{{release}}, func(ctx context.Context, a *debian.Apt) (string, error) {
			return a.Unpack(ctx, packages...)
		})
	})
	switch {
	case err == nil:
	case mayLack(err, os.Getenv("CI") != ""):
		t.Skipf("no servers to test against: %v", err)
	default:
		t.Fatalf("get the servers to test against: %v", err)
	}
	return dir
}

// mayLack reports whether a machine that cannot get the packages because of err may leave the tests out. One for continuous
// integration has to have them, unless its system is another than Debian.
func mayLack(err error, continuous bool) bool {
	return !continuous || errors.Is(err, debian.ErrNoArchive) || errors.Is(err, debian.ErrNoTool)
}
