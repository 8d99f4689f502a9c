package ipvs

import (
	"strconv"

	"telegraf-ipvs/internal/ipvs"
	"telegraf-ipvs/internal/metric"
)

// Measurements, as Telegraf's own plugin names them.
const (
	virtualServer = "ipvs_virtual_server"
	realServer    = "ipvs_real_server"
)

// A cache keeps the series of one namespace between gathers, so that a server's
// tags are rendered once while it lives. It holds what the last gather saw, and
// nothing else.
type cache struct {
	namespace string // value of the tag; empty for none
	exact     bool   // Telegraf's own tags and nothing else
	services  map[ipvs.ServiceKey]*service
	round     uint32
}

// A service is a virtual server's series and those of its real servers, in the
// order of the last gather.
type service struct {
	series    *metric.Series
	scheduler string // tags that an edit of the service changes
	prefix    int
	reals     []real
	round     uint32 // of the last gather that saw it
}

type real struct {
	key    ipvs.DestinationKey
	series *metric.Series
}

func newCache(namespace string, exact bool) *cache {
	return &cache{namespace: namespace, exact: exact, services: map[ipvs.ServiceKey]*service{}}
}

// begin starts a gather.
func (c *cache) begin() { c.round++ }

// end forgets the services that the gather has not asked for. After a gather that
// saw only a part this forgets too much, which costs no more than to render some
// tags anew; to keep them would let the cache grow while a part stays unreadable.
func (c *cache) end() {
	for key, svc := range c.services {
		if svc.round != c.round {
			delete(c.services, key)
		}
	}
}

// lookup returns the series of svc and of its destinations, which it brings in
// the order of dests.
func (c *cache) lookup(svc *ipvs.Service, dests []ipvs.Destination) (*service, error) {
	s := c.services[svc.ServiceKey]
	if s == nil {
		s = &service{}
		c.services[svc.ServiceKey] = s
	}
	s.round = c.round
	if prefix := svc.PrefixLength(); s.series == nil || s.scheduler != svc.Scheduler || s.prefix != prefix {
		series, err := metric.NewSeries(virtualServer, c.serviceTags(svc)...)
		if err != nil {
			return nil, err
		}
		s.series, s.scheduler, s.prefix = series, svc.Scheduler, prefix
	}
	if !s.inOrder(dests) {
		return s, c.reorder(s, svc, dests)
	}
	return s, nil
}

// inOrder reports whether dests are those of the last gather, in its order.
func (s *service) inOrder(dests []ipvs.Destination) bool {
	if len(s.reals) != len(dests) {
		return false
	}
	for i := range dests {
		if s.reals[i].key != dests[i].DestinationKey {
			return false
		}
	}
	return true
}

// reorder makes s.reals match dests, keeping the series that it has.
func (c *cache) reorder(s *service, svc *ipvs.Service, dests []ipvs.Destination) error {
	old := make(map[ipvs.DestinationKey]*metric.Series, len(s.reals))
	for _, r := range s.reals {
		old[r.key] = r.series
	}
	s.reals = make([]real, len(dests))
	for i := range dests {
		key := dests[i].DestinationKey
		series := old[key]
		if series == nil {
			var err error
			if series, err = metric.NewSeries(realServer, c.destinationTags(svc, key)...); err != nil {
				return err
			}
		}
		s.reals[i] = real{key, series}
	}
	return nil
}

func (c *cache) serviceTags(svc *ipvs.Service) []metric.Tag {
	tags := []metric.Tag{
		{Key: "sched", Value: svc.Scheduler},
		{Key: "netmask", Value: strconv.Itoa(svc.PrefixLength())},
		{Key: "address_family", Value: svc.Family.String()},
		{Key: "namespace", Value: c.namespace},
	}
	if svc.FWMark != 0 {
		return append(tags, metric.Tag{Key: "fwmark", Value: strconv.FormatUint(uint64(svc.FWMark), 10)})
	}
	return append(tags,
		metric.Tag{Key: "protocol", Value: svc.Protocol.String()},
		metric.Tag{Key: "address", Value: svc.Address.String()},
		metric.Tag{Key: "port", Value: strconv.Itoa(int(svc.Port))},
	)
}

func (c *cache) destinationTags(svc *ipvs.Service, key ipvs.DestinationKey) []metric.Tag {
	tags := []metric.Tag{
		{Key: "address", Value: key.Address.String()},
		{Key: "port", Value: strconv.Itoa(int(key.Port))},
		{Key: "address_family", Value: key.Family.String()},
		{Key: "namespace", Value: c.namespace},
	}
	if svc.FWMark == 0 {
		return append(tags,
			metric.Tag{Key: "virtual_protocol", Value: svc.Protocol.String()},
			metric.Tag{Key: "virtual_address", Value: svc.Address.String()},
			metric.Tag{Key: "virtual_port", Value: strconv.Itoa(int(svc.Port))},
		)
	}
	tags = append(tags, metric.Tag{Key: "virtual_fwmark", Value: strconv.FormatUint(uint64(svc.FWMark), 10)})
	if key.Family != svc.Family && !c.exact {
		// One mark can be a service of either family; a tunnel may lead both to
		// the same real server.
		tags = append(tags, metric.Tag{Key: "virtual_address_family", Value: svc.Family.String()})
	}
	return tags
}
