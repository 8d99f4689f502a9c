package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// answerLimit is how long the simulation may take until it answers, askLimit how
	// long one question may take, and askEvery the pace of them.
	answerLimit = 10 * time.Second
	askLimit    = time.Second
	askEvery    = 50 * time.Millisecond
)

// startSimulator starts "pi simulate" and waits until it answers at the URL that is
// returned. Call end of the child.
func startSimulator(ctx context.Context, program, listen string, stderr io.Writer) (c *child, url string, err error) {
	if listen == "" {
		if listen, err = freeAddress(ctx); err != nil {
			return nil, "", err
		}
	}
	c, err = startChild(childConfig{
		name: "pi simulate", command: []string{program, "pi", "simulate", "--listen", listen, "--server", dataServer}, apart: true,
		stdout: func([]byte) error { return nil }, // a configuration for people
		stderr: linesTo(stderr, "[pi simulate] "),
	})
	if err != nil {
		return nil, "", err
	}
	url = "http://" + listen + "/piwebapi"
	if err := answers(ctx, c, url); err != nil {
		_ = c.end() // the other error says more
		return nil, "", err
	}
	return c, url, nil
}

// freeAddress returns an address that nobody listens at.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// answers waits until PI Web API answers.
func answers(ctx context.Context, c *child, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerLimit, fmt.Errorf("no answer from %s for %v", url, answerLimit))
	defer cancel()
	reader := newPIReader(url)
	reader.http.Timeout = askLimit // somebody else may be there, who says nothing
	defer reader.close()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		err := reader.get(ctx, "system", nil, nil)
		select {
		case <-c.done: // whoever has answered
			return c.ended()
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", c.name, context.Cause(ctx))
		}
	}
}
