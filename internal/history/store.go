package history

import (
	"encoding/binary"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

const (
	// rowsPerBlock is how many collections share a block. Memory is given back
	// block by block; what a reader sees ends at the retention to the second.
	rowsPerBlock = 128

	maxBounds = 63 // different sets of histogram bounds
)

// A stamp is the time that a collection covers.
type stamp struct{ start, end int64 } // nanoseconds since 1970

func (s stamp) seconds() float64 { return float64(s.end-s.start) / 1e9 }

// A block holds the rows of up to rowsPerBlock collections, by series: while
// it is open a buffer for each, then one for all, as long as needed.
type block struct {
	number   int
	stamps   []stamp
	from, to int64 // of the stamps' ends

	open []buffer // by the series' place in the table
	data []byte
	ends []uint32 // of each series' part of data
}

type buffer struct {
	data []byte
	last int // number of the newest row, -1 before the first
}

// rows returns the encoded rows of the series at the given place.
func (b *block) rows(at int) []byte {
	switch {
	case b.ends == nil && at < len(b.open):
		return b.open[at].data
	case at >= len(b.ends):
		return nil
	case at == 0:
		return b.data[:b.ends[0]]
	}
	return b.data[b.ends[at-1]:b.ends[at]]
}

// seal makes b read-only and small.
func (b *block) seal() {
	size := 0
	for i := range b.open {
		size += len(b.open[i].data)
	}
	b.data = make([]byte, 0, size)
	b.ends = make([]uint32, len(b.open))
	for i := range b.open {
		b.data = append(b.data, b.open[i].data...)
		b.ends[i] = uint32(len(b.data))
	}
	b.stamps = slices.Clip(b.stamps)
	b.open = nil
}

// size is what b takes, about.
func (b *block) size() int {
	n := 128 + 16*cap(b.stamps) + cap(b.data) + 4*cap(b.ends)
	for i := range b.open {
		n += 32 + cap(b.open[i].data)
	}
	return n
}

// A known series has a place in the table for as long as a block has rows of it.
type known struct {
	Series
	used bool // false: a free place
	last int  // number of the newest block with rows of it
}

func (k *known) key() key { return key{k.Kind, k.Name, k.Metric, k.Group.Equivalent()} }

// A store is the rows of all series. It has no lock.
type store struct {
	retention time.Duration
	budget    int // bytes
	maxSeries int

	table  []known
	free   []int
	index  map[key]int
	byID   map[string]int
	bounds [][]float64 // from number 1 on
	blocks []*block    // by age; the last may be open
	number int         // of the newest block
	sealed int         // bytes of the sealed blocks
	turned int64       // series that found no place
	forgot int64       // blocks that went before their time, for the budget
}

func newStore(retention time.Duration, budget, maxSeries int) *store {
	return &store{
		retention: retention, budget: budget, maxSeries: maxSeries,
		index: make(map[key]int), byID: make(map[string]int),
	}
}

// begin starts the row of a new collection.
func (s *store) begin(at stamp) {
	if n := len(s.blocks); n == 0 || s.blocks[n-1].ends != nil {
		s.number++
		s.blocks = append(s.blocks, &block{number: s.number, from: at.end, to: at.end, stamps: make([]stamp, 0, rowsPerBlock)})
	}
	b := s.blocks[len(s.blocks)-1]
	b.stamps = append(b.stamps, at)
	b.from, b.to = min(b.from, at.end), max(b.to, at.end)
}

// finish ends the row: full blocks are sealed, old ones forgotten.
func (s *store) finish() {
	if len(s.blocks) == 0 {
		return
	}
	b := s.blocks[len(s.blocks)-1]
	if b.ends == nil && len(b.stamps) == rowsPerBlock {
		b.seal()
		s.sealed += b.size()
	}
	newest := b.to
	for len(s.blocks) > 1 {
		old := s.blocks[0]
		expired := newest-old.to > int64(s.retention)
		if !expired && s.sealed <= s.budget {
			break
		}
		if !expired {
			s.forgot++
		}
		s.sealed -= old.size()
		s.blocks[0] = nil
		s.blocks = s.blocks[1:]
		s.sweep(s.blocks[0].number)
	}
}

// sweep frees the places of series without a row since the given block.
func (s *store) sweep(oldest int) {
	for at := range s.table {
		if k := &s.table[at]; k.used && k.last < oldest {
			delete(s.index, k.key())
			delete(s.byID, k.ID)
			*k = known{}
			s.free = append(s.free, at)
		}
	}
}

// place returns the place of a series, -1 if there is no room.
func (s *store) place(k Kind, name, metric, unit string, group attribute.Set) int {
	id := key{k, name, metric, group.Equivalent()}
	if at, ok := s.index[id]; ok {
		s.table[at].Unit = unit
		return at
	}
	if len(s.table)-len(s.free) >= s.maxSeries {
		s.turned++
		return -1
	}
	at := len(s.table)
	if n := len(s.free); n > 0 {
		at, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.table = append(s.table, known{})
	}
	sr := Series{ID: identify(k, name, metric, group), Kind: k, Name: name, Metric: metric, Unit: unit, Group: group}
	s.table[at] = known{Series: sr, used: true}
	s.index[id], s.byID[sr.ID] = at, at
	return at
}

// add appends a row of the collection that was begun last. A second row of one
// series in one collection is dropped.
func (s *store) add(at int, r *row) {
	b := s.blocks[len(s.blocks)-1]
	for len(b.open) <= at {
		b.open = append(b.open, buffer{last: -1})
	}
	buf, now := &b.open[at], len(b.stamps)-1
	if buf.last == now {
		return
	}
	buf.data = binary.AppendUvarint(buf.data, uint64(now-buf.last))
	buf.data = r.append(buf.data, s.table[at].Kind)
	buf.last = now
	s.table[at].last = b.number
}

// each calls f with every row of the series whose end is after since, in the
// order of collection. The row is good until f returns.
func (s *store) each(at int, since int64, f func(stamp, *row)) {
	k := s.table[at].Kind
	var r row
	for _, b := range s.blocks {
		if b.to <= since {
			continue
		}
		now := -1
		for data := b.rows(at); len(data) > 0; {
			gap, n := binary.Uvarint(data)
			now += int(gap)
			data = r.read(data[n:], k)
			if st := b.stamps[now]; st.end > since {
				f(st, &r)
			}
		}
	}
}

// intern returns the number of a set of bounds, 0 if there are too many.
func (s *store) intern(bounds []float64) int {
	if len(bounds) == 0 || len(bounds) > 254 {
		return 0
	}
	for i, b := range s.bounds {
		if slices.Equal(b, bounds) {
			return i + 1
		}
	}
	if len(s.bounds) >= maxBounds {
		return 0
	}
	s.bounds = append(s.bounds, slices.Clone(bounds))
	return len(s.bounds)
}

// size returns the bytes that the rows take, about.
func (s *store) size() int {
	n := s.sealed
	if l := len(s.blocks); l > 0 && s.blocks[l-1].ends == nil {
		n += s.blocks[l-1].size()
	}
	return n + 512*len(s.table)
}

// newest returns the end of the last collection, 0 if there is none.
func (s *store) newest() int64 {
	if n := len(s.blocks); n > 0 {
		return s.blocks[n-1].to
	}
	return 0
}

// absorb appends what o holds, which began after s ended.
func (s *store) absorb(o *store) {
	type next struct {
		at   int
		data []byte
		row  int
	}
	var r row
	for _, b := range o.blocks {
		var all []next
		for at := range o.table {
			if data := b.rows(at); len(data) > 0 {
				all = append(all, next{at, data, -1})
			}
		}
		for i, st := range b.stamps {
			s.begin(st)
			for j := range all {
				n := &all[j]
				gap, w := binary.Uvarint(n.data)
				if len(n.data) == 0 || n.row+int(gap) != i {
					continue
				}
				k := &o.table[n.at]
				n.row = i
				n.data = r.read(n.data[w:], k.Kind)
				if r.bounds > 0 {
					r.bounds = s.intern(o.bounds[r.bounds-1])
				}
				// Each time, as finish may have freed the place of the row before.
				if at := s.place(k.Kind, k.Name, k.Metric, k.Unit, k.Group); at >= 0 {
					s.add(at, &r)
				}
			}
			s.finish()
		}
	}
}
