package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulesDep = `kernel/net/netfilter/ipvs/ip_vs.ko: kernel/net/netfilter/nf_conntrack.ko kernel/net/ipv6/netfilter/nf_defrag_ipv6.ko kernel/lib/libcrc32c.ko
kernel/net/netfilter/ipvs/ip_vs_rr.ko: kernel/net/netfilter/ipvs/ip_vs.ko kernel/net/netfilter/nf_conntrack.ko
kernel/net/netfilter/ipvs/ip_vs_fo.ko: kernel/net/netfilter/ipvs/ip_vs.ko
kernel/net/netfilter/ipvs/ip_vs_ftp.ko: kernel/net/netfilter/ipvs/ip_vs.ko
kernel/net/netfilter/nf_conntrack.ko: kernel/lib/libcrc32c.ko
kernel/net/ipv6/netfilter/nf_defrag_ipv6.ko:
kernel/lib/libcrc32c.ko:
kernel/net/ipv4/tcp-bbr.ko.xz:
kernel/net/broken.ko: kernel/net/gone.ko
`

func testModules(t *testing.T) *moduleIndex {
	t.Helper()
	x, err := parseModulesDep(strings.NewReader(modulesDep))
	require.NoError(t, err)
	return x
}

func TestModulesClosure(t *testing.T) {
	x := testModules(t)
	tests := []struct {
		name  string
		names []string
		want  []string
		fails string
	}{
		{"nothing", nil, nil, ""},
		{"alone", []string{"libcrc32c"}, []string{"kernel/lib/libcrc32c.ko"}, ""},
		{"needs come first, each once", []string{"ip_vs_rr", "ip_vs"}, []string{
			"kernel/lib/libcrc32c.ko", "kernel/net/netfilter/nf_conntrack.ko", "kernel/net/ipv6/netfilter/nf_defrag_ipv6.ko",
			"kernel/net/netfilter/ipvs/ip_vs.ko", "kernel/net/netfilter/ipvs/ip_vs_rr.ko",
		}, ""},
		{"dashes and compression do not count", []string{"tcp_bbr", "tcp-bbr"}, []string{"kernel/net/ipv4/tcp-bbr.ko.xz"}, ""},
		{"unknown", []string{"ip_vs_no"}, nil, "no module ip_vs_no"},
		{"need is missing", []string{"broken"}, nil, "kernel/net/gone.ko is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := x.closure(tt.names...)
			if tt.fails != "" {
				require.ErrorContains(t, err, tt.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestModulesMatch(t *testing.T) {
	x := testModules(t)
	require.Equal(t, []string{"ip_vs", "ip_vs_rr", "ip_vs_fo"}, x.match(usualModules...))
	require.Equal(t, []string{"ip_vs", "ip_vs_fo", "ip_vs_ftp", "ip_vs_rr"}, x.match("ip_vs*", "ip_vs_rr"))
	require.Empty(t, x.match("nothing*"))
}

func TestModulesDepMalformed(t *testing.T) {
	_, err := parseModulesDep(strings.NewReader("kernel/a.ko kernel/b.ko\n"))
	require.ErrorContains(t, err, "no colon")
}
