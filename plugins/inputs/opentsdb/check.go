package opentsdb

import (
	"context"
	"fmt"
	"net"

	"telegraf-ipvs/internal/outlet"
)

// Check looks at everything that listening needs and reports each thing once: what it is, how it stands, and an error
// that says how to mend it. It makes no queue and opens none; ports are opened for a moment, and one that a running
// process holds is said to be in use.
func (in *Input) Check(ctx context.Context, report func(subject, state string, err error)) {
	_, err := newAccess(in.cfg.Credentials)
	state := "everybody may send over HTTP"
	if n := len(in.cfg.Credentials); n > 0 {
		state = fmt.Sprintf("%d credentials", n)
	}
	report("access", state, err)
	if in.cfg.TLSCert != "" {
		_, err := newTLS(in.cfg)
		report("tls", in.cfg.TLSCert, err)
	}
	check := func(name, address, what string) {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		state := address + " is free (" + what + ")"
		switch {
		case err == nil:
			_ = l.Close() // nobody has connected
		case isInUse(err):
			state, err = address+" is in use: by this program if it runs already", nil
		default:
			state = address
			err = fmt.Errorf("%w: choose another address, or grant what it needs (CAP_NET_BIND_SERVICE for ports below 1024)", err)
		}
		report(name, state, err)
	}
	if in.cfg.HTTPAddress != "" {
		check("http", in.cfg.HTTPAddress, "HTTP")
	}
	for i, l := range in.cfg.Listeners {
		check(fmt.Sprintf("listener[%d]", i), l.Address, l.Protocol)
	}
	if in.cfg.Acknowledge == ackStored {
		options := in.cfg.queue()
		outlet.CheckQueue(options.QueuePath, options.QueueMaxSize.Bytes(), report)
	} else {
		report("queue", "none: what is acknowledged is not on disk", nil)
	}
}
