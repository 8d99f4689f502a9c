package queue

import (
	"bufio"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLockedHere(t *testing.T) {
	dir := t.TempDir()
	openWell(t, Config{Dir: dir}, small())
	_, err := Open(Config{Dir: dir})
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, dir, locked.Dir)
	require.Equal(t, os.Getpid(), locked.PID)
	require.Contains(t, locked.Command, os.Args[0])
}

func holdChild() error {
	q, err := Open(Config{Dir: os.Getenv("QUEUE_TEST_DIR")})
	if err != nil {
		return err
	}
	defer q.Close()
	os.Stdout.WriteString("open\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return nil
}

func TestLockedElsewhere(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "an argument")
	cmd.Env = append(os.Environ(), roleVar+"=hold", "QUEUE_TEST_DIR="+dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open\n", line)

	_, err = Open(Config{Dir: dir})
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, cmd.Process.Pid, locked.PID)
	require.Contains(t, locked.Command, "an argument")
	require.ErrorContains(t, err, locked.Command)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	openWell(t, Config{Dir: dir}, small()) // whatever the text in the file says
}

func TestLockWithoutText(t *testing.T) {
	dir := t.TempDir()
	q := openWell(t, Config{Dir: dir}, small())
	require.NoError(t, os.Truncate(q.lock.Name(), 0))
	_, err := Open(Config{Dir: dir})
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Zero(t, locked.PID)
	require.ErrorContains(t, err, "another process")
}
