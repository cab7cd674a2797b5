package views

import (
	"encoding/binary"

	"github.com/otelperf/otelperf-go/internal/distribution"
)

// A tally is what a collection adds to several groups alike: where baselines judge
// a percentile, the mean and the errors of the same calls, the series that feed
// all of their groups are summed up once, and the groups get the sum.
type tally struct {
	key    string
	groups []*group
	series int // that feed it

	interval // of this collection
	buckets  bool
}

// join gives s the tally of its groups. A series that is alone, or has one group,
// is better added to its groups directly.
func (m *metric) join(s *series) {
	if len(s.groups) < 2 {
		return
	}
	key := m.key[:0]
	for _, g := range s.groups {
		key = binary.AppendUvarint(key, g.id)
	}
	m.key = key
	t := m.tallies[string(key)]
	if t == nil {
		t = &tally{key: string(key), groups: append([]*group(nil), s.groups...)}
		for _, g := range t.groups {
			t.buckets = t.buckets || g.rule.Statistic.ofDistribution()
		}
		m.tallies[t.key] = t
	}
	t.series++
	s.tally = t
}

// leave undoes join.
func (m *metric) leave(s *series) {
	t := s.tally
	if t == nil {
		return
	}
	s.tally = nil
	if t.series--; t.series == 0 {
		delete(m.tallies, t.key)
	}
}

// sum adds what an interval added to s to all that it is summed into.
func (m *metric) sum(s *series, d *distribution.Distribution, sp *span) {
	t := s.tally
	if t == nil || t.series == 1 {
		for _, g := range s.groups {
			g.addDistribution(d, g.rule.Statistic.ofDistribution(), s.failed, sp)
		}
		return
	}
	if !t.seen {
		m.tallied = append(m.tallied, t)
	}
	t.addDistribution(d, t.buckets, s.failed, sp)
}

// pour gives the groups what was tallied for them in this collection.
func (m *metric) pour() {
	for i, t := range m.tallied {
		for _, g := range t.groups {
			g.addInterval(&t.interval, g.rule.Statistic.ofDistribution())
		}
		t.interval.reset()
		m.tallied[i] = nil
	}
	m.tallied = m.tallied[:0]
}
