// Package piwebapi is the output [[outputs.pi_webapi]]: it keeps metrics in a queue on disk and delivers them to the
// AVEVA (OSIsoft) PI System through PI Web API.
//
// Between the two stands a [Mapper]. It says for every field of a series which PI point, or which attribute of PI AF,
// takes its values: under what name, and of what type the point is if it is yet to be made. Names come from templates
// and are made legal as AVEVA's "tag naming conventions" want it (PI Server, Data Archive administration); what two
// series would share is given to the first and refused to the second. [Points] lists all that for a text in line
// protocol, without a network, and [WriteCSV] hands it to those who make points in PI Builder.
//
// How values travel is no business of this package: internal/publish carries them, internal/piwebapi speaks to the
// server, internal/queue keeps what waits.
package piwebapi
