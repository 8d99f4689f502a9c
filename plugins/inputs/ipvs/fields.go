package ipvs

import (
	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/metric"
)

// Fields, as Telegraf's own plugin names them where it has them.
var (
	keyConnections           = metric.NewKey("connections")
	keyPktsIn                = metric.NewKey("pkts_in")
	keyPktsOut               = metric.NewKey("pkts_out")
	keyBytesIn               = metric.NewKey("bytes_in")
	keyBytesOut              = metric.NewKey("bytes_out")
	keyPpsIn                 = metric.NewKey("pps_in")
	keyPpsOut                = metric.NewKey("pps_out")
	keyCps                   = metric.NewKey("cps")
	keyBpsIn                 = metric.NewKey("bps_in")
	keyBpsOut                = metric.NewKey("bps_out")
	keyRealServers           = metric.NewKey("real_servers")
	keyUsableRealServers     = metric.NewKey("usable_real_servers")
	keyPersistenceTimeout    = metric.NewKey("persistence_timeout")
	keyPersistenceEngine     = metric.NewKey("persistence_engine")
	keySchedulerFlags        = metric.NewKey("scheduler_flags")
	keyOnePacket             = metric.NewKey("one_packet")
	keyActiveConnections     = metric.NewKey("active_connections")
	keyInactiveConnections   = metric.NewKey("inactive_connections")
	keyWeight                = metric.NewKey("weight")
	keyPersistentConnections = metric.NewKey("persistent_connections")
	keyUpperThreshold        = metric.NewKey("upper_threshold")
	keyLowerThreshold        = metric.NewKey("lower_threshold")
	keyForwardingMethod      = metric.NewKey("forwarding_method")
	keyTunnelType            = metric.NewKey("tunnel_type")
	keyTunnelPort            = metric.NewKey("tunnel_port")
	keyTunnelFlags           = metric.NewKey("tunnel_flags")
)

// appendStats appends what virtual and real servers have in common.
func (set fieldSet) appendStats(f []metric.Field, s *ipvs.Stats) []metric.Field {
	f = append(f,
		metric.Field{Key: keyConnections, Value: metric.Uint(s.Connections)},
		metric.Field{Key: keyPktsIn, Value: metric.Uint(s.PacketsIn)},
		metric.Field{Key: keyPktsOut, Value: metric.Uint(s.PacketsOut)},
		metric.Field{Key: keyBytesIn, Value: metric.Uint(s.BytesIn)},
		metric.Field{Key: keyBytesOut, Value: metric.Uint(s.BytesOut)},
		metric.Field{Key: keyPpsIn, Value: metric.Uint(s.PPSIn)},
		metric.Field{Key: keyPpsOut, Value: metric.Uint(s.PPSOut)},
		metric.Field{Key: keyCps, Value: metric.Uint(s.CPS)},
	)
	if set >= fieldsDefault {
		f = append(f,
			metric.Field{Key: keyBpsIn, Value: metric.Uint(s.BPSIn)},
			metric.Field{Key: keyBpsOut, Value: metric.Uint(s.BPSOut)},
		)
	}
	return f
}

// appendService appends the fields of a virtual server.
func (set fieldSet) appendService(f []metric.Field, svc *ipvs.Service, dests []ipvs.Destination) []metric.Field {
	f = set.appendStats(f, &svc.Stats)
	if set >= fieldsDefault {
		usable := 0
		for i := range dests {
			if dests[i].Weight > 0 {
				usable++
			}
		}
		f = append(f,
			metric.Field{Key: keyRealServers, Value: metric.Int(int64(len(dests)))},
			metric.Field{Key: keyUsableRealServers, Value: metric.Int(int64(usable))},
		)
	}
	if set >= fieldsAll {
		timeout := uint64(0)
		if svc.Flags.Persistent() {
			timeout = uint64(svc.Timeout)
		}
		f = append(f,
			metric.Field{Key: keyPersistenceTimeout, Value: metric.Uint(timeout)},
			metric.Field{Key: keyPersistenceEngine, Value: metric.String(svc.PEName)},
			metric.Field{Key: keySchedulerFlags, Value: metric.String(svc.Flags.Scheduler(svc.Scheduler))},
			metric.Field{Key: keyOnePacket, Value: metric.Bool(svc.Flags.OnePacket())},
		)
	}
	return f
}

// appendDestination appends the fields of a real server.
func (set fieldSet) appendDestination(f []metric.Field, d *ipvs.Destination) []metric.Field {
	f = append(f,
		metric.Field{Key: keyActiveConnections, Value: metric.Uint(uint64(d.ActiveConnections))},
		metric.Field{Key: keyInactiveConnections, Value: metric.Uint(uint64(d.InactiveConnections))},
	)
	f = set.appendStats(f, &d.Stats)
	if set >= fieldsDefault {
		f = append(f,
			metric.Field{Key: keyWeight, Value: metric.Uint(uint64(d.Weight))},
			metric.Field{Key: keyPersistentConnections, Value: metric.Uint(uint64(d.PersistentConnections))},
		)
	}
	if set >= fieldsAll {
		f = append(f,
			metric.Field{Key: keyUpperThreshold, Value: metric.Uint(uint64(d.UpperThreshold))},
			metric.Field{Key: keyLowerThreshold, Value: metric.Uint(uint64(d.LowerThreshold))},
			metric.Field{Key: keyForwardingMethod, Value: metric.String(d.Forwarding.String())},
		)
		if d.Forwarding == ipvs.Tunnel {
			f = append(f,
				metric.Field{Key: keyTunnelType, Value: metric.String(d.TunnelType.String())},
				metric.Field{Key: keyTunnelPort, Value: metric.Uint(uint64(d.TunnelPort))},
				metric.Field{Key: keyTunnelFlags, Value: metric.Uint(uint64(d.TunnelFlags))},
			)
		}
	}
	return f
}
