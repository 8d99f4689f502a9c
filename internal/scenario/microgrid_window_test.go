package scenario

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/peertest"
	"telegraf-ipvs/internal/telegraftest"
)

// TestMicroGridWindow has a client take messages from the broker without confirming any, as Telegraf does as long as its
// output has not taken them. The broker has to give it as many as max_undelivered_messages allows: with less, a batch of the
// output is never full.
func TestMicroGridWindow(t *testing.T) {
	t.Setenv("MQTT_PASSWORD", gridPassword)
	config := telegraftest.Load(t, text(t, "micro-grid", "telegraf.conf"))
	batch, err := strconv.Atoi(config.Agent().Text("metric_batch_size"))
	require.NoError(t, err)
	broker := startGridBroker(t)
	for _, p := range config.All("inputs.mqtt_consumer") {
		window, err := strconv.Atoi(p.Text("max_undelivered_messages"))
		require.NoError(t, err)
		require.LessOrEqual(t, batch, window)

		c := dialMQTT(t, broker.Address, p.Text("client_id"), p.Text("username"), p.Text("password"))
		c.subscribe("window/" + c.id)
		broker.Pub(t, strings.Repeat("message\n", window+100), "-u", "station", "-P", gridPassword, "-q", "1", "-t", "window/"+c.id, "-l")
		for range window {
			require.Equal(t, byte(mqttPublish), c.next())
		}
	}
}

// The kinds of packets of MQTT 3.1.1 that are used here, in the upper half of their first byte.
const (
	mqttConnack = 2
	mqttPublish = 3
	mqttSuback  = 9
)

// An mqttClient receives without ever confirming. mosquitto_sub always does.
type mqttClient struct {
	t    testing.TB
	id   string
	conn net.Conn
	in   *bufio.Reader
}

func dialMQTT(t testing.TB, address, id, user, password string) *mqttClient {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	c := &mqttClient{t: t, id: id, conn: conn, in: bufio.NewReader(conn)}
	// Protocol level 4, with user and password and without a clean session, and no keep-alive.
	head := []byte{0, 4, 'M', 'Q', 'T', 'T', 4, 0xc0, 0, 0}
	c.send(0x10, append(head, mqttTexts(id, user, password)...))
	require.Equal(t, byte(mqttConnack), c.next())
	return c
}

func (c *mqttClient) subscribe(topic string) {
	c.t.Helper()
	c.send(0x82, append(append([]byte{0, 1}, mqttTexts(topic)...), 1))
	require.Equal(c.t, byte(mqttSuback), c.next())
}

// send sends a packet of less than 128 bytes.
func (c *mqttClient) send(head byte, body []byte) {
	c.t.Helper()
	require.Less(c.t, len(body), 128)
	_, err := c.conn.Write(append([]byte{head, byte(len(body))}, body...))
	require.NoError(c.t, err)
}

// next reads a packet, and returns its kind.
func (c *mqttClient) next() byte {
	c.t.Helper()
	head, err := c.in.ReadByte()
	require.NoError(c.t, err)
	size, err := binary.ReadUvarint(c.in) // written alike
	require.NoError(c.t, err)
	_, err = io.CopyN(io.Discard, c.in, int64(size))
	require.NoError(c.t, err)
	return head >> 4
}

// mqttTexts are texts, each behind its length.
func mqttTexts(texts ...string) (b []byte) {
	for _, text := range texts {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
	}
	return b
}

// gridPassword is that of all clients of the broker.
const gridPassword = "s3cret of the grid"

func startGridBroker(t testing.TB) *peertest.Broker {
	t.Helper()
	return peertest.Mosquitto(t, text(t, "micro-grid", "mosquitto.conf", "listener 1883", "listener PORT 127.0.0.1",
		"/etc/mosquitto/passwords", peertest.MosquittoPasswords(t, "telegraf", gridPassword, "station", gridPassword)))
}
