package scenario

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/piwebapi/piwebapitest"
	"telegraf-ipvs/internal/queue"
	"telegraf-ipvs/internal/telegraftest"
)

// TestScadaCSV follows files that grow by pieces of rows, over the end of a day and of summer time, and restarts on the way.
func TestScadaCSV(t *testing.T) {
	t.Run("without Telegraf", func(t *testing.T) {
		s := newScada(t)
		publisher := startOutput(t, s.own)
		tail := newScadaTail(t, s.config, nil)
		follow := func(written <-chan struct{}) {
			for done := false; !done; time.Sleep(poll) {
				select {
				case <-written:
					done = true
				default:
				}
				publisher.write(tail.read()) // a last time when all is written
			}
		}
		follow(s.append(t, 0, scadaRows/2))

		// Telegraf ends and starts again, in the middle of a file and of a row.
		s.begin(t, scadaRows/2)
		publisher.write(tail.read())
		publisher.close()
		require.Len(t, tail.offsets, 1, "the second file is to come")
		refused, dropped := len(tail.refused), len(tail.dropped)
		tail = newScadaTail(t, s.config, tail.offsets)
		publisher = startOutput(t, s.own)

		follow(s.append(t, scadaRows/2, scadaRows))
		require.Len(t, tail.offsets, 2)
		s.require(t, 0, scadaRows)
		publisher.close()
		require.Equal(t, s.broken, refused+len(tail.refused), "rows that are broken")
		require.Equal(t, s.texts, dropped+len(tail.dropped), "texts in columns of numbers")
		require.Equal(t, s.pi.total(), s.sent(), "nothing was sent twice")
		s.latency(t)
	})
	t.Run("telegraf", func(t *testing.T) {
		telegraftest.Binary(t)
		s := newScada(t)
		runTelegraf(t, strings.ReplaceAll(s.text, "/etc/telegraf-ipvs/pi.conf", save(t, "pi.conf", s.own)))
		<-s.append(t, 0, scadaRows)
		s.require(t, 0, scadaRows)
		s.latency(t)
	})
}

// TestScadaCSVKilled kills telegraf-ipvs while PI is away. What it had on its disk arrives; what was in the pipe does not,
// until the files are read again, which stores nothing twice.
func TestScadaCSVKilled(t *testing.T) {
	s := newScada(t)
	publisher := startOutput(t, s.own)
	tail := newScadaTail(t, s.config, nil)
	step := scadaRows / 4
	feed := func(from int) {
		<-s.append(t, from, from+step)
		publisher.write(tail.read())
	}
	feed(0)
	s.require(t, 0, step)

	plan, err := piwebapitest.ParseFaults("503-before=1", 1)
	require.NoError(t, err)
	s.pi.server.SetFaults(plan)
	feed(step)
	lines := 0
	for n := step; n < 2*step; n++ {
		if s.want(n) != nil {
			lines++
		}
	}
	eventually(t, func() bool { return scadaQueued(s.queue) == lines }, "rows in the queue", func() string {
		return fmt.Sprint(scadaQueued(s.queue), " of ", lines)
	})

	// It is stopped before the rows come, so that they stay in the pipe: the worst instant for a kill.
	publisher.freeze()
	feed(2 * step)
	publisher.kill()

	s.pi.server.SetFaults(nil)
	publisher = startOutput(t, s.own)
	feed(3 * step)
	s.require(t, step, 2*step)
	s.require(t, 3*step, 4*step)
	for n := 2 * step; n < 3*step; n++ {
		for point := range s.want(n) {
			require.Empty(t, s.at(point, scadaTime(n)), "row %d was only in the pipe of a process that was killed", n)
		}
	}
	publisher.close()

	// The statefile is removed, Telegraf started: the remedy that telegraf.conf names.
	publisher = startOutput(t, s.own)
	before := s.pi.total()
	publisher.write(newScadaTail(t, s.config, nil).read())
	s.require(t, 0, 4*step)
	publisher.close()
	s.require(t, 0, 4*step)
	t.Logf("%d values, of which %d came when the files were read again; %d were sent", s.pi.total(), s.pi.total()-before, s.sent())
	require.Greater(t, s.sent(), s.pi.total(), "nothing was sent twice")
}

// scadaQueued asks a running telegraf-ipvs how many rows wait in its queue.
func scadaQueued(dir string) int {
	q, err := queue.Inspect(queue.Config{Dir: dir})
	if err != nil {
		return -1
	}
	defer q.Close()
	s, err := q.Stats()
	if err != nil {
		return -1
	}
	return int(s.Records)
}

// freeze makes the program stand still, so that what it is given stays in the pipe.
func (c *child) freeze() {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGSTOP))
	eventually(c.t, func() bool {
		_, state, _ := strings.Cut(read(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid)), ") ")
		return strings.HasPrefix(state, "T")
	}, "a process that stands still")
}

const scadaRows = 160

// scadaColumns are the points of a station by column, with their types.
var scadaColumns = map[string]map[string]string{
	"PS07": {
		"flow": "WW:PS07.FIC101.PV Float32", "level": "WW:PS07.LIC101.PV", "pressure": "WW:PS07.PI102.PV Float32",
		"pump": "WW:PS07.P101.RUN Int16", "message": "WW:PS07.MESSAGE String",
	},
	"PS08": {
		"flow": "WW:PS08.FIC201.PV Float32", "level": "WW:PS08.LIC201.PV", "pressure": "WW:PS08.PI202.PV Float32",
		"pump": "WW:PS08.P201.RUN Int16", "message": "WW:PS08.MESSAGE String",
	},
}

// A scada is what writes the files, with the PI System that has its points.
type scada struct {
	pi        *pi
	folder    string
	text, own string // telegraf.conf and pi.conf
	config    *telegraftest.Config
	queue     string

	// These belong to append while it runs.
	begun    int         // bytes of the next row that are there already
	broken   int         // rows that nobody can read
	texts    int         // texts in columns of numbers
	appended []time.Time // when the end of a row was in the file
}

func newScada(t *testing.T) *scada {
	t.Helper()
	s := &scada{
		pi:     startOtherPI(t, "svc-telegraf", piwebapitest.Config{ServerName: "PISRV1", KeepLog: true}),
		folder: t.TempDir(),
	}
	for _, points := range scadaColumns {
		for _, point := range points {
			name, kind, _ := strings.Cut(point, " ")
			require.NoError(t, s.pi.server.CreatePoint(piwebapitest.PointSpec{Name: name, Type: kind}))
		}
	}
	settings := s.pi.settings(t, "/var/lib/telegraf-ipvs/scada")
	s.queue = settings[len(settings)-1]
	s.own = text(t, "scada-csv", "pi.conf", settings...)
	s.text = text(t, "scada-csv", "telegraf.conf", "/srv/scada/export", s.folder,
		`"/var/lib/telegraf/state.json"`, strconv.Quote(filepath.Join(t.TempDir(), "state.json")))
	s.config = telegraftest.Load(t, s.text)
	return s
}

// scadaTime is the time of a row. They are five minutes apart around the night in which summer time ended in Central Europe;
// the clock of the SCADA knows none.
func scadaTime(n int) time.Time {
	return time.Date(2025, 10, 25, 16, 0, 0, 0, time.FixedZone("CET", 3600)).Add(time.Duration(n) * 5 * time.Minute).UTC()
}

// file is the file that a row is in: one a day, by the clock of the SCADA.
func (s *scada) file(n int) string {
	return filepath.Join(s.folder, "Trend_"+scadaTime(n).Add(time.Hour).Format("20060102")+".csv")
}

// station is the one that a row is of. One has no points in PI.
func (s *scada) station(n int) string { return []string{"PS07", "PS08", "PS07", "PS08", "PS09"}[n%5] }

// row returns row n as it stands in the file, and says what is wrong with it.
func (s *scada) row(n int) (text string, broken, noNumber bool) {
	at := scadaTime(n).Add(time.Hour).Format("02.01.2006 15:04:05")
	comma := func(v float64) string { return strings.Replace(strconv.FormatFloat(v, 'f', -1, 64), ".", ",", 1) }
	v := s.values(n)
	cell := func(column string) string {
		switch v := v[column].(type) {
		case float64:
			return comma(v)
		case int64:
			return fmt.Sprint(v)
		case string:
			return v
		}
		return []string{"", "---", " ", "####"}[n%4]
	}
	pressure := cell("pressure")
	switch {
	case n%31 == 30: // cut off by a full disk, years ago
		return at[:9], true, false
	case n%37 == 36:
		pressure, noNumber = "n/a", true
	}
	return fmt.Sprintf("%s;%s;%s;%s; %s;%s;%s", at, s.station(n), cell("flow"), cell("level"), pressure, cell("pump"), cell("message")),
		false, noNumber
}

// values are those of row n by column.
func (s *scada) values(n int) map[string]any {
	v := map[string]any{"flow": float64(n%50) + 0.5, "level": 3.0 + float64(n%7)/100, "pump": int64(n % 2)}
	if n%3 > 0 && n%37 != 36 {
		v["pressure"] = 4.75 - float64(n%5)
	}
	if n%6 == 0 {
		v["message"] = fmt.Sprintf("Störung %d, Pumpe 1 = 'aus'", n)
	}
	return v
}

// want returns the value of each point after row n, nil when it sends nothing to PI.
func (s *scada) want(n int) map[string]any {
	points := scadaColumns[s.station(n)]
	if _, broken, _ := s.row(n); broken || points == nil {
		return nil
	}
	want := map[string]any{}
	for column, v := range s.values(n) {
		name, _, _ := strings.Cut(points[column], " ")
		want[name] = v
	}
	return want
}

// append writes rows in pieces, at the pace of a fast SCADA. The channel is closed when they are there.
func (s *scada) append(t *testing.T, from, to int) <-chan struct{} {
	done := make(chan struct{})
	rnd := rand.New(rand.NewPCG(uint64(from), 1))
	go func() {
		defer close(done)
		for n := from; n < to; n++ {
			row, broken, noNumber := s.line(n)
			row, s.begun = row[s.begun:], 0
			for row != "" {
				size := 1 + rnd.IntN(len(row))
				if !scadaAppend(t, s.file(n), row[:size]) {
					return
				}
				row = row[size:]
				time.Sleep(time.Duration(rnd.IntN(10)) * time.Millisecond)
			}
			s.appended = append(s.appended, time.Now())
			if broken {
				s.broken++
			}
			if noNumber {
				s.texts++
			}
		}
	}()
	t.Cleanup(func() { <-done })
	return done
}

// begin writes the first bytes of a row that append will go on with.
func (s *scada) begin(t *testing.T, n int) {
	row, _, _ := s.line(n)
	s.begun = len(row) / 2
	require.True(t, scadaAppend(t, s.file(n), row[:s.begun]))
}

// line returns row n with its end, and in a new file with the header before it. The files are of two programs: the second
// begins with a byte order mark and has the line ends of Windows.
func (s *scada) line(n int) (text string, broken, noNumber bool) {
	text, broken, noNumber = s.row(n)
	head, end := "Time;Station;Flow;Level;Pressure;Pump;Message", "\n"
	if s.file(n) != s.file(0) {
		head, end = "\uFEFF"+head, "\r\n"
	}
	text += end
	if n == 0 || s.file(n) != s.file(n-1) {
		text = head + end + text
	}
	return text, broken, noNumber
}

func scadaAppend(t *testing.T, path, piece string) bool {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil {
		_, err = f.WriteString(piece)
		f.Close()
	}
	if err != nil {
		t.Errorf("append to %s: %v", path, err)
	}
	return err == nil
}

// at returns what a point holds for a time.
func (s *scada) at(point string, at time.Time) (list []any) {
	for _, v := range s.pi.values(point) {
		if v.time.Equal(at) {
			list = append(list, v.value)
		}
	}
	return list
}

// require waits until the values of rows are in PI, each once.
func (s *scada) require(t *testing.T, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		for point, v := range s.want(n) {
			eventually(t, func() bool { return len(s.at(point, scadaTime(n))) > 0 },
				fmt.Sprintf("row %d in %s", n, point), s.pi.summary)
			require.Equal(t, []any{v}, s.at(point, scadaTime(n)), "row %d in %s", n, point)
		}
	}
}

// sent is how many values have come to PI, each as often as it came.
func (s *scada) sent() (n int) {
	for _, point := range s.pi.server.Points() {
		n += len(s.pi.server.Received(point.Name))
	}
	return n
}

// latency tells how long it took from the end of a row in its file until PI had it.
func (s *scada) latency(t *testing.T) {
	t.Helper()
	var list []time.Duration
	for n, appended := range s.appended {
		for point := range s.want(n) {
			for _, r := range s.pi.server.Received(point) {
				if r.Time.Equal(scadaTime(n)) {
					list = append(list, r.Arrived.Sub(appended))
				}
			}
		}
	}
	slices.Sort(list)
	t.Logf("from the file to PI: half of %d values within %v, all within %v", len(list), list[len(list)/2], list[len(list)-1])
	require.Less(t, list[len(list)-1], 10*time.Second)
}
