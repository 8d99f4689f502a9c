package stockhttp

import (
	"math"
	"strings"

	"telegraf-ipvs/internal/piwebapi"
	"telegraf-ipvs/internal/telegraftest"
)

// An example is a metric and the points that are to have its values, by name. A blank and a type may follow a name.
type example struct {
	name   string
	metric telegraftest.Metric
	want   map[string]any
}

type (
	tags   = map[string]string
	fields = map[string]any
)

func of(name string, t tags, f fields) telegraftest.Metric { return telegraftest.New(name, t, f, at) }

// virtual returns the tags of a virtual server on a host, changed by pairs of a key and a value, "" to leave it out.
func virtual(changes ...string) tags {
	return changed(tags{"host": "lb1", "protocol": "tcp", "address": "10.0.0.1", "port": "80", "address_family": "inet", "sched": "wlc", "netmask": "32"}, changes)
}

// realServer returns those of a real server.
func realServer(changes ...string) tags {
	return changed(tags{
		"host": "lb1", "address": "10.0.0.5", "port": "8080", "address_family": "inet",
		"virtual_protocol": "tcp", "virtual_address": "10.0.0.1", "virtual_port": "80",
	}, changes)
}

func changed(t tags, changes []string) tags {
	for i := 0; i < len(changes); i += 2 {
		if t[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(t, changes[i])
		}
	}
	return t
}

// good are metrics that arrive whole. Three ~ in a row make a + of base64, whatever stands before them.
func good() []example {
	return []example{
		{"virtual server", of("ipvs_virtual_server", virtual(), fields{"connections": 5, "cps": 1.5}),
			fields{"lb1.ipvs.vs.tcp_10.0.0.1_80.connections": 5.0, "lb1.ipvs.vs.tcp_10.0.0.1_80.cps": 1.5}},
		{"IPv6", of("ipvs_virtual_server", virtual("address", "2001:db8::1", "protocol", "udp"), fields{"connections": 6}),
			fields{"lb1.ipvs.vs.udp_2001:db8::1_80.connections": 6.0}},
		{"firewall mark", of("ipvs_virtual_server", virtual("address", "", "port", "", "protocol", "", "fwmark", "47"), fields{"connections": 7}),
			fields{"lb1.ipvs.vs.fwm_47.connections": 7.0}},
		{"firewall mark of IPv6", of("ipvs_virtual_server", virtual("address", "", "fwmark", "47", "address_family", "inet6"), fields{"connections": 8}),
			fields{"lb1.ipvs.vs.fwm6_47.connections": 8.0}},
		{"network namespace and a tag of the site's", of("ipvs_virtual_server", virtual("namespace", "blue", "dc", "x", "rack", "7"), fields{"connections": 9}),
			fields{"lb1.ipvs.ns_blue.vs.tcp_10.0.0.1_80.x_7.connections": 9.0}},
		{"real server", of("ipvs_real_server", realServer(), fields{"active_connections": 10}),
			fields{"lb1.ipvs.rs.tcp_10.0.0.1_80.10.0.0.5_8080.active_connections": 10.0}},
		{"real server of a firewall mark of IPv6 and its own of IPv4",
			of("ipvs_real_server", realServer("virtual_address", "", "virtual_port", "", "virtual_protocol", "", "virtual_fwmark", "47", "virtual_address_family", "inet6"),
				fields{"active_connections": 11}),
			fields{"lb1.ipvs.rs.fwm6_47.10.0.0.5_8080.active_connections": 11.0}},
		{"another measurement", of("mem", tags{"host": "lb1"}, fields{"used": 12.5}), fields{"lb1.mem.used": 12.5}},
		{"tags in the order of their keys, empty ones left out", of("disk", tags{"path": "/var", "host": "lb1", "device": "dm-0", "mode": ""}, fields{"free": 13}),
			fields{"lb1.disk.dm-0_/var.free": 13.0}},
		{"dots and blanks", of("win_cpu", tags{"host": "a.example.com"}, fields{"% Idle.Time (s)": 14}), fields{"a.example.com.win_cpu.% Idle.Time (s)": 14.0}},
		{"names that template and environment know", of("$HOME", tags{"host": "lb1", "comma": "${point}"[:1] + "PATH"}, fields{"$comma": 15, "Value": 16}),
			fields{"lb1.$HOME.$PATH.$comma": 15.0, "lb1.$HOME.$PATH.Value": 16.0}},
		{"all that a name may hold", of("a!#$%&()+-/:<=>@^_~z", tags{"host": "%9"}, fields{"<&>": 17, "~~~": 17.5}),
			fields{"%9.a!#$%&()+-/:<=>@^_~z.<&>": 17.0, "%9.a!#$%&()+-/:<=>@^_~z.~~~": 17.5}},
		{"200 characters", of("m", tags{"host": strings.Repeat("h", 196)}, fields{"f": 18}), fields{strings.Repeat("h", 196) + ".m.f": 18.0}},
		{"numbers", of("n", tags{"host": "lb1"}, fields{
			"max": int64(math.MaxInt64), "min": int64(math.MinInt64), "umax": uint64(math.MaxUint64), "ubig": uint64(1 << 63), "ufits": uint64(1<<63 - 1),
			"1e18": 1e18, "1e19": 1e19, "1e20": 1e20, "-1e20": -1e20, "1e21": 1e21, "least": 5e-324, "most": math.MaxFloat64, "0": 0.0, "1e6": 1e6,
		}), fields{
			"lb1.n.max": float64(math.MaxInt64), "lb1.n.min": float64(math.MinInt64), "lb1.n.umax": float64(math.MaxUint64), "lb1.n.ubig": float64(1 << 63),
			"lb1.n.ufits": float64(1 << 63), "lb1.n.1e18": 1e18, "lb1.n.1e19": 1e19, "lb1.n.1e20": 1e20, "lb1.n.-1e20": -1e20, "lb1.n.1e21": 1e21,
			"lb1.n.least": 5e-324, "lb1.n.most": math.MaxFloat64, "lb1.n.0": 0.0, "lb1.n.1e6": 1e6,
		}},
		{"truths and texts", of("t", tags{"host": "lb1"}, fields{
			"yes": true, "no": false, "word": "up", "empty": "", "digits": "18446744073709551615", "hostile": "}}{{ .Name }}\"\\\n\r\t\x00<é>\u2028null'$HOME", "null": "null",
		}), fields{
			"lb1.t.yes": 1.0, "lb1.t.no": 0.0, "lb1.t.word String": "up", "lb1.t.empty String": "", "lb1.t.digits String": "18446744073709551615",
			"lb1.t.hostile String": "}}{{ .Name }}\"\\\n\r\t\x00<é>\u2028null'$HOME", "lb1.t.null String": "null",
		}},
	}
}

// bad are metrics of which nothing may arrive anywhere, or only what is said.
func bad() []example {
	f := fields{"f": 1}
	list := []example{
		{"no host", of("mem", tags{"rack": "7"}, f), nil},
		{"empty host", of("mem", tags{"host": ""}, f), nil},
		{"virtual server of no host", of("ipvs_virtual_server", virtual("host", ""), f), nil},
		{"virtual server without address", of("ipvs_virtual_server", virtual("address", ""), f), nil},
		{"virtual server without port", of("ipvs_virtual_server", virtual("port", ""), f), nil},
		{"virtual server without protocol", of("ipvs_virtual_server", virtual("protocol", ""), f), nil},
		{"virtual server without anything", of("ipvs_virtual_server", tags{"host": "lb1"}, f), nil},
		{"real server without address", of("ipvs_real_server", realServer("address", ""), f), nil},
		{"real server without port", of("ipvs_real_server", realServer("port", ""), f), nil},
		{"real server of no virtual one", of("ipvs_real_server", realServer("virtual_address", ""), f), nil},
		{"real server of a mark without address", of("ipvs_real_server", realServer("address", "", "virtual_fwmark", "3"), f), nil},
		{"beginning with a dash", of("m", tags{"host": "-lb1"}, f), nil},
		{"beginning with a dot", of("m", tags{"host": ".lb1"}, f), nil},
		{"beginning with a blank", of("m", tags{"host": " lb1"}, f), nil},
		{"empty part in the host", of("m", tags{"host": "a..b"}, f), nil},
		{"empty part before the field", of("m", tags{"host": "lb1"}, fields{".f": 1}), nil},
		{"field that ends with a dot", of("m", tags{"host": "lb1"}, fields{"f.": 1}), nil},
		{"field that ends with a blank", of("m", tags{"host": "lb1"}, fields{"f ": 1}), nil},
		{"field of no name", of("m", tags{"host": "lb1"}, fields{"": 1}), nil},
		{"201 characters", of("m", tags{"host": strings.Repeat("h", 197)}, f), nil},
		{"no numbers beside one", of("m", tags{"host": "lb1"}, fields{"nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1), "well": 1}), fields{"lb1.m.well": 1.0}},
	}
	for _, r := range piwebapi.ForbiddenInName + ",\n\r\t\x00\x7fäµıſ\u212a\u2028\ufffd\U0001f600" {
		what := string(r)
		list = append(list,
			example{"host with " + what, of("m", tags{"host": "a" + what + "b"}, f), nil},
			example{"tag with " + what, of("m", tags{"host": "lb1", "tag": what}, f), nil},
			example{"measurement with " + what, of("m"+what, tags{"host": "lb1"}, f), nil},
			example{"field with " + what, of("m", tags{"host": "lb1"}, fields{what + "f": 1, "g" + what: 2}), nil})
	}
	return append(list,
		example{"not UTF-8", of("m", tags{"host": "a\xffb"}, fields{"f": 1}), nil},
		example{"field not UTF-8", of("m", tags{"host": "lb1"}, fields{"f\xc3": 1}), nil},
		example{"template in a tag", of("m", tags{"host": "{{ .Name }}"}, fields{"f": 1}), nil},
		example{"template in a field", of("m", tags{"host": "lb1"}, fields{`{{ fail "x" }}`: 1}), nil})
}

func metrics(list []example) []telegraftest.Metric {
	var all []telegraftest.Metric
	for _, e := range list {
		all = append(all, e.metric)
	}
	return all
}

func ordinary() []telegraftest.Metric { return metrics(good()) }
func hostile() []telegraftest.Metric  { return metrics(bad()) }
