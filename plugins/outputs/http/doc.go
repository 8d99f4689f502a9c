// Package stockhttp holds configurations with which a stock Telegraf's own outputs.http writes to PI Web API and to
// IRONdb, for sites that may run nothing else, and makes such configurations. It is no plugin: nothing here runs inside
// Telegraf.
//
// The files say at their head what that way cannot do, where the outputs pi_webapi and opentsdb of this program can. Facts
// about Telegraf are those of version 1.39: plugins/outputs/http, plugins/serializers/template, models/filter.go and
// config/envvar.go; those about PI Web API are in AVEVA's reference at docs.aveva.com.
package stockhttp

import _ "embed"

// PIStream sends single series to PI points, one block for each. It is what [Render] makes for a block of an example.
//
//go:embed pi_stream.conf
var PIStream string

// PIStreamSet sends all fields of all metrics to PI points whose names it makes as outputs.pi_webapi does.
//
//go:embed pi_streamset.conf
var PIStreamSet string

// IRONdb sends IPVS metrics to IRONdb as OpenTSDB data points.
//
//go:embed irondb.conf
var IRONdb string
