package scenario

import (
	"encoding/binary"
	"io"
	"log"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/simonvetter/modbus"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/telegraftest"
)

// A plc is the controller of the pump station. Its registers are laid out as the maker's manual would say, which is what
// telegraf.conf has to agree with: the low word of 32 bits first in input registers, the high word in holding registers.
type plc struct {
	address string

	mu    sync.Mutex
	units map[uint8]pumpTruth
}

// A pumpTruth is what is going on in a pump.
type pumpTruth struct {
	flow, pressure    float32 // m3/h, bar
	driveEnd, freeEnd uint16  // hundredths of mm/s
	temperature       int16   // tenths of degC
	volume            uint32  // m3
	setpoint          uint16  // tenths of percent
	hours             uint32
	running, faulty   bool
}

func startPLC(t testing.TB) *plc {
	t.Helper()
	p := &plc{units: map[uint8]pumpTruth{}}
	p.address = childtest.Address(t)
	server, err := modbus.NewServer(&modbus.ServerConfiguration{
		URL: "tcp://" + p.address, MaxClients: 4, Logger: log.New(io.Discard, "", 0),
		Timeout: 10 * patience, // of a connection on which nobody asks, as while a test waits for something else
	}, p)
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Stop() })
	return p
}

func (p *plc) set(unit uint8, truth pumpTruth) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.units[unit] = truth
}

func (p *plc) unit(id uint8) (pumpTruth, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	truth, ok := p.units[id]
	if !ok {
		return truth, modbus.ErrGWTargetFailedToRespond
	}
	return truth, nil
}

// registers cuts what was asked for out of those that begin at first.
func registers(all []uint16, first, address, quantity uint16) ([]uint16, error) {
	from, to := int(address)-int(first), int(address)-int(first)+int(quantity)
	if from < 0 || to > len(all) {
		return nil, modbus.ErrIllegalDataAddress
	}
	return all[from:to], nil
}

func low(v uint32) uint16  { return uint16(v) }
func high(v uint32) uint16 { return uint16(v >> 16) }

// HandleInputRegisters has ten of them, from 0.
func (p *plc) HandleInputRegisters(req *modbus.InputRegistersRequest) ([]uint16, error) {
	u, err := p.unit(req.UnitId)
	if err != nil {
		return nil, err
	}
	flow, pressure := math.Float32bits(u.flow), math.Float32bits(u.pressure)
	return registers([]uint16{
		low(flow), high(flow), low(pressure), high(pressure), u.driveEnd, u.freeEnd, 0xdead, uint16(u.temperature),
		low(u.volume), high(u.volume),
	}, 0, req.Addr, req.Quantity)
}

// HandleHoldingRegisters has three of them, from 100.
func (p *plc) HandleHoldingRegisters(req *modbus.HoldingRegistersRequest) ([]uint16, error) {
	u, err := p.unit(req.UnitId)
	if err != nil {
		return nil, err
	}
	if req.IsWrite {
		return nil, modbus.ErrIllegalFunction
	}
	return registers([]uint16{u.setpoint, high(u.hours), low(u.hours)}, 100, req.Addr, req.Quantity)
}

// HandleDiscreteInputs has two of them, from 0.
func (p *plc) HandleDiscreteInputs(req *modbus.DiscreteInputsRequest) ([]bool, error) {
	u, err := p.unit(req.UnitId)
	if err != nil {
		return nil, err
	}
	if int(req.Addr)+int(req.Quantity) > 2 {
		return nil, modbus.ErrIllegalDataAddress
	}
	return []bool{u.running, u.faulty}[req.Addr : req.Addr+req.Quantity], nil
}

// HandleCoils has none.
func (p *plc) HandleCoils(*modbus.CoilsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalDataAddress
}

// A modbusInput reads as [[inputs.modbus]] does, in the style "request", with the options that the scenario has. Any other
// fails the test.
type modbusInput struct {
	plugin   telegraftest.Plugin
	client   *modbus.ModbusClient
	requests []modbusRequest
}

// A modbusRequest is one request for neighbouring registers or bits.
type modbusRequest struct {
	unit              uint8
	register, order   string
	address, quantity uint16
	measurement       string
	tags              map[string]string
	fields            []modbusField
}

type modbusField struct {
	name, kind, output string
	scale              float64
	offset, length     uint16 // in registers or bits
}

func newModbusInput(t testing.TB, p telegraftest.Plugin) *modbusInput {
	t.Helper()
	requireHeeded(t, p.Kind, p.Options, "name", "controller", "timeout", "busy_retries", "busy_retries_wait", "configuration_type",
		"exclude_register_type_tag", "request", "workarounds")
	require.Equal(t, "request", p.Text("configuration_type"))
	require.True(t, p.Flag("exclude_register_type_tag", false))
	in := &modbusInput{plugin: p}
	var err error
	in.client, err = modbus.NewClient(&modbus.ClientConfiguration{
		URL: p.Text("controller"), Timeout: patience, Logger: log.New(io.Discard, "", 0),
	})
	require.NoError(t, err)
	require.NoError(t, in.client.Open())
	t.Cleanup(func() { _ = in.client.Close() })
	for _, table := range p.Tables("request") {
		in.requests = append(in.requests, modbusRequests(t, table)...)
	}
	require.NotEmpty(t, in.requests)
	return in
}

// modbusRequests returns the requests of a table: fields that lie side by side are asked for together, those to omit too.
func modbusRequests(t testing.TB, table map[string]any) (list []modbusRequest) {
	t.Helper()
	options := telegraftest.Plugin{Options: table}
	requireHeeded(t, "request", table, "slave_id", "byte_order", "register", "measurement", "fields", "tags")
	base := modbusRequest{
		unit: uint8(modbusNumber(t, table, "slave_id")), register: options.Text("register"), order: options.Text("byte_order"),
		measurement: options.Text("measurement"), tags: map[string]string{},
	}
	require.NotEmpty(t, base.measurement)
	for _, tags := range options.Tables("tags") {
		for key, value := range tags {
			base.tags[key] = value.(string)
		}
	}
	type placed struct {
		modbusField
		address uint16
		omit    bool
	}
	var fields []placed
	for _, table := range options.Tables("fields") {
		field := telegraftest.Plugin{Options: table}
		f := placed{omit: field.Flag("omit", false), address: uint16(modbusNumber(t, table, "address"))}
		f.name, f.kind, f.output, f.length = field.Text("name"), field.Text("type"), field.Text("output"), 1
		if base.register == "discrete" {
			requireHeeded(t, "field", table, "address", "name", "output")
			require.Equal(t, "BOOL", f.output)
		} else {
			requireHeeded(t, "field", table, "address", "name", "type", "scale", "output", "omit")
			require.Contains(t, []string{"ABCD", "CDAB"}, base.order)
			f.scale, _ = table["scale"].(float64)
			f.length = map[string]uint16{"INT16": 1, "UINT16": 1, "UINT32": 2, "FLOAT32": 2}[f.kind]
			require.NotZero(t, f.length, "type %q", f.kind)
		}
		fields = append(fields, f)
	}
	slices.SortFunc(fields, func(a, b placed) int { return int(a.address) - int(b.address) })
	for _, f := range fields {
		if last := len(list) - 1; last < 0 || list[last].address+list[last].quantity != f.address {
			next := base
			next.address = f.address
			list = append(list, next)
		}
		r := &list[len(list)-1]
		f.offset = r.quantity
		r.quantity += f.length
		if !f.omit {
			r.fields = append(r.fields, f.modbusField)
		}
	}
	return list
}

func modbusNumber(t testing.TB, table map[string]any, key string) int64 {
	t.Helper()
	n, ok := table[key].(int64)
	require.True(t, ok, "%s in %v", key, table)
	return n
}

// requireHeeded fails the test when a table has a key that the stand-in for its plugin does not heed.
func requireHeeded(t testing.TB, what string, table map[string]any, keys ...string) {
	t.Helper()
	for key := range table {
		require.Contains(t, keys, key, "the test knows no such option of %s", what)
	}
}

// gather reads everything once. What one unit says is one metric for each set of tags.
func (in *modbusInput) gather(t testing.TB, at time.Time) (list []telegraftest.Metric) {
	t.Helper()
	type group struct {
		measurement string
		tags        map[string]string
		fields      map[string]any
	}
	groups := map[string]*group{}
	var order []string
	for _, r := range in.requests {
		tags := map[string]string{"name": in.plugin.Text("name"), "slave_id": strconv.Itoa(int(r.unit))}
		id := r.measurement + " " + tags["slave_id"]
		for _, key := range slices.Sorted(maps.Keys(r.tags)) {
			tags[key] = r.tags[key]
			id += " " + key + "=" + r.tags[key]
		}
		if groups[id] == nil {
			groups[id] = &group{r.measurement, tags, map[string]any{}}
			order = append(order, id)
		}
		in.read(t, r, groups[id].fields)
	}
	for _, id := range order {
		g := groups[id]
		if m, ok := in.plugin.Pass(telegraftest.New(g.measurement, g.tags, g.fields, at)); ok {
			list = append(list, m)
		}
	}
	return list
}

func (in *modbusInput) read(t testing.TB, r modbusRequest, fields map[string]any) {
	t.Helper()
	require.NoError(t, in.client.SetUnitId(r.unit))
	if r.register == "discrete" {
		bits, err := in.client.ReadDiscreteInputs(r.address, r.quantity)
		require.NoError(t, err)
		for _, f := range r.fields {
			fields[f.name] = bits[f.offset]
		}
		return
	}
	kinds := map[string]modbus.RegType{"input": modbus.INPUT_REGISTER, "holding": modbus.HOLDING_REGISTER}
	kind, ok := kinds[r.register]
	require.True(t, ok, "register %q", r.register)
	raw, err := in.client.ReadRawBytes(r.address, 2*r.quantity, kind)
	require.NoError(t, err)
	for _, f := range r.fields {
		fields[f.name] = f.value(t, r.order, raw[2*f.offset:2*(f.offset+f.length)])
	}
}

// value decodes a field as inputs.modbus does: with a scale it becomes a float, otherwise what output says, or the widest
// type of its kind.
func (f modbusField) value(t testing.TB, order string, raw []byte) any {
	t.Helper()
	var bits uint32
	switch {
	case f.length == 1:
		bits = uint32(binary.BigEndian.Uint16(raw))
	case order == "CDAB":
		bits = uint32(binary.BigEndian.Uint16(raw[2:]))<<16 | uint32(binary.BigEndian.Uint16(raw))
	default:
		bits = binary.BigEndian.Uint32(raw)
	}
	var v any
	switch f.kind {
	case "FLOAT32":
		v = float64(math.Float32frombits(bits))
	case "INT16":
		v = int64(int16(bits))
	default:
		v = uint64(bits)
	}
	if f.scale != 0 {
		require.Empty(t, f.output)
		switch n := v.(type) {
		case int64:
			return float64(n) * f.scale
		case uint64:
			return float64(n) * f.scale
		}
		return v.(float64) * f.scale
	}
	if f.output == "INT64" {
		return int64(v.(uint64))
	}
	require.Empty(t, f.output)
	return v
}
