//go:build !linux

package main

import "syscall"

// apart returns nothing special: the demonstration needs Linux.
func apart() *syscall.SysProcAttr { return nil }
