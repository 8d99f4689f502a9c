package kdctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
)

// Options of a realm. The zero value is usual.
type Options struct {
	Name     string // of the realm; empty means TEST.EXAMPLE
	MaxLife  string // of tickets, such as "5s"; empty means "1h"
	EncTypes string // of keys, as kdc.conf names them with salts; empty means AES of SHA-1
	// Libdefaults are lines added to that section of krb5.conf.
	Libdefaults string
	// Trusts are other realms whose users and services can be reached from here.
	Trusts []*Realm
}

// A Realm is a running KDC.
type Realm struct {
	Name     string
	KRB5Conf string // path of the krb5.conf for clients and servers

	t       testing.TB
	dir     string
	env     []string
	address string
	kdc     *process
	files   int
	kadmin  string
}

// Start makes a realm without principals and starts its KDC.
func Start(t testing.TB, o Options) *Realm {
	t.Helper()
	r := &Realm{Name: o.Name, t: t, dir: directory(t), address: childtest.Address(t)}
	if r.Name == "" {
		r.Name = "TEST.EXAMPLE"
	}
	if o.MaxLife == "" {
		o.MaxLife = "1h"
	}
	if o.EncTypes == "" {
		o.EncTypes = "aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal"
	}
	krb5kdc := program(t, "krb5kdc", "krb5-kdc")
	kdb5 := program(t, "kdb5_util", "krb5-kdc")
	r.kadmin = program(t, "kadmin.local", "krb5-admin-server")

	r.KRB5Conf = r.write("krb5.conf", fmt.Sprintf(`[libdefaults]
  default_realm = %s
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  %s
[realms]
%s
`, r.Name, o.Libdefaults, r.realmsSection(o.Trusts)))
	profile := r.write("kdc.conf", fmt.Sprintf(`[kdcdefaults]
  kdc_listen = %[1]s
  kdc_tcp_listen = %[1]s
[realms]
  %[2]s = {
    database_name = %[3]s/principal
    key_stash_file = %[3]s/stash
    acl_file = %[3]s/acl
    max_life = %[4]s
    max_renewable_life = 1d
    supported_enctypes = %[5]s
  }
[logging]
  kdc = STDERR
  default = STDERR
`, r.address, r.Name, r.dir, o.MaxLife, o.EncTypes))
	r.env = []string{"KRB5_CONFIG=" + r.KRB5Conf, "KRB5_KDC_PROFILE=" + profile, "KRB5CCNAME=FILE:" + r.dir + "/nobody"}
	run(t, r.env, "", kdb5, "-r", r.Name, "-P", "master of the test", "create", "-s")
	r.kdc = serve(t, r.env, r.address, krb5kdc, "-n", "-r", r.Name)
	return r
}

// Stop ends the KDC.
func (r *Realm) Stop() { r.kdc.stop() }

// Restart starts the KDC again, on its old port and with its old database.
func (r *Realm) Restart() {
	r.t.Helper()
	r.kdc.stop()
	r.kdc = serve(r.t, r.env, r.address, program(r.t, "krb5kdc", "krb5-kdc"), "-n", "-r", r.Name)
}

// AddUser adds a principal with a password; without one, with a random key. More
// options are those of kadmin's addprinc.
func (r *Realm) AddUser(name, password string, options ...string) {
	r.t.Helper()
	secret := "-randkey"
	if password != "" {
		secret = fmt.Sprintf("-pw %q", password)
	}
	r.Admin(fmt.Sprintf("addprinc %s %s %s", strings.Join(options, " "), secret, name))
}

// Admin runs a query of kadmin. kadmin reports no failure by its exit code, so
// what it says is looked at.
func (r *Realm) Admin(query string) {
	r.t.Helper()
	out := run(r.t, r.env, "", r.kadmin, "-r", r.Name, "-q", query)
	require.NotContains(r.t, out, "while", query)
}

// Keytab writes the keys of principals, as they are, to a new file.
func (r *Realm) Keytab(principals ...string) string {
	r.t.Helper()
	path := r.newFile("keytab")
	r.Admin(fmt.Sprintf("ktadd -norandkey -k %s %s", path, strings.Join(principals, " ")))
	require.NoError(r.t, os.Chmod(path, 0o644)) // Apache's children are not root
	return path
}

// PartialKeytab writes the key of one encryption type, made of the user's
// password, to a new file.
func (r *Realm) PartialKeytab(name, password, encType string) string {
	r.t.Helper()
	path := r.newFile("keytab")
	ktutil := program(r.t, "ktutil", "krb5-user")
	run(r.t, r.env, fmt.Sprintf("addent -password -p %s -k 1 -e %s\n%s\nwkt %s\n", name, encType, password, path), ktutil)
	require.FileExists(r.t, path)
	return path
}

// Asked counts the lines of the KDC's log that hold a text, such as "TGS_REQ", with all that it has answered until now.
func (r *Realm) Asked(text string) int {
	r.t.Helper()
	// Its lines come by a pipe, later than its answers. The one about a user of this call alone is behind all others.
	r.files++
	last := fmt.Sprintf("last%d", r.files)
	r.AddUser(last, last)
	r.Kinit(last, last)
	require.Eventually(r.t, func() bool { return strings.Contains(r.kdc.output.String(), last+"@") }, startTimeout, time.Millisecond)
	n := 0
	for line := range strings.Lines(r.kdc.output.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// Kinit logs a user in and returns the path of the credential cache. More
// arguments are those of kinit.
func (r *Realm) Kinit(name, password string, args ...string) string {
	r.t.Helper()
	path := r.newFile("ccache")
	r.Rekinit(path, name, password, args...)
	return path
}

// Rekinit is Kinit into an existing cache.
func (r *Realm) Rekinit(path, name, password string, args ...string) {
	r.t.Helper()
	kinit := program(r.t, "kinit", "krb5-user")
	run(r.t, r.env, password+"\n", kinit, append(append([]string{"-c", "FILE:" + path}, args...), name)...)
}

// Trust lets users of r reach services of other: it adds the key that both share.
func (r *Realm) Trust(other *Realm) {
	for _, of := range []*Realm{r, other} {
		of.AddUser(fmt.Sprintf("krbtgt/%s@%s", other.Name, r.Name), "shared by two realms", "-requires_preauth")
	}
}

func (r *Realm) realmsSection(others []*Realm) string {
	var b strings.Builder
	for _, of := range append(others, r) {
		fmt.Fprintf(&b, "  %s = {\n    kdc = %s\n  }\n", of.Name, of.address)
	}
	return b.String()
}

func (r *Realm) newFile(kind string) string {
	r.files++
	return filepath.Join(r.dir, fmt.Sprintf("%s%d", kind, r.files))
}

func (r *Realm) write(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// directory returns a new directory that other users can look into.
func directory(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}
