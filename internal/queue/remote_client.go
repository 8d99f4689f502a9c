package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// A client is an [Inspector] through the process that has the queue open. Calls wait for one another.
type client struct {
	mu     sync.Mutex
	conn   net.Conn
	dec    *json.Decoder
	broken error // the first error of the connection
}

// dial connects to the owner of the queue in a directory.
func dial(dir string) (*client, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	path, err := socketPath(dir, d.Fd())
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("unix", path, callLimit)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, dec: json.NewDecoder(conn)}, nil
}

// do sends a call and waits for its reply.
func (c *client) do(ctx context.Context, ask call) (*reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	r, err := c.exchange(ctx, ask)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		c.broken = fmt.Errorf("ask the process that has the queue open: %w", err)
		return nil, c.broken
	}
	return r, r.err()
}

func (c *client) exchange(ctx context.Context, ask call) (*reply, error) {
	deadline := time.Now().Add(callLimit)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	r := new(reply)
	return r, c.dec.Decode(r)
}

func (c *client) Stats() (Stats, error) {
	r, err := c.do(context.Background(), call{Method: "stats"})
	if err != nil {
		return Stats{}, err
	}
	if r.Stats == nil {
		return Stats{}, fmt.Errorf("reply to %q without statistics", "stats")
	}
	return *r.Stats, nil
}

func (c *client) List(after uint64, max int) ([]Record, error) {
	r, err := c.do(context.Background(), call{Method: "list", After: after, Max: max})
	if err != nil {
		return nil, err
	}
	return r.Records, nil
}

func (c *client) HeldTargets() ([]HeldTarget, error) {
	r, err := c.do(context.Background(), call{Method: "held_targets"})
	if err != nil {
		return nil, err
	}
	return r.Targets, nil
}

func (c *client) ReadHeld(target string, afterID uint64, max int) ([]Letter, error) {
	return c.letters(call{Method: "read_held", Target: target, After: afterID, Max: max})
}

func (c *client) DeadLetters(afterID uint64, max int) ([]Letter, error) {
	return c.letters(call{Method: "dead_letters", After: afterID, Max: max})
}

func (c *client) letters(ask call) ([]Letter, error) {
	r, err := c.do(context.Background(), ask)
	if err != nil {
		return nil, err
	}
	return r.Letters, nil
}

func (c *client) Replay(ctx context.Context, ids []uint64) error {
	_, err := c.do(ctx, call{Method: "replay", IDs: ids})
	return err
}

func (c *client) DeleteDead(ctx context.Context, ids []uint64) error {
	_, err := c.do(ctx, call{Method: "delete_dead", IDs: ids})
	return err
}

func (c *client) Live() bool { return true }

func (c *client) Close() error { return c.conn.Close() }
