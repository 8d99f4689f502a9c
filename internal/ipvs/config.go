package ipvs

import "time"

// A Config says how a [Client] reads. Its zero value reads the network namespace
// of the process.
type Config struct {
	// Namespace is the path of a network namespace, such as /run/netns/blue.
	// Empty means the process's own. Another one needs CAP_SYS_ADMIN whenever a
	// socket is opened, which is at the first read, after a fault, and when another
	// namespace has come to stand at the path.
	Namespace string

	// Timeout is how long the kernel may be silent before a call gives up. Zero
	// means 5 s.
	Timeout time.Duration

	// ModuleFile is the file whose presence tells that the kernel has IPVS. Empty
	// means /proc/net/ip_vs. Tests set it.
	ModuleFile string

	// Socket opens the socket that leads to the kernel; the client closes it. Nil
	// means generic netlink. Tests set it to reach a fake kernel.
	Socket func() (fd int, err error)

	// Observe is called with every datagram that the kernel sends, and with the
	// request that it answers, before it is decoded. Both are valid during the call
	// only. Nil means that nobody looks. Tests set it to record what a real kernel says.
	Observe func(request, answer []byte)
}

// Counters count what a [Client] had to mend, since it was made.
type Counters struct {
	Reopened   uint64 // sockets opened anew after a fault
	Duplicates uint64 // servers that a dump listed twice, because the table changed meanwhile
	Recovered  uint64 // services that a dump passed over, found by asking for them
	Vanished   uint64 // services deleted between their dump and their destinations' dump
}
