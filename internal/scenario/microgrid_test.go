package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/peertest"
	"telegraf-ipvs/internal/telegraftest"
)

// A gridDevice is something that publishes.
type gridDevice struct {
	topic    string // of its measurements
	point    string // what the names of its points begin with
	messages []gridMessage
}

// A gridMessage is a message, and what is to be in PI because of it. No points mean that it is lost.
type gridMessage struct {
	payload string
	at      time.Time
	points  map[string]any
}

// gridChanges are the points of which only changes are sent, once an hour at least.
var gridChanges = map[string]bool{"state": true, "mode": true, "fault": true}

// gridInverter returns messages of an inverter, a second apart.
func gridInverter(device string, begin time.Time, n int) gridDevice {
	d := gridDevice{topic: "microgrid/north/inverter/" + device, point: "MG.north." + device + "."}
	codes := []string{"OFF", "STBY", "RUN", "RUN", "RUN", "FLT", "SELFTEST"}
	states := []string{"off", "standby", "running", "running", "running", "fault", "unknown"}
	for i := range n {
		at := begin.Add(time.Duration(i)*time.Second + 250*time.Millisecond)
		points := map[string]any{
			"state": states[i%7], "ac_power": 4000 + 12.5*float64(i), "ac_frequency": 50.01, "dc_voltage": float64(600 + i),
			"energy": float64(1<<40) + float64(i), "fault": "",
		}
		power, fault := fmt.Sprint(points["ac_power"]), `""`
		switch i % 7 {
		case 0: // at night
			power = "null"
			delete(points, "ac_power")
		case 5:
			fault = `"Überspannung \"DC\" \\ 42"`
			points["fault"] = `Überspannung "DC" \ 42`
		}
		d.messages = append(d.messages, gridMessage{at: at, points: points, payload: fmt.Sprintf(
			`{"time":%q,"state":%q,"ac":{"power":%s,"frequency":50.01},"dc_voltage":%d,"energy":%d,"fault":%s,"firmware":"1.2"}`,
			at.In(time.FixedZone("", 2*3600)).Format(time.RFC3339Nano), codes[i%7], power, 600+i, 1<<40+i, fault)})
	}
	return d
}

// gridBattery returns messages of a battery. Its older kind does not tell of its cells.
func gridBattery(device string, begin time.Time, n int) gridDevice {
	d := gridDevice{topic: "microgrid/north/battery/" + device, point: "MG.north." + device + "."}
	modes := []string{"idle", "charging", "discharging", "unknown"}
	for i := range n {
		at := begin.Add(time.Duration(i)*time.Second + 125*time.Millisecond)
		points := map[string]any{
			"mode": modes[i/3%4], "soc": 81 - float64(i)/2, "voltage": 51.92, "current": -12.4 + float64(i), "cell_voltage_min": 3.31,
			"cell_voltage_max": 3.35,
		}
		cells := `,"cells":{"min":3.31,"max":3.35}`
		if i%2 == 1 {
			cells = ""
			delete(points, "cell_voltage_min")
			delete(points, "cell_voltage_max")
		}
		d.messages = append(d.messages, gridMessage{at: at, points: points, payload: fmt.Sprintf(
			`{"ts":%d,"mode":%d,"soc":%v,"voltage":51.92,"current":%v%s}`, at.UnixMilli(), i/3%4, points["soc"], points["current"], cells)})
	}
	return d
}

// gridWeather returns messages of a weather station whose clock is two hours ahead of UTC, as in summer.
func gridWeather(begin time.Time, n int) gridDevice {
	d := gridDevice{topic: "microgrid/north/weather/mast", point: "MG.north.mast."}
	for i := range n {
		at := begin.Add(time.Duration(i) * time.Second)
		d.messages = append(d.messages, gridReading(at, at.Add(2*time.Hour).Format("02.01.2006 15:04:05"), i))
	}
	return d
}

func gridReading(at time.Time, local string, i int) gridMessage {
	points := map[string]any{
		"irradiance": float64(800 + i%90), "temperature": 21.4, "wind_speed": 3.2, "wind_direction": float64(i * 7 % 360),
	}
	return gridMessage{at: at, points: points, payload: fmt.Sprintf(`{"time":%q,"irradiance":%v,"temperature":21.4,"wind":{"speed":3.2,"direction":%v}}`,
		local, points["irradiance"], points["wind_direction"])}
}

// A microGrid is the whole of the scenario: a broker, what telegraf.conf makes of it, and a PI System.
type microGrid struct {
	t      *testing.T
	broker *peertest.Broker
	inputs []*mqttInput
	enums  []*enumProcessor
	output telegraftest.Plugin
	config string // pi.conf
	pi     *pi
	want   map[string][]value // by point, in the order in which they were sent

	subscriptions []*peertest.Subscription
	child         *child
	sent          map[string]value // by point, the last of what is sent when it changes
	lost          int              // messages that were no metrics
}

func newMicroGrid(t *testing.T) *microGrid {
	t.Helper()
	t.Setenv("MQTT_PASSWORD", gridPassword)
	g := &microGrid{t: t, broker: startGridBroker(t), pi: startPI(t), want: map[string][]value{}}
	require.NoError(t, g.pi.server.CreateDigitalSet("Inverter state", "off", "standby", "running", "fault", "unknown"))
	require.NoError(t, g.pi.server.CreateDigitalSet("Battery mode", "idle", "charging", "discharging", "unknown"))
	config := telegraftest.Load(t, g.telegraf())
	require.True(t, config.Agent().Flag("omit_hostname", false))
	for _, p := range config.All("inputs.mqtt_consumer") {
		g.inputs = append(g.inputs, newMQTTInput(t, p))
	}
	for _, p := range config.All("processors.enum") {
		g.enums = append(g.enums, newEnumProcessor(t, p))
	}
	g.output = config.Only(t, "outputs.execd")
	require.Equal(t, []string{installed, "--config", "/etc/telegraf-ipvs/pi.conf"}, g.output.List("command"))
	g.config = save(t, "pi.conf", text(t, "micro-grid", "pi.conf",
		append(g.pi.settings(t, "/var/lib/telegraf-ipvs/pi"), "localhost:9273", childtest.Address(t))...))
	return g
}

// telegraf returns telegraf.conf with the address of the broker.
func (g *microGrid) telegraf(oldNew ...string) string {
	g.t.Helper()
	return text(g.t, "micro-grid", "telegraf.conf", append(oldNew, "mqtt.example.com:1883", g.broker.Address)...)
}

// begin starts Telegraf, as it were: its inputs connect, its output has a child.
func (g *microGrid) begin() {
	g.t.Helper()
	g.child, g.sent, g.subscriptions = start(g.t, "run", "--config", g.config), map[string]value{}, nil
	for _, in := range g.inputs {
		g.subscriptions = append(g.subscriptions, in.subscribe(g.t, g.broker))
	}
}

// end ends the inputs. What each has got goes to the child; counts say how many messages that has to be.
func (g *microGrid) end(counts ...int) {
	g.t.Helper()
	for i, in := range g.inputs {
		list := g.subscriptions[i].Await(g.t, counts[i])
		require.Len(g.t, list, counts[i], in.plugin.Text("client_id"))
		g.subscriptions[i].Terminate(g.t)
		for _, message := range list {
			m, err := in.metric(message)
			if err != nil {
				g.lost++
				continue
			}
			for _, e := range g.enums {
				m = e.apply(m)
			}
			m, ok := g.output.Pass(m)
			require.True(g.t, ok)
			g.child.write(m.Line())
		}
	}
}

// publish has a device publish its messages, and notes what is to be in PI because of them.
func (g *microGrid) publish(d gridDevice) {
	g.t.Helper()
	var payloads strings.Builder
	for _, m := range d.messages {
		payloads.WriteString(m.payload + "\n")
		for field, v := range m.points {
			point, next := d.point+field, value{m.at.UTC(), v}
			if last, ok := g.sent[point]; gridChanges[field] && ok && last.value == v && m.at.Sub(last.time) < time.Hour {
				continue
			}
			g.sent[point] = next
			g.want[point] = append(g.want[point], next)
		}
	}
	g.broker.Pub(g.t, payloads.String(), g.station("-t", d.topic, "-l")...)
}

// station are the arguments of a client that is a device.
func (g *microGrid) station(args ...string) []string {
	return append([]string{"-u", "station", "-P", gridPassword, "-q", "1"}, args...)
}

// connect has a device say that it is there, and leave its will. The device goes when the process is stopped.
func (g *microGrid) connect(topic string) *peertest.Subscription {
	g.t.Helper()
	online := topic + "/online"
	device := g.broker.Sub(g.t, g.station("-t", topic+"/command",
		"--will-topic", online, "--will-payload", "false", "--will-qos", "1", "--will-retain")...)
	g.broker.Pub(g.t, "", g.station("-t", online, "-r", "-m", "true")...)
	return device
}

// verify compares all that PI has with what it should have, and returns how many values these are.
func (g *microGrid) verify() (values int) {
	g.t.Helper()
	for _, point := range slices.Sorted(maps.Keys(g.want)) {
		want := g.want[point]
		values += len(want)
		slices.SortStableFunc(want, func(a, b value) int { return a.time.Compare(b.time) })
		require.Equal(g.t, want, g.pi.await(g.t, point, len(want)), point)
	}
	for _, point := range g.pi.server.Points() {
		if !strings.HasSuffix(point.Name, ".online") {
			require.Contains(g.t, g.want, point.Name, "nobody asked for this point")
		}
	}
	return values
}

// requireOnline waits until PI has how often a device has come and gone. Its times are those of the arrival.
func (g *microGrid) requireOnline(device string, since time.Time, want ...int64) {
	g.t.Helper()
	online := func() (got []int64) {
		for _, v := range g.pi.values("MG.north." + device + ".online") {
			require.WithinRange(g.t, v.time, since.Add(-time.Millisecond), time.Now())
			if n := v.value.(int64); len(got) == 0 || got[len(got)-1] != n {
				got = append(got, n)
			}
		}
		return got
	}
	eventually(g.t, func() bool { return slices.Equal(want, online()) }, fmt.Sprintf("%s is %v", device, want),
		func() string { return fmt.Sprint("it is ", online()) })
}

// verifyAll waits until PI has everything, ends the child, and looks that nothing more has come. It returns how many values
// there are. online are those of devices that have come and gone.
func (g *microGrid) verifyAll(since time.Time, online map[string][]int64) (values int) {
	g.t.Helper()
	look := func() {
		g.t.Helper()
		values = g.verify()
		for device, want := range online {
			g.requireOnline(device, since, want...)
		}
	}
	look()
	g.child.close() // no sooner: it may leave the rest to the next one
	look()
	return values
}

// TestMicroGrid publishes with mosquitto_pub through a real broker, which keeps for Telegraf what comes while it is away.
func TestMicroGrid(t *testing.T) {
	g := newMicroGrid(t)
	begin := time.Now()
	past := begin.Add(-3 * time.Hour).Truncate(time.Second)
	const inverter = "microgrid/north/inverter/"
	first, second := g.connect(inverter+"inv1"), g.connect(inverter+"inv2")

	g.begin()
	g.publish(gridInverter("inv1", past, 40))
	g.publish(gridInverter("inv2", past, 40))
	g.publish(gridBattery("bat1", past, 40))
	summer := gridDevice{topic: "microgrid/north/weather/mast", point: "MG.north.mast.", messages: []gridMessage{
		gridReading(time.Date(2025, 1, 15, 11, 0, 0, 0, time.UTC), "15.01.2025 12:00:00", 0),
		gridReading(time.Date(2025, 7, 15, 10, 0, 0, 0, time.UTC), "15.07.2025 12:00:00", 1),
	}}
	g.publish(summer)
	// What nobody can read, or what lacks what it has to have, is lost, and nothing else.
	g.publish(gridDevice{topic: inverter + "inv1", messages: []gridMessage{
		{payload: `{"time":"2026-07-15T12:00:00Z","state":`}, {payload: `{"time":"2026-07-15T12:00:00Z","state":"RUN"}`},
		{payload: `{"state":"RUN","ac":{"power":1,"frequency":50},"dc_voltage":1,"energy":1}`},
	}})
	second.Stop() // its will comes true
	g.end(40+40+3, 40, 2, 3)
	require.Equal(t, 3, g.lost)
	g.verifyAll(begin, map[string][]int64{"inv1": {1}, "inv2": {1, 0}})

	// Nobody is there to take what comes now, and the broker is started anew. It is more than a broker keeps by default.
	first.Stop()
	g.sent = map[string]value{}
	away := time.Date(2025, 8, 20, 6, 0, 0, 0, time.UTC)
	g.publish(gridInverter("inv1", past.Add(time.Hour), 30))
	g.publish(gridBattery("bat1", past.Add(time.Hour), 30))
	g.publish(gridWeather(away, 1500))
	g.broker.Terminate(t)
	g.broker.Restart(t)
	g.connect(inverter + "inv1")
	noted := maps.Clone(g.sent)
	g.begin()
	g.sent = noted
	g.publish(gridInverter("inv1", past.Add(time.Hour+30*time.Second), 10))
	// mosquitto_sub subscribes again and is given what is retained; Telegraf finds its session, and does not.
	g.end(30+10, 30, 1500, 2+2)
	require.Equal(t, 3, g.lost)
	values := g.verifyAll(begin, map[string][]int64{"inv1": {1, 0, 1}, "inv2": {1, 0}})
	for point, want := range map[string]struct {
		kind, units string
		step        bool
	}{
		"inv1.state": {"Digital", "", true}, "bat1.mode": {"Digital", "", true}, "inv1.fault": {"String", "", true},
		"inv1.online": {"Int16", "", true}, "inv1.ac_power": {"Float64", "W", false}, "inv1.energy": {"Float64", "Wh", true},
		"bat1.cell_voltage_min": {"Float64", "V", false}, "mast.wind_direction": {"Float64", "deg", true},
	} {
		p, ok := g.pi.server.Point("MG.north." + point)
		require.True(t, ok, point)
		require.Equal(t, want.kind, p.Type, point)
		require.Equal(t, want.units, p.Units, point)
		require.Equal(t, want.step, p.Step, point)
		require.False(t, strings.Contains(p.Descriptor, "{{"), point)
	}
	t.Logf("%d values of %d points", values, len(g.want))

	t.Run("telegraf", func(t *testing.T) {
		telegraftest.Binary(t)
		g := newMicroGrid(t)
		g.connect(inverter + "inv1")
		telegraf := g.telegraf("/etc/telegraf-ipvs/pi.conf", g.config, `interval = "10s"`, `interval = "1s"`)
		first := runTelegraf(t, telegraf)
		g.sent = map[string]value{}
		eventually(t, func() bool { return len(g.pi.values("MG.north.inv1.online")) > 0 }, "Telegraf has subscribed", first.Log)
		g.publish(gridInverter("inv1", past, 40))
		g.publish(gridBattery("bat1", past, 40))
		g.publish(summer)
		g.verify()
	})
}
