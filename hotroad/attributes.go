package hotroad

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// attributesOf returns the attributes of opts, also those of metric/x's
// WithUnsafeAttributes, by its structure.
func attributesOf(opts []metric.RecordOption) attribute.Set {
	set := metric.NewRecordConfig(opts).Attributes()
	var raw []attribute.KeyValue
	for _, o := range opts {
		if r, ok := o.(interface {
			RawAttributes() []attribute.KeyValue
			Experimental()
		}); ok {
			raw = append(raw, r.RawAttributes()...)
		}
	}
	if len(raw) == 0 {
		return normal(set)
	}
	return normal(attribute.NewSet(append(set.ToSlice(), raw...)...))
}

// setOf returns the set of attrs, which are not kept.
func setOf(attrs []attribute.KeyValue) attribute.Set {
	return normal(attribute.NewSet(append([]attribute.KeyValue(nil), attrs...)...))
}

// normal returns set as the SDK keeps it: of several values for one key of a map,
// which may be anywhere within a value, the last.
func normal(set attribute.Set) attribute.Set {
	nested := false
	for i := range set.Len() {
		kv, _ := set.Get(i)
		t := kv.Value.Type()
		nested = nested || t == attribute.MAP || t == attribute.SLICE
	}
	if !nested {
		return set
	}
	kvs := set.ToSlice()
	for i := range kvs {
		kvs[i].Value = normalValue(kvs[i].Value)
	}
	return attribute.NewSet(kvs...)
}

func normalValue(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.SLICE:
		values := v.AsSlice() // a copy
		for i := range values {
			values[i] = normalValue(values[i])
		}
		return attribute.SliceValue(values...)
	case attribute.MAP:
		kvs := v.AsMap() // a copy, by key, and equal keys as they were given
		last := kvs[:0]
		for i, kv := range kvs {
			if i+1 < len(kvs) && kvs[i+1].Key == kv.Key {
				continue
			}
			kv.Value = normalValue(kv.Value)
			last = append(last, kv)
		}
		return attribute.MapValue(last...)
	}
	return v
}
