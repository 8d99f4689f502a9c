// Package ipvstest is a fake of the kernel's IPVS for tests. A [Kernel] holds a
// table and answers over a socket with the bytes that a real kernel sends, or, by
// way of its hook, with the faults that a real kernel cannot be asked for. A
// [Recorder] keeps what a real kernel says, as a [Golden] file.
//
// The encoder here shares no code and no constants with the decoder of package
// ipvs, so that a slip in one of them shows. It is checked against messages of
// real kernels.
package ipvstest
