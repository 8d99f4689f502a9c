// Package ipvs reads the table of the Linux kernel's load balancer, IPVS: its
// virtual servers ("services" in the kernel's words), their real servers
// ("destinations") and the statistics of both.
//
// Start with [New] and call [Client.Read] once per gather; it fills a
// [Snapshot] whose memory is reused by the next call. [Client.Info],
// [Client.Timeouts] and [Client.Daemons] read what belongs to the whole network
// namespace.
//
// The package only reads. Every message to IPVS leaves through one function,
// which refuses any command but the five reading ones, so no caller and no bug
// can change the table. It never loads a kernel module either: when
// /proc/net/ip_vs is missing it says [ErrUnsupported] and looks again at the
// next call.
//
// A read is one dump of the services and one dump of destinations for each of
// them, since the kernel has no single dump of both. The table may change in
// between; see [Client.Read] for what is promised then.
//
// Decoding (decode.go) knows nothing of sockets and works on any platform;
// sockets and namespaces are Linux only. The facts come from the kernel's
// include/uapi/linux/ip_vs.h and net/netfilter/ipvs/ip_vs_ctl.c, and from
// messages captured on real kernels, kept in testdata/netlink.
package ipvs
