package opentsdb

import (
	"fmt"
	"strings"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
	"telegraf-ipvs/internal/outlet"
)

// naming makes metrics and tags of series and fields.
type naming struct {
	profile    tsdb.Profile
	telnet     bool
	template   *nameTemplate
	valueField string
	defaultTag metric.Tag // of series without tags

	namespaces string    // a value of namespace_tags
	own        namespace // the configured one; zero if there is none
	addressed  bool      // a body goes to the address of its namespace
}

func newNaming(c Config) (*naming, error) {
	profile, ok := tsdb.ParseProfile(c.Target)
	if !ok {
		return nil, fmt.Errorf("target = %q: want %q or %q", c.Target, tsdb.IRONdb, tsdb.OpenTSDB)
	}
	t, err := parseTemplate(c.MetricName, c.Prefix, *c.Separator)
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return nil, fmt.Errorf("metric_name = %q: %w", c.MetricName, err)
	}
	return &naming{
		profile: profile, telnet: c.isTelnet(), template: t, valueField: *c.ValueField,
		defaultTag: metric.Tag{Key: c.DefaultTag, Value: c.DefaultTagValue},
		namespaces: c.NamespaceTags, own: c.namespace(), addressed: profile == tsdb.IRONdb && !c.isTelnet(),
	}, nil
}

// target returns the target for a field of a series without asking whether its name is free.
func (n *naming) target(s *metric.Series, field string) (*target, *problem) {
	sub := subject{measurement: s.Name(), tags: s.Tags(), field: field}
	if field == n.valueField {
		sub.field = ""
	}
	tags, path := n.place(sub.tags)
	sub.tags = tags
	rendered, err := n.template.render(sub)
	if err != nil {
		return nil, &problem{reasonName, fmt.Sprintf("%q gives no name for %q: %v", n.template.text, outlet.Source(s, field), err)}
	}
	name := n.legal(rendered)
	if name == "" {
		return nil, &problem{reasonName, fmt.Sprintf("%q gives an empty name for %q", n.template.text, outlet.Source(s, field))}
	}
	legal := make([]metric.Tag, 0, len(tags)+1)
	for _, t := range tags {
		legal = append(legal, metric.Tag{Key: n.legalKey(t.Key), Value: n.legal(t.Value)})
	}
	if len(legal) == 0 {
		legal = append(legal, n.defaultTag)
	}
	if twice := sortTags(legal); twice != "" {
		return nil, &problem{reasonCollision, fmt.Sprintf("two tags of %q come to be called %q: rename one of them", outlet.Source(s, field), twice)}
	}
	points, unfit := tsdb.NewEncoded(n.profile, name, legal)
	if unfit != nil && unfit.Reason == tsdb.TooManyTags && n.profile == tsdb.OpenTSDB {
		// How many it takes is a setting of the receiver, which may say so itself. All else is legal by now.
		points, unfit = tsdb.NewEncoded(tsdb.IRONdb, name, legal)
	}
	if unfit != nil {
		return nil, problemOf(unfit)
	}
	return &target{
		Holder: outlet.Holder{Series: s, Field: strings.Clone(field)}, id: idOf(name, legal, path), path: path, points: points,
	}, nil
}

// problemOf returns what package tsdb found as a problem.
func problemOf(err *tsdb.Error) *problem {
	detail := err.Detail
	if err.Token != "" {
		detail = fmt.Sprintf("%s: %q", detail, err.Token)
	}
	return &problem{err.Reason.String(), detail}
}

// place returns the tags that are data, and the path for a namespace that is not the configured one.
func (n *naming) place(tags []metric.Tag) (data []metric.Tag, path string) {
	switch n.namespaces {
	case namespaceDrop:
		return withoutNamespace(tags), ""
	case namespaceUse:
		switch theirs := namespaceOf(tags); {
		case theirs == namespace{}:
		case theirs.is(n.own):
			return withoutNamespace(tags), ""
		case n.addressed:
			return withoutNamespace(tags), theirs.path()
		}
	}
	return tags, ""
}

// legal returns the nearest text that the receiver takes.
func (n *naming) legal(s string) string {
	if n.telnet {
		return tsdb.SanitizeTelnet(n.profile, s)
	}
	return tsdb.Sanitize(n.profile, s)
}

// legalKey is legal for the key of a tag.
func (n *naming) legalKey(s string) string {
	if n.telnet {
		return tsdb.SanitizeTelnetKey(n.profile, s)
	}
	return tsdb.Sanitize(n.profile, s)
}
