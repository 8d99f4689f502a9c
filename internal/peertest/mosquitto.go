package peertest

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"telegraf-ipvs/internal/debian"
)

// mosquittoBase is what the package's own file says, and that it stays root when root has started it: the user that it
// would become may not read a folder of the test.
const mosquittoBase = `
user root
persistence true
persistence_location FOLDER/
log_dest stderr
`

const mosquittoConfig = `
listener PORT 127.0.0.1
allow_anonymous true
`

// A Broker is a running Mosquitto.
type Broker struct {
	*Process
	Address string // HOST:PORT
}

// Mosquitto starts the broker Mosquitto 2.0, which takes everybody.
//
// A configuration may be given in place of that, as in a file of /etc/mosquitto/conf.d. In it PORT is the port to listen
// on, of the host 127.0.0.1. What it keeps for absent clients survives [Process.Terminate] and [Process.Restart].
func Mosquitto(t testing.TB, config ...string) *Broker {
	t.Helper()
	b := new(Broker)
	begin(t, 1, func(root, dir string, addresses []string) *Process {
		b.Address = addresses[0]
		_, port, _ := net.SplitHostPort(b.Address)
		text := strings.ReplaceAll(mosquittoBase, "FOLDER", dir) +
			strings.ReplaceAll(cmp.Or(strings.Join(config, "\n"), mosquittoConfig), "PORT", port)
		file := filepath.Join(dir, "mosquitto.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.Process = start(t, root, dir, "usr/sbin/mosquitto", "-c", file)
		return b.Process
	}, func(ctx context.Context, addresses []string) error {
		// A CONNECT of MQTT 3.1.1 by nobody in particular. It is answered, if only with a refusal.
		answer, err := greet(ctx, addresses[0], "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01-")
		if err == nil && !strings.HasPrefix(answer, "\x20\x02") {
			err = fmt.Errorf("no broker of MQTT at %s: %.40q", addresses[0], answer)
		}
		return err
	})
	return b
}

// MosquittoPasswords makes a password file for Mosquitto, of pairs of user and password.
func MosquittoPasswords(t testing.TB, pairs ...string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		toEnd(t, "", "usr/bin/mosquitto_passwd", "-b", file, pairs[i], pairs[i+1])
	}
	return file
}

// Pub runs mosquitto_pub, which publishes what args say and what stdin gives to "-l" or "-s", and ends when that has been
// delivered as its quality of service demands.
func (b *Broker) Pub(t testing.TB, stdin string, args ...string) {
	t.Helper()
	toEnd(t, stdin, "usr/bin/mosquitto_pub", b.client(args)...)
}

// client puts the address of the broker before the arguments of a client.
func (b *Broker) client(args []string) []string {
	host, port, _ := net.SplitHostPort(b.Address)
	return append([]string{"-h", host, "-p", port}, args...)
}

// A Message is one that a client has received.
type Message struct {
	Topic    string
	Payload  string
	Retained bool // it was there before the client subscribed
}

// A Subscription is a running mosquitto_sub.
type Subscription struct {
	*Process
}

// messageMark begins the line of a message in the output of mosquitto_sub. Others are about the connection.
const messageMark = "message "

// Sub starts mosquitto_sub, and waits until its subscriptions hold. args say which, but not how to print messages.
func (b *Broker) Sub(t testing.TB, args ...string) *Subscription {
	t.Helper()
	stdbuf, err := debian.FindTool("stdbuf", "coreutils")
	if err != nil {
		t.Fatal(err)
	}
	root := tree(t)
	// The payload as hexadecimal digits, since it may hold any bytes. -d tells about the subscription, but without stdbuf not
	// before there is a message.
	args = append([]string{"-oL", filepath.Join(root, "usr/bin/mosquitto_sub")}, b.client(append(args, "-d", "-F", messageMark+"%r %x %t"))...)
	s := &Subscription{start(t, root, t.TempDir(), stdbuf, args...)}
	s.ready = func(context.Context) error {
		text, err := os.ReadFile(s.log)
		if err == nil && !strings.Contains("\n"+string(text), "\nSubscribed ") {
			err = fmt.Errorf("not subscribed: %s", lastLine(text))
		}
		return err
	}
	if err := s.await(t.Context(), s.ready); err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	return s
}

// Received returns the messages that have come, in their order.
func (s *Subscription) Received(t testing.TB) (list []Message) {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, messageMark)
		if !ok || !strings.HasSuffix(line, "\n") { // another line, or one that is still being written
			continue
		}
		retained, rest, _ := strings.Cut(strings.TrimSuffix(rest, "\n"), " ")
		digits, topic, ok := strings.Cut(rest, " ")
		payload, err := hex.DecodeString(digits)
		if err != nil || !ok {
			t.Fatalf("line %q of mosquitto_sub", line)
		}
		list = append(list, Message{Topic: topic, Payload: string(payload), Retained: retained == "1"})
	}
	return list
}

// Await waits until at least n messages have come, and returns all.
func (s *Subscription) Await(t testing.TB, n int) []Message {
	t.Helper()
	for end := time.Now().Add(readyLimit); ; time.Sleep(readyPoll) {
		list := s.Received(t)
		if len(list) >= n {
			return list
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages have come, want %d: %+v", len(list), n, list[:min(len(list), 20)])
		}
	}
}

// toEnd runs a program from the packages until it ends well.
func toEnd(t testing.TB, stdin, program string, args ...string) {
	t.Helper()
	cmd := command(tree(t), program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	watchdog := time.AfterFunc(readyLimit, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", filepath.Base(program), err, lastLine(text))
	}
}
