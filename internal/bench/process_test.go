//go:build bench

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binaryVariable names the program to measure.
const binaryVariable = "TELEGRAF_IPVS"

// TestProcess prints what the whole program takes of processor and memory, run as
// Telegraf runs it, for tables of growing size.
func TestProcess(t *testing.T) {
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		t.Skipf("%s does not name the program to measure: run it by \"make bench\"", binaryVariable)
	}
	var b strings.Builder
	b.WriteString("\n| real servers | table | CPU per gather | per real server | memory (RSS) | highest |\n|---:|---|---:|---:|---:|---:|\n")
	for _, s := range []shape{{100, 10}, {1000, 10}, {1000, 100}, {10000, 10}} {
		fill(t, s)
		p := start(t, binary, s.services*(1+s.reals))
		for range 3 {
			p.gather(t) // the first ones make series and buffers
		}
		const gathers = 5
		before := p.cpu(t)
		for range gathers {
			p.gather(t)
		}
		each := (p.cpu(t) - before) / gathers
		n := s.services * s.reals
		fmt.Fprintf(&b, "| %d | %s | %.0f ms | %.1f µs | %.1f MB | %.1f MB |\n", n, s, ms(each),
			float64(each.Microseconds())/float64(n), p.memory(t, "VmRSS:"), p.memory(t, "VmHWM:"))
		p.stop(t)
	}
	fmt.Println(b.String())
}

// A process is the program as a child that reads ticks from its stdin.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	lines int // of one gather
}

func start(t testing.TB, binary string, lines int) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, "run"), lines: lines}
	p.cmd.Stderr = os.Stderr
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReaderSize(out, 64<<10)
	require.NoError(t, p.cmd.Start())
	watchdog := time.AfterFunc(10*time.Minute, func() { p.cmd.Process.Kill() })
	t.Cleanup(func() { watchdog.Stop() })
	return p
}

// gather makes the process gather once and reads what it writes.
func (p *process) gather(t testing.TB) {
	t.Helper()
	_, err := p.stdin.Write([]byte("\n"))
	require.NoError(t, err)
	for range p.lines {
		_, err := p.out.ReadSlice('\n')
		require.NoError(t, err)
	}
}

// cpu returns the processor time that the process has used.
func (p *process) cpu(t testing.TB) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	fields := strings.Fields(string(rest)) // from the third on, proc_pid_stat(5)
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(f, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory returns a line of /proc/PID/status in megabytes.
func (p *process) memory(t testing.TB, name string) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == name {
			kib, err := strconv.ParseFloat(f[1], 64)
			require.NoError(t, err)
			return kib * 1024 / 1e6
		}
	}
	t.Fatalf("no %s in /proc/PID/status", name)
	return 0
}

func (p *process) stop(t testing.TB) {
	t.Helper()
	require.NoError(t, p.stdin.Close())
	require.NoError(t, p.cmd.Wait())
}
