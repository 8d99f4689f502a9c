package httpauth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A clock that is set back, as at the first contact with a time server, holds up nobody until it is where it was.
func TestTokenAfterClockWasSetBack(t *testing.T) {
	m := &tokenMaker{last: time.Now().Add(time.Hour).Truncate(time.Microsecond)}
	ticket, done := capturedTicket(t), make(chan error, 1)
	go func() {
		_, err := m.token(ticket)
		done <- err
	}()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "it waits for the clock")
	}
	require.WithinDuration(t, time.Now(), m.last, time.Minute)
}
