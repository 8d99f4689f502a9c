package main

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBothEndsCountTheSame(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var server, clients tally
	s := http.Server{Handler: http.HandlerFunc(reply)}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(&countedListener{listener, &server}) }()

	client := newClient("127.0.0.1", &clients)
	for _, size := range []int{0, 1, maxReply} {
		require.NoError(t, request(t.Context(), client, listener.Addr().String(), maxRequest-size/4, size))
	}
	require.Error(t, request(t.Context(), client, listener.Addr().String(), 1, maxReply+1), "the server must refuse")
	require.NoError(t, s.Shutdown(t.Context())) // waits for the connections' last bytes
	require.ErrorIs(t, <-ended, http.ErrServerClosed)

	require.EqualValues(t, 4, clients.counts().connections)
	require.Greater(t, clients.counts().in, int64(2*maxRequest))
	require.Greater(t, clients.counts().out, int64(maxReply))
	require.Equal(t, clients.counts(), server.counts())
}
