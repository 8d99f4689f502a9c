package outlet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/httpauth"
)

func TestCheckQueue(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	full := filepath.Join(root, "full")
	require.NoError(t, os.Mkdir(full, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(full, "queue.db"), make([]byte, 3<<20), 0o600))
	closed := filepath.Join(root, "closed")
	require.NoError(t, os.Mkdir(closed, 0o555))
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o755)) // for nobody
	empty := t.TempDir()
	for _, test := range []struct {
		name, path    string
		privileged    bool // root sees something else
		subject, text string
		err           string
		disk          bool // is looked at as well
	}{
		{"empty", empty, false, "queue", empty + " can be written", "", true},
		{"with something in it", full, false, "queue", full + ` can be written and holds 3.0 MiB; "telegraf-ipvs queue status" shows more`, "", true},
		{"not there", filepath.Join(root, "a/b"), false, "queue", filepath.Join(root, "a/b") + " is not there yet and will be made", "", true},
		{"file", file, false, "queue", file + " is no directory", "remove that file", false},
		{"below a file", file + "/q", false, "queue", file + "/q cannot be looked at", "check the rights", false},
		{"not writable", closed, true, "queue", closed + " cannot be written", "give the directory to the user", false},
		{"below what is not writable", closed + "/q", true, "queue", closed + "/q is not there and cannot be made", closed + ": ", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t, func(c *Config[string, int64]) {
				c.Queue.QueuePath = test.path
				small := config.SizeOf(1 << 10)
				c.Queue.QueueMaxSize, c.Output.DeadLetterMaxSize = &small, &small
			})
			if test.privileged {
				defer asNobody(t)()
			}
			got := s.checkQueue()
			require.Equal(t, test.subject+": "+test.text, got[0].text)
			if test.err == "" {
				require.NoError(t, got[0].err)
			} else {
				require.ErrorContains(t, got[0].err, test.err)
			}
			if !test.disk {
				require.Len(t, got, 1)
				return
			}
			require.Len(t, got, 2)
			require.Regexp(t, `^disk: [\d.]+ .iB are free$`, got[1].text)
			require.NoError(t, got[1].err)
		})
	}
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, entries, 3, "nothing was made")
}

// asNobody lets this thread see files as a user without rights does, if it is root's, until the result is called.
func asNobody(t *testing.T) (end func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		return func() {}
	}
	runtime.LockOSThread()
	_, err := unix.SetfsuidRetUid(65534)
	require.NoError(t, err)
	return func() {
		if _, err := unix.SetfsuidRetUid(0); err == nil {
			runtime.UnlockOSThread() // else the thread ends with its goroutine
		}
	}
}

func TestCheckQueueOnASmallDisk(t *testing.T) {
	s := newShop(t, func(c *Config[string, int64]) {
		huge := config.SizeOf(1 << 50)
		c.Queue.QueueMaxSize = &huge
	})
	got := s.checkQueue()
	require.Len(t, got, 2)
	require.ErrorContains(t, got[1].err, "the queue may come to need 1048576.1 GiB more (queue_max_size and dead_letter_max_size)")
}

type reported struct {
	text string
	err  error
}

func (s *shop) checkQueue() (list []reported) {
	s.CheckQueue(func(subject, state string, err error) { list = append(list, reported{subject + ": " + state, err}) })
	return list
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 KiB", 1: "1 KiB", 1025: "2 KiB", 1 << 20: "1.0 MiB", 3 << 29: "1.5 GiB"} {
		require.Equal(t, want, bytesText(n))
	}
}

func TestRemedy(t *testing.T) {
	plain := errors.New("x")
	require.Same(t, plain, Remedy(plain))
	late := fmt.Errorf("call: %w", context.DeadlineExceeded)
	require.ErrorIs(t, Remedy(late), context.DeadlineExceeded)
	require.ErrorContains(t, Remedy(late), "there was no answer in time")
	login := &httpauth.AuthError{Scheme: "basic", Err: plain}
	require.Equal(t, error(login), Remedy(login))
	unknown := &net.DNSError{Err: "no such host", Name: "nowhere.example", IsNotFound: true}
	require.ErrorIs(t, Remedy(unknown), unknown)
	require.ErrorContains(t, Remedy(unknown), unknown.Error()+": ")
}

func TestPauseFor(t *testing.T) {
	for _, test := range []struct {
		status int
		reason string
		slow   bool
	}{
		{http.StatusUnauthorized, "unauthorized", true},
		{http.StatusForbidden, "forbidden", false},
		{http.StatusTooManyRequests, "rate_limit", false},
		{http.StatusRequestTimeout, "unavailable", false},
		{http.StatusBadGateway, "unavailable", false},
		{http.StatusServiceUnavailable, "unavailable", false},
		{http.StatusGatewayTimeout, "unavailable", false},
		{http.StatusInternalServerError, "server_error", false},
		{http.StatusTeapot, "server_error", false},
	} {
		t.Run(http.StatusText(test.status), func(t *testing.T) {
			p := PauseFor(test.status, time.Minute, errDown)
			require.Equal(t, test.reason, p.Reason)
			require.Equal(t, test.slow, p.Slow)
			require.Equal(t, time.Minute, p.After)
			require.Equal(t, errDown, p.Err)
		})
	}
	p := PauseFor(0, 0, errDown)
	require.Equal(t, "unavailable", p.Reason)
	require.EqualError(t, p, "reach the server: it rains in")
	p = PauseFor(0, 0, fmt.Errorf("call: %w", context.Canceled))
	require.Equal(t, "stopping", p.Reason)
	require.EqualError(t, p, "call: context canceled")
}
