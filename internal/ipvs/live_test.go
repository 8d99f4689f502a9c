//go:build integration

package ipvs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	moby "github.com/moby/ipvs"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/ipvs/ipvstest"
	"telegraf-ipvs/internal/ipvs/livetest"
)

func readLive(t testing.TB, c *ipvs.Client) *ipvs.Snapshot {
	t.Helper()
	var s ipvs.Snapshot
	require.NoError(t, c.Read(context.Background(), &s))
	return &s
}

func newLive(t testing.TB, cfg ipvs.Config) *ipvs.Client {
	t.Helper()
	c := ipvs.New(cfg)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestLiveEveryKind(t *testing.T) {
	livetest.Require(t)
	livetest.Dummy(t, "10.1.0.1/24", "2001:db8::1/64")
	livetest.Script(t, livetest.EveryKind)

	c := newLive(t, ipvs.Config{})
	s := readLive(t, c)
	require.Equal(t, livetest.Oracle(t), rows(s))
	require.Len(t, s.Services, 9)
	requireProc(t, s)
	requireMoby(t, s)

	record(t, "every-kind", livetest.Oracle(t), livetest.EveryKind)

	for range 3 { // steady: the same again, into the same memory
		require.NoError(t, c.Read(context.Background(), s))
		require.Equal(t, livetest.Oracle(t), rows(s))
	}
	timeouts, err := c.Timeouts(context.Background())
	require.NoError(t, err)
	require.Equal(t, ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}, timeouts)
	info, err := c.Info(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 0x010201, info.Version)
	require.Contains(t, livetest.Run(t, "ipvsadm", "-L", "-n"), fmt.Sprintf("(size=%d)", info.ConnTabSize))
	require.Zero(t, c.Counters())
}

// requireProc compares with /proc/net/ip_vs, which knows weights and connections.
func requireProc(t *testing.T, s *ipvs.Snapshot) {
	t.Helper()
	b, err := os.ReadFile("/proc/net/ip_vs")
	require.NoError(t, err)
	count := map[string]int{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if f[0] == "->" && f[1] != "RemoteAddress:Port" {
			count["real"]++
			count["weight "+f[3]]++
		} else {
			count[f[0]]++
		}
	}
	want := map[string]int{"IP": 1, "Prot": 1, "->": 1}
	for i := range s.Services {
		svc := &s.Services[i]
		name := "FWM"
		if svc.FWMark == 0 {
			name = strings.ToUpper(svc.Protocol.String())
		}
		want[name]++
		for _, d := range s.Destinations(svc) {
			want["real"]++
			want[fmt.Sprint("weight ", d.Weight)]++
		}
	}
	require.Equal(t, want, count)
}

// requireMoby compares with moby/ipvs, which keeps 32 bits of most counters and
// 16 of the weight.
func requireMoby(t *testing.T, s *ipvs.Snapshot) {
	t.Helper()
	h, err := moby.New("")
	require.NoError(t, err)
	defer h.Close()
	services, err := h.GetServices()
	require.NoError(t, err)
	require.Len(t, services, len(s.Services))
	stats := func(s *ipvs.Stats) moby.SvcStats {
		return moby.SvcStats{
			Connections: uint32(s.Connections), PacketsIn: uint32(s.PacketsIn), PacketsOut: uint32(s.PacketsOut),
			BytesIn: s.BytesIn, BytesOut: s.BytesOut, CPS: uint32(s.CPS),
			PPSIn: uint32(s.PPSIn), PPSOut: uint32(s.PPSOut), BPSIn: uint32(s.BPSIn), BPSOut: uint32(s.BPSOut),
		}
	}
	byKey := map[string]*ipvs.Service{}
	for i := range s.Services {
		svc := &s.Services[i]
		byKey[fmt.Sprint(svc.Family, svc.Protocol, svc.Address, svc.Port, svc.FWMark)] = svc
	}
	for _, theirs := range services {
		address, _ := netip.AddrFromSlice(theirs.Address)
		ours := byKey[fmt.Sprint(ipvs.Family(theirs.AddressFamily), ipvs.Protocol(theirs.Protocol), address, theirs.Port, theirs.FWMark)]
		require.NotNil(t, ours, "%+v", theirs)
		require.Equal(t, theirs.SchedName, ours.Scheduler)
		require.Equal(t, theirs.Stats, stats(&ours.Stats))
		require.Equal(t, theirs.Timeout, ours.Timeout)
		dests, err := h.GetDestinations(theirs)
		require.NoError(t, err)
		got := s.Destinations(ours)
		require.Len(t, got, len(dests))
		for i, d := range dests { // both in the kernel's order
			address, _ := netip.AddrFromSlice(d.Address)
			require.Equal(t, netip.AddrPortFrom(address, d.Port).String(), got[i].DestinationKey.String())
			require.EqualValues(t, d.Weight, got[i].Weight&0xffff)
			require.EqualValues(t, d.ConnectionFlags&0x7, got[i].Forwarding)
			require.EqualValues(t, d.ActiveConnections, got[i].ActiveConnections)
			require.EqualValues(t, d.InactiveConnections, got[i].InactiveConnections)
			require.EqualValues(t, d.UpperThreshold, got[i].UpperThreshold)
			require.EqualValues(t, d.LowerThreshold, got[i].LowerThreshold)
			require.Equal(t, moby.DstStats(stats(&got[i].Stats)), d.Stats)
		}
	}
}

// record writes what the kernel says, and what ipvsadm says of it, to files that
// TestGolden reads. The folder is where a guest keeps what it is to hand over.
func record(t *testing.T, name string, oracle map[string]livetest.Row, how string) {
	t.Helper()
	folder := os.Getenv("GUEST_OUT")
	if folder == "" {
		folder = t.TempDir()
	}
	var rec ipvstest.Recorder
	c := newLive(t, ipvs.Config{Observe: rec.Observe})
	readLive(t, c)
	_, err := c.Info(context.Background())
	require.NoError(t, err)
	_, err = c.Timeouts(context.Background())
	require.NoError(t, err)
	_, err = c.Daemons(context.Background())
	require.NoError(t, err)
	rec.Golden.Comments = []string{
		"Linux " + strings.TrimSpace(readFile(t, "/proc/sys/kernel/osrelease")) + ", " + time.Now().UTC().Format(time.DateOnly),
	}
	for line := range strings.Lines(strings.TrimSpace(how)) {
		rec.Golden.Comments = append(rec.Golden.Comments, strings.TrimSpace(line))
	}
	f, err := os.Create(filepath.Join(folder, name+".txt"))
	require.NoError(t, err)
	require.NoError(t, rec.Golden.Write(f))
	require.NoError(t, f.Close())
	rows, err := json.MarshalIndent(oracle, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, name+oracleSuffix), append(rows, '\n'), 0o644))
	replay(t, f.Name(), true)
}

func TestLiveEmptyTable(t *testing.T) {
	livetest.Require(t)
	s := readLive(t, newLive(t, ipvs.Config{}))
	require.Empty(t, s.Services)
	require.Zero(t, s.NumDestinations())
}

func TestLiveSyncDaemons(t *testing.T) {
	livetest.Require(t)
	livetest.Dummy(t, "10.1.0.1/24")
	livetest.Script(t, `
ipvsadm --start-daemon master --mcast-interface live0 --syncid 7 --mcast-port 9000 --mcast-ttl 3 --mcast-group 224.0.0.99
ipvsadm --start-daemon backup --mcast-interface live0 --syncid 8
`)
	t.Cleanup(func() { livetest.Script(t, "ipvsadm --stop-daemon master\nipvsadm --stop-daemon backup") })
	daemons, err := newLive(t, ipvs.Config{}).Daemons(context.Background())
	require.NoError(t, err)
	require.Len(t, daemons, 2)
	require.Equal(t, ipvs.Daemon{
		State: ipvs.Master, Interface: "live0", SyncID: 7, MaxLength: daemons[0].MaxLength,
		Group: netip.MustParseAddr("224.0.0.99"), Port: 9000, TTL: 3,
	}, daemons[0])
	require.NotZero(t, daemons[0].MaxLength)
	require.Equal(t, ipvs.Backup, daemons[1].State)
	require.EqualValues(t, 8, daemons[1].SyncID)
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// TestLiveCapabilities runs itself as a user with and without CAP_NET_ADMIN.
func TestLiveCapabilities(t *testing.T) {
	const child = "IPVS_LIVE_CHILD"
	if os.Getenv(child) != "" {
		var s ipvs.Snapshot
		c := ipvs.New(ipvs.Config{})
		err := c.Read(context.Background(), &s)
		fmt.Printf("services=%d err=%v\n", len(s.Services), err)
		return
	}
	livetest.Require(t)
	livetest.Run(t, "ipvsadm", "-A", "-t", "10.1.0.1:80", "-s", "rr")
	for name, row := range map[string]struct {
		ambient []uintptr
		want    string
	}{
		"none":          {nil, ipvs.ErrPermission.Error()},
		"CAP_NET_RAW":   {[]uintptr{unix.CAP_NET_RAW}, ipvs.ErrPermission.Error()},
		"CAP_NET_ADMIN": {[]uintptr{unix.CAP_NET_ADMIN}, "services=1 err=<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestLiveCapabilities$")
			cmd.Env = append(os.Environ(), child+"=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
				AmbientCaps: row.ambient,
			}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), row.want)
		})
	}
}

func TestLiveNamespace(t *testing.T) {
	livetest.Require(t)
	livetest.Script(t, `
ipvsadm -A -t 10.1.0.1:80 -s rr
ip netns add live-blue
ip netns exec live-blue ipvsadm -A -t 10.9.9.9:90 -s rr
`)
	gone := false
	t.Cleanup(func() {
		if !gone {
			livetest.Run(t, "ip", "netns", "del", "live-blue")
		}
	})
	found, err := ipvs.FindNamespaces("live-*")
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "live-blue", found[0].Name)

	blue := newLive(t, ipvs.Config{Namespace: found[0].Path})
	own := newLive(t, ipvs.Config{})
	for range 3 {
		require.Equal(t, "tcp 10.9.9.9:90", readLive(t, blue).Services[0].ServiceKey.String())
		require.Equal(t, "tcp 10.1.0.1:80", readLive(t, own).Services[0].ServiceKey.String())
	}
	livetest.Run(t, "ip", "netns", "del", "live-blue")
	gone = true
	_, err = ipvs.FindNamespaces("live-blue")
	require.ErrorContains(t, err, "does not exist")
}

// TestLiveChurn changes the table as fast as it can while it is read.
// Services with even ports stay; those with odd ports come and go. A real server
// carries its service's number in its own port.
func TestLiveChurn(t *testing.T) {
	livetest.Require(t)
	const services, reals, reads = 120, 15, 60 // more than one datagram of either kind
	h, err := moby.New("")
	require.NoError(t, err)
	defer h.Close()
	service := func(i int) *moby.Service {
		return &moby.Service{AddressFamily: unix.AF_INET, Protocol: unix.IPPROTO_TCP, SchedName: "rr", Netmask: 0xffffffff,
			Address: net.IPv4(10, 2, 0, 1).To4(), Port: uint16(1000 + i)}
	}
	real := func(i, j int) *moby.Destination {
		return &moby.Destination{AddressFamily: unix.AF_INET, Address: net.IPv4(10, 3, 0, byte(1+j)).To4(), Port: uint16(1000 + i), Weight: 1}
	}
	add := func(i int) error {
		if err := h.NewService(service(i)); err != nil {
			return err
		}
		for j := range reals {
			if err := h.NewDestination(service(i), real(i, j)); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range services {
		require.NoError(t, add(i))
	}
	c := newLive(t, ipvs.Config{})
	readLive(t, c) // from now on it knows every service

	stop := make(chan struct{})
	var changes int
	var churn sync.WaitGroup
	churn.Go(func() {
		for i := 1; ; i = (i + 2) % services {
			select {
			case <-stop:
				return
			default:
			}
			if err := h.DelService(service(i)); err != nil {
				t.Errorf("delete: %v", err)
				return
			}
			if err := add(i); err != nil {
				t.Errorf("add: %v", err)
				return
			}
			changes++
		}
	})
	var s ipvs.Snapshot
	for range reads {
		require.NoError(t, c.Read(context.Background(), &s))
		seen := map[ipvs.ServiceKey]bool{}
		for i := range s.Services {
			svc := &s.Services[i]
			require.False(t, seen[svc.ServiceKey], "%s twice", svc.ServiceKey)
			seen[svc.ServiceKey] = true
			found := map[ipvs.DestinationKey]bool{}
			for _, d := range s.Destinations(svc) {
				require.Equal(t, svc.Port, d.Port, "a real server of another service")
				require.False(t, found[d.DestinationKey], "%s twice", d.DestinationKey)
				found[d.DestinationKey] = true
			}
			if svc.Port%2 == 0 {
				require.Len(t, found, reals, "%s", svc.ServiceKey)
			}
		}
		for i := 0; i < services; i += 2 {
			port := uint16(1000 + i)
			require.True(t, seen[ipvs.ServiceKey{Family: ipvs.IPv4, Protocol: ipvs.TCP, Address: netip.MustParseAddr("10.2.0.1"), Port: port}],
				"service on port %d was passed over", port)
		}
	}
	close(stop)
	churn.Wait()
	t.Logf("%d reads during %d changes: %+v", reads, changes, c.Counters())
	require.Positive(t, changes)
}

// TestLiveTraffic sends HTTP requests through IPVS and compares what the kernel
// counted with what the clients did, once it has stopped counting.
func TestLiveTraffic(t *testing.T) {
	livetest.Require(t)
	livetest.Dummy(t, "10.1.0.1/24")
	livetest.Script(t, "ipvsadm -A -t 10.1.0.1:80 -s wrr")
	accepted := map[string]*atomic.Int64{}
	for weight := 1; weight <= 3; weight++ {
		address := fmt.Sprintf("10.1.0.1:%d", 8080+weight)
		n := new(atomic.Int64)
		accepted[address] = n
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		server := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Write(make([]byte, 100*weight))
			}),
			ConnState: func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					n.Add(1)
				}
			},
		}
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
		livetest.Run(t, "ipvsadm", "-a", "-t", "10.1.0.1:80", "-r", address, "-m", "-w", strconv.Itoa(weight))
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	const requests = 90
	var payload int64
	for range requests {
		resp, err := client.Get("http://10.1.0.1/")
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		resp.Body.Close()
		payload += n
	}

	// The kernel adds up its counters every two seconds.
	c := newLive(t, ipvs.Config{})
	var s *ipvs.Snapshot
	require.Eventually(t, func() bool {
		s = readLive(t, c)
		var connections, bytes uint64
		for _, d := range s.Destinations(&s.Services[0]) { // added up at moments of their own
			connections, bytes = connections+d.Stats.Connections, bytes+d.Stats.BytesOut
		}
		service := &s.Services[0].Stats
		return service.Connections == requests && connections == requests && bytes == service.BytesOut
	}, 10*time.Second, 100*time.Millisecond)
	// A frozen estimator keeps rates from falling between our look and the oracle's.
	estimate(t, "0")
	t.Cleanup(func() { estimate(t, "1") })
	s = readLive(t, c)
	oracle := livetest.Oracle(t)
	require.Equal(t, oracle, rows(s))
	requireMoby(t, s)
	record(t, "traffic", oracle, fmt.Sprintf("%d HTTP requests through 10.1.0.1:80", requests))

	service := s.Services[0].Stats
	require.EqualValues(t, requests, service.Connections)
	require.Greater(t, int64(service.BytesOut), payload)
	require.Positive(t, service.CPS)
	var sum uint64
	for _, d := range s.Destinations(&s.Services[0]) {
		require.EqualValues(t, accepted[d.DestinationKey.String()].Load(), d.Stats.Connections, d.DestinationKey)
		require.EqualValues(t, requests/6*int(d.Weight), d.Stats.Connections)
		sum += d.Stats.BytesOut
	}
	require.Equal(t, service.BytesOut, sum)
}

// TestLiveModuleComesAndGoes unloads IPVS under a client and loads it again. It
// is the last test because moby/ipvs, the oracle, never asks for the family's
// number again.
func TestLiveModuleComesAndGoes(t *testing.T) {
	livetest.Require(t)
	c := newLive(t, ipvs.Config{})
	livetest.Run(t, "ipvsadm", "-A", "-t", "10.1.0.1:80", "-s", "rr")
	require.Len(t, readLive(t, c).Services, 1)

	livetest.Unload(t)
	var s ipvs.Snapshot
	for range 2 {
		require.ErrorIs(t, c.Read(context.Background(), &s), ipvs.ErrUnsupported)
		require.NoFileExists(t, "/proc/net/ip_vs", "asking must not load the module")
	}
	livetest.Run(t, "modprobe", "ip_vs")
	livetest.Run(t, "ipvsadm", "-A", "-t", "10.1.0.2:80", "-s", "rr")
	require.Equal(t, "tcp 10.1.0.2:80", readLive(t, c).Services[0].ServiceKey.String())
}

// estimate switches the kernel's estimator.
func estimate(t testing.TB, on string) {
	t.Helper()
	require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/vs/run_estimation", []byte(on), 0))
}
