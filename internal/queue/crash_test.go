package queue

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The crash test kills a process that works with a queue, at any moment, again and again, and looks after each kill
// whether the queue holds what the process was told it holds. The process announces on stdout each operation before
// it begins, "begin OP lane:number …", and says "end LANE" after the queue has acknowledged it.

// crashTuning lets chunks, transactions and compactions happen many times within milliseconds.
func crashTuning() tuning {
	t := small()
	t.compactFile = 256 << 10
	return t
}

// A name is a record of one lane: each lane is one goroutine that appends, in order.
type name struct{ lane, number int }

const (
	crashLanes  = 2
	settlerLane = crashLanes
)

// payload is what is stored for a name. It is not to be guessed from a part of it.
func (n name) payload() []byte {
	rnd := rand.New(rand.NewPCG(uint64(n.lane), uint64(n.number)))
	b := fmt.Appendf(nil, "%d:%d:", n.lane, n.number)
	for range rnd.IntN(100) {
		b = append(b, byte(rnd.Int()))
	}
	return b
}

func nameOf(payload []byte) (name, error) {
	var n name
	parts := bytes.SplitN(payload, []byte(":"), 3)
	if len(parts) != 3 {
		return n, fmt.Errorf("no record of ours: %q", payload)
	}
	var err, err2 error
	n.lane, err = strconv.Atoi(string(parts[0]))
	n.number, err2 = strconv.Atoi(string(parts[1]))
	if err = errors.Join(err, err2); err == nil && !bytes.Equal(payload, n.payload()) {
		err = fmt.Errorf("record %v is changed: %q", n, payload)
	}
	return n, err
}

// say writes one line, which a pipe takes as a whole.
func say(lane int, op string, names []name) {
	b := fmt.Appendf(nil, "%d %s", lane, op)
	for _, n := range names {
		b = fmt.Appendf(b, " %d:%d", n.lane, n.number)
	}
	os.Stdout.Write(append(b, '\n'))
}

// crashChild works until it is killed.
func crashChild() error {
	q, err := open(Config{
		Dir: os.Getenv("QUEUE_TEST_DIR"), OnProblem: func(err error) { fmt.Fprintln(os.Stderr, err) },
	}, crashTuning())
	if err != nil {
		return err
	}
	seed, _ := strconv.ParseUint(os.Getenv("QUEUE_TEST_SEED"), 10, 64)
	failed := make(chan error)
	for lane := range crashLanes {
		next, _ := strconv.Atoi(strings.Split(os.Getenv("QUEUE_TEST_NEXT"), ",")[lane])
		rnd := rand.New(rand.NewPCG(seed, uint64(lane)))
		go func() { failed <- crashAppender(q, lane, next, rnd) }()
	}
	go func() { failed <- crashSettler(q, rand.New(rand.NewPCG(seed, settlerLane))) }()
	return <-failed
}

func crashAppender(q *Queue, lane, next int, rnd *rand.Rand) error {
	for {
		var names []name
		var batch [][]byte
		for range 1 + rnd.IntN(30) {
			names = append(names, name{lane, next})
			batch = append(batch, name{lane, next}.payload())
			next++
		}
		say(lane, "append", names)
		if err := q.Append(context.Background(), batch); err != nil {
			return err
		}
		say(lane, "end", nil)
	}
}

// crashSettler moves records to one of the other places, and letters on from there.
func crashSettler(q *Queue, rnd *rand.Rand) error {
	ctx := context.Background()
	for {
		var err error
		var names []name
		var s Settlement
		var ids []uint64
		op := []string{"done", "done", "done", "dead", "held", "release", "replay", "delete"}[rnd.IntN(8)]
		switch op {
		case "done", "dead", "held":
			// Somewhere in what waits, not always at its beginning.
			skip := rnd.Uint64N(40)
			first, err := q.Read(ctx, 0, 1, 0)
			if err != nil {
				return err
			}
			list, err := q.List(first[0].Seq+skip, 1+rnd.IntN(60))
			if err != nil {
				return err
			}
			for _, r := range list {
				n, err := nameOf(r.Data)
				if err != nil {
					return err
				}
				names = append(names, n)
				s.Done = append(s.Done, Range{r.Seq, r.Seq})
				switch op {
				case "dead":
					s.Dead = append(s.Dead, Letter{Line: r.Data})
				case "held":
					s.Held = append(s.Held, Letter{Line: r.Data, Target: fmt.Sprint(n.number % 3)})
				}
			}
		case "release":
			list, err := q.ReadHeld(fmt.Sprint(rnd.IntN(3)), 0, 20)
			if err != nil {
				return err
			}
			for _, l := range list {
				n, err := nameOf(l.Line)
				if err != nil {
					return err
				}
				names, s.Released = append(names, n), append(s.Released, l.ID)
			}
		case "replay", "delete":
			list, err := q.DeadLetters(0, 20)
			if err != nil {
				return err
			}
			for _, l := range list {
				n, err := nameOf(l.Line)
				if err != nil {
					return err
				}
				names, ids = append(names, n), append(ids, l.ID)
			}
		}
		if len(names) == 0 {
			continue
		}
		say(settlerLane, op, names)
		switch op {
		case "replay":
			err = q.Replay(ctx, ids)
		case "delete":
			err = q.DeleteDead(ctx, ids)
		default:
			err = q.Settle(ctx, s)
		}
		if err != nil {
			return err
		}
		say(settlerLane, "end", nil)
	}
}

// Where a record is. One that is nowhere was settled or deleted, or never stored.
const (
	nowhere  = ""
	inQueue  = "queue"
	isDead   = "dead"
	isHeld   = "held"
	replayed = "replayed" // in the queue, out of order
)

// A ledger is what the parent knows.
type ledger struct {
	place map[name]string
	next  [crashLanes]int
	begun map[int]operation // by lane, not acknowledged
	ops   int
}

type operation struct {
	to    string
	names []name
}

// read follows what one child says until the pipe ends. The last line may be cut. It calls acknowledged for each operation
// that is.
func (l *ledger) read(t *testing.T, out io.Reader, acknowledged func()) {
	l.begun = make(map[int]operation)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		lane, err := strconv.Atoi(words[0])
		require.NoError(t, err)
		if words[1] == "end" {
			op := l.begun[lane]
			for _, n := range op.names {
				// The settler may have moved a record before its appender was told.
				if _, moved := l.place[n]; lane == settlerLane || !moved {
					l.place[n] = op.to
				}
			}
			delete(l.begun, lane)
			l.ops++
			acknowledged()
			continue
		}
		to, known := map[string]string{
			"append": inQueue, "done": nowhere, "dead": isDead, "held": isHeld, "release": nowhere, "replay": replayed,
			"delete": nowhere,
		}[words[1]]
		require.True(t, known, line)
		op := operation{to: to}
		for _, w := range words[2:] {
			var n name
			_, err := fmt.Sscanf(w, "%d:%d", &n.lane, &n.number)
			require.NoError(t, err)
			op.names = append(op.names, n)
			if to == inQueue {
				l.next[n.lane] = n.number + 1
			}
		}
		l.begun[lane] = op
	}
}

// compare checks what is there, and takes over what became of the operations that were not acknowledged.
func (l *ledger) compare(t *testing.T, q *Queue) {
	there := make(map[name]string)
	put := func(data []byte, place string) name {
		n, err := nameOf(data)
		require.NoError(t, err)
		if there[n] != nowhere {
			require.Fail(t, "twice", "%v", n)
		}
		there[n] = place
		return n
	}
	last := [crashLanes]int{-1, -1}
	for _, r := range records(t, q) {
		n := put(r.Data, inQueue)
		if l.place[n] == replayed || l.place[n] == isDead {
			there[n] = replayed
			continue
		}
		if n.number <= last[n.lane] {
			require.Fail(t, "order", "%v after %d", n, last[n.lane])
		}
		last[n.lane] = n.number
	}
	for _, target := range []string{"0", "1", "2"} {
		for after := uint64(0); ; {
			list, err := q.ReadHeld(target, after, 100)
			require.NoError(t, err)
			if len(list) == 0 {
				break
			}
			for _, letter := range list {
				put(letter.Line, isHeld)
				after = letter.ID
			}
		}
	}
	for after := uint64(0); ; {
		list, err := q.DeadLetters(after, 100)
		require.NoError(t, err)
		if len(list) == 0 {
			break
		}
		for _, letter := range list {
			put(letter.Line, isDead)
			after = letter.ID
		}
	}
	// What was begun happened as a whole or not at all: where one record is shows where all of them must be.
	expected := maps.Clone(l.place)
	settling := l.begun[settlerLane]
	for lane := range crashLanes {
		names := l.begun[lane].names
		happened := slices.ContainsFunc(names, func(n name) bool {
			_, moved := l.place[n]
			return moved || there[n] != nowhere || slices.Contains(settling.names, n)
		})
		for _, n := range names {
			if _, moved := l.place[n]; happened && !moved {
				expected[n] = inQueue
			}
		}
	}
	if len(settling.names) > 0 && there[settling.names[0]] == settling.to {
		for _, n := range settling.names {
			expected[n] = settling.to
		}
	}
	for n, place := range expected {
		if there[n] != place {
			require.Fail(t, "lost or misplaced", "%v is in %q, not in %q", n, there[n], place)
		}
	}
	for n, place := range there {
		if expected[n] != place {
			require.Fail(t, "invented", "%v is in %q", n, place)
		}
	}
	l.place = there
}

func TestKill(t *testing.T) {
	kills := 100
	if os.Getenv("SOAK") != "" {
		kills = 3000
	}
	dir := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	l := &ledger{place: make(map[name]string)}
	compacted := 0
	for i := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleVar+"=crash", "QUEUE_TEST_DIR="+dir, fmt.Sprintf("QUEUE_TEST_SEED=%d", seed+uint64(i)),
			fmt.Sprintf("QUEUE_TEST_NEXT=%d,%d", l.next[0], l.next[1]))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		// Every other child is killed at any moment, which on a busy machine is mostly before it has begun to work; the
		// others only after some operations.
		pause, left := time.Duration(rnd.IntN(120))*time.Millisecond, 0
		if i%2 == 1 {
			pause, left = patience, 3+rnd.IntN(15)
		}
		kill := time.AfterFunc(pause, func() { cmd.Process.Kill() })
		l.read(t, out, func() {
			if left--; left == 0 {
				kill.Reset(time.Duration(rnd.IntN(5)) * time.Millisecond)
			}
		})
		_ = cmd.Wait()
		kill.Stop()
		require.Empty(t, stderr.String())
		if _, err := os.Stat((&disk{dir: dir}).path(compactName)); err == nil {
			compacted++
		}

		q, err := open(Config{Dir: dir, OnProblem: func(err error) { t.Error(err) }}, crashTuning())
		require.NoError(t, err)
		l.compare(t, q)
		if s := q.Stats(); s.Records+s.Held+s.DeadLetters > 3000 {
			settle(t, q, Range{1, 1 << 62})
			for n, place := range l.place {
				if place == inQueue || place == replayed {
					delete(l.place, n)
				}
			}
		}
		require.NoError(t, q.Close())
		verify(t, dir)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d acknowledged operations, %d kills while the file was being compacted", kills, l.ops, compacted)
	require.Greater(t, l.ops, kills)
}
