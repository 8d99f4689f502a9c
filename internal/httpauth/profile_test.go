package httpauth

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sampleConf = `# a comment
; another
module /lib/x.so:init
[libdefaults]
	default_realm = PLANT.EXAMPLE # trailing
	ticket_lifetime = 1d 2h
	permitted_enctypes = aes256-cts-hmac-sha1-96, aes128-cts unheard-of
	default_tkt_enctypes = rc4 aes128-sha1
[realms]
	PLANT.EXAMPLE = {
		kdc = one.plant.example
		kdc = two.plant.example:750
		kdc = tcp/three.plant.example
		kdc = https://proxy/KdcProxy
		kdc = [2001:db8::1]
		kdc = [2001:db8::1]:750
		kdc = 2001:db8::2
		auth_to_local_names = {
			kdc = not.a.kdc
		}
	}
[domain_realm]
	.plant.example = PLANT.EXAMPLE
	special.plant.example = "SPECIAL.EXAMPLE"
[realms]
	OTHER.EXAMPLE = {
		kdc* = last.example
	}
`

func TestRealms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "krb5.conf")
	require.NoError(t, os.WriteFile(path, []byte(sampleConf), 0o600))
	r, err := readRealms("/nonexistent:" + path)
	require.NoError(t, err)
	require.Equal(t, "PLANT.EXAMPLE", r.defaultRealm())
	require.Equal(t, 26*time.Hour, r.library.LibDefaults.TicketLifetime)
	require.Equal(t, []int32{23, 17}, r.library.LibDefaults.DefaultTktEnctypeIDs)
	require.Equal(t, []int32{18, 17}, r.library.LibDefaults.DefaultTGSEnctypeIDs)

	kdcs, err := r.kdcs(t.Context(), "PLANT.EXAMPLE")
	require.NoError(t, err)
	require.Equal(t, []string{
		"one.plant.example:88", "two.plant.example:750", "three.plant.example:88",
		"[2001:db8::1]:88", "[2001:db8::1]:750", "[2001:db8::2]:88",
	}, kdcs)
	kdcs, err = r.kdcs(t.Context(), "OTHER.EXAMPLE")
	require.NoError(t, err)
	require.Equal(t, []string{"last.example:88"}, kdcs)

	for host, want := range map[string]string{
		"pi.plant.example": "PLANT.EXAMPLE", "PI.Plant.Example.": "PLANT.EXAMPLE", "a.b.plant.example": "PLANT.EXAMPLE",
		"special.plant.example": "SPECIAL.EXAMPLE", "plant.example": "", "example": "", "": "",
	} {
		require.Equal(t, want, r.ofHost(host), host)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": time.Minute, "600": 10 * time.Minute, "10h": 10 * time.Hour, "1d": 24 * time.Hour, "1d12h30m": 36*time.Hour + 30*time.Minute,
		"10:00": 10 * time.Hour, "1:02:03": time.Hour + 2*time.Minute + 3*time.Second,
		"0": 0, "-1h": 0, "x": 0, "d": 0, "99999999999999999999": 0, "1:": 0, "9999999d": 0, "2000000h": 0,
	} {
		r := &realms{profile: profile{"libdefaults\x00x": {text}}}
		got, err := r.duration("x", time.Minute)
		if want == 0 {
			require.ErrorContains(t, err, "want a time such as 10h", text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestProfileRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"no tag", "[a]\nb\n", "x:2: want tag = value"},
		{"no section", "a = b", "x:1: a tag before the first [section]"},
		{"open section", "[a", "x:1: section without ]"},
		{"brace", "[a]\n}\n", "x:2: } without {"},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.EqualError(t, make(profile).parse("x", test.text, nil), test.want)
		})
	}
	t.Run("only unknown encryption", func(t *testing.T) {
		_, err := newRealms(profile{"libdefaults\x00permitted_enctypes": {"des"}})
		require.ErrorContains(t, err, `permitted_enctypes = "des": none of these`)
	})
}

func TestProfileIncludes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	main := write("krb5.conf", "includedir "+dir+"/d\n[a]\nmain = 1\ninclude "+dir+"/one\nafter = 1\n")
	write("one", "[a]\none = 1\n")
	for _, name := range []string{"d/taken", "d/taken-2", "d/x.y.conf", "d/backup~", "d/x.rpmsave", "d/.hidden.conf"} {
		write(name, "[a]\ndir = "+filepath.Base(name)+"\n")
	}
	p, err := readProfile(main)
	require.NoError(t, err)
	require.Equal(t, profile{
		"a\x00main": {"1"}, "a\x00one": {"1"}, "a\x00after": {"1"}, "a\x00dir": {"taken", "taken-2", "x.y.conf"},
	}, p)

	loop := write("loop", "include "+dir+"/loop\n")
	_, err = readProfile(loop)
	require.ErrorContains(t, err, "too deeply")
	_, err = readProfile("/nonexistent:/nonexistent2")
	require.ErrorIs(t, err, os.ErrNotExist)
	gone := write("gone", "include /nonexistent\n")
	_, err = readProfile(gone)
	require.ErrorContains(t, err, "gone:1: stat /nonexistent")
}

func FuzzProfile(f *testing.F) {
	f.Add(sampleConf)
	f.Add("[a]\nb = {\nc = \"d\n}\n")
	f.Add("include x\n[libdefaults]\nclockskew = 1:2:3\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := make(profile)
		if p.parse("x", text, func(string, string) error { return nil }) != nil {
			return
		}
		r, err := newRealms(p)
		if err != nil {
			return
		}
		require.Positive(t, r.library.LibDefaults.TicketLifetime)
		require.NotEmpty(t, r.library.LibDefaults.DefaultTktEnctypeIDs)
		r.ofHost(text)
		r.dns = false
		for key := range p {
			addresses, err := r.kdcs(t.Context(), key)
			require.Equal(t, err == nil, len(addresses) > 0)
		}
	})
}
