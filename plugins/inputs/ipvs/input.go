// Package ipvs is the plugin [[inputs.ipvs]]: it turns the IPVS tables of one or
// more network namespaces into metrics that have the names, tags and fields of
// Telegraf's own inputs.ipvs, and some more.
package ipvs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/metric"
)

// An Input is one configured [[inputs.ipvs]]. It is not safe for concurrent use.
type Input struct {
	fields     fieldSet
	namespaces []string
	client     ipvs.Config
	estimation string // file that switches the kernel's estimator
	log        *slog.Logger
	now        func() time.Time

	tables   map[string]*table // by the namespace's path; "" for the process's own
	snapshot ipvs.Snapshot     // shared by the tables, which are read one after the other
	buffer   []metric.Field
}

// A table is one namespace being read.
type table struct {
	reader
	cache *cache
	found bool // by the current gather
}

// reader is what a table needs of [ipvs.Client].
type reader interface {
	Read(context.Context, *ipvs.Snapshot) error
	Close() error
}

// New returns the input that cfg describes, or every problem of cfg in one error.
// It opens nothing.
func New(cfg Config, log *slog.Logger) (*Input, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Input{
		fields:     fieldSet(slices.Index(fieldSets, cfg.Fields)),
		namespaces: cfg.Namespaces,
		client:     ipvs.Config{Timeout: cfg.Timeout.Duration()},
		estimation: estimationFile,
		log:        log,
		now:        time.Now,
		tables:     map[string]*table{},
	}, nil
}

// Gather reads every namespace and hands their metrics to emit, all with one
// time. A metric is valid only during the call of emit; when emit fails the
// gather ends with its error. What could not be read comes back as one error;
// the rest has been emitted.
func (in *Input) Gather(ctx context.Context, emit func(*metric.Metric) error) error {
	now := in.now()
	problems := in.discover()
	var broken error // of emit
	emitOrBreak := func(m *metric.Metric) error {
		broken = emit(m)
		return broken
	}
	for _, path := range sortedKeys(in.tables) {
		t := in.tables[path]
		err := in.gather(ctx, t, now, emitOrBreak)
		if broken != nil {
			return broken
		}
		if err != nil {
			if t.cache.namespace != "" {
				err = fmt.Errorf("network namespace %s: %w", t.cache.namespace, err)
			}
			problems = append(problems, err)
			if ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(problems...)
}

// Close closes the sockets to the kernel. A later gather opens them again.
func (in *Input) Close() error {
	var problems []error
	for _, t := range in.tables {
		problems = append(problems, t.Close())
	}
	clear(in.tables)
	return errors.Join(problems...)
}

// ownFile is the network namespace of this process.
const ownFile = "/proc/self/ns/net"

// discover brings in.tables up to date with the namespaces that exist. A table
// whose namespace is gone is closed, for its sockets would keep it alive. A
// namespace that has several names is read once, under the first of them, or as
// the process's own if that is to be read: Docker calls the host's "default".
func (in *Input) discover() (problems []error) {
	for _, t := range in.tables {
		t.found = false
	}
	seen := map[ipvs.NamespaceID]bool{}
	if slices.Contains(in.namespaces, ownNamespace) {
		in.keep("", ipvs.Namespace{})
		if own, err := ipvs.FindNamespaces(ownFile); err == nil {
			seen[own[0].ID] = true
		}
	}
	for _, name := range in.namespaces {
		if name == ownNamespace {
			continue
		}
		found, err := ipvs.FindNamespaces(name)
		if err != nil {
			problems = append(problems, err)
		}
		for _, ns := range found {
			if !seen[ns.ID] {
				seen[ns.ID] = true
				in.keep(ns.Path, ns)
			}
		}
	}
	for path, t := range in.tables {
		if !t.found {
			_ = t.Close() // nothing is lost with a socket that is only read
			delete(in.tables, path)
		}
	}
	return problems
}

// keep marks the table of a namespace as found, and makes it if it is new.
func (in *Input) keep(path string, ns ipvs.Namespace) {
	if t := in.tables[path]; t != nil {
		t.found = true // if it is another namespace by now, its reader sees that
		return
	}
	cfg := in.client
	cfg.Namespace = path
	in.tables[path] = &table{
		reader: ipvs.New(cfg),
		cache:  newCache(ns.Name, in.fields == fieldsTelegraf),
		found:  true,
	}
}

// gather reads and emits one table.
func (in *Input) gather(ctx context.Context, t *table, now time.Time, emit func(*metric.Metric) error) error {
	s := &in.snapshot
	err := t.Read(ctx, s)
	var partial *ipvs.PartialError
	if err != nil && !errors.As(err, &partial) {
		return err
	}
	if t.cache.namespace == "" && len(s.Services) > 0 && in.frozen() {
		in.log.Warn("Statistics stand still: " + errFrozen.Error())
	}
	t.cache.begin()
	m := metric.Metric{Time: now}
	for i := range s.Services {
		svc := &s.Services[i]
		dests := s.Destinations(svc)
		series, err := t.cache.lookup(svc, dests)
		if err != nil {
			return fmt.Errorf("name the series of %s: %w", svc.ServiceKey, err)
		}
		in.buffer = in.fields.appendService(in.buffer[:0], svc, dests)
		m.Series, m.Fields = series.series, in.buffer
		if err := emit(&m); err != nil {
			return err
		}
		for j := range dests {
			in.buffer = in.fields.appendDestination(in.buffer[:0], &dests[j])
			m.Series, m.Fields = series.reals[j].series, in.buffer
			if err := emit(&m); err != nil {
				return err
			}
		}
	}
	t.cache.end()
	return err
}

// estimationFile switches the kernel's estimator, which brings counters and rates
// up to date. A kernel without it always estimates.
const estimationFile = "/proc/sys/net/ipv4/vs/run_estimation"

// errFrozen tells what stands still and how to mend it.
var errFrozen = errors.New("the kernel keeps IPVS counters and rates frozen: " +
	"run \"sysctl -w net.ipv4.vs.run_estimation=1\" to have them updated")

// frozen reports whether the statistics stand still by configuration.
func (in *Input) frozen() bool {
	b, err := os.ReadFile(in.estimation)
	return err == nil && strings.TrimSpace(string(b)) == "0"
}

func sortedKeys(tables map[string]*table) []string {
	keys := make([]string, 0, len(tables))
	for k := range tables {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
