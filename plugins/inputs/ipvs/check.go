package ipvs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"telegraf-ipvs/internal/ipvs"
)

// Check looks at everything that a gather needs and reports each thing once: what
// it is, how it stands, and an error that says how to mend it if it is not well.
func (in *Input) Check(ctx context.Context, report func(subject, state string, err error)) {
	report("kernel", kernelRelease(), nil)
	for _, c := range in.capabilities() {
		held, known := hasCapability(c.bit)
		switch {
		case !known:
			report("capability", c.name+" cannot be looked up here", nil)
		case held:
			report("capability", c.name+" is held", nil)
		default:
			report("capability", c.name+" is missing", errors.New(c.remedy))
		}
	}
	problems := in.discover()
	for _, err := range problems {
		report("namespace", "cannot be read", err)
	}
	if len(in.tables) == 0 && len(problems) == 0 {
		report("namespace", fmt.Sprintf("none is there now for %q", in.namespaces), nil)
	}
	for _, path := range sortedKeys(in.tables) {
		in.checkTable(ctx, path, report)
	}
}

// checkTable reports on one namespace.
func (in *Input) checkTable(ctx context.Context, path string, report func(subject, state string, err error)) {
	place := "this process's network namespace"
	if path != "" {
		place = "network namespace " + path
	}
	cfg := in.client
	cfg.Namespace = path
	client := ipvs.New(cfg)
	defer client.Close()

	info, err := client.Info(ctx)
	switch {
	case errors.Is(err, ipvs.ErrUnsupported):
		report("module", "ip_vs is not loaded", err)
		return
	case errors.Is(err, ipvs.ErrPermission):
		report("module", "ip_vs is loaded", nil)
		report("table", "of "+place+" cannot be read", err)
		return
	case err != nil:
		report("table", "of "+place+" cannot be read", err)
		return
	}
	v := info.Version
	report("module", fmt.Sprintf("ip_vs is loaded: IPVS %d.%d.%d, %d connection buckets",
		v>>16&0xff, v>>8&0xff, v&0xff, info.ConnTabSize), nil)

	var s ipvs.Snapshot
	var partial *ipvs.PartialError
	if err := client.Read(ctx, &s); errors.As(err, &partial) {
		report("table", "of "+place+" cannot be read whole", err)
	} else if err != nil {
		report("table", "of "+place+" cannot be read", err)
		return
	}
	state := fmt.Sprintf("%d virtual servers, %d real servers in %s", len(s.Services), s.NumDestinations(), place)
	if len(s.Services) == 0 && partial == nil {
		state += "; \"ipvsadm -Ln\" would list none either"
	}
	report("table", state, nil)

	if t, err := client.Timeouts(ctx); err == nil {
		report("timeouts", fmt.Sprintf("tcp %d s, tcp after FIN %d s, udp %d s", t.TCP, t.TCPFin, t.UDP), nil)
	}
	if daemons, err := client.Daemons(ctx); err == nil {
		for _, d := range daemons {
			report("sync", fmt.Sprintf("%s daemon on %s, sync id %d", d.State, d.Interface, d.SyncID), nil)
		}
	}
	if path == "" {
		in.checkEstimation(report)
	}
}

func (in *Input) checkEstimation(report func(subject, state string, err error)) {
	if in.frozen() {
		report("estimation", "off", errFrozen)
		return
	}
	report("estimation", "on: the kernel updates counters and rates every 2 s", nil)
}

// A capability is one that a configuration needs.
type capability struct {
	bit    uint
	name   string
	remedy string
}

// capabilities returns what the configured namespaces need.
func (in *Input) capabilities() []capability {
	need := []capability{{bit: 12, name: "CAP_NET_ADMIN", remedy: ipvs.ErrPermission.Error()}}
	for _, ns := range in.namespaces {
		if ns != ownNamespace {
			return append(need, capability{bit: 21, name: "CAP_SYS_ADMIN", remedy: "entering another network namespace needs the " +
				"capability CAP_SYS_ADMIN: run as root, or add it to AmbientCapabilities and CapabilityBoundingSet of the service"})
		}
	}
	return need
}

// hasCapability reports whether the process holds a capability, by its number in
// include/uapi/linux/capability.h, in its own user namespace.
func hasCapability(bit uint) (held, known bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false, false
	}
	for line := range strings.Lines(string(status)) {
		var mask uint64
		if n, _ := fmt.Sscanf(line, "CapEff: %x", &mask); n == 1 {
			return mask>>bit&1 == 1, true
		}
	}
	return false, false
}

func kernelRelease() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS + " " + runtime.GOARCH
	}
	return "Linux " + strings.TrimSpace(string(release)) + " " + runtime.GOARCH
}
