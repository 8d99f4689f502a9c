// Package piwebapitest is a double of AVEVA PI Web API for its writing side: a data archive in memory, or in a file,
// behind the HTTP calls that a writer needs. It serves tests, benchmarks and the "pi simulate" command, so it uses
// nothing of package testing.
//
// What the vendor documents is done as documented. What is known to differ between installations, or is not documented
// at all, is a switch in [Config], and [Server.SetFaults] breaks requests on demand. A client that passes with every
// switch in every position need not know which of them is the truth.
//
// Not modelled: compression and exception tests (every accepted value is kept), interpolation, event frames, searches,
// and AF beyond elements with attributes. Reading is there to look at what was written.
//
// The WebID code here shares nothing with that of package piwebapi, so that a slip in one of them shows.
//
// Sources: the PI Web API reference at docs.aveva.com (topics update-option, buffer-option, value-types,
// error-handling, webid-encoding) and the vendor's Swagger 2.0 description of version 1.11.
package piwebapitest
