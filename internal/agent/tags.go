package agent

import (
	"slices"

	"telegraf-ipvs/internal/metric"
)

// A tagger renders metrics with the tags of this process. It belongs to one goroutine at a time.
type tagger struct {
	tags  []metric.Tag // for series that do not have them
	known *metric.Cache[*metric.Series, *metric.Series]
	enc   metric.Encoder
}

func newTagger(tags []metric.Tag) *tagger {
	return &tagger{tags: tags, known: metric.NewCache[*metric.Series, *metric.Series](1 << 20)}
}

// appendLine appends m in line protocol to dst.
func (t *tagger) appendLine(dst []byte, m *metric.Metric) ([]byte, error) {
	series, err := t.tagged(m.Series)
	if err != nil {
		return dst, err
	}
	whole := *m
	whole.Series = series
	return t.enc.AppendLine(dst, &whole)
}

// tagged returns a series with the tags.
func (t *tagger) tagged(s *metric.Series) (*metric.Series, error) {
	if len(t.tags) == 0 {
		return s, nil
	}
	if known, ok := t.known.Get(s); ok {
		return known, nil
	}
	with, err := metric.NewSeries(s.Name(), slices.Concat(t.tags, s.Tags())...) // the last of two tags is kept
	if err != nil {
		return nil, err
	}
	t.known.Put(s, with)
	return with, nil
}
