package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for time zones on a machine without them

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/peertest"
	"telegraf-ipvs/internal/telegraftest"
)

// An mqttInput is what [[inputs.mqtt_consumer]] is in these tests: mosquitto_sub as the client, and a reader of messages
// that heeds the options which the scenario has, and fails the test on any other.
type mqttInput struct {
	plugin   telegraftest.Plugin
	topics   []mqttTopic
	messages func(payload string) (fields map[string]any, at time.Time, err error)
}

// An mqttTopic is a table topic_parsing. The elements of its lists are the levels of a topic.
type mqttTopic struct {
	pattern, measurement, tags []string
}

func newMQTTInput(t testing.TB, p telegraftest.Plugin) *mqttInput {
	t.Helper()
	options := []string{
		"servers", "topics", "qos", "persistent_session", "client_id", "username", "password", "max_undelivered_messages", "topic_tag",
		"data_format", "topic_parsing",
	}
	require.True(t, p.Flag("persistent_session", false))
	require.Contains(t, p.Options, "topic_tag")
	require.Empty(t, p.Text("topic_tag"))
	in := &mqttInput{plugin: p}
	switch p.Text("data_format") {
	case "json_v2":
		options = append(options, "json_v2")
		tables := p.Tables("json_v2")
		require.Len(t, tables, 1)
		in.messages = newJSONMessage(t, tables[0]).read
	case "value":
		options = append(options, "data_type", "value_field_name")
		require.Equal(t, "boolean", p.Text("data_type"))
		var last time.Time
		in.messages = func(payload string) (map[string]any, time.Time, error) {
			at := time.Now()
			if next := last.Add(time.Millisecond); at.Before(next) {
				at = next // PI cannot tell times apart that are less than 15 µs from each other, and keeps one value
			}
			last = at
			truth, err := strconv.ParseBool(strings.TrimSpace(payload))
			return map[string]any{p.Text("value_field_name"): truth}, at, err
		}
	default:
		require.Fail(t, "the test knows no data_format "+p.Text("data_format"))
	}
	requireHeeded(t, p.Kind, p.Options, options...)
	for _, table := range p.Tables("topic_parsing") {
		requireHeeded(t, "topic_parsing", table, "topic", "measurement", "tags")
		topic := telegraftest.Plugin{Options: table}
		levels := mqttTopic{
			strings.Split(topic.Text("topic"), "/"), strings.Split(topic.Text("measurement"), "/"), strings.Split(topic.Text("tags"), "/"),
		}
		require.Len(t, levels.measurement, len(levels.pattern))
		require.Len(t, levels.tags, len(levels.pattern))
		require.NotContains(t, levels.pattern, "#")
		in.topics = append(in.topics, levels)
	}
	return in
}

// subscribe connects to the broker as the options say.
func (in *mqttInput) subscribe(t testing.TB, broker *peertest.Broker) *peertest.Subscription {
	t.Helper()
	p := in.plugin
	require.Equal(t, []string{"tcp://" + broker.Address}, p.List("servers"))
	args := []string{"-i", p.Text("client_id"), "-c", "-q", p.Text("qos"), "-u", p.Text("username"), "-P", p.Text("password")}
	for _, topic := range p.List("topics") {
		args = append(args, "-t", topic)
	}
	return broker.Sub(t, args...)
}

// metric makes a metric of a message. An error means that Telegraf would log it and drop the message.
func (in *mqttInput) metric(message peertest.Message) (telegraftest.Metric, error) {
	fields, at, err := in.messages(message.Payload)
	if err != nil {
		return telegraftest.Metric{}, err
	}
	name, tags := "mqtt_consumer", map[string]string{}
	for _, topic := range in.topics {
		if levels := strings.Split(message.Topic, "/"); topic.fits(levels) {
			for i, level := range levels {
				if topic.measurement[i] != "_" {
					name = level
				}
				if topic.tags[i] != "_" {
					tags[topic.tags[i]] = level
				}
			}
		}
	}
	m, ok := in.plugin.Pass(telegraftest.New(name, tags, fields, at))
	if !ok {
		return m, errors.New("nothing is left of it")
	}
	return m, nil
}

func (topic mqttTopic) fits(levels []string) bool {
	if len(levels) != len(topic.pattern) {
		return false
	}
	for i, want := range topic.pattern {
		if want != "+" && want != levels[i] {
			return false
		}
	}
	return true
}

// A jsonMessage is a table json_v2 with a time and fields.
type jsonMessage struct {
	timePath, timeFormat string
	zone                 *time.Location
	fields               []jsonField
}

type jsonField struct {
	path, name, kind string
	optional         bool
}

// jsonPath is what may be said for a path: keys, one inside the other.
var jsonPath = regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)*$`)

func newJSONMessage(t testing.TB, table map[string]any) jsonMessage {
	t.Helper()
	requireHeeded(t, "json_v2", table, "timestamp_path", "timestamp_format", "timestamp_timezone", "field")
	options := telegraftest.Plugin{Options: table}
	m := jsonMessage{timePath: options.Text("timestamp_path"), timeFormat: options.Text("timestamp_format")}
	require.Regexp(t, jsonPath, m.timePath)
	require.NotEmpty(t, m.timeFormat)
	var err error
	m.zone, err = time.LoadLocation(options.Text("timestamp_timezone"))
	require.NoError(t, err)
	for _, table := range options.Tables("field") {
		requireHeeded(t, "field", table, "path", "rename", "type", "optional")
		options := telegraftest.Plugin{Options: table}
		f := jsonField{options.Text("path"), options.Text("rename"), options.Text("type"), options.Flag("optional", false)}
		require.Regexp(t, jsonPath, f.path)
		require.Contains(t, []string{"float", "int", "string"}, f.kind)
		if f.name == "" {
			f.name = f.path[strings.LastIndexByte(f.path, '.')+1:]
		}
		m.fields = append(m.fields, f)
	}
	return m
}

func (m jsonMessage) read(payload string) (fields map[string]any, at time.Time, err error) {
	var root any
	decoder := json.NewDecoder(bytes.NewReader([]byte(payload)))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		return nil, at, err
	}
	stamp, ok := jsonAt(root, m.timePath)
	if !ok || stamp == nil {
		return nil, at, fmt.Errorf("no time at %s", m.timePath)
	}
	if at, err = m.time(fmt.Sprint(stamp)); err != nil {
		return nil, at, err
	}
	fields = map[string]any{}
	for _, f := range m.fields {
		value, ok := jsonAt(root, f.path)
		switch {
		case !ok && !f.optional:
			return nil, at, fmt.Errorf("nothing at %s", f.path)
		case ok && value != nil:
			if fields[f.name], err = f.convert(value); err != nil {
				return nil, at, err
			}
		}
	}
	return fields, at, nil
}

func (m jsonMessage) time(text string) (time.Time, error) {
	if m.timeFormat == "unix_ms" {
		n, err := strconv.ParseInt(text, 10, 64)
		return time.UnixMilli(n), err
	}
	return time.ParseInLocation(m.timeFormat, text, m.zone)
}

// convert makes of a number or text what the option type says.
func (f jsonField) convert(value any) (any, error) {
	text := fmt.Sprint(value)
	switch _, isText := value.(string); {
	case f.kind == "float":
		return strconv.ParseFloat(text, 64)
	case f.kind == "int":
		return strconv.ParseInt(text, 10, 64)
	case isText:
		return text, nil
	}
	return nil, fmt.Errorf("%s is %v, not a text", f.path, value)
}

// jsonAt returns what stands at a path, and whether there is anything, if only null.
func jsonAt(value any, path string) (any, bool) {
	for key := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[key]; !ok {
			return nil, false
		}
	}
	return value, true
}

// An enumProcessor is [[processors.enum]] with fields whose values are mapped in place.
type enumProcessor struct {
	plugin   telegraftest.Plugin
	mappings []enumMapping
}

type enumMapping struct {
	fields    []string
	otherwise string
	values    map[string]any
}

func newEnumProcessor(t testing.TB, p telegraftest.Plugin) *enumProcessor {
	t.Helper()
	requireHeeded(t, p.Kind, p.Options, "namepass", "mapping")
	e := &enumProcessor{plugin: p}
	for _, table := range p.Tables("mapping") {
		requireHeeded(t, "mapping", table, "fields", "default", "value_mappings")
		options := telegraftest.Plugin{Options: table}
		m := enumMapping{fields: options.List("fields"), otherwise: options.Text("default")}
		m.values, _ = table["value_mappings"].(map[string]any)
		require.NotEmpty(t, m.otherwise)
		require.NotEmpty(t, m.values)
		e.mappings = append(e.mappings, m)
	}
	return e
}

// apply maps the fields of a metric that the processor takes.
func (e *enumProcessor) apply(m telegraftest.Metric) telegraftest.Metric {
	if _, ok := e.plugin.Pass(m); !ok {
		return m
	}
	fields := m.Fields()
	for _, mapping := range e.mappings {
		for _, name := range mapping.fields {
			value, has := fields[name]
			if !has {
				continue
			}
			fields[name] = mapping.otherwise
			if mapped, ok := mapping.values[fmt.Sprint(value)]; ok {
				fields[name] = mapped
			}
		}
	}
	return telegraftest.New(m.Name(), m.Tags(), fields, m.Time())
}
