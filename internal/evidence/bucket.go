package evidence

import "time"

// A bucket limits how often evidence is gathered: for one alert, and at all.
type bucket struct {
	burst   int
	refill  time.Duration
	every   time.Duration
	spent   []time.Time          // the last gatherings, oldest first, at most burst
	granted map[string]time.Time // by alert, for as long as it matters
}

func newBucket(l Limits) bucket {
	return bucket{burst: l.Burst, refill: l.Refill, every: l.Every, granted: make(map[string]time.Time)}
}

// take reports whether evidence may be gathered for this alert now, and counts
// it if so. Of any burst + 1 gatherings the last comes at least burst × refill
// after the first.
func (b *bucket) take(id string, now time.Time) bool {
	for other, at := range b.granted {
		if now.Sub(at) >= b.every {
			delete(b.granted, other)
		}
	}
	if _, again := b.granted[id]; again {
		return false
	}
	window := time.Duration(b.burst) * b.refill
	for len(b.spent) > 0 && now.Sub(b.spent[0]) >= window {
		b.spent = b.spent[1:]
	}
	if len(b.spent) >= b.burst {
		return false
	}
	b.spent = append(b.spent, now)
	b.granted[id] = now
	return true
}
