//go:build !linux

package main

import (
	"fmt"
	"os"
)

// run says why there is nothing to run.
func run([]string) int {
	fmt.Fprintln(os.Stderr, "guest: this command needs Linux")
	return exitFault
}
