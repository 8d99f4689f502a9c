// Package debian gets programs of others from Debian's archive, for tools and tests: kernels with IPVS, and the servers
// and senders that the product is tried against. It needs no root, and nothing of the machine's apt changes.
//
// [Fetch] downloads with the machine's own apt-get, through the archive, keyrings and proxies that the machine is set up
// with; apt checks what it downloads against the signed index. [Cached] keeps what was unpacked in the user's cache
// folder, so that one run downloads and all later ones need no network.
//
// All packages are for amd64.
package debian
