package opentsdb

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"telegraf-ipvs/internal/execd"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/option"
	"telegraf-ipvs/internal/outlet"
	"telegraf-ipvs/internal/queue"
)

// portWait is how long Start waits for a process before this one to leave a port.
const portWait = 10 * time.Second

// errAckTimeout says that points could not be made safe in time; none of them was.
var errAckTimeout = errors.New("points could not be made safe in time (ack_timeout)")

// An Input is one [[inputs.opentsdb]]: its ports, its queue, and what it knows of namespaces.
type Input struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	version string
	host    string
	drain   time.Duration // drainLimit, but for tests

	spaces *spaces
	stats  stats
	budget budget
	loads  *sync.Pool
	open   atomic.Int64 // connections
	limits map[string]*execd.Limiter

	// From Start to Close.
	access *access
	ports  []*port
	queue  *queue.Queue // nil if points are handed over at once
	keeper keeper
	intake *intake
	to     Receiver
	fail   func(error) // from Run: ends everything with a final error
}

// New returns an input. It touches no network and no queue; the error lists every problem of the configuration.
func New(cfg Config, log *slog.Logger) (*Input, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	option.WarnExposed(log, cfg.secretFiles()...)
	in := &Input{cfg: cfg, log: log, now: time.Now, version: "unknown", host: "localhost", drain: drainLimit}
	if info, ok := debug.ReadBuildInfo(); ok {
		in.version = info.Main.Version
	}
	if host, err := os.Hostname(); err == nil {
		in.host = host
	}
	in.stats = newStats(in.now())
	in.budget.limit = cfg.MaxMemory.Bytes()
	in.loads = newLoads(in)
	in.limits = make(map[string]*execd.Limiter)
	for _, about := range []string{"accept", "tls", "keep", "queue", "point", "body", "panic", "http"} {
		in.limits[about] = &execd.Limiter{}
	}
	in.spaces = newSpaces(cfg, func() time.Time { return in.now() })
	return in, nil
}

// Start reads the files that the configuration names, opens the queue and the ports, and hands over to r what comes. It
// waits for a moment for another process that is about to leave them.
func (in *Input) Start(ctx context.Context, r Receiver) error {
	in.to = heedful{r}
	var err error
	if in.access, err = newAccess(in.cfg.Credentials); err != nil {
		return err
	}
	if err := in.makePorts(); err != nil {
		return err
	}
	if in.cfg.Acknowledge == ackStored {
		options := in.cfg.queue()
		cfg := options.Config()
		cfg.OnProblem = func(err error) { in.log.Error("Queue: " + err.Error()) }
		if in.queue, err = outlet.OpenQueue(ctx, cfg); err != nil {
			return err
		}
		in.keeper = &storing{queue: in.queue}
	} else {
		in.keeper = handing{in.to}
	}
	in.intake = newIntake(in.keeper,
		func(err error) { in.complain("keep", fmt.Errorf("points from telnet wait: %w", err)) },
		func(lines int) { in.stats.lost.Add(uint64(lines)) })
	for _, p := range in.ports {
		if err := p.listen(ctx); err != nil {
			return errors.Join(fmt.Errorf("listen: %w", err), in.Close())
		}
		p.http = newHTTPSide(p)
	}
	for _, p := range in.ports {
		in.log.Info(fmt.Sprintf("Listening on %s (%s)", p.listener.Addr(), p.describe()))
	}
	return nil
}

// makePorts prepares the ports, and opens none.
func (in *Input) makePorts() error {
	secure, err := newTLS(in.cfg)
	if err != nil {
		return err
	}
	profile := func(name string) tsdb.Profile { p, _ := tsdb.ParseProfile(name); return p }
	own := func(n Namespace) *space {
		checked, _ := newNamespace(n)
		return in.spaces.get(checked, true)
	}
	if in.cfg.HTTPAddress != "" {
		networks, _ := parseNetworks("", in.cfg.AllowedNetworks)
		p := &port{
			in: in, name: "http_address", address: in.cfg.HTTPAddress, protocol: protocolHTTP,
			profile: profile(in.cfg.Profile), reply: profile(in.cfg.Reply), tls: secure, networks: networks,
		}
		if in.cfg.DefaultNamespace != nil {
			p.own = own(*in.cfg.DefaultNamespace)
		}
		in.ports = append(in.ports, p)
	}
	for i, l := range in.cfg.Listeners {
		networks, _ := parseNetworks("", l.AllowedNetworks)
		p := &port{
			in: in, name: fmt.Sprintf("listener[%d]", i), address: l.Address, protocol: l.Protocol,
			profile: profile(l.Profile), reply: profile(l.Reply), quiet: l.TelnetErrors == errorsSilent,
			own: own(l.namespace()), networks: networks,
		}
		if l.TLS == tlsOn {
			p.tls = secure
		}
		in.ports = append(in.ports, p)
	}
	return nil
}

// describe says what a port is for.
func (p *port) describe() string {
	text := map[string]string{protocolAny: "telnet and HTTP", protocolTelnet: "telnet", protocolHTTP: "HTTP"}[p.protocol]
	if p.tls != nil {
		text += ", TLS"
	}
	if p.own != nil {
		text += ", namespace " + p.own.namespace.String()
	}
	return text
}

// Run takes in what comes until stopping is closed, and then what has been sent by then; it hands over until nothing is
// left, or until ctx ends. The error is the receiver's, and final. Start comes before it, and it is called once.
func (in *Input) Run(ctx context.Context, stopping <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	enough, stop := context.WithCancel(ctx) // stopping, or somebody has failed
	defer stop()
	go func() {
		select {
		case <-stopping:
			stop()
		case <-enough.Done():
		}
	}()
	failed := make(chan error, 1) // the first one
	in.fail = func(err error) {
		select {
		case failed <- err:
		default:
		}
		stop()
	}

	var ports, status sync.WaitGroup
	for _, p := range in.ports {
		ports.Go(func() { p.serve(enough.Done()) })
	}
	in.serveStatus(serving, &status)

	var working sync.WaitGroup
	received, kept := make(chan struct{}), make(chan struct{})
	working.Go(func() {
		defer close(kept)
		if err := in.intake.run(ctx, received); err != nil {
			in.fail(err)
		}
	})
	if in.queue != nil {
		h := newHandover(in.queue, in.to, func(doing string, err error) {
			in.complain("queue", fmt.Errorf("%s: %w", doing, err))
		})
		working.Go(func() {
			if err := h.run(ctx, kept); err != nil {
				in.fail(err)
				cancel()
			}
		})
	}
	ports.Wait()
	close(received)
	working.Wait()
	stopServing()
	status.Wait()
	if n := in.stats.lost.Load(); n > 0 {
		in.log.Warn(fmt.Sprintf("%d data points from telnet came in while stopping and could not be kept", n))
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// Close closes the ports and the queue.
func (in *Input) Close() error {
	var problems []error
	for _, p := range in.ports {
		if p.http != nil {
			p.http.stop(closeLimit)
		}
		if p.listener != nil {
			_ = p.listener.Close() // perhaps for the second time
		}
	}
	if in.queue != nil {
		problems = append(problems, in.queue.Close())
	}
	return errors.Join(problems...)
}

// whyNotKept counts that points were not kept, and says what their sender can do about it.
func (in *Input) whyNotKept(err error) string {
	switch {
	case errors.Is(err, queue.ErrFull):
		in.stats.refuse(tsdb.QueueFull)
		in.complain("keep", fmt.Errorf("points are turned away: %w", err))
		return "the queue is full (queue_max_size): what is in it has to be handed over first; none of these points was stored, send them again"
	case errors.Is(err, queue.ErrTooLarge):
		in.stats.refuse(tsdb.BodyTooLarge)
		return "these points alone are more than the queue may hold (queue_max_size): send less at a time"
	case errors.Is(err, errAckTimeout):
		in.stats.refuse(tsdb.NotInTime)
		in.complain("keep", err)
		if in.queue == nil {
			return "they were not taken over in time (ack_timeout); send them again"
		}
		return "they could not be made safe in time (ack_timeout); none of these points was stored, send them again"
	}
	in.stats.refuse(tsdb.Unavailable)
	in.complain("keep", err)
	return "they could not be made safe; send them again"
}

// refused logs, now and then, a data point that was refused.
func (in *Input) refused(sp *space, from net.Addr, err *tsdb.Error) {
	if more, ok := in.limits["point"].Allow(err.Reason.String(), time.Now()); ok {
		in.log.Warn(fmt.Sprintf("Refused a data point from %v for %s (%s): %v%s", from, sp.namespace, err.Reason, err, more))
	}
}

// refusedBody logs, now and then, a body that was refused as a whole.
func (in *Input) refusedBody(sp *space, from net.Addr, err error) {
	if more, ok := in.limits["body"].Allow("", time.Now()); ok {
		in.log.Warn(fmt.Sprintf("Refused all of a body from %v for %s: %v%s", from, sp.namespace, err, more))
	}
}

// complain logs, now and then, what goes wrong.
func (in *Input) complain(about string, err error) {
	if more, ok := in.limits[about].Allow("", time.Now()); ok {
		text := err.Error()
		in.log.Error(strings.ToUpper(text[:1]) + text[1:] + more)
	}
}

// guard keeps a mistake of this program, met by one sender, from ending the others. It takes what recover returns.
func (in *Input) guard(what string, v any) {
	if v == nil {
		return
	}
	in.stats.refuse(tsdb.Internal)
	in.complain("panic", fmt.Errorf("%s met a mistake of this program: %v\n%s", what, v, debug.Stack()))
}

// serverLog hands what an HTTP server says to the log, now and then.
func (in *Input) serverLog(name string) *log.Logger {
	return log.New(writerFunc(func(b []byte) {
		if more, ok := in.limits["http"].Allow(name, time.Now()); ok {
			in.log.Debug(name + ": " + strings.TrimSpace(string(b)) + more)
		}
	}), "", 0)
}

type writerFunc func([]byte)

// Write implements [io.Writer].
func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}
