package httpauth

import (
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
)

// maxCache is the size of the largest credential cache read, in bytes.
const maxCache = 1 << 20

// cachedTGT returns the ticket-granting ticket in the credential cache that is
// valid for longest.
func (k *kerberosSettings) cachedTGT() (*ticket, error) {
	fail := func(kind error, reason string) error {
		return &cause{kind: kind, reason: fmt.Sprintf("credential_cache = %q: %s", k.config.CredentialCache, reason), remedy: k.renewalHint()}
	}
	text, err := readBounded(strings.TrimPrefix(k.config.CredentialCache, "FILE:"), maxCache)
	if err != nil {
		return nil, fail(ErrTicketExpired, err.Error())
	}
	cache, err := parseCache(text)
	if err != nil {
		return nil, fail(nil, err.Error())
	}
	if k.config.Username != "" && (!cache.user.Equal(k.user) || cache.realm != k.realm) {
		return nil, fail(ErrCredentials, fmt.Sprintf("is of %s@%s, not of %s", cache.user.PrincipalNameString(), cache.realm, k.userName()))
	}
	var best *cachedTicket
	for i, c := range cache.credentials {
		if c.realm == cache.realm && c.server.Equal(tgtName(cache.realm)) && (best == nil || c.end.After(best.end)) {
			best = &cache.credentials[i]
		}
	}
	switch {
	case best == nil:
		return nil, fail(ErrTicketExpired, "has no ticket-granting ticket")
	case !time.Now().Before(best.end):
		return nil, fail(ErrTicketExpired, "its ticket expired at "+best.end.UTC().Format(time.RFC3339))
	}
	var t messages.Ticket
	if t.Unmarshal(best.ticket) != nil || len(t.SName.NameString) == 0 {
		return nil, fail(nil, "malformed ticket")
	}
	return &ticket{user: cache.user, realm: cache.realm, ticket: t, key: best.key, end: best.end}, nil
}
