package history

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
)

// keep writes a row for everything that the collection had, and records it.
func (in *intake) keep(s *store, at stamp, rec *recording) {
	for i := range in.sums {
		u := &in.sums[i]
		if u.touch != in.number {
			continue
		}
		m := &in.metrics[u.metric]
		var r row
		if u.kind.timed() {
			r = in.row(u, s)
			rec.timed(m, u, in.touched(u))
		} else {
			r = row{value: u.value}
			if m.rate {
				r.value = u.value / at.seconds()
			}
			rec.number(m, u)
		}
		if math.IsNaN(r.value) || math.IsInf(r.value, 0) {
			continue
		}
		place := s.place(u.kind, u.name, m.name, m.rowUnit(), u.group)
		if place >= 0 {
			s.add(place, &r)
		}
	}
}

// attributes returns those that a recorded series has, besides error.type.
func (u *sum) attributes() []attribute.KeyValue {
	switch {
	case u.kind == Spread || u.kind == Number:
		return u.group.ToSlice()
	case u.name == Overflow:
		return []attribute.KeyValue{overflowKey.Bool(true)}
	case u.name == NoRoute:
		return nil
	}
	return []attribute.KeyValue{nameKey(u.kind).String(u.name)}
}
