package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A run is a run of a host with a script in place of the guest.
type hostRun struct {
	host
	stdout, stderr output
	tmp            string
}

// newRun returns a run of the real telegraf-ipvs.
func newRun(t *testing.T, guest string) *hostRun {
	t.Helper()
	r := &hostRun{tmp: t.TempDir()}
	r.host = host{program: product(t), guest: []string{script(t, guest)}, limit: time.Minute, stdout: &r.stdout, stderr: &r.stderr}
	t.Setenv("TMPDIR", r.tmp)
	return r
}

// check requires that the run has left nothing behind.
func (r *hostRun) check(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(r.tmp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// goodGuest returns a script that prints what a guest would: two gathers of every
// server, tables, and what was counted.
func goodGuest(t *testing.T) (text string, lines, counted string) {
	t.Helper()
	seen, sockets := example()
	var b strings.Builder
	now := time.Now().Add(-time.Second)
	for gather := range 2 {
		for _, n := range names() {
			head := "ipvs_virtual_server,address_family=inet," + tags(n.virtual, "", n.protocol)
			if n.real != "" {
				head = "ipvs_real_server,address_family=inet," + tags(n.real, "", "") + "," + tags(n.virtual, "virtual_", n.protocol)
			}
			fmt.Fprintf(&b, "%s ", head)
			for _, f := range counterFields {
				fmt.Fprintf(&b, "%s=%di,", f, seen[n].fields[f]*int64(gather))
			}
			fmt.Fprintf(&b, "text=\"a b\",share=0.5,up=true %d\n", now.Add(time.Duration(gather)*time.Second).UnixNano())
		}
	}
	var c strings.Builder
	writeCounted(&c, sockets, tcpEvents{})
	dir := t.TempDir()
	for file, content := range map[string]string{"lines": b.String(), "counted": c.String()} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
	}
	return "cat " + dir + "/lines; echo; echo the guest\\'s tables; cat " + dir + "/counted >&2\n", dir + "/lines", dir + "/counted"
}

func tags(address, prefix, protocol string) string {
	host, port, _ := net.SplitHostPort(address)
	text := prefix + "address=" + host + "," + prefix + "port=" + port
	if protocol != "" {
		text += "," + prefix + "protocol=" + protocol
	}
	return text
}

func TestHostAgrees(t *testing.T) {
	guest, _, _ := goodGuest(t)
	r := newRun(t, guest)
	require.NoError(t, r.run(t.Context()), r.stderr.String())
	out := r.stdout.String()
	require.Contains(t, out, "\n\nthe guest's tables\n")
	require.Regexp(t, `LB\.lb01\.ipvs\.rs\.tcp_10\.1\.0\.1_80\.10\.1\.0\.13_8080\.bytes_out +Float64 +bytes +2 +31272 +20`, out)
	require.Regexp(t, `LB\.lb01\.ipvs\.vs\.udp_10\.1\.0\.1_53\.connections +Float64 +conns +2 +0 +20`, out)
	require.Regexp(t, `LB\.lb01\.ipvs\.vs\.udp_10\.1\.0\.1_53\.text +String +2 +a b +20`, out)
	require.Regexp(t, `tcp 10\.1\.0\.1:80 +connections +6 +6 +equal`, out)
	require.Contains(t, out, "All 80 values that were sent are in the 40 points")
	require.Contains(t, out, "Everything agrees: PI holds what the clients counted.\n")
	r.check(t)
}

func TestHostNamesWhatDiffers(t *testing.T) {
	guest, _, counted := goodGuest(t)
	content, err := os.ReadFile(counted)
	require.NoError(t, err)
	changed := strings.Replace(string(content), "connections 6,", "connections 7,", 1)
	require.NotEqual(t, string(content), changed)
	require.NoError(t, os.WriteFile(counted, []byte(changed), 0o600))
	r := newRun(t, guest)
	require.ErrorIs(t, r.run(t.Context()), errDiffer)
	require.Regexp(t, `tcp 10\.1\.0\.1:80 +connections +6 +7 +DIFFERENT by -1`, r.stdout.String())
	require.NotContains(t, r.stdout.String(), "Everything agrees")
	r.check(t)
}

func TestHostWithAGuestThatFails(t *testing.T) {
	good, lines, _ := goodGuest(t)
	for _, test := range []struct {
		name, guest, want string
	}{
		{"at once", "exit 125\n", "the command that makes metrics: exit status 125"},
		{"in the end", good + "exit 1\n", "the command that makes metrics: exit status 1"},
		{"halfway", "cat " + lines + "; kill -9 $$\n", "signal: killed"},
		{"without counts", "cat " + lines + "\n", "did not say what was counted on sockets"},
		{"with some counts", "cat " + lines + "; echo '# counted TCP: sent again 0, resets 0' >&2\n", "counted for tcp 10.1.0.1:80"},
		{"with senseless counts", "echo '# counted sheep' >&2; exec sleep 60\n", "does not say what was counted"},
		{"with senseless metrics", "echo 'E! broken'; exec sleep 60\n", "is no line protocol"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRun(t, test.guest)
			err := r.run(t.Context())
			require.ErrorContains(t, err, test.want)
			require.NotErrorIs(t, err, errDiffer)
			r.check(t)
		})
	}
	t.Run("that is not there", func(t *testing.T) {
		r := newRun(t, "")
		r.guest = []string{filepath.Join(r.tmp, "nothing")}
		require.ErrorIs(t, r.run(t.Context()), os.ErrNotExist)
		r.check(t)
	})
	t.Run("that takes too long", func(t *testing.T) {
		r := newRun(t, "exec sleep 60\n")
		r.limit = 100 * time.Millisecond
		require.ErrorContains(t, r.run(t.Context()), "it was still there after 100ms")
		r.check(t)
	})
}

func TestHostEndsItsChildrenInOrder(t *testing.T) {
	_, lines, _ := goodGuest(t)
	r := newRun(t, "trap 'echo the guest has ended >&2; exit 3' TERM; cat "+lines+"; echo ready >&2; while :; do sleep 0.05; done\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	require.Eventually(t, func() bool { return strings.Contains(r.stderr.String(), "ready") }, 20*time.Second, 10*time.Millisecond)
	cancel(interrupted{syscall.SIGINT})
	var by interrupted
	require.ErrorAs(t, <-ended, &by)
	told := r.stderr.String()
	require.Less(t, strings.Index(told, "the guest has ended"), strings.Index(told, "Closed its stdin after 10 lines; it has ended with exit code 0"))
	require.Contains(t, told, "the guest has ended")
	r.check(t)
}

func TestHostWithoutASimulation(t *testing.T) {
	t.Run("its address is taken", func(t *testing.T) {
		taken, err := net.Listen("tcp4", "127.0.0.1:0")
		require.NoError(t, err)
		defer taken.Close()
		r := newRun(t, "exit 0\n")
		r.listen = taken.Addr().String()
		require.ErrorContains(t, r.run(t.Context()), "pi simulate ended too early: exit status 1")
		require.Contains(t, r.stderr.String(), "address already in use")
		r.check(t)
	})
	t.Run("the program cannot do it", func(t *testing.T) {
		r := newRun(t, "exit 0\n")
		r.program = script(t, "exit 2\n")
		require.ErrorContains(t, r.run(t.Context()), "pi simulate ended too early: exit status 2")
		r.check(t)
	})
}

func TestHostWithAnOutputThatEnds(t *testing.T) {
	r := newRun(t, "exec sleep 60\n")
	r.program = script(t, "[ $1 = run ] && exit 4\nexec "+r.program+" \"$@\"\n")
	require.ErrorContains(t, r.run(t.Context()), "telegraf-ipvs with outputs.pi_webapi ended too early: exit status 4")
	r.check(t)
}
