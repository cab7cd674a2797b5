package hotroad

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A Road leads from histograms to the readers of one MeterProvider. Its methods
// may be called concurrently.
type Road struct {
	config

	mu      sync.Mutex
	readers []*reader
	taken   bool // by MeterProvider: no more readers
}

// A Selector says what a reader wants of a kind of instrument. Every
// sdkmetric.Exporter is one.
type Selector interface {
	Temporality(sdkmetric.InstrumentKind) metricdata.Temporality
	Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation
}

// New returns a Road. The error joins everything that was wrong with the
// options.
func New(opts ...Option) (*Road, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	return &Road{config: c}, nil
}

// Producer returns the producer of one reader, to be given to it by
// sdkmetric.WithProducer. Every reader of the MeterProvider needs one of its
// own, or does not see the histograms. of is the reader's exporter, or says what
// its temporality and aggregation selectors say; nil stands for the SDK's
// defaults.
//
// It is an error to ask for a Producer after the MeterProvider, because what was
// measured in between would be missing.
func (r *Road) Producer(of Selector) (sdkmetric.Producer, error) {
	if of == nil {
		of = defaults{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken {
		return nil, errors.New("hotroad: a Producer was asked for after the MeterProvider")
	}
	p := &reader{selector: of, streams: make(map[key]*stream)}
	r.readers = append(r.readers, p)
	return p, nil
}

// MeterProvider returns sdk with the histograms of this Road in place of its
// own. A Road without a Producer, and a nil or no-op sdk, are returned as they
// are: a no-op provider for nil.
//
// Flushing and shutting down remain the SDK's: call them on sdk.
func (r *Road) MeterProvider(sdk metric.MeterProvider) metric.MeterProvider {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = true
	switch sdk.(type) {
	case nil:
		return noop.NewMeterProvider()
	case noop.MeterProvider:
		return sdk
	}
	if len(r.readers) == 0 {
		return sdk
	}
	return &provider{road: r, sdk: sdk}
}

// defaults is the Selector of a reader without options.
type defaults struct{}

func (defaults) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(k)
}

func (defaults) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

// A reader is the Producer of one.
type reader struct {
	selector Selector
	streams  map[key]*stream // guarded by the Road; nil: dropped

	mu     sync.Mutex
	scopes []scoped
}

// scoped is the streams of one scope.
type scoped struct {
	scope   instrumentation.Scope
	streams []*stream
}

// Produce returns what was measured, in the reader's temporality. It never
// returns an error, which would make the reader skip the export, and shares no
// memory with the Road.
func (p *reader) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]metricdata.ScopeMetrics, 0, len(p.scopes))
	for _, s := range p.scopes {
		var metrics []metricdata.Metrics
		for _, st := range s.streams {
			if data := st.collect(); data != nil {
				metrics = append(metrics, metricdata.Metrics{
					Name: st.name, Description: st.description, Unit: st.unit, Data: data,
				})
			}
		}
		if len(metrics) > 0 {
			out = append(out, metricdata.ScopeMetrics{Scope: s.scope, Metrics: metrics})
		}
	}
	return out, nil
}

func (p *reader) add(scope instrumentation.Scope, st *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.IndexFunc(p.scopes, func(s scoped) bool { return s.scope == scope })
	if at < 0 {
		at = len(p.scopes)
		p.scopes = append(p.scopes, scoped{scope: scope})
	}
	p.scopes[at].streams = append(p.scopes[at].streams, st)
}

// wanted is an instrument that was asked for.
type wanted struct {
	scope                   instrumentation.Scope
	name, description, unit string
	bounds                  []float64
	allowed                 []attribute.Key // nil: all
}

// A key identifies a stream of a reader. The name is in lower case.
type key struct {
	scope                   instrumentation.Scope
	name, description, unit string
}

// A plan is a stream that a view asks for.
type plan struct {
	stream      sdkmetric.Stream
	aggregation sdkmetric.Aggregation
	view        int
}

// histogram returns the instrument, which has the same streams each time, or nil if
// the hot road does not lead to what a reader wants of it.
func (r *Road) histogram(w wanted) *histogram {
	r.mu.Lock()
	defer r.mu.Unlock()
	plans := make([][]plan, len(r.readers))
	for i, p := range r.readers {
		var ok bool
		if plans[i], ok = r.plan(w, p.selector); !ok {
			return nil
		}
	}
	h := &histogram{}
	made := make(map[int][]*store) // by view
	var publish []func()           // once the stores know all their readers
	for i, p := range r.readers {
		for _, pl := range plans[i] {
			// Views tell names apart by case, streams do not.
			k := key{w.scope, strings.ToLower(pl.stream.Name), pl.stream.Description, pl.stream.Unit}
			st, known := p.streams[k]
			if _, drop := pl.aggregation.(sdkmetric.AggregationDrop); drop && !known {
				p.streams[k], known = nil, true
			}
			if known && st == nil {
				continue // dropped; also for later views that agree on the name, as in the SDK
			}
			if st == nil {
				st = &stream{
					name: pl.stream.Name, description: pl.stream.Description, unit: pl.stream.Unit,
					delta: p.selector.Temporality(sdkmetric.InstrumentKindHistogram) == metricdata.DeltaTemporality,
				}
				at := slices.IndexFunc(made[pl.view], func(s *store) bool { return same(s.aggregation, pl.aggregation) })
				if at < 0 {
					at = len(made[pl.view])
					made[pl.view] = append(made[pl.view], r.newStore(pl))
				}
				st.store = made[pl.view][at]
				st.at, st.last = len(st.store.readers), st.store.created
				st.store.readers = append(st.store.readers, st)
				p.streams[k] = st
				publish = append(publish, func() { p.add(w.scope, st) })
			}
			if !slices.Contains(h.stores, st.store) {
				h.stores = append(h.stores, st.store)
			}
		}
	}
	for _, f := range publish {
		f()
	}
	return h
}

// plan applies the views as the SDK does. It is not ok if an aggregation other
// than a histogram's comes of it.
func (r *Road) plan(w wanted, of Selector) (plans []plan, ok bool) {
	const kind = sdkmetric.InstrumentKindHistogram
	standard := of.Aggregation(kind)
	if _, ok := standard.(sdkmetric.AggregationDefault); ok || standard == nil {
		standard = sdkmetric.DefaultAggregationSelector(kind)
	}
	if e, ok := standard.(sdkmetric.AggregationExplicitBucketHistogram); ok && len(w.bounds) > 0 {
		e.Boundaries = w.bounds
		standard = e
	}
	instrument := sdkmetric.Instrument{
		Name: w.name, Description: w.description, Unit: w.unit, Kind: kind, Scope: w.scope,
	}
	matched := false
	for i, v := range r.views {
		if s, ok := v(instrument); ok {
			matched = true
			plans = append(plans, plan{s, s.Aggregation, i})
		}
	}
	if !matched {
		plans = []plan{{sdkmetric.Stream{Name: w.name, Description: w.description, Unit: w.unit}, nil, -1}}
	}
	for i := range plans {
		p := &plans[i]
		switch p.aggregation.(type) {
		case nil:
			p.aggregation = standard
		case sdkmetric.AggregationDefault:
			p.aggregation = sdkmetric.DefaultAggregationSelector(kind)
		}
		switch a := p.aggregation.(type) {
		case sdkmetric.AggregationDrop:
		case sdkmetric.AggregationExplicitBucketHistogram:
			if !rising(a.Boundaries) {
				return nil, false
			}
		case sdkmetric.AggregationBase2ExponentialHistogram:
			// With three buckets and more everything fits at scale -10.
			if a.MaxSize < 3 || a.MaxScale < -10 || a.MaxScale > 20 {
				return nil, false
			}
		default:
			return nil, false
		}
		if p.stream.AttributeFilter == nil && w.allowed != nil {
			p.stream.AttributeFilter = attribute.NewAllowKeysFilter(w.allowed...)
		}
	}
	return plans, true
}

// rising reports whether the boundaries are what a histogram can have.
func rising(bounds []float64) bool {
	for i, b := range bounds {
		if b-b != 0 || i > 0 && b <= bounds[i-1] {
			return false
		}
	}
	return true
}

// same reports whether two aggregations count alike.
func same(a, b sdkmetric.Aggregation) bool {
	switch a := a.(type) {
	case sdkmetric.AggregationExplicitBucketHistogram:
		b, ok := b.(sdkmetric.AggregationExplicitBucketHistogram)
		return ok && a.NoMinMax == b.NoMinMax && slices.Equal(a.Boundaries, b.Boundaries)
	case sdkmetric.AggregationBase2ExponentialHistogram:
		return a == b
	}
	return false
}

func (r *Road) newStore(p plan) *store {
	st := &store{
		aggregation: p.aggregation,
		keep:        p.stream.AttributeFilter,
		admit:       r.filter,
		limit:       r.limit,
		forget:      r.forget,
		created:     time.Now(),
		ended:       make(map[attribute.Distinct]*series),
	}
	switch a := p.aggregation.(type) {
	case sdkmetric.AggregationExplicitBucketHistogram:
		st.explicit, st.extremes = newExplicit(a.Boundaries), !a.NoMinMax
	case sdkmetric.AggregationBase2ExponentialHistogram:
		st.maxSize, st.maxScale, st.extremes = int(a.MaxSize), int(a.MaxScale), !a.NoMinMax
	}
	if r.filter != nil {
		selector := p.stream.ExemplarReservoirProviderSelector
		if selector == nil {
			selector = sdkmetric.DefaultExemplarReservoirProviderSelector
		}
		if st.reservoir = selector(p.aggregation); st.reservoir == nil {
			st.reservoir = exemplar.FixedSizeReservoirProvider(0)
		}
	}
	return st
}
