package peertest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"telegraf-ipvs/internal/debian"
)

// release is the Debian release whose versions of the programs are known here.
const release = "bookworm"

// packages are the programs and the libraries that a small system may lack.
var packages = []string{
	"influxdb", "victoria-metrics", "collectd-core", "mosquitto", "mosquitto-clients", "nats-server",
	"libcap2", "libcjson1", "libcom-err2", "libdlt2", "libgcrypt20", "libgpg-error0", "libgssapi-krb5-2", "libk5crypto3",
	"libkeyutils1", "libkrb5-3", "libkrb5support0", "liblz4-1", "liblzma5", "libmosquitto1", "libnsl2", "libssl3",
	"libsystemd0", "libtirpc3", "libwrap0", "libzstd1",
}

// fetchLimit is how long getting the packages may take, of which there are 40 MB.
const fetchLimit = 4 * time.Minute

// treeName is the name of the unpacked packages in the cache, another one for each list of them.
func treeName(packages []string) string {
	return fmt.Sprintf("peers/%s-%.4x", release, sha256.Sum256([]byte(strings.Join(packages, " "))))
}

// tree returns the folder that the packages are unpacked in, or skips the test.
func tree(t testing.TB) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skipf("the servers to test against are programs for amd64, this machine is %s", runtime.GOARCH)
	}
	ctx, cancel := context.WithTimeout(t.Context(), fetchLimit)
	defer cancel()
	dir, err := debian.Cached(ctx, treeName(packages), func(ctx context.Context, work string) (string, error) {
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
