package httpauth

import (
	"errors"
	"fmt"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"
)

// explainKDC translates a refusal of a KDC; other errors come back unchanged.
// what is "user NAME@REALM" or "service NAME".
func (k *kerberosSettings) explainKDC(err error, what string) error {
	var refused messages.KRBError
	if !errors.As(err, &refused) {
		return err
	}
	c := &cause{reason: fmt.Sprintf("KDC refuses %s with error %d", what, refused.ErrorCode)}
	if name, ok := kdcErrors[refused.ErrorCode]; ok {
		c.reason += ", " + name
	}
	if refused.EText != "" {
		c.reason += fmt.Sprintf(" (%q)", shorten(refused.EText))
	}
	switch refused.ErrorCode {
	case errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN:
		c.kind, c.remedy = ErrCredentials, "check username and realm; both are case-sensitive in a keytab"
	case errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN:
		c.kind, c.remedy = ErrUnknownService, "check spn and realm; on Windows list the names with setspn -Q, add one with setspn -S"
	case errorcode.KDC_ERR_PREAUTH_FAILED, errorcode.KRB_AP_ERR_BAD_INTEGRITY:
		c.kind, c.remedy = ErrCredentials, "check password"
		if k.config.Keytab != "" {
			c.remedy = "export keytab again: its keys are older than the last change of the password, or of another user"
		}
	case errorcode.KDC_ERR_CLIENT_REVOKED:
		c.kind, c.remedy = ErrCredentials, "the account is locked, disabled or expired"
	case errorcode.KDC_ERR_KEY_EXPIRED:
		c.kind, c.remedy = ErrCredentials, "change the password"
	case errorcode.KRB_AP_ERR_SKEW:
		c.kind, c.remedy = ErrClockSkew, "synchronise both with NTP"
		if !refused.STime.IsZero() {
			c.reason += fmt.Sprintf("; its clock is %v from this one", time.Until(refused.STime).Round(time.Second))
		}
	case errorcode.KRB_AP_ERR_TKT_EXPIRED:
		c.kind, c.remedy = ErrTicketExpired, "synchronise both clocks with NTP"
		if k.config.CredentialCache != "" {
			c.remedy = k.renewalHint()
		}
	case errorcode.KDC_ERR_ETYPE_NOSUPP:
		c.remedy = "allow AES for the account, and among the encryption types of krb5.conf"
	case errorcode.KDC_ERR_WRONG_REALM:
		c.kind, c.remedy = ErrCredentials, "set realm to the one of the user"
	case errorcode.KDC_ERR_SVC_UNAVAILABLE, errorcode.KRB_ERR_GENERIC:
		c.kind = ErrUnreachable
	}
	return c
}

// kdcErrors are names that RFC 4120, 7.5.9, gives, for messages.
var kdcErrors = map[int32]string{
	errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN: "client not found",
	errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN: "server not found",
	errorcode.KDC_ERR_POLICY:              "policy rejects the request",
	errorcode.KDC_ERR_BADOPTION:           "option not allowed",
	errorcode.KDC_ERR_ETYPE_NOSUPP:        "encryption type not supported",
	errorcode.KDC_ERR_CLIENT_REVOKED:      "client revoked",
	errorcode.KDC_ERR_SVC_UNAVAILABLE:     "service not available",
	errorcode.KDC_ERR_KEY_EXPIRED:         "password expired",
	errorcode.KDC_ERR_PREAUTH_FAILED:      "wrong password or key",
	errorcode.KRB_AP_ERR_BAD_INTEGRITY:    "wrong password or key",
	errorcode.KRB_AP_ERR_TKT_EXPIRED:      "ticket expired",
	errorcode.KRB_AP_ERR_SKEW:             "clock skew too great",
	errorcode.KRB_ERR_GENERIC:             "generic error",
	errorcode.KDC_ERR_WRONG_REALM:         "wrong realm",
}

// renewalHint says how a credential cache comes to a new ticket.
func (k *kerberosSettings) renewalHint() string {
	return fmt.Sprintf("run kinit -c %s, or keep it fresh with k5start; or use keytab instead", k.config.CredentialCache)
}
