package main

// Paths inside the guest.
const (
	guestInit  = "/init"
	guestJob   = "/job.json"
	guestOut   = "/out"
	programDir = "/program"
	portName   = "guest"
)

// Exit codes of the runner itself, those of timeout(1) and env(1).
const (
	exitUsage       = 2
	exitTimeout     = 124
	exitFault       = 125
	exitNotRunnable = 126
	exitNotFound    = 127
	exitSignal      = 128 // plus the signal's number
)

// A job is what the guest's first process is told, by a file in the initramfs.
type job struct {
	Args    []string // the program's path in the guest and its arguments
	Env     []string // K=V, added to the guest's own few
	Dir     string   // where the program starts
	Out     bool     // whether to send back what is below /out
	Port    []string // kernel modules that the port to the host needs, in order
	Modules []string // kernel modules to load before the program, in order
}
