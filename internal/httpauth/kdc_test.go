package httpauth

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/stretchr/testify/require"
)

// serveKDC answers each connection with what answer makes of the message, as it
// stands; nil is never answered. It returns a krb5.conf that names it.
func serveKDC(t *testing.T, answer func(message []byte) []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		all.Wait()
	})
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				size := make([]byte, 4)
				if _, err := io.ReadFull(conn, size); err != nil {
					return
				}
				message := make([]byte, binary.BigEndian.Uint32(size))
				if _, err := io.ReadFull(conn, message); err != nil {
					return
				}
				if reply := answer(message); reply != nil {
					_, _ = conn.Write(reply)
					return
				}
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	path := filepath.Join(t.TempDir(), "krb5.conf")
	conf := fmt.Sprintf("[libdefaults]\ndefault_realm = R\n[realms]\nR = {\nkdc = %s\n}\n", l.Addr())
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o600))
	return path
}

func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
}

func askFake(t *testing.T, ctx context.Context, conf string) error {
	t.Helper()
	k, problems := newKerberosSettings(Config{
		URL: "https://pi.example.com", Username: "me", KRB5Conf: conf,
		Password: func() (string, error) { return "hush", nil },
	})
	require.NoError(t, errors.Join(problems...))
	s := &source[*ticket]{fetch: (&ticketAsker{kerberosSettings: k}).fetch}
	defer s.close()
	_, err := s.get(ctx, nil)
	return err
}

func TestKDCErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		code int32
		want error
		text string
	}{
		{"client unknown", errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN, ErrCredentials, `KDC refuses user me@R with error 6, client not found ("said by KDC"); check username`},
		{"service unknown", errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN, ErrUnknownService, "check spn"},
		{"wrong password", errorcode.KDC_ERR_PREAUTH_FAILED, ErrCredentials, "check password"},
		{"locked", errorcode.KDC_ERR_CLIENT_REVOKED, ErrCredentials, "locked"},
		{"expired", errorcode.KDC_ERR_KEY_EXPIRED, ErrCredentials, "change the password"},
		{"skew", errorcode.KRB_AP_ERR_SKEW, ErrClockSkew, "from this one; synchronise both with NTP"},
		{"encryption", errorcode.KDC_ERR_ETYPE_NOSUPP, nil, "allow AES"},
		{"wrong realm", errorcode.KDC_ERR_WRONG_REALM, ErrCredentials, "set realm"},
		{"busy", errorcode.KDC_ERR_SVC_UNAVAILABLE, ErrUnreachable, "service not available"},
		{"unheard of", 99, nil, "KDC refuses user me@R with error 99"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conf := serveKDC(t, func([]byte) []byte {
				refusal := messages.NewKRBError(tgtName("R"), "R", test.code, "said by KDC")
				refusal.STime = time.Now().UTC().Add(time.Hour)
				text, err := refusal.Marshal()
				if err != nil {
					t.Error(err)
				}
				return framed(text)
			})
			err := askFake(t, t.Context(), conf)
			require.ErrorContains(t, err, test.text)
			for _, kind := range []error{ErrCredentials, ErrUnreachable, ErrClockSkew, ErrUnknownService, ErrTicketExpired} {
				require.Equal(t, kind == test.want, errors.Is(err, kind), kind)
			}
		})
	}
}

func TestKDCNonsense(t *testing.T) {
	for _, test := range []struct {
		name  string
		reply []byte
		want  string
	}{
		{"nothing", []byte{}, "read reply"},
		{"empty", framed(nil), "reply of 0 bytes"},
		{"endless", []byte{0xff, 0xff, 0xff, 0xff}, "reply of 4294967295 bytes"},
		{"cut", framed([]byte("abc"))[:6], "read reply"},
		{"junk", framed([]byte("junk")), "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := askFake(t, t.Context(), serveKDC(t, func([]byte) []byte { return test.reply }))
			require.ErrorContains(t, err, test.want)
			require.NotErrorIs(t, err, ErrCredentials)
		})
	}
}

func TestKDCSilent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	conf := serveKDC(t, func([]byte) []byte {
		cancel()
		return nil
	})
	begin := time.Now()
	require.ErrorIs(t, askFake(t, ctx, conf), context.Canceled)
	require.Less(t, time.Since(begin), kdcTimeout, "close waited for the KDC")
}
