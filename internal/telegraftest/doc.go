// Package telegraftest stands in for a stock Telegraf in tests: it reads a Telegraf configuration as strictly as Telegraf
// does, and does with metrics what outputs.http with data_format "template", the filters that all plugins have and the
// serializer of line protocol do with them. Where there is a Telegraf binary, it runs that.
//
// It knows the plugins and options that the configurations of this project use, those of keys.toml, and refuses all others:
// it is no Telegraf, and gathers, processes and sends nothing but what its functions are called with.
//
// The behaviour is that of Telegraf 1.39: config/envvar.go and config/config.go for reading, models/filter.go,
// models/running_input.go and models/running_output.go for filters, plugins/serializers/template and plugins/outputs/http
// for bodies, plugins/serializers/influx for lines.
package telegraftest
