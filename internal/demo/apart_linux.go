package main

import "syscall"

// apart keeps a child out of reach of a terminal's Ctrl-C, so that children end in
// order, and lets none of them outlive this process whatever ends it.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
