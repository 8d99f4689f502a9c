package main

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// newLinks returns both ends of a conversation, and a function that ends it.
func newLinks(t *testing.T) (host, guest *link, hangUp func()) {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return newLink(a), newLink(b), func() { b.Close() }
}

// serveAll reads frames on both ends until the test has hung up.
func serveAll(t *testing.T, links ...*link) {
	t.Helper()
	var reading sync.WaitGroup
	for _, l := range links {
		reading.Go(func() { _ = l.serve(func(frame) (bool, error) { return false, nil }) })
	}
	t.Cleanup(reading.Wait)
}

func TestStreamCarriesMoreThanItsWindow(t *testing.T) {
	host, guest, hangUp := newLinks(t)
	serveAll(t, host, guest)
	defer hangUp()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 5*window/16)
	go func() {
		_, _ = guest.outgoing[streamStdout].Write(sent)
		_ = guest.outgoing[streamStdout].Close()
	}()
	got, err := io.ReadAll(host.incoming[streamStdout])
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, got))
}

func TestStreamsDoNotHoldUpEachOther(t *testing.T) {
	host, guest, hangUp := newLinks(t)
	serveAll(t, host, guest)
	full := make(chan error, 1)
	go func() { // nobody reads this one
		_, err := guest.outgoing[streamStdout].Write(make([]byte, 2*window))
		full <- err
	}()
	_, err := io.WriteString(guest.outgoing[streamStderr], "still here")
	require.NoError(t, err)
	require.NoError(t, guest.outgoing[streamStderr].Close())
	got, err := io.ReadAll(host.incoming[streamStderr])
	require.NoError(t, err)
	require.Equal(t, "still here", string(got))
	hangUp()
	require.ErrorIs(t, <-full, errLinkLost)
}

func TestLinkLost(t *testing.T) {
	host, guest, hangUp := newLinks(t)
	ended := make(chan error, 1)
	go func() { ended <- host.serve(func(frame) (bool, error) { return false, nil }) }()
	_, err := io.WriteString(guest.outgoing[streamStdout], "last words")
	require.NoError(t, err)
	hangUp()
	require.ErrorIs(t, <-ended, errLinkLost)
	got, err := io.ReadAll(host.incoming[streamStdout])
	require.ErrorIs(t, err, errLinkLost)
	require.Equal(t, "last words", string(got))
}

func TestDispatchRefuses(t *testing.T) {
	tests := []struct {
		name string
		wire string
	}{
		{"data of an unknown stream", "\x03\x09\x00\x00\x00\x01x"},
		{"data after the end", "\x04\x01\x00\x00\x00\x00\x03\x01\x00\x00\x00\x01x"},
		{"credit of a wrong size", "\x05\x01\x00\x00\x00\x01x"},
		{"credit nobody owes", "\x05\x01\x00\x00\x00\x04\x00\x00\x00\x01"},
		{"data beyond the window", strings.Repeat("\x03\x01\x00\x00\x40\x00"+strings.Repeat("x", 0x4000), window/0x4000+1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLink(struct {
				io.Reader
				io.Writer
			}{strings.NewReader(tt.wire), io.Discard})
			err := l.serve(func(frame) (bool, error) { return false, nil })
			require.ErrorIs(t, err, errFrame)
			require.ErrorIs(t, err, errLinkLost)
		})
	}
}
