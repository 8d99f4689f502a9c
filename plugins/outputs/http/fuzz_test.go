package stockhttp

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/telegraftest"
)

// FuzzBodies renders metrics of any names, tags and values by all three files. Whatever they are, a body has the form that
// its receiver takes, to the letter.
func FuzzBodies(f *testing.F) {
	add := func(m telegraftest.Metric) {
		for field, value := range m.Fields() {
			text, number, kind := "", uint64(0), byte(0)
			switch v := value.(type) {
			case int64:
				number = uint64(v)
			case uint64:
				number, kind = v, 1
			case float64:
				number, kind = math.Float64bits(v), 2
			case bool:
				kind = 3
			case string:
				text, kind = v, 4
			}
			f.Add(m.Name(), m.Tag("host"), "address", m.Tag("address"), field, text, number, kind, m.Time().UnixNano())
		}
	}
	for _, m := range append(ordinary(), hostile()...) {
		add(m)
	}
	stream, set, irondb := stock(f, PIStream), stock(f, PIStreamSet), stock(f, IRONdb)
	f.Fuzz(func(t *testing.T, name, host, key, tag, field, text string, number uint64, kind byte, nanoseconds int64) {
		var value any
		switch kind % 5 {
		case 0:
			value = int64(number)
		case 1:
			value = number
		case 2:
			value = math.Float64frombits(number)
		case 3:
			value = number&1 == 1
		case 4:
			value = text
		}
		list := []telegraftest.Metric{
			telegraftest.New(name, tags{"host": host, key: tag}, fields{field: value, "second": 1}, time.Unix(0, nanoseconds)),
			telegraftest.New("ipvs_real_server", realServer("host", host, key, tag, "virtual_fwmark", text), fields{field: value}, time.Unix(0, nanoseconds)),
			telegraftest.New(name, tags{"host": host}, fields{"connections": value}, time.Unix(0, nanoseconds)),
		}
		for _, body := range stream.Render(list) {
			requireTimedValue(t, body)
		}
		bodies := set.Render(list)
		var items []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(bodies[0]), &items), bodies[0])
		requireItems(t, bodies, len(items))
		requireDataPoints(t, irondb.Render(list)[0])
	})
}

// requireDataPoints checks that IRONdb takes a body, but for what only line protocol cannot carry.
func requireDataPoints(t *testing.T, body string) {
	t.Helper()
	if body == "[]" {
		return
	}
	p := opentsdb.NewParser(opentsdb.Config{Profile: opentsdb.IRONdb, MaxIngestAge: -1, MaxClockSkew: -1}, opentsdb.NewTable(opentsdb.TableConfig{}))
	require.NoError(t, p.ParseJSON(strings.NewReader(body), func(*opentsdb.Point) {}, func(_ int, raw []byte, err *opentsdb.Error) {
		require.Equal(t, opentsdb.LineProtocol, err.Reason, "%s: %v", raw, err)
	}))
}
