package kdctest

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
)

// UserHeader is the header in which a backend behind Apache finds who has logged in.
const UserHeader = "X-Remote-User"

// modules are where Debian has them.
const modules = "/usr/lib/apache2/modules"

// Protect starts Apache in front of a backend, given by its URL, and returns the
// URL to reach it. It lets users of the realm in, with tickets for a service whose
// key is in the keytab, and tells the backend who they are in UserHeader.
func (r *Realm) Protect(backend, keytab string) string {
	r.t.Helper()
	apache := program(r.t, "apache2", "apache2")
	if _, err := os.Stat(filepath.Join(modules, "mod_auth_gssapi.so")); err != nil {
		r.t.Skip("no mod_auth_gssapi; on Debian it is in the package libapache2-mod-auth-gssapi")
	}
	dir, address := directory(r.t), childtest.Address(r.t)
	as := ""
	if os.Geteuid() == 0 {
		as = "User www-data\nGroup www-data"
		owner, err := user.Lookup("www-data")
		require.NoError(r.t, err)
		uid, err := strconv.Atoi(owner.Uid)
		require.NoError(r.t, err)
		require.NoError(r.t, os.Chown(dir, uid, -1)) // for the replay cache
	}
	conf := filepath.Join(dir, "httpd.conf")
	require.NoError(r.t, os.WriteFile(conf, fmt.Appendf(nil, `
ServerRoot %[1]s
DefaultRuntimeDir %[1]s
PidFile %[1]s/pid
Mutex file:%[1]s default
Listen %[2]s
ServerName localhost
%[3]s
LoadModule mpm_event_module %[4]s/mod_mpm_event.so
LoadModule authn_core_module %[4]s/mod_authn_core.so
LoadModule authz_core_module %[4]s/mod_authz_core.so
LoadModule authz_user_module %[4]s/mod_authz_user.so
LoadModule auth_gssapi_module %[4]s/mod_auth_gssapi.so
LoadModule headers_module %[4]s/mod_headers.so
LoadModule proxy_module %[4]s/mod_proxy.so
LoadModule proxy_http_module %[4]s/mod_proxy_http.so
ErrorLog /dev/stderr
StartServers 1
ThreadsPerChild 32
MaxRequestWorkers 32
ProxyPass / %[5]s/
<Location />
  AuthType GSSAPI
  AuthName test
  GssapiAllowedMech krb5
  GssapiCredStore keytab:%[6]s
  Require valid-user
  RequestHeader set %[7]s expr=%%{REMOTE_USER}
</Location>
`, dir, address, as, modules, backend, keytab, UserHeader), 0o644))
	env := slices.Concat(r.env, []string{"KRB5RCACHEDIR=" + dir, "TMPDIR=" + dir})
	serve(r.t, env, address, apache, "-f", conf, "-DFOREGROUND")
	_, port, err := net.SplitHostPort(address)
	require.NoError(r.t, err)
	return "http://localhost:" + port
}
