package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// diskVar names the folder of small disks, in a process whose mounts are its own.
const diskVar = "QUEUE_TEST_DISKS"

// TestFullDisk does all that a queue does on disks that have no room left. They are mounted in a process of their own,
// which is this test again.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(diskVar); dir != "" {
		for name, test := range map[string]func(*testing.T, string){
			"its own records": fillsDisk, "files of others": diskIsFull, "again and again": filledAndEmptied,
		} {
			t.Run(name, func(t *testing.T) { test(t, smallDisk(t, dir)) })
		}
		return
	}
	cmd := exec.CommandContext(within(t), os.Args[0], "-test.run", "^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), diskVar+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if id := os.Getuid(); id != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("mounts of a process of its own are not allowed here: run it as root")
	}
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

const (
	diskSize = 2 << 20
	tick     = 10 * time.Millisecond
)

// smallDisk mounts a disk below dir.
func smallDisk(t *testing.T, dir string) string {
	t.Helper()
	path, err := os.MkdirTemp(dir, "")
	require.NoError(t, err)
	require.NoError(t, syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(path, 0)) }) // when the queue is closed
	return path
}

// filler is the file of somebody else that takes all the room that is left.
func filler(t *testing.T, disk string) (path string) {
	t.Helper()
	path = filepath.Join(disk, "filler")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			return path
		}
	}
}

// fill appends records of 500 bytes, ten at a time, until there is no room, and returns how many it could.
func fill(t *testing.T, q *Queue, from int) (n int) {
	t.Helper()
	for {
		err := q.Append(within(t), bytesOf(numbered(from+n, from+n+9, 500)))
		if err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC, "it says what is missing")
			require.ErrorContains(t, err, "write to queue "+q.cfg.Dir)
			return n
		}
		n += 10
		require.Less(t, n, 2*diskSize/500)
	}
}

// fillsDisk: what was acknowledged stays, what was not is not there, and settling makes room.
func fillsDisk(t *testing.T, disk string) {
	cfg := Config{Dir: filepath.Join(disk, "queue")}
	q := openWell(t, cfg, small())
	n := fill(t, q, 1)
	require.Greater(t, n, diskSize/4/500, "a quarter of the disk at least")
	for range 3 {
		require.Zero(t, fill(t, q, n+1))
	}
	require.Equal(t, numbered(1, n, 500), contents(t, q))
	require.Equal(t, n, q.Stats().Records)

	all := records(t, q)
	for _, r := range all[:10] { // one after the other, as a server takes them
		require.NoError(t, q.Settle(within(t), Settlement{
			Done: []Range{{First: r.Seq, Last: r.Seq}}, Dead: []Letter{{Reason: "refused", Target: "t", Line: []byte("x")}},
		}))
	}
	settle(t, q, Range{First: all[10].Seq, Last: all[n/2-1].Seq})
	require.Equal(t, numbered(n/2+1, n, 500), contents(t, q))
	more := fill(t, q, n+1)
	require.Greater(t, more, n/4, "the room is used again")
	want := numbered(n/2+1, n+more, 500)
	require.Equal(t, want, contents(t, q))

	require.NoError(t, q.Close())
	q = openWell(t, cfg, small()) // on a disk that is full
	require.Equal(t, want, contents(t, q))
	require.Equal(t, 10, q.Stats().DeadLetters)
	settle(t, q, Range{First: 1, Last: all[n-1].Seq})
	require.Len(t, contents(t, q), more)
}

// diskIsFull: a queue that others left no room is opened and emptied all the same, and goes on when there is room again.
func diskIsFull(t *testing.T, disk string) {
	cfg := Config{Dir: filepath.Join(disk, "queue")}
	q := openWell(t, cfg, small())
	add(t, q, numbered(1, 500, 500)...)
	reserve := filepath.Join(cfg.Dir, reserveName)
	require.Eventually(t, func() bool {
		info, err := os.Stat(reserve)
		return err == nil && info.Size() == small().reserveBytes
	}, patience, tick)
	other := filler(t, disk)
	require.NoError(t, q.Close())

	q = openWell(t, cfg, small())
	require.Equal(t, numbered(1, 500, 500), contents(t, q))
	fill(t, q, 501) // a few may find room in the file
	for _, r := range records(t, q) {
		require.NoError(t, q.Settle(within(t), Settlement{Done: []Range{{First: r.Seq, Last: r.Seq}}}), "record %d", r.Seq)
	}
	require.Empty(t, contents(t, q))

	require.NoError(t, os.Remove(other))
	add(t, q, numbered(1, 500, 500)...)
	require.Eventually(t, func() bool {
		info, err := os.Stat(reserve)
		return err == nil && info.Size() == small().reserveBytes
	}, patience, tick, "there is a reserve again")

	empty := filepath.Join(disk, "other queue")
	filler(t, disk)
	_, err := Open(Config{Dir: empty})
	require.ErrorIs(t, err, syscall.ENOSPC, "no queue can be made")
	require.ErrorContains(t, err, empty)
}

// filledAndEmptied opens, fills and empties a queue at random, while the room of others comes and goes.
func filledAndEmptied(t *testing.T, disk string) {
	cfg := Config{Dir: filepath.Join(disk, "queue")}
	rnd := rand.New(rand.NewPCG(1, 2))
	var want []string
	q, other, next := openWell(t, cfg, small()), "", 1
	for range 300 {
		switch rnd.IntN(6) {
		case 0, 1:
			n := 1 + rnd.IntN(300)
			more := numbered(next, next+n-1, 100+rnd.IntN(900))
			next += n
			if err := q.Append(within(t), bytesOf(more)); err != nil {
				require.ErrorIs(t, err, syscall.ENOSPC)
			} else {
				want = append(want, more...)
			}
		case 2, 3:
			n := min(len(want), rnd.IntN(400))
			if n == 0 {
				continue
			}
			last := records(t, q)[n-1].Seq
			require.NoError(t, q.Settle(within(t), Settlement{Done: []Range{{First: 1, Last: last}}}))
			want = want[n:]
		case 4:
			if other == "" {
				other = filler(t, disk)
			} else {
				require.NoError(t, os.Remove(other))
				other = ""
			}
		case 5:
			require.NoError(t, q.Close())
			q = openWell(t, cfg, small())
		}
		require.Equal(t, len(want), q.Stats().Records)
		require.Equal(t, len(want), len(contents(t, q)))
	}
	if len(want) > 0 {
		require.Equal(t, want, contents(t, q))
	}
}
