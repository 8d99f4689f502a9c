// Package opentsdb is the output [[outputs.opentsdb]]: it keeps metrics in a queue on disk and delivers them as data
// points to IRONdb, to OpenTSDB, or to whatever else takes OpenTSDB's JSON or its telnet lines.
//
// Between the two stands a [Mapper]. It says for every field of a series what its data points are called: a metric and
// tags, made legal for the receiver. What two series would share is given to the first and refused to the second.
//
// A writer then carries them: over HTTP, many in one body, or over one telnet connection that is kept. Receivers differ
// in what they tell about points that they do not take, and some tell nothing but that there were some. Then a body is
// cut in halves and these are sent again, until what is wrong stands alone. A point counts as delivered when a reply
// covered it that spoke of no fault, and never before.
//
// How values travel is no business of this package: internal/publish carries them, internal/opentsdb knows the dialects,
// internal/queue keeps what waits.
package opentsdb
