package ipvs_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

// The table changes while it is read.

// A deletion in front of the dump's index hides a service behind it.
func TestPassedOver(t *testing.T) {
	r := newRig(t, table(25, 2))
	r.requireTable(t)
	r.Hook(once(GetService, true, Fault{Before: func(n int) {
		if n == 1 {
			r.Edit(func(tab *Table) { tab.Services = slices.Clone(tab.Services)[3:] })
		}
	}}))
	require.NoError(t, r.read())
	// Services 0 to 2 were dumped and are gone; 10 to 12 were passed over.
	require.ElementsMatch(t, table(25, 2)[3:], contents(&r.s))
	require.Equal(t, ipvs.Counters{Recovered: 3, Vanished: 3}, r.Counters())
	require.Equal(t, 3, r.count(GetService, false)-3, "one question for each passed over, one for each vanished")
	require.Equal(t, 22, r.Known())
	r.requireTable(t)
	require.Equal(t, 6, r.count(GetService, false), "a steady table needs no questions")
}

// An insertion in front of the index lists services twice.
func TestDuplicateServices(t *testing.T) {
	r := newRig(t, table(25, 2))
	r.Hook(once(GetService, true, Fault{Before: func(n int) {
		if n == 1 {
			r.Edit(func(tab *Table) {
				tab.Services = append([]Service{numbered(100, 1), numbered(101, 1)}, tab.Services...)
			})
		}
	}}))
	require.NoError(t, r.read())
	require.Equal(t, table(25, 2), contents(&r.s))
	require.Equal(t, ipvs.Counters{Duplicates: 2}, r.Counters())
	r.requireTable(t)
	require.Equal(t, 27, r.Known())
}

func TestDuplicateDestinations(t *testing.T) {
	const n = 40
	r := newRig(t, table(3, n))
	r.requireTable(t)
	insert := func(service int) Fault {
		return Fault{Before: func(datagram int) {
			if datagram == 2 {
				r.Edit(func(tab *Table) {
					svc := &tab.Services[service]
					extra := webDestination()
					extra.Port = uint16(len(svc.Destinations))
					svc.Destinations = append([]ipvs.Destination{extra}, svc.Destinations...)
				})
			}
		}}
	}
	r.Hook(func(req Request) Fault {
		if req.Command == GetDest && req.Key.Port != 1001 {
			return insert(int(req.Key.Port) - 1000)
		}
		return Fault{}
	})
	require.NoError(t, r.read())
	// The same real servers in several services are no duplicates.
	require.Equal(t, table(3, n), contents(&r.s))
	require.Equal(t, ipvs.Counters{Duplicates: 2}, r.Counters())
	r.Hook(nil)
	r.requireTable(t)
	require.Equal(t, 3*n+2, r.s.NumDestinations())
}

// A service whose destinations cannot be listed any more is not an empty one.
func TestVanished(t *testing.T) {
	r := newRig(t, table(4, 2))
	for range 2 {
		r.Edit(func(tab *Table) { tab.Services = table(4, 2) })
		r.Hook(func(req Request) Fault {
			if req.Command == GetDest && req.Key.Port == 1001 {
				r.Edit(func(tab *Table) { tab.Services = append(table(1, 2), table(4, 2)[2:]...) })
			}
			return Fault{}
		})
		r.requireTable(t)
		require.Len(t, r.s.Services, 3)
		require.Equal(t, 3, r.Known())
		r.Hook(nil)
		r.requireTable(t)
	}
	require.Equal(t, ipvs.Counters{Vanished: 2}, r.Counters())
	require.Equal(t, 2, r.Opened())
}

// A service that is deleted and added again around its dump is not an empty one.
func TestReplaced(t *testing.T) {
	for _, known := range []bool{false, true} {
		r := newRig(t, table(3, 2))
		if known {
			r.requireTable(t)
		}
		changes := 0
		r.Hook(func(req Request) Fault {
			switch {
			case req.Command == GetDest && req.Key.Port == 1001 && changes == 0:
				r.Edit(func(tab *Table) { tab.Services = append(table(1, 2), table(3, 2)[2]) })
				changes++
			case req.Command == GetService && !req.Dump:
				r.Edit(func(tab *Table) { tab.Services = table(3, 2) })
			}
			return Fault{}
		})
		r.requireTable(t)
		require.Len(t, r.s.Services, 3)
		require.Zero(t, r.Counters())
	}
}

// A service that stays empty costs one more question, and no more.
func TestEmptyServiceCost(t *testing.T) {
	r := newRig(t, table(1, 0))
	r.requireTable(t)
	require.Equal(t, 2, r.count(GetDest, true))
	r.requireTable(t)
	require.Equal(t, 3, r.count(GetDest, true))
	require.Equal(t, 3, r.count(GetService, false))
}

// A client forgets what is gone, however often everything changes.
func TestKnownDoesNotGrow(t *testing.T) {
	r := newRig(t, nil)
	for i := range 10 {
		r.Edit(func(tab *Table) {
			tab.Services = []Service{numbered(3*i, 1), numbered(3*i+1, 1), numbered(3*i+2, 1)}
		})
		r.requireTable(t)
		require.Equal(t, 3, r.Known())
	}
	require.Zero(t, r.Counters())
	r.Edit(func(tab *Table) { tab.Services = nil })
	r.requireTable(t)
	require.Zero(t, r.Known())
}

// A service grows so that the client takes the socket with large buffers, and
// shrinks again.
func TestGrowing(t *testing.T) {
	r := newRig(t, nil)
	for _, m := range []int{1, ipvs.ManyDestinations - 1, ipvs.ManyDestinations, 300, 300, 1, 0, 1} {
		r.Edit(func(tab *Table) { tab.Services = table(2, m) })
		r.requireTable(t)
	}
	require.Zero(t, r.Counters())
}

// Messages that cannot be decoded are counted and the others kept.
func TestPartial(t *testing.T) {
	services := table(3, 25)
	tests := []struct {
		name    string
		hook    func(Request) Fault
		missing int
		want    []Service
	}{
		{"service in a dump", func(req Request) Fault {
			if req.Command == GetService && req.Dump {
				return Fault{Edit: At(0, BadAttribute)}
			}
			return Fault{}
		}, 1, services[1:]},
		{"destination", func(req Request) Fault {
			if req.Command == GetDest && req.Key.Port == 1001 {
				return Fault{Edit: At(1, BadAttribute)}
			}
			return Fault{}
		}, 1, []Service{services[0], {Service: services[1].Service, Destinations: slices.Delete(slices.Clone(services[1].Destinations), 10, 11)}, services[2]}},
		{"destination, and the dump broken off", func(req Request) Fault {
			if req.Command == GetDest && req.Key.Port == 1001 {
				return Fault{Edit: func(n int, d []byte) []byte {
					switch n {
					case 0:
						return BadAttribute(n, d)
					case 1:
						return Garbage(n, d)
					}
					return d
				}}
			}
			return Fault{}
		}, 1, []Service{services[0], services[2]}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, services)
			r.Hook(tt.hook)
			err := r.read()
			var partial *ipvs.PartialError
			require.ErrorAs(t, err, &partial)
			require.Equal(t, tt.missing, partial.Missing, "%v", err)
			require.Equal(t, tt.want, contents(&r.s))
			r.Hook(nil)
			r.requireTable(t)
		})
	}
}

// A known service that cannot be decoded any more is missing once, whichever way
// it is asked for, and not half there.
func TestPartialKnown(t *testing.T) {
	// The statistics stand last: their attribute is broken, the key before it is good.
	broken := func(_ int, d []byte) []byte {
		copy(d[len(d)-4:], []byte{0, 0, 0, 0})
		at := len(d) - 124
		d[at], d[at+1] = 3, 0
		return d
	}
	for _, lookup := range []bool{false, true} {
		t.Run(fmt.Sprint("lookup too ", lookup), func(t *testing.T) {
			services := table(3, 2)
			r := newRig(t, services)
			r.Edit(func(tab *Table) { tab.PerDatagram = 1 })
			r.requireTable(t)
			r.Hook(func(req Request) Fault {
				if req.Command != GetService || req.Type == 0x10 || !req.Dump && !lookup {
					return Fault{}
				}
				if req.Dump {
					return Fault{Edit: At(1, broken)}
				}
				return Fault{Edit: broken}
			})
			err := r.read()
			var partial *ipvs.PartialError
			require.ErrorAs(t, err, &partial)
			require.Equal(t, 1, partial.Missing)
			want := []Service{services[0], services[2]}
			if !lookup {
				want = append(want, services[1])
			}
			require.Equal(t, want, contents(&r.s))
			require.Equal(t, 3, r.Known())
			r.Hook(nil)
			r.requireTable(t)
		})
	}
}

// All destinations of a service undecodable is not "no destinations".
func TestPartialAllDestinations(t *testing.T) {
	r := newRig(t, table(2, 1))
	r.Hook(func(req Request) Fault {
		if req.Command == GetDest && req.Key.Port == 1000 {
			return Fault{Edit: At(0, BadAttribute)}
		}
		return Fault{}
	})
	require.ErrorContains(t, r.read(), "2 of its servers missing")
	require.Equal(t, table(2, 1)[1:], contents(&r.s))
}

// Known services that the dump leaves out and that cannot be asked for are counted.
func TestLookupFails(t *testing.T) {
	r := newRig(t, table(12, 1))
	r.requireTable(t)
	r.Hook(func(req Request) Fault {
		switch {
		case req.Command == GetService && req.Dump:
			return Fault{Edit: At(1, func(int, []byte) []byte { return nil })} // services 10 and 11
		case req.Command == GetService:
			return Fault{Refuse: unix.EINVAL}
		}
		return Fault{}
	})
	err := r.read()
	var partial *ipvs.PartialError
	require.ErrorAs(t, err, &partial)
	require.Equal(t, 2, partial.Missing)
	require.ErrorIs(t, err, unix.EINVAL)
	require.Equal(t, table(10, 1), contents(&r.s))
	require.Equal(t, 12, r.Known())
	r.Hook(nil)
	r.requireTable(t)
	require.Zero(t, r.Counters())
}

// Edits of the table from another goroutine while a client reads.
func TestConcurrentEdits(t *testing.T) {
	r := newRig(t, table(30, 12))
	var tables [20][]Service
	for i := range tables {
		tables[i] = table(20+i, 1+i*7%30)
	}
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				r.Edit(func(tab *Table) { tab.Services = tables[i%20] })
			}
		}
	}()
	for range 10 {
		require.NoError(t, r.read())
		seen := map[ipvs.ServiceKey]bool{}
		for i := range r.s.Services {
			svc := &r.s.Services[i]
			require.False(t, seen[svc.ServiceKey], svc.ServiceKey)
			seen[svc.ServiceKey] = true
			dests := map[ipvs.DestinationKey]bool{}
			for _, d := range r.s.Destinations(svc) {
				require.False(t, dests[d.DestinationKey], d.DestinationKey)
				dests[d.DestinationKey] = true
			}
		}
	}
	close(stop)
	<-stopped
	r.requireTable(t)
}
