// Package piwebapi speaks the part of PI Web API that writing metrics into the AVEVA (OSIsoft) PI System needs.
//
//   - [Client] sends one request and tells a reply from no reply ([StatusError], [TransportError]). Its methods are
//     single calls: who the server is, points and attributes by path, creating a point, reading values back.
//   - [Directory] brings many points and AF attributes from path to WebID and type, asks again when that is due, and
//     makes points that do not exist where it may.
//   - [Convert] makes of a metric's value one that a point of a type holds, or says why there is none.
//   - [WebID] is WebID 2.0, both ways.
//   - [Writer] delivers values, many streams at a time, and finds out what became of each.
//
// Authentication and TLS are the business of the transport given in [Config]. Nothing here logs: what is worth telling
// is returned, or handed to a hook.
//
// # Where this comes from
//
// The calls are those of the vendor's reference (docs.aveva.com, pi-web-api-reference) and of the Swagger document of
// PI Web API 2018 SP1, which the tests hold all requests against. Two promises of the vendor shape the code: status
// codes may change within their class, and replies may grow properties. So the class decides together with a few codes
// that mean something everywhere, and replies are read leniently. The text of an error is for people alone, with one
// exception: [StatusError.Licence].
//
// BUG(piwebapi): nothing of this was tried on a real PI System yet. What the documents leave open is marked where it
// matters.
package piwebapi
