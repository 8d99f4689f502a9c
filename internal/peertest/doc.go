// Package peertest starts programs of others for tests and benchmarks: the servers InfluxDB 1.6 and VictoriaMetrics 1.79
// ([InfluxDB], [VictoriaMetrics]) and the sender collectd 5.12 ([Collectd]), which speak OpenTSDB's protocols, vmalert
// ([VMAlert]), which watches what VictoriaMetrics has, and the brokers Mosquitto 2.0 and nats-server 2.9 ([Mosquitto],
// [NATSServer]), from which Telegraf may get metrics.
//
// They are Debian's packages, unpacked into the user's cache folder as internal/debian does it, and run without root, on
// loopback, with all their files in a temporary folder. They end with the test, or with the process if that dies first.
// A test that needs them is skipped where there are none to be had: on a machine whose apt knows no Debian archive, on
// another processor than amd64, and without network before the first run, save where CI is set, which must not pass by
// leaving tests out.
package peertest
