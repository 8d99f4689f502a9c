package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"time"
)

const (
	// answerLimit is how long the simulation may take until it answers, askLimit how
	// long one question may take, and askEvery the pace of them.
	answerLimit = 10 * time.Second
	askLimit    = time.Second
	askEvery    = 50 * time.Millisecond

	// anyPort lets the simulation find a port, as one that was free when this program looked need not stay so.
	anyPort = "127.0.0.1:0"
)

// simulatorURL finds the URL in the configuration for an output that the simulation prints once it listens.
var simulatorURL = regexp.MustCompile(`^ *url = "(\S+)"`)

// startSimulator starts "pi simulate" and waits until it answers at the URL that is
// returned. Call end of the child.
func startSimulator(ctx context.Context, program, listen string, stderr io.Writer) (c *child, url string, err error) {
	told := make(chan string, 1)
	c, err = startChild(childConfig{
		name: "pi simulate", apart: true,
		command: []string{program, "pi", "simulate", "--listen", cmp.Or(listen, anyPort), "--server", dataServer},
		stdout: func(line []byte) error {
			if found := simulatorURL.FindSubmatch(line); found != nil {
				select {
				case told <- string(found[1]):
				default:
				}
			}
			return nil
		},
		stderr: linesTo(stderr, "[pi simulate] "),
	})
	if err != nil {
		return nil, "", err
	}
	if url, err = answers(ctx, c, told); err != nil {
		_ = c.end() // the other error says more
		return nil, "", err
	}
	return c, url, nil
}

// answers waits until the simulation has told its URL, and PI Web API answers there.
func answers(ctx context.Context, c *child, told <-chan string) (url string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerLimit, fmt.Errorf("no answer for %v", answerLimit))
	defer cancel()
	select {
	case url = <-told:
	case <-c.done:
		return "", c.ended()
	case <-ctx.Done():
		return "", fmt.Errorf("wait for %s: %w", c.name, context.Cause(ctx))
	}
	reader := newPIReader(url)
	reader.http.Timeout = askLimit
	defer reader.close()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		err := reader.get(ctx, "system", nil, nil)
		select {
		case <-c.done:
			return "", c.ended()
		default:
		}
		if err == nil {
			return url, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return "", fmt.Errorf("wait for %s: %w", c.name, context.Cause(ctx))
		}
	}
}
