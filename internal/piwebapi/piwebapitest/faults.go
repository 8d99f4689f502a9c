package piwebapitest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind names what goes wrong with a request.
type FaultKind string

// The kinds of faults. Those marked with * happen before the call is carried out, or, where Fault.After is set, when it
// has been carried out already.
const (
	NoFault      FaultKind = ""
	Reset        FaultKind = "reset"        // * the connection is reset without an answer
	Stall        FaultKind = "stall"        // * no answer comes until the client gives up
	BadGateway   FaultKind = "502"          // * a page of a proxy
	Unavailable  FaultKind = "503"          // * a page of http.sys
	ServerError  FaultKind = "500"          // * errors in JSON
	WebException FaultKind = "webexception" // * status 200 around an inner status of 500
	Truncate     FaultKind = "truncate"     // carried out, then the answer breaks off in its middle
	ShortList    FaultKind = "length"       // carried out, then 207 with one entry too few; of write calls alone
	Slow         FaultKind = "slow"         // waits for Fault.Delay, then all is well
	Unauthorized FaultKind = "401"          // not carried out
	RateLimited  FaultKind = "429"          // not carried out
	TooLarge     FaultKind = "413"          // not carried out if the body is longer than Fault.Limit
	Restarted    FaultKind = "restart"      // carried out, then as Reset and [Server.Restart]
)

// Fault is one fault. The zero Fault is none.
type Fault struct {
	Kind  FaultKind
	After bool
	Delay time.Duration // of Slow; 0 = 30 s
	Limit int64         // of TooLarge, in bytes; 0 = 65536
}

// FaultPlan chooses the fault of a request: call is such as "POST streamsets/recorded", and n counts the requests of
// that call from 1. Plans are called by one goroutine at a time.
type FaultPlan func(call string, n int) Fault

// SetFaults makes plan choose faults from now on, with counts that begin anew. nil ends all faults.
func (s *Server) SetFaults(plan FaultPlan) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.plan, s.faults.calls = plan, make(map[string]int)
}

// FaultCounts returns how often each kind of fault has happened.
func (s *Server) FaultCounts() map[FaultKind]uint64 {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return maps.Clone(s.faults.counts)
}

type faultState struct {
	mu     sync.Mutex
	plan   FaultPlan
	calls  map[string]int
	counts map[FaultKind]uint64
}

// next returns the fault of the next request of a call.
func (f *faultState) next(call string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plan == nil {
		return Fault{}
	}
	f.calls[call]++
	fault := f.plan(call, f.calls[call])
	if fault.Kind == NoFault {
		return Fault{}
	}
	if f.counts == nil {
		f.counts = make(map[FaultKind]uint64)
	}
	f.counts[fault.Kind]++
	def(&fault.Delay, 30*time.Second)
	def(&fault.Limit, 65536)
	return fault
}

// Statuses that no answer has.
const (
	statusReset   = -1
	statusStalled = -2
)

// instead returns the answer of a fault that happens in place of the call, nil for none.
func (s *Server) instead(f Fault) *reply {
	switch f.Kind {
	case Unauthorized:
		return s.unauthorized()
	case RateLimited:
		return failure(http.StatusTooManyRequests, "Rate limit was reached")
	case Reset, Stall, BadGateway, Unavailable, ServerError, WebException:
		if !f.After {
			return faulty(f.Kind)
		}
	}
	return nil
}

// after returns the answer to a call that has been carried out.
func (s *Server) after(rep *reply, f Fault) *reply {
	switch f.Kind {
	case Reset, Stall, BadGateway, Unavailable, ServerError, WebException:
		if f.After {
			return faulty(f.Kind)
		}
	case Restarted:
		s.Restart()
		return &reply{status: statusReset}
	case Truncate:
		if len(rep.body) < 2 { // an answer without a body cannot break off
			return &reply{status: http.StatusOK, body: []byte(`{"Links":{},"Items":[{"Substatus":204,"Message":null}]}`)}
		}
	}
	return rep
}

func faulty(kind FaultKind) *reply {
	switch kind {
	case Stall:
		return &reply{status: statusStalled}
	case BadGateway:
		return page(http.StatusBadGateway, "Bad Gateway")
	case Unavailable:
		return page(http.StatusServiceUnavailable, "Service Unavailable")
	case ServerError:
		return failure(http.StatusInternalServerError, "An unexpected error occurred.")
	case WebException:
		return answer(http.StatusOK, object{"WebException": object{
			"Errors": []string{"Error occurred during writing of the output stream."}, "StatusCode": 500,
		}})
	}
	return &reply{status: statusReset}
}

// abort breaks the connection of a request, with a TCP reset where that can be done.
func abort(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2, which ends the stream alone
	}
	raw := conn
	if under, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		raw = under.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the end is an orderly one, which is a fault too
	}
	_ = raw.Close()
}

// faultRate is one part of a plan in text.
type faultRate struct {
	fault Fault
	call  string
	upTo  float64 // the fault happens for random numbers below, and not below that of the part before
}

// ParseFaults reads a plan such as
//
//	reset-after=0.01,503@streamsets/recorded=0.05,slow=0.01:5s,413=0.02:65536
//
// Each part is a kind of fault, with -after or -before where that makes a difference, the call where it is to be of one
// call alone, the share of requests, and the delay or limit. "" is no faults. The same seed chooses the same faults for
// the same order of requests.
func ParseFaults(text string, seed uint64) (FaultPlan, error) {
	var rates []faultRate
	sum := 0.0
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		rate, err := parseFault(part)
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", part, err)
		}
		sum += rate.upTo
		rate.upTo = sum
		rates = append(rates, rate)
	}
	if sum > 1+1e-9 {
		return nil, fmt.Errorf("faults %q: the shares add up to %g, at most 1 is possible", text, sum)
	}
	if len(rates) == 0 {
		return nil, nil
	}
	random := rand.New(rand.NewPCG(seed, 0))
	return func(call string, _ int) Fault {
		x := random.Float64()
		for _, r := range rates {
			if x < r.upTo {
				if _, path, _ := strings.Cut(call, " "); r.call == "" || r.call == path || r.call == call {
					return r.fault
				}
				return Fault{}
			}
		}
		return Fault{}
	}, nil
}

// faultKinds gives each kind what may follow it: b for -before and -after, d for a delay, l for a limit.
var faultKinds = map[FaultKind]string{
	Reset: "b", Stall: "b", BadGateway: "b", Unavailable: "b", ServerError: "b", WebException: "b", Truncate: "",
	ShortList: "", Slow: "d", Unauthorized: "", RateLimited: "", TooLarge: "l", Restarted: "",
}

func parseFault(part string) (r faultRate, err error) {
	name, share, ok := strings.Cut(part, "=")
	if !ok {
		return r, fmt.Errorf("has no share: want KIND=SHARE such as reset-after=0.01")
	}
	name, r.call, _ = strings.Cut(name, "@")
	share, argument, more := strings.Cut(share, ":")
	name, r.fault.After = strings.CutSuffix(name, "-after")
	name, before := strings.CutSuffix(name, "-before")
	r.fault.Kind = FaultKind(name)
	takes, known := faultKinds[r.fault.Kind]
	if !known || (before || r.fault.After) && takes != "b" {
		return r, fmt.Errorf("unknown kind: want one of 401, 413, 429, length, restart, slow, truncate, or one of " +
			"500, 502, 503, reset, stall, webexception with or without -before or -after")
	}
	if r.upTo, err = strconv.ParseFloat(share, 64); err != nil || !(r.upTo >= 0 && r.upTo <= 1) {
		return r, fmt.Errorf("share %q: want a number from 0 to 1", share)
	}
	switch {
	case !more:
	case takes == "d":
		if r.fault.Delay, err = time.ParseDuration(argument); err != nil || r.fault.Delay <= 0 {
			return r, fmt.Errorf("delay %q: want a duration such as 5s", argument)
		}
	case takes == "l":
		if r.fault.Limit, err = strconv.ParseInt(argument, 10, 64); err != nil || r.fault.Limit <= 0 {
			return r, fmt.Errorf("limit %q: want a number of bytes", argument)
		}
	default:
		return r, fmt.Errorf("takes nothing after the share")
	}
	return r, nil
}
