package queue

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"
)

// Serve answers [Inspect] in other processes until ctx ends or the queue is closed, and returns nil then. The socket is
// the file "control" in the directory of the queue; only the user of this process may use it.
func (q *Queue) Serve(ctx context.Context) error {
	listener, err := listen(q.cfg.Dir)
	if err != nil {
		return fmt.Errorf("serve queue %s: %w", q.cfg.Dir, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() {
		select {
		case <-ctx.Done():
		case <-q.stop:
			cancel()
		}
		listener.Close()
		os.Remove(q.disk.path(controlName))
	})
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve queue %s: %w", q.cfg.Dir, err)
		}
		all.Go(func() { q.serveConn(ctx, conn) })
	}
}

// listen makes the socket. One that is there was left by an owner that died: this process holds the lock.
func listen(dir string) (net.Listener, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	path, err := socketPath(dir, d.Fd())
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the socket of a process that is gone: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the path may lead through d
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// serveConn answers the calls of one connection.
func (q *Queue) serveConn(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxCall)
	for lines.Scan() {
		r := q.answer(ctx, lines.Bytes())
		b, err := json.Marshal(r)
		if err != nil {
			return // a year beyond 9999 in a time
		}
		if conn.SetWriteDeadline(time.Now().Add(callLimit)) != nil {
			return
		}
		if _, err := conn.Write(append(b, '\n')); err != nil {
			return
		}
	}
}

// answer does one call.
func (q *Queue) answer(ctx context.Context, line []byte) *reply {
	r := new(reply)
	var c call
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		r.setError(fmt.Errorf("read a call: %w", err))
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var err error
	switch c.Method {
	case "stats":
		s := q.Stats()
		r.Stats = &s
	case "list":
		r.Records, err = q.collect(ctx, c.After, c.Max, maxListed)
	case "held_targets":
		r.Targets, err = q.HeldTargets()
	case "read_held":
		r.Letters, err = q.ReadHeld(c.Target, c.After, c.Max)
	case "dead_letters":
		r.Letters, err = q.DeadLetters(c.After, c.Max)
	case "replay":
		err = q.Replay(ctx, c.IDs)
	case "delete_dead":
		err = q.DeleteDead(ctx, c.IDs)
	default:
		err = fmt.Errorf("there is no call %q: the two programs are of different versions", c.Method)
	}
	r.setError(err)
	return r
}
