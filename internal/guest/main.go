// Command guest runs a program as root in a throw-away QEMU machine whose Debian kernel has IPVS, so that
// tests and trials need neither a kernel with IPVS nor a machine to spoil.
//
//	guest [flags] PROGRAM [ARGUMENT...]
//
// The program's standard input, output and error, the signals it gets and its exit code are those of this
// command, byte for byte and as they come: the guest can be the child of any program that talks to its
// children through pipes. A static program is all it takes; with a dynamic one come the libraries it needs.
// The guest has two processors, no disk, and no network but loopback; all that the program leaves
// is lost, save what it writes below /out (see -out).
//
// The machine is emulated. It needs no privilege and no virtualisation, is up in a few seconds, and is
// some ten to thirty times slower than the processor it runs on: times measured in it compare with one
// another, and with nothing else.
//
// Kernels are Debian's cloud kernels. They come with apt-get from the Debian archive that this machine's
// own apt sources name, checked by its keyrings, into a cache of their own; nothing of the machine's apt
// changes, and once they are there no network is needed.
//
// The same executable has two roles: on the host it starts QEMU, in the guest it is the first process.
// A virtio port carries a conversation of small frames between them (frame.go). The kernel's console
// carries nothing that counts.
//
// It runs on Linux, for amd64 guests only, and draws on no kernel source but Debian.
package main

import "os"

func main() { os.Exit(run(os.Args[1:])) }
