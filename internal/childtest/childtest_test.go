package childtest_test

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
)

func TestStart(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ended, err := childtest.Start(cmd)
	require.NoError(t, err)
	require.True(t, cmd.SysProcAttr.Setpgid)
	require.NoError(t, cmd.Process.Kill())
	select {
	case <-ended:
		require.Equal(t, "signal: killed", cmd.ProcessState.String())
	case <-time.After(20 * time.Second):
		t.Fatal("its end is not told")
	}

	_, err = childtest.Start(exec.Command("/nowhere"))
	require.Error(t, err)
}
