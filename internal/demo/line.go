package main

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// A sample is one line of line protocol, taken apart by other code than that which
// telegraf-ipvs uses.
type sample struct {
	measurement string
	tags        map[string]string
	fields      []field   // in the order of the line
	at          time.Time // zero if the line does not say
}

type field struct {
	key   string
	value lineprotocol.Value
}

// decode takes a line apart.
func decode(line []byte) (*sample, error) {
	s, err := decodeLine(line)
	if err != nil {
		return nil, fmt.Errorf("%.300q is no line protocol: %w", line, err)
	}
	return s, nil
}

func decodeLine(line []byte) (*sample, error) {
	d := lineprotocol.NewDecoderWithBytes(slices.Clone(line)) // values may lie in it
	if !d.Next() {
		return nil, fmt.Errorf("it is empty: %w", d.Err())
	}
	measurement, err := d.Measurement()
	if err != nil {
		return nil, err
	}
	s := &sample{measurement: string(measurement), tags: map[string]string{}}
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return nil, err
		}
		if key == nil {
			break
		}
		s.tags[string(key)] = string(value)
	}
	for {
		key, value, err := d.NextField()
		if err != nil {
			return nil, err
		}
		if key == nil {
			break
		}
		s.fields = append(s.fields, field{string(key), value})
	}
	s.at, err = d.Time(lineprotocol.Nanosecond, time.Time{})
	return s, err
}

// encode puts a line together again, with the tags in order and a newline.
func (s *sample) encode() ([]byte, error) {
	var e lineprotocol.Encoder
	e.SetPrecision(lineprotocol.Nanosecond)
	e.StartLine(s.measurement)
	for _, key := range slices.Sorted(maps.Keys(s.tags)) {
		e.AddTag(key, s.tags[key])
	}
	for _, f := range s.fields {
		e.AddField(f.key, f.value)
	}
	e.EndLine(s.at)
	return e.Bytes(), e.Err()
}

// integers returns the fields that are integers.
func (s *sample) integers() map[string]int64 {
	fields := map[string]int64{}
	for _, f := range s.fields {
		if f.value.Kind() == lineprotocol.Int {
			fields[f.key] = f.value.IntV()
		}
	}
	return fields
}

// name returns the name of the server that a line is about, an empty one when the
// line is not one of IPVS.
func (s *sample) name() name {
	address := net.JoinHostPort(s.tags["address"], s.tags["port"])
	switch s.measurement {
	case "ipvs_virtual_server":
		return name{protocol: s.tags["protocol"], virtual: address}
	case "ipvs_real_server":
		return name{
			protocol: s.tags["virtual_protocol"],
			virtual:  net.JoinHostPort(s.tags["virtual_address"], s.tags["virtual_port"]),
			real:     address,
		}
	}
	return name{}
}
