package piwebapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"telegraf-ipvs/internal/httpauth"
	pi "telegraf-ipvs/internal/piwebapi"
)

// errAcceptance is Accept's error; the details are in what it has written.
var errAcceptance = errors.New("not everything is as it has to be, see above")

const (
	acceptTime = 10 * time.Minute // for all trials
	trialTime  = time.Minute      // for one
	maxLost    = 4                // trials without an answer, until the rest is not tried
)

// A mark is the result of a trial.
type mark string

const (
	markOK   mark = "ok"
	markNote mark = "note" // not as documented or wished, but the output gets along with it
	markFail mark = "FAIL"
	markSkip mark = "skip" // does not apply here
)

// A finding is what came of a trial.
type finding struct {
	mark   mark
	seen   string
	advice string // what to do or to set; may be empty
	err    error  // not nil if there was no answer; the fields above do not count then
	end    bool   // nothing that would follow makes sense
}

// A trial tries one thing.
type trial struct {
	what    string
	settles string // the open question that it answers; may be empty
	try     func(context.Context) finding
}

// acceptance is one run of Accept.
type acceptance struct {
	o        *Output
	out      *acceptReport
	nobody   *pi.Client          // shows no credentials
	way      *httpauth.Transport // of nobody
	patience time.Duration       // how long a value may take to become visible
	now      func() time.Time

	first   *pi.TrialReply // the answer to the first question
	server  pi.DataServer  // once it was found
	samples []pi.Item      // points of the server, for looking at
	subject *testPoint     // point that values are written to
}

// Accept tries out on a real server everything that this output relies on or that is not the same everywhere, and
// writes to out a table that can be sent to others: there are names of hosts, users and points in it, but no secrets.
// Without writeTest nothing is changed on the server. With the name or path of a PI point that somebody has given for
// it, values are written to that point, at times of the last minute, and stay there.
//
// What has been tried when ctx ends is written. The error says only that something is not as it has to be, that ctx
// ended, or that out cannot be written. After ten minutes it breaks off by itself.
func (o *Output) Accept(ctx context.Context, out io.Writer, writeTest string) error {
	a, err := newAcceptance(o, out)
	if err != nil {
		return err
	}
	defer a.way.Close()
	return a.run(ctx, writeTest)
}

func newAcceptance(o *Output, out io.Writer) (*acceptance, error) {
	auth := o.cfg.Transport(o.cfg.URL)
	way, err := httpauth.New(httpauth.Config{
		URL: auth.URL, Auth: httpauth.Anonymous, AllowPlaintext: auth.AllowPlaintext,
		TLSCA: auth.TLSCA, TLSCert: auth.TLSCert, TLSKey: auth.TLSKey, TLSServerName: auth.TLSServerName,
		TLSMinVersion: auth.TLSMinVersion, InsecureSkipVerify: auth.InsecureSkipVerify, Proxy: auth.Proxy,
	})
	if err != nil {
		return nil, err
	}
	nobody, err := pi.New(o.cfg.client(way))
	if err != nil {
		return nil, err
	}
	return &acceptance{
		o: o, out: &acceptReport{w: out}, nobody: nobody, way: way, patience: 2 * time.Second, now: time.Now,
	}, nil
}

func (a *acceptance) run(ctx context.Context, writeTest string) error {
	limited, cancel := context.WithTimeout(ctx, acceptTime)
	defer cancel()
	c := a.o.cfg
	a.out.print(fmt.Sprintf("%s, %s, data_server = %q, auth = %q, webid = %q, update_option = %q, buffer_option = %q",
		a.now().UTC().Format(time.RFC3339), a.o.client.URL(), c.DataServer, c.Auth, c.WebID, c.UpdateOption, c.BufferOption))
	a.out.print("")
	a.out.title("Reading, and what the server says of itself. Nothing is changed.")
	trials := append(a.serverTrials(), a.pointTrials()...)
	well := a.try(limited, trials)
	if well && writeTest != "" {
		a.out.title("Writing to " + writeTest + ". The values stay there.")
		well = a.try(limited, a.writeTrials(writeTest))
		a.summarizeWriting()
	}
	return a.out.verdict(a.conclusion(limited, well, writeTest), limited.Err())
}

// conclusion says in a sentence what the trials come to.
func (a *acceptance) conclusion(ctx context.Context, well bool, writeTest string) string {
	switch {
	case ctx.Err() != nil:
		return "The run was broken off. What is above is what was tried."
	case !well:
		return "The run ended early, since nothing that would have followed makes sense before this is mended."
	case a.out.count(markFail) > 0:
		return "Not everything is as it has to be: mend what is marked FAIL."
	case writeTest == "":
		return "Reading works. What the server does with values shows with --write-test TAG, for a point that may be written to."
	case a.out.count(markNote) > 0:
		return "Values can be written. The notes above say what differs from what is documented."
	}
	return "Values can be written, and everything is as documented."
}

// try makes the trials one after the other and returns whether it came to their end.
func (a *acceptance) try(ctx context.Context, trials []trial) bool {
	lost := 0
	for _, t := range trials {
		if ctx.Err() != nil {
			return false
		}
		limited, cancel := context.WithTimeout(ctx, trialTime)
		f := t.try(limited)
		cancel()
		switch {
		case f.err == nil:
		case ctx.Err() != nil:
			a.out.row(t, finding{mark: markSkip, seen: "broken off"})
			return false
		default:
			lost++
			f = finding{mark: markFail, seen: f.err.Error(), advice: httpauth.Explain(f.err), end: f.end || lost == maxLost}
		}
		a.out.row(t, f)
		if f.end {
			return false
		}
	}
	return true
}

// failed is the finding that there was no answer.
func failed(err error) finding { return finding{err: err} }

// answered is the finding of an answer that is an error.
func answered(m mark, r *pi.TrialReply, advice string) finding {
	return finding{mark: m, seen: describeReply(r), advice: advice}
}

// describeReply is the status of an answer and what it says beside.
func describeReply(r *pi.TrialReply) string {
	text := fmt.Sprint(r.Status)
	for _, m := range r.Messages() {
		text += ` "` + m + `"`
	}
	return text
}
