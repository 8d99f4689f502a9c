package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The modules of a guest, as patterns of their names. A pattern that a kernel has nothing for is no fault:
// kernels differ in what is built in and in what they still have.
var (
	// portModules make the port to the host work.
	portModules = []string{"virtio_pci", "virtio_console"}

	// usualModules are loaded before the program unless -load says otherwise.
	usualModules = []string{
		"ip_vs", "ip_vs_[^f]*", "ip_vs_fo", "dummy",
		"ipip", "ip_gre", "sit", "ip6_tunnel", "fou", "fou6",
	}

	// spareModules lie ready for modprobe and for the kernel's own requests.
	spareModules = []string{
		"ip_vs*", "nf_conntrack", "nf_conntrack_netlink", "nf_nat", "nf_defrag_ipv[46]",
		"dummy", "veth", "ifb", "tunnel[46]", "ipip", "ip_gre", "ip6_gre", "sit", "ip6_tunnel", "fou", "fou6",
		"ip_tables", "ip6_tables", "iptable_*", "ip6table_*", "nf_tables", "nft_compat", "nft_ct", "nft_nat", "nft_chain_nat",
		"xt_mark", "xt_connmark", "xt_tcpudp", "xt_multiport", "xt_conntrack", "xt_ipvs", "xt_addrtype", "xt_nat", "xt_MASQUERADE",
		"inet_diag", "tcp_diag", "udp_diag", "virtio_rng",
	}
)

// A moduleIndex knows the modules of one kernel, from the modules.dep that depmod(8) made of them.
type moduleIndex struct {
	dir  string              // the folder that holds modules.dep
	path map[string]string   // module name to path below dir
	deps map[string][]string // path to the paths it needs
}

func openModules(dir string) (*moduleIndex, error) {
	f, err := os.Open(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x, err := parseModulesDep(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	x.dir = dir
	return x, nil
}

// parseModulesDep reads lines of the form "kernel/a/x.ko: kernel/b/y.ko kernel/c/z.ko".
func parseModulesDep(r io.Reader) (*moduleIndex, error) {
	x := &moduleIndex{path: map[string]string{}, deps: map[string][]string{}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		file, needs, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			return nil, fmt.Errorf("no colon in %q", lines.Text())
		}
		x.path[moduleName(file)] = file
		x.deps[file] = strings.Fields(needs)
	}
	return x, lines.Err()
}

// match returns the names of the modules that fit one of the patterns, sorted within each pattern.
func (x *moduleIndex) match(patterns ...string) []string {
	var names []string
	for _, pattern := range patterns {
		var found []string
		for name := range x.path {
			if ok, _ := path.Match(pattern, name); ok && !slices.Contains(names, name) {
				found = append(found, name)
			}
		}
		slices.Sort(found)
		names = append(names, found...)
	}
	return names
}

// closure returns the paths of the named modules and of all that they need, every module after those it needs.
func (x *moduleIndex) closure(names ...string) ([]string, error) {
	var (
		order []string
		seen  = map[string]bool{}
		visit func(string) error
	)
	visit = func(file string) error {
		if seen[file] {
			return nil
		}
		seen[file] = true
		needs, ok := x.deps[file]
		if !ok {
			return fmt.Errorf("module %s is missing", file)
		}
		for _, need := range needs {
			if err := visit(need); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		order = append(order, file)
		return nil
	}
	for _, name := range names {
		file, ok := x.path[moduleName(name)]
		if !ok {
			return nil, fmt.Errorf("this kernel has no module %s", name)
		}
		if err := visit(file); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// moduleName is the name the kernel knows a module file by, which has no dashes.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
