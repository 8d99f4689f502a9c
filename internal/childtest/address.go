package childtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports below those that kernels give to outgoing connections and to listeners at port 0, by default 32768 and up
// (Linux, Documentation/networking/ip-sysctl.rst, ip_local_port_range), and above those of well-known services.
const firstPort, lastPort = 12000, 32767

// tries is how many ports are looked at; most are free.
const tries = 1000

// Address returns an address on loopback for a child to listen at, or for nobody to. Nobody listens at its port, whatever
// the address, and no other test on this machine is given it until this one has ended, though nothing listens there yet.
func Address(t testing.TB) string {
	t.Helper()
	for range tries {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if release, ok := claim(port); ok {
			t.Cleanup(release)
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
	}
	t.Fatalf("none of %d ports is free", tries)
	return ""
}

// claim takes a port that nobody listens at and that nobody has claimed.
func claim(port int) (release func(), ok bool) {
	// A name in the abstract space ends with its process, and is known as far as a network namespace reaches: so are ports.
	mark, err := net.Listen("unix", fmt.Sprintf("@telegraf-ipvs-test-port-%d", port))
	if err != nil {
		return nil, false
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		mark.Close()
		return nil, false
	}
	l.Close()
	return func() { mark.Close() }, true
}
