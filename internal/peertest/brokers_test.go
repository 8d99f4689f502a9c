package peertest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/peertest"
)

// patience is how long a client waits for a server of NATS; two seconds, the default, are few on a busy machine.
const patience = 20 * time.Second

var patient = nats.Timeout(patience)

func TestMosquitto(t *testing.T) {
	broker := peertest.Mosquitto(t)
	broker.Pub(t, "", "-t", "site/kept", "-r", "-m", "before")

	sub := broker.Sub(t, "-t", "site/#", "-q", "1")
	broker.Pub(t, "first\nsecond\n", "-t", "site/a b", "-q", "1", "-l")
	broker.Pub(t, "two\nlines \x00\xff", "-t", "site/raw", "-q", "1", "-s")
	require.Equal(t, []peertest.Message{
		{Topic: "site/kept", Payload: "before", Retained: true},
		{Topic: "site/a b", Payload: "first"},
		{Topic: "site/a b", Payload: "second"},
		{Topic: "site/raw", Payload: "two\nlines \x00\xff"},
	}, sub.Await(t, 4))
}

// TestMosquittoSession has a client come back to what was published meanwhile, though the broker was started anew.
func TestMosquittoSession(t *testing.T) {
	broker := peertest.Mosquitto(t, "listener PORT 127.0.0.1\nallow_anonymous false\npassword_file "+
		peertest.MosquittoPasswords(t, "telegraf", "secret", "station", "other"))
	station := []string{"-u", "station", "-P", "other", "-q", "1", "-t", "a"}
	session := []string{"-u", "telegraf", "-P", "secret", "-i", "telegraf", "-c", "-q", "1", "-t", "#"}

	sub := broker.Sub(t, session...)
	broker.Pub(t, "", append(station, "-m", "present")...)
	require.Equal(t, []peertest.Message{{Topic: "a", Payload: "present"}}, sub.Await(t, 1))
	sub.Terminate(t)
	broker.Pub(t, "", append(station, "-m", "absent")...)
	broker.Terminate(t)
	broker.Restart(t)
	broker.Pub(t, "", append(station, "-m", "still absent")...)
	sub = broker.Sub(t, session...)
	require.Equal(t, []peertest.Message{{Topic: "a", Payload: "absent"}, {Topic: "a", Payload: "still absent"}}, sub.Await(t, 2))
}

func TestNATSServer(t *testing.T) {
	server := peertest.NATSServer(t)
	conn, err := nats.Connect(server.URL, patient, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	require.NoError(t, err)
	defer conn.Close()
	streams, err := conn.JetStream(nats.MaxWait(patience))
	require.NoError(t, err)
	_, err = streams.AddStream(&nats.StreamConfig{Name: "TELEGRAF", Subjects: []string{"telegraf.>"}, Storage: nats.FileStorage})
	require.NoError(t, err)
	for n := range 3 {
		_, err := streams.Publish("telegraf.edge", fmt.Appendf(nil, "message %d", n))
		require.NoError(t, err)
	}

	server.Restart(t)
	require.Eventually(t, func() bool { // and not still, as it may not know yet that the server was away
		return conn.Stats().Reconnects > 0 && conn.IsConnected()
	}, patience, 20*time.Millisecond)
	sub, err := streams.PullSubscribe("telegraf.>", "reader")
	require.NoError(t, err)
	list, err := sub.Fetch(3, nats.MaxWait(patience))
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, "message 2", string(list[2].Data))
	require.Equal(t, "telegraf.edge", list[2].Subject)
}

// TestOwnConfiguration gives the server of NATS another configuration, which asks for a login.
func TestOwnConfiguration(t *testing.T) {
	server := peertest.NATSServer(t, `listen: "ADDRESS"
jetstream { store_dir: "FOLDER", max_file: 10MB }
authorization { user: "edge", password: "secret" }`)
	_, err := nats.Connect(server.URL, patient)
	require.ErrorIs(t, err, nats.ErrAuthorization)
	conn, err := nats.Connect(server.URL, patient, nats.UserInfo("edge", "secret"))
	require.NoError(t, err)
	defer conn.Close()
	streams, err := conn.JetStream(nats.MaxWait(patience))
	require.NoError(t, err)
	account, err := streams.AccountInfo()
	require.NoError(t, err)
	require.Zero(t, account.Streams)
	require.DirExists(t, server.Store)
}
