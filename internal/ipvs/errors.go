package ipvs

import (
	"errors"
	"fmt"
)

// ErrUnsupported says that the running kernel has no IPVS: the module is not
// loaded, or not built. It may be loaded later; every [Client.Read] looks again.
var ErrUnsupported = errors.New("IPVS is not in this kernel or its module is not loaded: " +
	"run \"modprobe ip_vs\", and name ip_vs in /etc/modules-load.d/ipvs.conf to have it at every boot")

// ErrPermission says that the kernel refused to show the table to this process.
// Reading needs the capability CAP_NET_ADMIN in the initial user namespace, at
// every request.
var ErrPermission = errors.New("reading IPVS needs the capability CAP_NET_ADMIN in the initial user namespace " +
	"(CAP_NET_RAW is not needed): run as root, or for a systemd service add the lines " +
	"\"[Service]\", \"AmbientCapabilities=CAP_NET_ADMIN\" and \"CapabilityBoundingSet=CAP_NET_ADMIN\" " +
	"with \"systemctl edit telegraf\", then \"systemctl restart telegraf\"")

// A PartialError says that a read left out some of the table. What the snapshot
// holds was read whole.
type PartialError struct {
	Missing int   // virtual and real servers that are not in the snapshot but should be
	Err     error // why the first of them is missing
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("read only a part of the IPVS table, %d of its servers missing: %v", e.Missing, e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// add counts n more missing servers and keeps the first reason.
func (e *PartialError) add(n int, err error) {
	e.Missing += n
	if e.Err == nil {
		e.Err = err
	}
}

// errOrNil returns e as an error if anything is missing.
func (e *PartialError) errOrNil() error {
	if e.Err == nil {
		return nil
	}
	return e
}
