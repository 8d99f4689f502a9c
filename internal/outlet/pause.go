package outlet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"telegraf-ipvs/internal/publish"
)

// The reasons of the pauses that PauseFor makes.
const (
	PauseUnauthorized = "unauthorized" // 401; asking often can lock an account
	PauseForbidden    = "forbidden"    // 403
	PauseRateLimit    = "rate_limit"   // 429
	PauseUnavailable  = "unavailable"  // no answer, or 408, 502, 503, 504
	PauseServerError  = "server_error" // any other
	PauseStopping     = "stopping"     // this process ends
)

// PauseFor says for how long and why a receiver is to be left alone that has answered a request with a status of HTTP
// that is no success, or not at all, which is status 0. The error says so for people; after is how long the receiver
// wants to be left alone, zero if it did not say.
func PauseFor(status int, after time.Duration, err error) *publish.Pause {
	p := &publish.Pause{After: after, Reason: PauseServerError, Err: err}
	switch status {
	case 0:
		if errors.Is(err, context.Canceled) {
			return &publish.Pause{Reason: PauseStopping, Err: err}
		}
		return &publish.Pause{Reason: PauseUnavailable, Err: fmt.Errorf("reach the server: %w", err)}
	case http.StatusUnauthorized:
		p.Reason, p.Slow = PauseUnauthorized, true
	case http.StatusForbidden:
		p.Reason = PauseForbidden
	case http.StatusTooManyRequests:
		p.Reason = PauseRateLimit
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		p.Reason = PauseUnavailable
	}
	return p
}
