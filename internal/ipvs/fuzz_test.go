package ipvs_test

import (
	"fmt"
	"math"
	"testing"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

func goodFamily(f ipvs.Family) bool { return f == ipvs.IPv4 || f == ipvs.IPv6 }

func FuzzDecodeService(f *testing.F) {
	svc := webService()
	f.Add(Encoder{}.Service(&svc))
	svc.PEName, svc.Family, svc.Address = "sip", ipvs.IPv6, v6
	f.Add(Encoder{NoStats64: true}.Service(&svc))
	svc.ServiceKey = ipvs.ServiceKey{Family: ipvs.IPv6, FWMark: 47}
	f.Add(Encoder{}.Service(&svc))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var s ipvs.Service
		if ipvs.DecodeService(payload, &s) != nil {
			return
		}
		if !goodFamily(s.Family) || s.Flags&2 != 0 {
			t.Fatalf("family %d, flags %x", s.Family, s.Flags)
		}
		if s.FWMark == 0 && s.Address.Is4() != (s.Family == ipvs.IPv4) || s.FWMark != 0 && (s.Address.IsValid() || s.Port != 0 || s.Protocol != 0) {
			t.Fatalf("key %+v", s.ServiceKey)
		}
		if len(s.Scheduler) > math.MaxUint16 || len(s.PEName) > math.MaxUint16 {
			t.Fatal("name longer than an attribute")
		}
		if n := s.PrefixLength(); s.Family == ipvs.IPv4 && n > 32 {
			t.Fatalf("prefix length %d", n)
		}
		// What was decoded makes the same service again.
		var again ipvs.Service
		if err := ipvs.DecodeService(Encoder{}.Service(&s), &again); err != nil || again != s {
			t.Fatalf("got %+v, %v; want %+v", again, err, s)
		}
	})
}

func FuzzDecodeDestination(f *testing.F) {
	d := webDestination()
	f.Add(Encoder{}.Destination(&d), uint8(2))
	d.Family, d.Address, d.Forwarding, d.TunnelType, d.TunnelPort = ipvs.IPv6, v6, ipvs.Tunnel, ipvs.GUE, 6080
	f.Add(Encoder{}.Destination(&d), uint8(2))
	f.Add(Encoder{NoAddressFamily: true, NoStats64: true, NoTunnel: true}.Destination(&d), uint8(10))
	f.Fuzz(func(t *testing.T, payload []byte, family uint8) {
		var d ipvs.Destination
		if ipvs.DecodeDestination(payload, ipvs.Family(family), &d) != nil {
			return
		}
		if !goodFamily(d.Family) || d.Address.Is4() != (d.Family == ipvs.IPv4) || d.Forwarding > 7 {
			t.Fatalf("destination %+v", d)
		}
		var again ipvs.Destination
		if err := ipvs.DecodeDestination(Encoder{}.Destination(&d), 0, &again); err != nil || again != d {
			t.Fatalf("got %+v, %v; want %+v", again, err, d)
		}
	})
}

func FuzzReply(f *testing.F) {
	const seq, port, family = 7, 200, 34
	svc := webService()
	msg := Message(family, 2, seq, port, NewService, Encoder{}.Service(&svc))
	f.Add(msg)
	f.Add(join(msg, msg, Done(seq, port, 0)))
	f.Add(Done(seq, port, 105))
	f.Add(Refusal(seq, port, 1, msg))
	f.Add(Interrupted(0, join(msg)))
	f.Add(Cut(0, join(msg)))
	f.Add(Garbage(0, nil))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		r := ipvs.NewReply(seq, port, family, NewService)
		messages, size := 0, 0
		done, err := r.Take(datagram, func(payload []byte) {
			messages++
			size += 20 + len(payload)
			var s ipvs.Service
			_ = ipvs.DecodeService(payload, &s)
		})
		if size > len(datagram) {
			t.Fatalf("%d messages of %d bytes in %d", messages, size, len(datagram))
		}
		if (messages > 0) != (r.Datagrams() == 1) {
			t.Fatalf("%d messages in %d datagrams", messages, r.Datagrams())
		}
		if len(datagram) == 0 && (done || err == nil) {
			t.Fatal("an empty datagram is an answer")
		}
	})
}

func FuzzOthers(f *testing.F) {
	daemon := ipvs.Daemon{State: ipvs.Master, Interface: "d0", SyncID: 7, MaxLength: 1472, Group: v6, Port: 9000, TTL: 3}
	f.Add(Encoder{}.Info(ipvs.Info{Version: 0x010201, ConnTabSize: 4096}))
	f.Add(Encoder{}.Timeouts(ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}))
	f.Add(Encoder{}.Daemon(&daemon))
	daemon.Group = v4
	f.Add(Encoder{}.Daemon(&daemon))
	f.Add(Encoder{}.Family(34))
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, _ = ipvs.DecodeInfo(payload)
		_, _ = ipvs.DecodeTimeouts(payload)
		_, _ = ipvs.DecodeFamily(payload)
		d, err := ipvs.DecodeDaemon(payload)
		if err == nil && len(d.Interface) > math.MaxUint16 {
			t.Fatal("name longer than an attribute")
		}
	})
}

// FuzzLayout decodes one message after another, the second perhaps in the layout
// of the first, and compares with decoding the second by itself.
func FuzzLayout(f *testing.F) {
	d := webDestination()
	first := Encoder{}.Destination(&d)
	d.Family, d.Address, d.Forwarding, d.TunnelType, d.TunnelPort = ipvs.IPv6, v6, ipvs.Tunnel, ipvs.GUE, 6080
	second := Encoder{}.Destination(&d)
	f.Add(first, second)
	f.Add(first, BadAttribute(0, join(second)))
	f.Add(Encoder{NoStats64: true}.Destination(&d), second)
	f.Add(second, Encoder{NoTunnel: true}.Destination(&d))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var l ipvs.Layout
		var d, got, want ipvs.Destination
		_ = l.Destination(first, ipvs.IPv4, &d)
		got = webDestination() // nothing of it may remain
		gotErr := l.Destination(second, ipvs.IPv4, &got)
		wantErr := ipvs.DecodeDestination(second, ipvs.IPv4, &want)
		if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || wantErr == nil && got != want {
			t.Fatalf("learnt: %v\ngot  %+v, %v\nwant %+v, %v", l.Learnt(), got, gotErr, want, wantErr)
		}
	})
}
