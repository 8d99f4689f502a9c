package ipvs

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inNamespace calls f on a thread in the network namespace at path, or in place
// when path is empty. What f opens stays in that namespace.
func inNamespace(path string, f func() error) error {
	if path == "" {
		return f()
	}
	result := make(chan error, 1)
	go func() { result <- onThread(path, f) }()
	return <-result
}

// onThread moves its thread into the namespace and back. It must be called on a
// goroutine of its own: if the way back fails, the goroutine ends with the thread
// locked, and the runtime ends the thread with it.
func onThread(path string, f func() error) error {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The main thread is the one that /proc/self, and with it /proc/net, shows to
		// the whole process. While it is locked here, another one takes the work.
		defer runtime.UnlockOSThread()
		return inNamespace(path, f)
	}
	back, err := visit(path, f)
	if back {
		runtime.UnlockOSThread()
	}
	return err
}

// visit moves the calling thread into the namespace and back, and reports whether
// it is back.
func visit(path string, f func() error) (back bool, err error) {
	target, err := netns.GetFromPath(path)
	if err != nil {
		return true, &os.PathError{Op: "open network namespace", Path: path, Err: err}
	}
	defer target.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(target), &st); err != nil {
		return true, &os.PathError{Op: "fstatfs", Path: path, Err: err}
	}
	if st.Type != nsfsMagic {
		return true, fmt.Errorf("%s %w", path, errNoNamespace)
	}
	home, err := netns.Get()
	if err != nil {
		return true, fmt.Errorf("get the current network namespace: %w", err)
	}
	defer home.Close()
	if err := netns.Set(target); err != nil {
		return true, fmt.Errorf("enter network namespace %s (needs CAP_SYS_ADMIN): %w", path, err)
	}
	err = f()
	return netns.Set(home) == nil, err
}
