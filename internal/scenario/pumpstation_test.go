package scenario

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/telegraftest"
)

// pumpUnits are the units of the PLC and the pumps that they belong to.
var pumpUnits = map[uint8]string{1: "pump1", 2: "pump2"}

// pumpSteps are the fields of which only changes go to PI.
var pumpSteps = map[string]bool{"volume": true, "speed_setpoint": true, "run_hours": true, "running": true, "fault": true}

// pumpAt is what goes on in a pump at the time of reading n. The second one rests for a while, and is at fault once.
func pumpAt(unit uint8, n int) pumpTruth {
	truth := pumpTruth{temperature: int16(210 - n%60), volume: 1<<31 + uint32(unit), setpoint: 400, hours: 70000}
	if unit == 2 && n%80 >= 50 {
		truth.temperature = int16(-n % 50)
		truth.faulty = n == 70
		return truth
	}
	truth.running, truth.setpoint = true, 855
	truth.flow = float32(120 + 10*math.Sin(float64(n)/7) + float64(unit))
	truth.pressure = float32(4.5 + math.Cos(float64(n)/11)/4)
	truth.driveEnd = uint16(180 + n*7%40)
	truth.freeEnd = uint16(140 + n*11%30)
	truth.volume += uint32(n / 3)
	truth.hours += uint32(n / 360)
	return truth
}

// points is what PI should have of it, by the names of the points.
func (u pumpTruth) points(unit uint8) map[string]float64 {
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	points := map[string]float64{}
	for field, v := range map[string]float64{
		"flow": float64(u.flow), "pressure": float64(u.pressure), "vibration_drive_end": float64(u.driveEnd) / 100,
		"vibration_free_end": float64(u.freeEnd) / 100, "bearing_temperature": float64(u.temperature) / 10, "volume": float64(u.volume),
		"speed_setpoint": float64(u.setpoint) / 10, "run_hours": float64(u.hours), "running": truth(u.running), "fault": truth(u.faulty),
	} {
		points["PS12."+pumpUnits[unit]+"."+field] = v
	}
	return points
}

// A pumpStation is the whole of the scenario: a PLC, what telegraf.conf makes of it, and a PI System behind a thin link.
type pumpStation struct {
	t        *testing.T
	plc      *plc
	telegraf *telegraftest.Config
	input    *modbusInput
	pi       *pi
	link     *thinLink
	config   string // pi.conf
	status   string // address of the status page
	child    *child
	start    time.Time     // of reading 0
	interval time.Duration // between readings
	n        int           // how many there are
	lines    int           // how many lines the present child has been given
}

// pumpRate is how many bytes a second the link carries. The test runs some 500 times as fast as the station.
const pumpRate = 96 << 10

func newPumpStation(t *testing.T, oldNew ...string) *pumpStation {
	t.Helper()
	s := &pumpStation{t: t, plc: startPLC(t), status: childtest.Address(t)}
	s.telegraf = telegraftest.Load(t, text(t, "pump-station", "telegraf.conf", "plc.example.com:502", s.plc.address))
	s.input = newModbusInput(t, s.telegraf.Only(t, "inputs.modbus"))
	var err error
	s.interval, err = time.ParseDuration(s.telegraf.Agent().Text("interval"))
	require.NoError(t, err)
	s.start = time.Now().Add(-time.Hour).Truncate(s.interval).UTC()

	points := []string{}
	for unit := range pumpUnits {
		for _, point := range slices.Sorted(maps.Keys(pumpTruth{}.points(unit))) {
			field := point[strings.LastIndexByte(point, '.')+1:]
			kind := map[string]string{"flow": "Float32", "pressure": "Float32", "running": "Int16", "fault": "Int16"}[field]
			points = append(points, strings.TrimSpace(point+" "+kind))
		}
	}
	s.pi = startPI(t, points...)
	listener := httptest.NewUnstartedServer(s.pi.server)
	listener.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that the link has broken
	listener.StartTLS()
	t.Cleanup(listener.Close)
	s.link = startThinLink(t, listener.Listener.Addr().String(), pumpRate, 5*time.Millisecond)
	s.pi.url = "https://" + s.link.address + "/piwebapi"
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: listener.Certificate().Raw})
	s.config = save(t, "pi.conf", text(t, "pump-station", "pi.conf", append(s.pi.settings(t, "/var/lib/telegraf-ipvs/pi"), append([]string{
		"/etc/telegraf-ipvs/pi-ca.pem", save(t, "pi-ca.pem", string(authority)), "localhost:9273", s.status,
	}, oldNew...)...)...))
	s.run()
	return s
}

// run starts the child of outputs.execd.
func (s *pumpStation) run() {
	s.t.Helper()
	output := s.telegraf.Only(s.t, "outputs.execd")
	require.Equal(s.t, []string{installed, "--config", "/etc/telegraf-ipvs/pi.conf"}, output.List("command"))
	require.Equal(s.t, "influx", output.Text("data_format"))
	require.NotEmpty(s.t, output.Text("restart_delay"))
	s.child, s.lines = start(s.t, "run", "--config", s.config), 0
}

// gather reads the PLC once, and hands what it says to the child as Telegraf would.
func (s *pumpStation) gather() {
	s.t.Helper()
	s.child.write(s.read())
}

// read reads the PLC once, and returns the lines that the child is to have next.
func (s *pumpStation) read() (lines string) {
	s.t.Helper()
	for unit := range pumpUnits {
		s.plc.set(unit, pumpAt(unit, s.n))
	}
	output := s.telegraf.Only(s.t, "outputs.execd")
	for _, m := range s.input.gather(s.t, s.start.Add(time.Duration(s.n)*s.interval)) {
		m, ok := output.Pass(m)
		require.True(s.t, ok)
		lines += m.Line()
		s.lines++
	}
	s.n++
	return lines
}

// watch gathers n times, fast.
func (s *pumpStation) watch(n int) {
	s.t.Helper()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for range n {
		<-ticks.C
		s.gather()
	}
}

// ask runs "queue status", and returns a number of what it says, -1 if there is no queue yet or the child is still opening it.
func (s *pumpStation) ask(pattern string) int {
	s.t.Helper()
	out, err := exec.Command(program(s.t), "queue", "status", "--config", s.config).CombinedOutput()
	if err != nil {
		require.Regexp(s.t, "nothing was stored there yet|does not answer questions about it either", string(out))
		return -1
	}
	found := regexp.MustCompile(pattern).FindSubmatch(out)
	require.NotNil(s.t, found, "%s in %s", pattern, out)
	n, err := strconv.Atoi(string(found[1]))
	require.NoError(s.t, err)
	return n
}

// page returns the status page for people.
func (s *pumpStation) page() string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.status+"/", nil)
	require.NoError(s.t, err)
	req.Close = true
	answer, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return string(page)
}

// down waits until the status page tells of an outage.
func (s *pumpStation) down() {
	s.t.Helper()
	eventually(s.t, func() bool { return strings.Contains(s.page(), "Takes nothing") }, "the status page tells of the outage", s.page)
}

// someArrived waits until PI has a value of the first pump.
func (s *pumpStation) someArrived() {
	s.t.Helper()
	eventually(s.t, func() bool { return len(s.pi.values("PS12.pump1.flow")) > 0 }, "PI has a value", s.child.stderr)
}

// safe waits until all that the child was given is on disk.
func (s *pumpStation) safe() {
	s.t.Helper()
	eventually(s.t, func() bool { return s.ask(`since the start +(\d+) taken`) == s.lines }, "the queue has taken every line", s.child.stderr)
}

// requests returns how many requests have come, those that write values and all.
func (s *pumpStation) requests() (writes, all int) {
	for call, counts := range s.pi.server.Requests() {
		for _, n := range counts {
			all += int(n)
			if call == "POST streamsets/recorded" {
				writes += int(n)
			}
		}
	}
	return writes, all
}

// drained waits until nothing waits any more.
func (s *pumpStation) drained() {
	s.t.Helper()
	eventually(s.t, func() bool { return s.ask(`waiting +(\d+) metrics`) == 0 }, "the queue is empty", s.child.stderr, s.pi.summary)
}

// verify looks for every reading in PI: all of those that are drawn as a line, and of the others so many that what holds at
// the time of each reading is what was read. It returns how many values PI has.
func (s *pumpStation) verify() (values int) {
	s.t.Helper()
	for unit := range pumpUnits {
		for point := range pumpAt(unit, 0).points(unit) {
			list := s.pi.values(point)
			values += len(list)
			step := pumpSteps[point[strings.LastIndexByte(point, '.')+1:]]
			if !step {
				require.Equal(s.t, s.n, len(list), point)
			}
			require.NotEmpty(s.t, list, point)
			for n, i := 0, 0; n < s.n; n++ {
				at, want := s.start.Add(time.Duration(n)*s.interval), pumpAt(unit, n).points(unit)[point]
				for i+1 < len(list) && !list[i+1].time.After(at) {
					i++
				}
				if !step {
					require.Equal(s.t, at, list[i].time, point)
				}
				got := list[i].value
				if whole, ok := got.(int64); ok {
					got = float64(whole)
				}
				require.InDelta(s.t, want, got, 1e-9, "%s at reading %d", point, n)
			}
			if step {
				require.Less(s.t, len(list), s.n/2, "%s is sent too often", point)
			}
		}
	}
	return values
}

// TestPumpStation brings Modbus readings into PI over a link that stalls, that breaks, and is slow at the best of times; the
// program is killed while it is broken.
func TestPumpStation(t *testing.T) {
	t.Parallel()
	const every, most = 500 * time.Millisecond, 500 // between requests, and values in one
	begin := time.Now()
	s := newPumpStation(t, `send_interval = "1m"`, fmt.Sprintf("send_interval = %q", every), `timeout = "2m"`, `timeout = "3s"`,
		"max_values = 500", fmt.Sprint("max_values = ", most))
	s.watch(60)
	s.someArrived()
	s.link.stall()
	s.watch(60)
	s.down()
	s.link.restore()
	s.watch(40)

	s.link.sever()
	s.watch(30)
	s.safe()
	require.Positive(t, s.ask(`waiting +(\d+) metrics`))
	s.down()
	s.child.kill()
	s.run()
	s.watch(30)
	s.safe()
	s.link.restore()
	s.watch(40)
	s.safe()
	s.drained()
	took := time.Since(begin)
	values := s.verify()
	require.Zero(t, s.ask(`dead letters +(\d+)`))
	s.child.close()

	// One for each send_interval, one more whenever there is enough for a full one, and those that a failing link or a killed
	// program has left in doubt, of which there is one at a time.
	writes, all := s.requests()
	limit := int(took/every) + 1 + values/most + 2*3
	require.LessOrEqual(t, writes, limit)
	require.Equal(t, writes, all, "%v", s.pi.server.Requests())
	t.Logf("%d readings, %d values in %d requests (at most %d) within %v; over the link %.1f kB there and %.1f kB back",
		s.n, values, writes, limit, took.Round(time.Millisecond), float64(s.link.up.Load())/1e3, float64(s.link.down.Load())/1e3)

	t.Run("telegraf", func(t *testing.T) {
		telegraftest.Binary(t)
		s := newPumpStation(t, `send_interval = "1m"`, `send_interval = "1s"`)
		s.child.close() // Telegraf starts its own
		for unit := range pumpUnits {
			s.plc.set(unit, pumpAt(unit, 0))
		}
		runTelegraf(t, text(t, "pump-station", "telegraf.conf", "plc.example.com:502", s.plc.address,
			"/etc/telegraf-ipvs/pi.conf", s.config, `interval = "10s"`, `interval = "1s"`))
		for unit := range pumpUnits {
			for point, want := range pumpAt(unit, 0).points(unit) {
				eventually(t, func() bool { return len(s.pi.values(point)) > 0 }, point, s.pi.summary)
				require.InDelta(t, want, s.pi.values(point)[0].value, 1e-9, point)
			}
		}
	})
}

// TestPumpStationWire compares what a start and a minute of readings cost on the link with what pi.conf says of it.
func TestPumpStationWire(t *testing.T) {
	said := regexp.MustCompile(`is about (\d+) kB on the wire, with TLS and the answer, and\n +## a start another (\d+) kB`).
		FindStringSubmatch(text(t, "pump-station", "pi.conf"))
	require.NotNil(t, said)
	s := newPumpStation(t, `send_interval = "1m"`, `send_interval = "2s"`)
	minute := func() (bytes, writes float64) {
		sum := func() (int64, int) {
			writes, _ := s.requests()
			return s.link.up.Load() + s.link.down.Load(), writes
		}
		bytesBefore, writesBefore := sum()
		var lines string // all at once, for one request
		for range int(time.Minute / s.interval) {
			lines += s.read()
		}
		s.child.write(lines)
		s.safe()
		s.drained()
		bytesAfter, writesAfter := sum()
		return float64(bytesAfter - bytesBefore), float64(writesAfter - writesBefore)
	}
	first, writes := minute()
	require.EqualValues(t, 1, writes)
	second, writes := minute()
	require.EqualValues(t, 1, writes)
	values := s.verify()
	t.Logf("the first minute took %.0f bytes, the second %.0f; %d values", first, second, values)
	for i, measured := range []float64{second, first - second} {
		kilobytes, err := strconv.ParseFloat(said[1+i], 64)
		require.NoError(t, err)
		require.InDelta(t, kilobytes, measured/1e3, 1.5)
	}
}
