package ipvs_test

import (
	"testing"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
)

func BenchmarkDecodeDestination(b *testing.B) {
	want := webDestination()
	payload := Encoder{}.Destination(&want)
	var got ipvs.Destination
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := ipvs.DecodeDestination(payload, ipvs.IPv4, &got); err != nil {
			b.Fatal(err)
		}
	}
	if got != want {
		b.Fatal(got)
	}
}

// The second and further destinations of a run.
func BenchmarkDecodeNextDestination(b *testing.B) {
	want := webDestination()
	payload := Encoder{}.Destination(&want)
	var got ipvs.Destination
	var l ipvs.Layout
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := l.Destination(payload, ipvs.IPv4, &got); err != nil {
			b.Fatal(err)
		}
	}
	if got != want || !l.Learnt() {
		b.Fatal(got)
	}
}

func BenchmarkDecodeService(b *testing.B) {
	want := webService()
	payload := Encoder{}.Service(&want)
	names := ipvs.Strtab{}
	var got ipvs.Service
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := ipvs.DecodeServiceWith(payload, &got, names); err != nil {
			b.Fatal(err)
		}
	}
	if got != want {
		b.Fatal(got)
	}
}

// A datagram of 91 destinations, as a real kernel fills 32 KiB.
func BenchmarkReply(b *testing.B) {
	d := webDestination()
	var datagram []byte
	for range 91 {
		datagram = append(datagram, Message(34, 2, 1, 1, NewDest, Encoder{}.Destination(&d))...)
	}
	var got ipvs.Destination
	each := func(payload []byte) { _ = ipvs.DecodeDestination(payload, ipvs.IPv4, &got) }
	r := ipvs.NewReply(1, 1, 34, NewDest)
	b.ReportAllocs()
	b.SetBytes(int64(len(datagram)))
	for b.Loop() {
		if _, err := r.Take(datagram, each); err != nil {
			b.Fatal(err)
		}
	}
}
