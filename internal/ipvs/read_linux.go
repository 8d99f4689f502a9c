package ipvs

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// readServices dumps the services, and asks for those that the last read saw and
// the dump passes over: a dump resumes by index, so a deletion in front of the
// index hides as many services behind it.
func (c *Client) readServices(ctx context.Context) error {
	start := func() {
		c.round++
		c.snapshot.Reset()
		c.records = c.records[:0]
		*c.partial = PartialError{}
	}
	start()
	c.request = appendRequest(c.request, c.family, nlmFDump, cmdGetService)
	if err := c.exchange(ctx, &c.large, cmdNewService, c.onMany, start); err != nil {
		return err
	}
	if len(c.known) == len(c.snapshot.Services) {
		return nil
	}
	counted := c.partial.Missing // listed, but in a way that cannot be decoded
	for key, r := range c.known {
		if r.round == c.round {
			continue
		}
		switch exists, err := c.readService(ctx, key); {
		case err != nil && counted > 0 && c.bad != nil:
			counted--
		case err != nil:
			c.partial.add(1, fmt.Errorf("look up %s: %w", key, err))
			if fatal(err) {
				return nil
			}
		case exists:
			c.counters.Recovered++
			r.round = c.round
			c.add(r)
		default:
			delete(c.known, key)
		}
	}
	return nil
}

// takeService adds one service of a dump to the snapshot.
func (c *Client) takeService(payload []byte) {
	if err := decodeService(payload, &c.service, c.names); err != nil {
		c.partial.add(1, err)
		return
	}
	r := c.known[c.service.ServiceKey]
	if r == nil {
		r = &record{destinations: -1}
		c.known[c.service.ServiceKey] = r
	} else if r.round == c.round {
		c.counters.Duplicates++
		return
	}
	r.round = c.round
	c.add(r)
}

// add adds c.service, which r remembers, to the snapshot.
func (c *Client) add(r *record) {
	c.snapshot.Add(c.service)
	c.records = append(c.records, r)
}

// readService reads one service into c.service and reports whether it exists.
func (c *Client) readService(ctx context.Context, key ServiceKey) (exists bool, err error) {
	c.service, c.bad = Service{}, nil
	c.request = appendServiceRequest(c.request, c.family, 0, cmdGetService, key)
	err = c.exchange(ctx, &c.large, cmdNewService, c.onOne, nil)
	if refused(err, syscall.ESRCH) {
		return false, nil
	}
	if err == nil && c.bad != nil {
		err = fmt.Errorf("%w: %w", errMalformed, c.bad)
	}
	if err == nil && c.service.ServiceKey != key {
		err = fmt.Errorf("%w: %s", errDesync, c.service.ServiceKey)
	}
	return err == nil, err
}

func (c *Client) takeOne(payload []byte) {
	c.bad = decodeService(payload, &c.service, c.names)
}

// readAllDestinations fills in the destinations of every service in the
// snapshot, and takes out the services whose destinations cannot be had.
func (c *Client) readAllDestinations(ctx context.Context) {
	services := c.snapshot.Services
	kept := services[:0]
	for i := range services {
		svc := &services[i]
		exists, err := c.readDestinations(ctx, svc, c.records[i].destinations)
		if err != nil {
			c.partial.add(1, fmt.Errorf("list real servers of %s: %w", svc.ServiceKey, err))
			if fatal(err) {
				c.partial.add(len(services)-i-1, err)
				break
			}
			continue
		}
		if !exists {
			c.counters.Vanished++
			delete(c.known, svc.ServiceKey)
			continue
		}
		c.records[i].destinations = svc.count
		kept = append(kept, *svc)
	}
	c.snapshot.Services = kept
}

// readDestinations lists the destinations of svc and reports whether it still
// exists. The kernel answers for an unknown service as for an empty one, so an
// empty answer is followed by a question for the service itself; and, unless the
// service was empty at the last read too, by another dump, since it may have been
// deleted and added again in between. There were last of them at the last read.
func (c *Client) readDestinations(ctx context.Context, svc *Service, last int32) (exists bool, err error) {
	svc.first = int32(len(c.snapshot.destinations))
	for dumps := 1; ; dumps++ {
		if err := c.dumpDestinations(ctx, svc, last); err != nil || svc.count > 0 {
			return err == nil, err
		}
		if exists, err = c.readService(ctx, svc.ServiceKey); !exists {
			return false, err
		}
		c.service.first = svc.first
		*svc = c.service
		if last == 0 || dumps == 2 {
			return true, nil
		}
	}
}

// dumpDestinations dumps the destinations of svc once.
func (c *Client) dumpDestinations(ctx context.Context, svc *Service, last int32) error {
	s := c.snapshot
	before := *c.partial
	start := func() {
		s.destinations = s.destinations[:svc.first]
		*c.partial = before
	}
	ch := &c.small
	if last >= manyDestinations {
		ch = &c.large
	}
	c.service.Family = svc.Family
	c.request = appendServiceRequest(c.request, c.family, nlmFDump, cmdGetDest, svc.ServiceKey)
	if err := c.exchange(ctx, ch, cmdNewDest, c.onDest, start); err != nil {
		start()
		return err
	}
	if ch.datagrams > 1 {
		c.dropDuplicates(svc.first)
	}
	svc.count = int32(len(s.destinations)) - svc.first
	if svc.count == 0 && c.partial.Missing > before.Missing {
		return fmt.Errorf("%w: none can be decoded", errMalformed)
	}
	return nil
}

// takeDestination adds one destination of a dump to the snapshot.
func (c *Client) takeDestination(payload []byte) {
	s := c.snapshot
	n := len(s.destinations)
	if n < cap(s.destinations) {
		s.destinations = s.destinations[:n+1] // decoding replaces whatever is there
	} else {
		s.destinations = append(s.destinations, Destination{})
	}
	d := &s.destinations[n]
	if err := c.layout.destination(payload, c.service.Family, d); err != nil {
		s.destinations = s.destinations[:n]
		c.partial.add(1, err)
	}
}

// dropDuplicates keeps the first of equal destinations from index first on. The
// datagrams of one dump are made one after the other; within one there are none.
func (c *Client) dropDuplicates(first int32) {
	all := c.snapshot.destinations
	kept := all[:first]
	c.seen.reset(len(all) - int(first))
	for i := int(first); i < len(all); i++ {
		if !c.seen.add(kept, &all[i].DestinationKey) {
			c.counters.Duplicates++
			continue
		}
		if len(kept) < i { // something was dropped before
			all[len(kept)] = all[i]
		}
		kept = all[:len(kept)+1]
	}
	c.snapshot.destinations = kept
}

// fatal reports whether an error will meet every further request too: silence,
// want of privilege, an ended context, no socket. A refusal of one request will
// not, and neither will an answer that makes no sense.
func fatal(err error) bool {
	if _, ok := errors.AsType[*kernelError](err); ok {
		return false
	}
	for _, fault := range [...]error{errDesync, errTruncated, errMalformed} {
		if errors.Is(err, fault) {
			return false
		}
	}
	return true
}
