package ipvs

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/ipvs/ipvstest"
)

// A report is one call of Check's callback.
type report struct {
	state string
	err   error
}

// checked runs Check and returns what it reports, the last of each subject.
func checked(t *testing.T, in *Input) map[string]report {
	t.Helper()
	all := map[string]report{}
	in.Check(t.Context(), func(subject, state string, err error) {
		require.NotEmpty(t, subject)
		require.NotEmpty(t, state)
		if all[subject].err == nil { // a fault is not to be covered up
			all[subject] = report{state, err}
		}
	})
	return all
}

func TestCheck(t *testing.T) {
	k := ipvstest.New(t, everyKind()...)
	k.Edit(func(table *ipvstest.Table) {
		table.Daemons = []ipvs.Daemon{{State: ipvs.Master, Interface: "eth0", SyncID: 7}}
	})
	in := newInput(t, k, Config{})
	got := checked(t, in)
	require.Contains(t, got["kernel"].state, "Linux ")
	require.Equal(t, report{"ip_vs is loaded: IPVS 1.2.1, 4096 connection buckets", nil}, got["module"])
	require.Equal(t, report{"9 virtual servers, 13 real servers in this process's network namespace", nil}, got["table"])
	require.Equal(t, report{"tcp 900 s, tcp after FIN 120 s, udp 300 s", nil}, got["timeouts"])
	require.Equal(t, report{"master daemon on eth0, sync id 7", nil}, got["sync"])
	require.NoError(t, got["estimation"].err)

	require.NoError(t, os.WriteFile(in.estimation, []byte("0\n"), 0o644))
	require.ErrorContains(t, checked(t, in)["estimation"].err, "sysctl -w net.ipv4.vs.run_estimation=1")

	k.Edit(func(table *ipvstest.Table) { table.Services = nil })
	require.Contains(t, checked(t, in)["table"].state, `0 virtual servers, 0 real servers in this process's network namespace; "ipvsadm -Ln"`)
}

func TestCheckFaults(t *testing.T) {
	t.Run("no module", func(t *testing.T) {
		k := ipvstest.New(t)
		k.LoadModule(false)
		got := checked(t, newInput(t, k, Config{}))
		require.Equal(t, report{"ip_vs is not loaded", ipvs.ErrUnsupported}, got["module"])
		require.NotContains(t, got, "table")
	})
	refuse := func(command uint8, errno syscall.Errno) map[string]report {
		k := ipvstest.New(t, everyKind()...)
		k.Hook(func(r ipvstest.Request) ipvstest.Fault {
			if r.Type != 0x10 && r.Command == command {
				return ipvstest.Fault{Refuse: errno}
			}
			return ipvstest.Fault{}
		})
		return checked(t, newInput(t, k, Config{}))
	}
	t.Run("no permission", func(t *testing.T) {
		got := refuse(ipvstest.GetInfo, syscall.EPERM)
		require.Equal(t, report{"ip_vs is loaded", nil}, got["module"])
		require.ErrorIs(t, got["table"].err, ipvs.ErrPermission)
	})
	t.Run("no list", func(t *testing.T) {
		got := refuse(ipvstest.GetService, syscall.EIO)
		require.Equal(t, "of this process's network namespace cannot be read", got["table"].state)
		require.ErrorIs(t, got["table"].err, syscall.EIO)
	})
	t.Run("half a list", func(t *testing.T) {
		got := refuse(ipvstest.GetDest, syscall.EIO)
		require.Equal(t, "of this process's network namespace cannot be read whole", got["table"].state)
		require.ErrorIs(t, got["table"].err, syscall.EIO)
	})
	t.Run("unknown namespace", func(t *testing.T) {
		got := checked(t, newInput(t, nil, Config{Namespaces: []string{"no-such-namespace"}}))
		require.ErrorContains(t, got["namespace"].err, "does not exist")
		require.NotContains(t, got, "table")
	})
	t.Run("wildcard without match", func(t *testing.T) {
		got := checked(t, newInput(t, nil, Config{Namespaces: []string{"no-such-*"}}))
		require.Equal(t, report{`none is there now for ["no-such-*"]`, nil}, got["namespace"])
	})
}

func TestCapabilities(t *testing.T) {
	names := func(namespaces ...string) string {
		var all []string
		for _, c := range newInput(t, nil, Config{Namespaces: namespaces}).capabilities() {
			require.Contains(t, c.remedy, c.name)
			all = append(all, c.name)
		}
		return strings.Join(all, " ")
	}
	require.Equal(t, "CAP_NET_ADMIN", names("self"))
	require.Equal(t, "CAP_NET_ADMIN CAP_SYS_ADMIN", names("self", "blue"))
	_, known := hasCapability(12)
	require.True(t, known)
	held, _ := hasCapability(63)
	require.False(t, held, "there is no such capability")
}
