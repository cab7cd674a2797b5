package history

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
)

// keep writes a row for everything that the collection had, and records it.
func (in *intake) keep(s *store, at stamp, rec *recording) {
	for _, m := range in.sources {
		unit := m.unit
		if m.rate {
			unit = perSecond(unit)
		}
		for _, u := range m.sums {
			if u.touch != in.number {
				continue
			}
			var r row
			if u.kind.timed() {
				r = u.row(in.number, s)
				rec.timed(m, u, in.number)
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
			place := s.place(u.kind, u.name, m.name, unit, u.group)
			if place >= 0 {
				s.add(place, &r)
			}
		}
	}
}

func perSecond(unit string) string {
	if unit == "" {
		unit = "1"
	}
	return unit + "/s"
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
