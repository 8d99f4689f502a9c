package scenario

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHarness runs the program against the double as the scenarios do, through a kill too.
func TestHarness(t *testing.T) {
	pi := startPI(t, "n1.m.flow", "n1.m.state String")
	config := fmt.Sprintf(`
[[outputs.pi_webapi]]
  url = %q
  data_server = "PISRV1"
  auth = "basic"
  username = %q
  password_file = %q
  queue_path = %q
`, pi.url, pi.user, pi.passwordFile, filepath.Join(t.TempDir(), "queue"))
	at := time.Now().Add(-time.Minute).Truncate(time.Second).UTC()

	first := startOutput(t, config)
	first.write(fmt.Sprintf("m,host=n1 flow=1.5,state=\"on\" %d\n", at.UnixNano()))
	require.Equal(t, []value{{at, 1.5}}, pi.await(t, "n1.m.flow", 1))
	require.Equal(t, []value{{at, "on"}}, pi.await(t, "n1.m.state", 1))
	first.kill()

	second := startOutput(t, config)
	second.write(fmt.Sprintf("m,host=n1 flow=2.5 %d\n", at.Add(time.Second).UnixNano()))
	want := []value{{at, 1.5}, {at.Add(time.Second), 2.5}}
	require.Equal(t, want, pi.await(t, "n1.m.flow", 2))
	second.close()
	require.Equal(t, want, pi.values("n1.m.flow"))
	require.Empty(t, second.stderr())
	require.Empty(t, pi.values("n1.m.none"))
}
