// Package opentsdb is the input [[inputs.opentsdb]]: it listens for data points in the OpenTSDB formats, as IRONdb
// does, and hands them over as line protocol.
//
// # The way of a data point
//
//	HTTP    -> opentsdb.Parser -> keeper -> reply
//	telnet  -> opentsdb.Parser -> intake -> keeper
//	                              keeper -> queue (fsync) -> handover -> Receiver
//
// A keeper answers for lines: the one that stores returns when they are synced to disk, the one that hands over when
// the [Receiver] has taken them. An HTTP request is answered after that, so its success says that its points are safe;
// telnet knows no success, and its points are gathered from all connections into common appends.
//
// Whatever is stored leaves the queue only after the Receiver has taken it: the reader of a pipe has read it, or every
// output has it on disk. What was on its way when the process died is handed over again.
//
// # Namespaces
//
// Every data point belongs to a namespace: an account, the UUID of a check and its name, as in IRONdb. A telnet port
// has one, the path of a request names one. It comes out as tags. A tag of the sender's with one of these names is kept
// under the name with "sender_" before it, so that nobody can write into another's namespace, and no series is folded
// into another.
package opentsdb
