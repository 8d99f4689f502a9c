package scenario

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/telegraftest"
)

// TestGatewaysConsumer shows what becomes of a consumer that a publisher has made itself, and that it cannot where the server
// is the scenario's.
func TestGatewaysConsumer(t *testing.T) {
	g := startGateway(t)
	subscribe := func(user string, limit time.Duration) (*nats.Subscription, error) {
		js, err := g.connect(t, user, gatewayPasswords[user]).JetStream(nats.MaxWait(limit))
		require.NoError(t, err)
		return js.QueueSubscribe("gateways.>", "publishers-a", func(*nats.Msg) {}, nats.ManualAck(), nats.BindStream("GATEWAYS"))
	}
	there := func() error {
		_, err := g.admin.ConsumerInfo("GATEWAYS", "publishers-a")
		return err
	}
	_, err := subscribe("publisher", 2*time.Second)
	require.Error(t, err, "it may not make one")
	require.ErrorIs(t, there(), nats.ErrConsumerNotFound)

	maker, err := subscribe("admin", patience)
	require.NoError(t, err)
	_, err = subscribe("publisher", patience)
	require.NoError(t, err)
	require.NoError(t, there())
	require.NoError(t, maker.Unsubscribe())
	require.ErrorIs(t, there(), nats.ErrConsumerNotFound, "the other one is without a consumer")

	g.consumer(t, "consumer-a.json")
	for range 2 {
		user, err := subscribe("publisher", patience)
		require.NoError(t, err)
		require.NoError(t, user.Unsubscribe())
		require.NoError(t, there())
	}
}

// TestGatewaysRights tries what the users of edges and publishers must not be able to do.
func TestGatewaysRights(t *testing.T) {
	g := startGateway(t)
	g.consumer(t, "consumer-a.json")
	for _, test := range []struct {
		name, user string
		try        func(*nats.Conn) error
		allowed    bool
	}{
		{"own subject", "edge-north", func(c *nats.Conn) error { return c.Publish("gateways.north", []byte("m v=1 1\n")) }, true},
		{"another site's subject", "edge-north", func(c *nats.Conn) error { return c.Publish("gateways.south", nil) }, false},
		{"read what others send", "edge-south", gatewayListen("gateways.>"), false},
		{"read what publishers get", "edge-south", gatewayListen("deliver.>"), false},
		{"change the stream", "edge-north", gatewayAsk("$JS.API.STREAM.UPDATE.GATEWAYS"), false},
		{"empty the stream", "publisher", gatewayAsk("$JS.API.STREAM.PURGE.GATEWAYS"), false},
		{"delete the consumer", "publisher", gatewayAsk("$JS.API.CONSUMER.DELETE.GATEWAYS.publishers-a"), false},
		{"send as an edge", "publisher", func(c *nats.Conn) error { return c.Publish("gateways.north", nil) }, false},
		{"look at the consumer", "publisher", gatewayAsk("$JS.API.CONSUMER.INFO.GATEWAYS.publishers-a"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			refused := make(chan error, 10)
			conn := g.connect(t, test.user, gatewayPasswords[test.user], nats.ErrorHandler(
				func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
			require.NoError(t, test.try(conn))
			require.NoError(t, conn.FlushTimeout(patience)) // the refusal comes before the answer to this
			if test.allowed {
				require.NoError(t, conn.LastError())
				return
			}
			select {
			case err := <-refused:
				require.ErrorIs(t, err, nats.ErrPermissionViolation)
			case <-time.After(patience):
				require.Fail(t, "it was allowed")
			}
		})
	}
	_, err := nats.Connect(g.URL, nats.UserInfo("publisher", "wrong"), nats.Secure(), nats.RootCAs(g.authority.File), nats.Timeout(patience))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = nats.Connect(g.URL, nats.UserInfo("publisher", gatewayPasswords["publisher"]), nats.Secure())
	require.Error(t, err, "a server that nobody vouches for")
}

func gatewayListen(subject string) func(*nats.Conn) error {
	return func(c *nats.Conn) error {
		_, err := c.SubscribeSync(subject)
		return err
	}
}

func gatewayAsk(subject string) func(*nats.Conn) error {
	return func(c *nats.Conn) error { return c.PublishRequest(subject, c.NewInbox(), nil) }
}

// TestGatewaysSizes compares numbers that have to fit each other, in several files.
func TestGatewaysSizes(t *testing.T) {
	t.Setenv("NATS_PASSWORD", "any")
	edge := telegraftest.Load(t, text(t, "gateways", "edge.conf"))
	publisher := telegraftest.Load(t, text(t, "gateways", "telegraf.conf"))
	number := func(p telegraftest.Plugin, key string) int {
		n, ok := p.Options[key].(int64)
		require.True(t, ok, "%s has no number %s", p.Kind, key)
		return int(n)
	}
	input := publisher.Only(t, "inputs.nats_consumer")
	batch, messages := number(edge.Agent(), "metric_batch_size"), number(input, "max_undelivered_messages")
	require.GreaterOrEqual(t, number(publisher.Agent(), "metric_buffer_limit"), messages*batch, "metrics that overflow are lost")

	longest := 0
	for _, m := range ipvsTaken(t, edge, ipvsServers(t)) {
		longest = max(longest, len(m.Line()))
	}
	require.Less(t, batch*2*longest, 1<<20, "a message of twice as long lines is more than max_payload allows")

	stream := gatewayJSON[nats.StreamConfig](t, "stream.json")
	jetstream := edge.Only(t, "outputs.nats").Options["jetstream"].(map[string]any)
	require.Equal(t, stream.Name, jetstream["name"])
	require.Equal(t, stream.Name, input.Text("jetstream_stream"))
	require.Equal(t, stream.Subjects, input.List("jetstream_subjects"))
	for _, group := range []string{"a", "b"} {
		c := gatewayJSON[nats.ConsumerConfig](t, "consumer-"+group+".json")
		require.Equal(t, "publishers-"+group, c.Durable, "inputs.nats_consumer looks for a consumer with the name of its group")
		require.Equal(t, c.Durable, c.DeliverGroup)
		require.Equal(t, stream.Subjects[0], c.FilterSubject)
		require.Equal(t, 2*messages, c.MaxAckPending, "two publishers in a group")
		require.LessOrEqual(t, c.MaxAckPending, number(input, "pending_message_limit"))
	}
	require.Equal(t, "publishers-a", input.Text("queue_group"))
}
