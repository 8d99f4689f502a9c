// Package httpauth makes the [http.RoundTripper] for talking to one HTTP server:
// its dialer, TLS, proxy, and the way to log in.
//
//	anonymous   no credentials; a client certificate may still be one
//	basic       RFC 7617, sent with the first request
//	bearer      RFC 6750, a given token, or one of an OAuth 2.0 token endpoint (RFC 6749, 4.4)
//	ntlm        three messages on one connection, which is then logged in ([MS-NTHT])
//	kerberos    SPNEGO (RFC 4559) with a keytab, a password or a credential cache
//
// # Renewal
//
// Credentials are read, or asked for, when the first request needs them, and kept.
// A reply with status 401 makes the transport renew them once for that request:
// the password or token is read again, an OAuth 2.0 token or Kerberos ticket is
// asked for anew. If that gives other credentials the request is sent again with
// its body, if not the reply is returned as it is: the same wrong password twice
// would only bring the account nearer to being locked. Requests that meet a 401 at
// the same time share one renewal. A token that is about to expire is renewed
// while requests go on with it.
//
// # What never happens
//
// No request leaves for another scheme, host or port than those of Config.URL, so
// that neither credentials, client certificate nor data follow a redirect. A
// password, a token or an NTLM response goes over plain HTTP to this computer only,
// unless Config.AllowPlaintext says otherwise. No secret appears in an error, nor
// in what the types of this package print.
//
// # Limits
//
// The transport speaks HTTP/1.1, which NTLM needs and Windows falls back to.
// Extended protection for authentication, the binding of NTLM and Kerberos to the
// TLS channel, is not sent: a server that requires it answers 401. The reply token
// of a Kerberos server is not verified; TLS is what proves the server. KDCs are
// asked over TCP only, and password changes, PKINIT and smart cards are left out.
package httpauth
