// Package kdctest runs a real Kerberos realm for tests: the KDC of MIT Kerberos
// with a database of its own, and Apache httpd with mod_auth_gssapi in front of a
// handler. Everything listens on 127.0.0.1, lives in the test's directory, and
// ends with the test. No file of the system's own Kerberos is read or written.
//
// On Debian the programs are in krb5-kdc, krb5-admin-server, krb5-user, apache2 and
// libapache2-mod-auth-gssapi. A test is skipped where one of them is missing.
package kdctest
