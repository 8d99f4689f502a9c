package ipvs_test

import (
	"maps"
	"net/netip"
	"strconv"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/ipvs/livetest"
)

// rows renders a snapshot in the words of the oracle.
func rows(s *ipvs.Snapshot) map[string]livetest.Row {
	table := map[string]livetest.Row{}
	u := func(n uint64) string { return strconv.FormatUint(n, 10) }
	u32 := func(n uint32) string { return u(uint64(n)) }
	stats := func(s *ipvs.Stats) livetest.Row {
		return livetest.Row{
			"connections": u(s.Connections), "pkts_in": u(s.PacketsIn), "pkts_out": u(s.PacketsOut),
			"bytes_in": u(s.BytesIn), "bytes_out": u(s.BytesOut), "cps": u(s.CPS),
			"pps_in": u(s.PPSIn), "pps_out": u(s.PPSOut), "bps_in": u(s.BPSIn), "bps_out": u(s.BPSOut),
		}
	}
	for i := range s.Services {
		svc := &s.Services[i]
		row := stats(&svc.Stats)
		row["sched"] = svc.Scheduler
		if svc.Flags.Persistent() {
			row["timeout"] = u32(svc.Timeout)
			full := uint32(0xffffffff)
			if svc.Family == ipvs.IPv6 {
				full = 128
			}
			if svc.Netmask != full { // ipvsadm does not print the default
				row["netmask"] = u32(svc.Netmask)
				if svc.Family == ipvs.IPv4 {
					row["netmask"] = netip.AddrFrom4([4]byte{byte(svc.Netmask >> 24), byte(svc.Netmask >> 16), byte(svc.Netmask >> 8), byte(svc.Netmask)}).String()
				}
			}
		}
		if svc.Flags.OnePacket() {
			row["one_packet"] = "true"
		}
		if svc.PEName != "" {
			row["engine"] = svc.PEName
		}
		if f := svc.Flags.Scheduler(svc.Scheduler); f != "" {
			row["flags"] = f
		}
		table[svc.ServiceKey.String()] = row
		for _, d := range s.Destinations(svc) {
			row := stats(&d.Stats)
			maps.Copy(row, livetest.Row{
				"method": d.Forwarding.String(), "weight": u32(d.Weight),
				"active": u32(d.ActiveConnections), "inactive": u32(d.InactiveConnections), "persistent": u32(d.PersistentConnections),
				"upper": u32(d.UpperThreshold), "lower": u32(d.LowerThreshold),
			})
			if d.Forwarding == ipvs.Tunnel {
				row["tunnel"] = d.TunnelType.String()
				if d.TunnelPort != 0 {
					row["tunnel_port"] = u(uint64(d.TunnelPort))
				}
				if d.TunnelFlags != 0 {
					row["tunnel_flags"] = u(uint64(d.TunnelFlags))
				}
			}
			table[svc.ServiceKey.String()+" -> "+d.DestinationKey.String()] = row
		}
	}
	return table
}
