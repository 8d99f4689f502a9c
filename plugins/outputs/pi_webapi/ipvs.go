package piwebapi

import (
	"slices"
	"strings"

	"telegraf-ipvs/internal/metric"
	pi "telegraf-ipvs/internal/piwebapi"
)

// Measurements of Telegraf's inputs.ipvs and of this program's.
const (
	ipvsVirtual = "ipvs_virtual_server"
	ipvsReal    = "ipvs_real_server"
)

func isIPVS(measurement string) bool { return measurement == ipvsVirtual || measurement == ipvsReal }

// Tags of IPVS that are part of the name in their own way, and those that an edit of a virtual server changes while it
// stays the same server.
var ipvsTags = []string{
	"address", "port", "protocol", "fwmark", "address_family", "namespace",
	"virtual_address", "virtual_port", "virtual_protocol", "virtual_fwmark", "virtual_address_family",
	"sched", "netmask",
}

// ipvsIdentity returns what tells one server from another: "vs.tcp_10.0.0.1_80" for a virtual server,
// "rs.tcp_10.0.0.1_80.10.0.0.5_8080" for a real one, with fwm_47 (of IPv4) or fwm6_47 (of IPv6) for a firewall mark, and
// "ns_blue." before it for a network namespace. It is false for a series that lacks the tags for that.
func ipvsIdentity(measurement string, tag func(key string) string) (identity string, ok bool) {
	service, family, kind := "", tag("address_family"), "vs."
	prefix := ""
	if measurement == ipvsReal {
		kind, prefix = "rs.", "virtual_"
		if f := tag("virtual_address_family"); f != "" {
			family = f
		}
	}
	protocol, address, port, mark := tag(prefix+"protocol"), tag(prefix+"address"), tag(prefix+"port"), tag(prefix+"fwmark")
	switch {
	case mark != "" && family == "inet6":
		service = "fwm6_" + mark
	case mark != "":
		service = "fwm_" + mark
	case protocol != "" && address != "" && port != "":
		service = protocol + "_" + address + "_" + port
	default:
		return "", false
	}
	if measurement == ipvsReal {
		address, port := tag("address"), tag("port")
		if address == "" || port == "" {
			return "", false
		}
		service += "." + address + "_" + port
	}
	if ns := tag("namespace"); ns != "" {
		kind = "ns_" + ns + "." + kind
	}
	return kind + service, true
}

// ipvsTag reports whether ipvsIdentity deals with a tag.
func ipvsTag(key string) bool { return slices.Contains(ipvsTags, key) }

// ipvsFields says what the numeric fields of IPVS are. Counters are 64 bits wide in the kernel and PI has no integer as
// wide, so they are Float64, which is exact up to 2^53; Float32 would be exact only up to 16777216. What an
// administrator sets, and connections at this moment, are 32 bits wide.
var ipvsFields = map[string]builtin{
	"connections": {counter: true, units: "conns"},
	"pkts_in":     {counter: true, units: "packets"},
	"pkts_out":    {counter: true, units: "packets"},
	"bytes_in":    {counter: true, units: "bytes"},
	"bytes_out":   {counter: true, units: "bytes"},

	"cps":     {typ: pi.Float64, units: "conns/s"},
	"pps_in":  {typ: pi.Float64, units: "packets/s"},
	"pps_out": {typ: pi.Float64, units: "packets/s"},
	"bps_in":  {typ: pi.Float64, units: "bytes/s"},
	"bps_out": {typ: pi.Float64, units: "bytes/s"},

	"active_connections":     {typ: pi.Int32, step: true, units: "conns"},
	"inactive_connections":   {typ: pi.Int32, step: true, units: "conns"},
	"persistent_connections": {typ: pi.Int32, step: true, units: "conns"},
	"upper_threshold":        {typ: pi.Int32, step: true, units: "conns"},
	"lower_threshold":        {typ: pi.Int32, step: true, units: "conns"},
	"real_servers":           {typ: pi.Int32, step: true, units: "servers"},
	"usable_real_servers":    {typ: pi.Int32, step: true, units: "servers"},
	"persistence_timeout":    {typ: pi.Int32, step: true, units: "s"},
	"weight":                 {typ: pi.Int32, step: true},
	"tunnel_port":            {typ: pi.Int32, step: true},
	"tunnel_flags":           {typ: pi.Int32, step: true},
}

// A builtin is what is known of a field without a rule.
type builtin struct {
	counter bool // Float64 with steps
	typ     pi.PointType
	step    bool
	units   string
}

// builtinFor returns what is known of a field, nil if nothing is. Values that are no numbers are not what is meant.
func builtinFor(measurement, field string, kind metric.Kind) *builtin {
	if !isIPVS(measurement) || kind == metric.KindBool || kind == metric.KindString {
		return nil
	}
	b, ok := ipvsFields[field]
	if !ok {
		return nil
	}
	if kind == metric.KindFloat && b.typ == pi.Int32 {
		b.typ = pi.Float64 // somebody has made an average of it
	}
	return &b
}

// ipvsCounters lists the measurements and fields that no rule may put into a type too small for them.
func ipvsCounters() [][2]string {
	var all [][2]string
	for field, b := range ipvsFields {
		if b.counter {
			all = append(all, [2]string{ipvsVirtual, field}, [2]string{ipvsReal, field})
		}
	}
	slices.SortFunc(all, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return all
}
