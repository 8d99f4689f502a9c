package opentsdb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/httpreply"
	"telegraf-ipvs/internal/outlet"
)

const checkTime = 10 * time.Second // all that Check may take

// Check looks at everything that a delivery needs and reports each thing once: what it is, how it stands, and an error
// that says how to mend it if it is not well. It makes no queue, opens none, and writes no data point. It takes ten
// seconds at most.
func (o *Output) Check(ctx context.Context, report func(subject, state string, err error)) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	o.CheckQueue(report)
	if o.telnet != nil {
		o.checkTelnet(ctx, report)
	} else {
		o.checkHTTP(ctx, report)
	}
}

// checkHTTP sends a list of no data points to where they would go.
func (o *Output) checkHTTP(ctx context.Context, report func(subject, state string, err error)) {
	r, err := o.http.post(ctx, "", []byte("[]"))
	if err != nil {
		report("server", o.http.base+" cannot be reached", outlet.Remedy(err))
		return
	}
	state := fmt.Sprintf("%s answers %d to an empty list", o.http.base, r.status)
	if text := message(r.body); r.status/100 != 2 && text != "" {
		state += fmt.Sprintf(" (%s)", text)
	}
	switch r.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity: // as OpenTSDB does, for want of data points
		if why := notForUs(r); why != "" {
			report("server", state, errors.New(why))
			return
		}
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		report("server", o.http.base+" answers", nil)
		report("login", fmt.Sprintf("with auth = %q is refused", o.cfg.Auth), o.refusedLogin(r))
		return
	default:
		if r.status/100 != 2 {
			report("server", state, o.http.pause(r))
			return
		}
	}
	report("server", state, nil)
	if o.cfg.Auth != httpauth.Anonymous {
		report("login", fmt.Sprintf("with auth = %q is not refused", o.cfg.Auth), nil)
	}
}

func (o *Output) refusedLogin(r *reply) error {
	if r.status == http.StatusUnauthorized {
		if text := o.transport.ExplainUnauthorized(r.header); text != "" {
			return errors.New(text)
		}
	}
	return o.http.pause(r)
}

// checkTelnet connects and, if batches are to be confirmed, asks for the version.
func (o *Output) checkTelnet(ctx context.Context, report func(subject, state string, err error)) {
	raw, err := o.telnet.dial(ctx, checkTime)
	if err != nil {
		report("server", o.telnet.address+" cannot be reached", outlet.Remedy(err))
		return
	}
	c := newTelnetConn(raw)
	defer c.close()
	state := o.telnet.address + " takes connections"
	if o.cfg.TelnetConfirm == confirmNone {
		report("server", state, nil)
		return
	}
	err = c.learn(ctx, min(o.telnet.timeout, checkTime/2))
	switch {
	case err == nil:
		report("server", fmt.Sprintf("%s and says that it is %q", state, httpreply.OneLine(c.signature)), nil)
	case o.cfg.TelnetConfirm == confirmAuto && (errors.Is(err, errMute) || errors.Is(err, errHTTP)):
		report("server", state+"; it will confirm nothing, as it does not answer to \"version\"", nil)
	default:
		report("server", state, err)
	}
}
