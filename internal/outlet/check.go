package outlet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"telegraf-ipvs/internal/httpauth"
)

// CheckQueue reports how the directory of the queue stands, which may not be there yet, and whether the disk has room
// for all that the queue may hold. It makes nothing and opens no queue, so it works before Start and beside another
// process that has the queue.
func (o *Outlet[T, V]) CheckQueue(report func(subject, state string, err error)) {
	CheckQueue(o.cfg.Queue.QueuePath, o.cfg.Queue.QueueMaxSize.Bytes()+o.cfg.Output.DeadLetterMaxSize.Bytes(), report)
}

// CheckQueue reports the same for a directory and what may come to be in it, in bytes.
func CheckQueue(dir string, most int64, report func(subject, state string, err error)) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := existingParent(dir)
		if err := writable(parent); err != nil {
			report("queue", dir+" is not there and cannot be made", fmt.Errorf(
				"%s: %w: make the directory and give it to the user that runs this, or choose another queue_path", parent, err))
			return
		}
		report("queue", dir+" is not there yet and will be made", nil)
		checkSpace(parent, most, 0, report)
		return
	case err != nil:
		report("queue", dir+" cannot be looked at", fmt.Errorf("%w: check the rights to the directories above", err))
		return
	case !info.IsDir():
		report("queue", dir+" is no directory", errors.New("remove that file, or choose another queue_path"))
		return
	}
	if err := writable(dir); err != nil {
		report("queue", dir+" cannot be written", fmt.Errorf(
			"%w: give the directory to the user that runs this, or choose another queue_path", err))
		return
	}
	held := filesIn(dir)
	state := dir + " can be written"
	if held > 0 {
		state += fmt.Sprintf(" and holds %s; \"telegraf-ipvs queue status\" shows more", bytesText(held))
	}
	report("queue", state, nil)
	checkSpace(dir, most, held, report)
}

// existingParent returns the nearest directory above path that is there.
func existingParent(path string) string {
	for {
		path = filepath.Dir(path)
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
	}
}

// filesIn returns how many bytes the files of a directory hold.
func filesIn(dir string) (sum int64) {
	entries, _ := os.ReadDir(dir) // what cannot be listed counts as nothing
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
	}
	return sum
}

// checkSpace reports whether the disk has room for all that the queue may hold, of which it has some already.
func checkSpace(dir string, most, held int64, report func(subject, state string, err error)) {
	free, err := freeSpace(dir)
	if err != nil {
		return // not every system tells
	}
	need := most - held
	state := fmt.Sprintf("%s are free", bytesText(free))
	if free >= need {
		report("disk", state, nil)
		return
	}
	report("disk", state, fmt.Errorf("the queue may come to need %s more (queue_max_size and dead_letter_max_size): "+
		"make room, lower them, or choose a queue_path on another disk", bytesText(need)))
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (n+1023)/1024)
}

// Remedy adds to the error of a request what people can do about it.
func Remedy(err error) error {
	var login *httpauth.AuthError
	text := httpauth.Explain(err)
	switch {
	case text != "":
		return fmt.Errorf("%w: %s", err, text)
	case errors.As(err, &login):
		return err // it holds its remedy
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: there was no answer in time; check the network, firewalls on the way, and the load of the server", err)
	}
	return err
}
