package opentsdb

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// TestTelnetCommands asks the questions that senders ask, in one connection.
func TestTelnetCommands(t *testing.T) {
	r := startRig(t, testConfig(t))
	c := r.dial()
	for _, end := range []string{"\n", "\r\n"} {
		c.send("version" + end)
		require.Equal(t, "telegraf-ipvs 1.2.3 built at revision 1.2.3 (listening as OpenTSDB does)", c.line())
		require.Regexp(t, `^Built on \S+ by \S+$`, c.line())
		c.send("help" + end)
		require.Equal(t, "available commands: put version help stats dropcaches exit", c.line())
		c.send("dropcaches" + end)
		require.Equal(t, "Caches dropped.", c.line())
	}
	c.send(putLine("m", 1) + "put m\nnonsense\n")
	require.Contains(t, c.line(), "put: illegal argument: not enough arguments")
	require.Equal(t, "unknown command: nonsense.  Try `help'.", c.line())
	c.send("stats\n")
	now, host := noon.Unix(), r.in.host
	for _, want := range []string{
		"tsd.uptime %d ", "tsd.connectionmgr.connections %d 1 host=%s type=total", "tsd.connectionmgr.connections %d 1 host=%s type=open",
		"tsd.rpc.requests %d 3 host=%s type=put", "tsd.rpc.errors %d 1 host=%s type=missing_words", "tsd.rpc.errors %d 1 host=%s type=unknown_command",
	} {
		got := c.line()
		if strings.HasPrefix(got, "tsd.uptime") {
			require.Contains(t, got, fmt.Sprintf(want, now))
			continue
		}
		require.Contains(t, []string{fmt.Sprintf(want, now, host), swapped(got)}, got)
	}
	c.send("version\nexit\n" + putLine("after", 1))
	require.True(t, strings.HasPrefix(c.gone(patience), "telegraf-ipvs "), "what was asked before is answered")
	points := r.settle()
	require.Len(t, points, 1, "nothing behind exit counts")
	require.Equal(t, "m", points[0].Metric)
}

// swapped returns text: the two lines of errors may come in any order.
func swapped(text string) string {
	if strings.Contains(text, "tsd.rpc.errors") {
		return text
	}
	return ""
}

// TestTelnetDie refuses the command that stops OpenTSDB.
func TestTelnetDie(t *testing.T) {
	r := startRig(t, testConfig(t))
	c := r.dial()
	c.send("diediedie\n")
	require.Equal(t, "unknown command: diediedie.  Try `help'.", c.line())
	c.send(putLine("m", 1))
	r.arrive(1)
	c.send("version\n")
	require.NotEmpty(t, c.line())
}

// TestTelnetLines sends lines of every kind.
func TestTelnetLines(t *testing.T) {
	good := strings.TrimSuffix(putLine("m", 1), "\n")
	long := "put m 1 1 host=" + strings.Repeat("x", 2000)
	tests := []struct {
		name, text string
		points     int
		replies    []string // how each begins
	}{
		{name: "LF", text: good + "\n", points: 1},
		{name: "CRLF", text: good + "\r\n" + good + "\r\n", points: 2},
		{name: "no end", text: good, points: 1},
		{name: "no end, but a CR", text: good + "\r", points: 1},
		{name: "half a line at the end", text: good + "\nput m 17", points: 1, replies: []string{"put: illegal argument: not enough"}},
		{name: "a command without an end", text: "dropcaches", replies: []string{"Caches dropped."}},
		{name: "blank lines", text: "\n\r\n  \n\t\r\n" + good + "\n\n", points: 1},
		{name: "collectd", text: fmt.Sprintf("put load.load.shortterm %d 3.048828125 fqdn=probe01  status=production\r\n", noon.Unix()), points: 1},
		{name: "two blanks at the end", text: good + "  \r\n", points: 1},
		{name: "a mistake between", text: good + "\nput m x 1 a=b\n" + good + "\n", points: 2, replies: []string{"put: invalid value: "}},
		{name: "a line that is too long", text: good + "\n" + long + "\n" + good + "\n", points: 2, replies: []string{"put: illegal argument: the line is longer than 1024 bytes (max_line)"}},
		{name: "long ones in a row", text: long + "\r\n" + long + "\n" + good + "\n" + long + "\n", points: 1, replies: []string{"put: ill", "put: ill", "put: ill"}},
		{name: "a very long one", text: "put " + strings.Repeat("y", 300_000) + "\n" + good + "\n", points: 1, replies: []string{"put: ill"}},
		{name: "a long one without an end", text: good + "\n" + long, points: 1, replies: []string{"put: ill"}},
		{name: "a very long one without an end", text: strings.Repeat("z", 300_000), replies: []string{"put: ill"}},
		{name: "the longest", text: padded(good, 1024) + "\n" + padded(good, 1024) + "\r\n", points: 2},
		{name: "one byte more", text: padded(good, 1025) + "\n" + padded(good, 1025) + "\r\n" + padded(good, 1025), replies: []string{"put: ill", "put: ill", "put: ill"}},
		{name: "binary", text: "\x00\x01\xff\xfe\n" + good + "\n", points: 1, replies: []string{"unknown command: "}},
		{name: "two commands", text: "dropcaches\ndropcaches\n", replies: []string{"Caches dropped.", "Caches dropped."}},
		{name: "a metric called as a command", text: fmt.Sprintf("put version %d 1 a=b\nversion %d 1 a=b\n", noon.Unix(), noon.Unix()), points: 2},
	}
	cfg := testConfig(t)
	cfg.MaxLine = bytesOf(1 << 10)
	r := startRig(t, cfg)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, how := range []string{"at once", "in pieces"} {
				c := r.dial()
				if how == "at once" {
					c.send(test.text)
				} else {
					for text := test.text; text != ""; {
						n := 1 + rand.IntN(min(len(text), max(1, len(test.text)/8)))
						c.send(text[:n])
						text = text[n:]
					}
				}
				replies := strings.Split(strings.TrimSuffix(c.finish(), "\n"), "\n")
				if len(test.replies) == 0 {
					replies = replies[1:]
				}
				require.Len(t, replies, len(test.replies), "%s: %q", how, replies)
				for i, want := range test.replies {
					require.True(t, strings.HasPrefix(replies[i], want), "%s: %q", how, replies[i])
				}
				require.Len(t, r.settle(), test.points, how)
			}
		})
	}
}

// padded makes a line longer by blanks.
func padded(line string, size int) string { return line + strings.Repeat(" ", size-len(line)) }

// TestTelnetFragments cuts a stream at random points, a hundred times, and keeps the order of the lines.
func TestTelnetFragments(t *testing.T) {
	r := startRig(t, testConfig(t))
	var text strings.Builder
	for n := range 200 {
		text.WriteString(strings.Replace(putLine("m", n), "\n", []string{"\n", "\r\n"}[n%2], 1))
	}
	for range 100 {
		c := r.dial()
		for rest := text.String(); rest != ""; {
			n := 1 + rand.IntN(len(rest))
			c.send(rest[:n])
			rest = rest[n:]
		}
		require.Empty(t, c.finish())
		require.NoError(t, c.Close())
		points := r.settle()
		require.Len(t, points, 200)
		for n, p := range points {
			require.EqualValues(t, n, p.Value)
		}
	}
}

// TestTelnetOrder keeps the order of each connection while many send.
func TestTelnetOrder(t *testing.T) {
	const senders, lines = 8, 2000
	r := startRig(t, testConfig(t))
	var sending sync.WaitGroup
	for s := range senders {
		c := r.dial()
		sending.Go(func() {
			for n := 0; n < lines; {
				var b strings.Builder
				for range min(1+rand.IntN(50), lines-n) {
					b.WriteString(putLine(fmt.Sprintf("s%d", s), n))
					n++
				}
				if _, err := c.Write([]byte(b.String())); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sending.Wait()
	r.arrive(senders * lines)
	next := map[string]int64{}
	for _, p := range r.settle() {
		require.Equal(t, next[p.Metric], p.Value, p.Metric)
		next[p.Metric]++
	}
	require.Len(t, next, senders)
}

// TestTelnetSilent tells nobody of mistakes, and answers questions nevertheless.
func TestTelnetSilent(t *testing.T) {
	for _, place := range []string{"table", "listener"} {
		t.Run(place, func(t *testing.T) {
			cfg := testConfig(t)
			if place == "table" {
				cfg.TelnetErrors = "silent"
			} else {
				cfg.Listeners[0].TelnetErrors = "silent"
			}
			r := startRig(t, cfg)
			require.Equal(t, "Caches dropped.\n", r.say("put m\nnonsense\ndropcaches\n"+putLine("m", 1)))
			require.Len(t, r.settle(), 1)
			require.EqualValues(t, 1, r.in.ports[1].own.rejected[tsdb.MissingWords].Load(), "but it is counted")
		})
	}
}

// TestTelnetSplitEnd has the end of the longest line come in two pieces.
func TestTelnetSplitEnd(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxLine = bytesOf(1 << 10)
	r := startRig(t, cfg)
	c := r.dial()
	longest := padded(strings.TrimSuffix(putLine("m", 1), "\n"), 1<<10)
	sent := 0
	for _, piece := range []string{longest, "\r", "\n", longest + "\r", "\n", longest + " ", "\n"} {
		c.send(piece)
		sent += len(piece)
		require.Eventually(t, func() bool { return r.in.stats.bytes.Load() == uint64(sent) }, patience, time.Millisecond)
	}
	require.Contains(t, c.line(), "max_line")
	require.Empty(t, c.finish())
	require.Len(t, r.settle(), 2)
}

// dialDeaf connects with little room for answers. It is made before there is a connection, as a window that shrinks
// later stops both directions for a while.
func (r *rig) dialDeaf() *telnet {
	r.t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var problem error
		err := c.Control(func(fd uintptr) {
			problem = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
		return errors.Join(err, problem)
	}}
	conn, err := d.Dial("tcp", r.port())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	return &telnet{r.t, conn, bufio.NewReader(conn)}
}

// TestTelnetReadsNothing has a sender make a hundred thousand mistakes without reading a word of the answers.
func TestTelnetReadsNothing(t *testing.T) {
	const mistakes = 100_000
	r := startRig(t, testConfig(t))
	deaf := r.dialDeaf()
	text := strings.Repeat("put m notatime 1 host=a\n", mistakes/100)
	for range 100 {
		require.NoError(t, deaf.SetWriteDeadline(time.Now().Add(patience)))
		deaf.send(text)
	}
	deaf.send(putLine("m", 1)) // which comes after all of them
	r.arrive(1)
	require.EqualValues(t, mistakes, r.in.ports[1].own.rejected[tsdb.BadTimestamp].Load())
	require.NotZero(t, r.in.stats.repliesDropped.Load())

	require.NotEmpty(t, r.say("version\n"), "others are answered")
	begin := time.Now()
	require.NoError(t, deaf.Close())
	require.NoError(t, r.stop())
	require.Less(t, time.Since(begin), patience/2)
}

// TestTelnetBackpressure reads no more than a bound while nothing can be kept, and loses nothing.
func TestTelnetBackpressure(t *testing.T) {
	cfg := testConfig(t)
	cfg.QueueMaxSize = bytesOf(1 << 20)
	r := startRig(t, cfg)
	goOn := r.to.stall()
	defer goOn()
	const pieces = 400
	line := putLine("m", 1)
	piece := strings.Repeat(line, 1000)
	sent := make(chan struct{})
	c := r.dial()
	require.NoError(t, c.Conn.(*net.TCPConn).SetWriteBuffer(64<<10))
	go func() {
		defer close(sent)
		for range pieces {
			if _, err := c.Write([]byte(piece)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	// What is read does not grow any more when everything is full.
	full := func() bool { return r.in.intake.size() > intakeBytes-8*largeRead }
	require.Eventually(t, full, patience, time.Millisecond)
	require.Eventually(t, func() bool {
		before := r.in.stats.bytes.Load()
		time.Sleep(50 * time.Millisecond)
		return r.in.stats.bytes.Load() == before
	}, patience, time.Millisecond)
	require.Less(t, r.in.stats.bytes.Load(), uint64(pieces*len(piece)/2))
	select {
	case <-sent:
		require.Fail(t, "everything was taken")
	default:
	}
	require.NotEmpty(t, r.say("version\n"), "a connection that sends nothing is not held up")
	goOn()
	<-sent
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool { return r.to.count() == pieces*1000 }, 3*patience, 10*time.Millisecond, "%d", r.to.count())
	require.Zero(t, r.in.stats.lost.Load())
}

// TestTelnetLargeLines takes lines up to the limit, whatever that is, and gives large buffers back.
func TestTelnetLargeLines(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxLine = bytesOf(1 << 20)
	r := startRig(t, cfg)
	good := strings.TrimSuffix(putLine("m", 1), "\n")
	text := ""
	for _, size := range []int{1 << 20, 100_000, 70_000, 65_536, 65_535, 4096, 4095, 100} {
		text += padded(good, size) + "\n" + padded(good, size-1) + "\r\n"
	}
	for range 3 {
		require.Empty(t, r.say(text))
		require.Len(t, r.settle(), 16)
	}
	require.Contains(t, r.say(padded(good, 1<<20+1)+"\n"), "1048576 bytes (max_line)")
}

// TestTelnetVersionConfirms answers to version when the points before it are safe, and not before.
func TestTelnetVersionConfirms(t *testing.T) {
	cfg := testConfig(t)
	cfg.Acknowledge, cfg.QueuePath = ackHandedOver, ""
	r := startRig(t, cfg)
	goOn := r.to.stall()
	defer goOn()
	c := r.dial()
	_, err := c.Write([]byte(putLine("m", 1) + "version\n" + putLine("m", 2)))
	require.NoError(t, err)
	require.NotEmpty(t, r.say("version\n"), "who has sent no point waits for nobody")
	require.NoError(t, c.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = c.r.ReadString('\n')
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the point is not taken yet")
	goOn()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	answer, err := c.r.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, answer, "telegraf-ipvs")
	require.GreaterOrEqual(t, r.to.count(), 1)
	r.arrive(2)
}
