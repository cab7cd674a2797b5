package e2e_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

// A judge watches a service's Processor from both sides. As a callback it
// numbers the collections and makes every one of them turn the alert of the
// baseline "level"; as an exporter it reads what was found. So it can tell that
// each collection was judged, however many a starved machine leaves out.
type judge struct {
	mu       sync.Mutex
	begun    []time.Time // of each collection
	verdicts []verdict
}

// A verdict is what one judged collection says.
type verdict struct {
	collection  int64 // its number, from 1
	transitions int64 // of the alert "level" so far: one for each evaluation
	missed      int64 // intervals so far
	at          time.Time
}

// start starts a service that j watches.
func (j *judge) start(t *testing.T, toml string, opts ...monitor.Option) *service {
	t.Helper()
	svc := startService(t, toml, append(opts, monitor.WithExporter(j), monitor.WithBaselines(
		views.Baseline{Name: "level", Metric: "level", Statistic: views.Value, Target: 1}))...)
	meter := svc.MeterProvider().Meter("test")
	level, err := meter.Int64ObservableGauge("level")
	if err != nil {
		t.Fatal(err)
	}
	number, err := meter.Int64ObservableGauge("collection")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.begun = append(j.begun, time.Now())
		n := int64(len(j.begun))
		o.ObserveInt64(number, n)
		o.ObserveInt64(level, n%2*10)
		return nil
	}, level, number); err != nil {
		t.Fatal(err)
	}
	return svc
}

func (j *judge) collections() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return int64(len(j.begun))
}

// beginning is when collection n began; now if it has not.
func (j *judge) beginning(n int64) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n > int64(len(j.begun)) {
		return time.Now()
	}
	return j.begun[n-1]
}

func (*judge) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (*judge) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (j *judge) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	v := verdict{at: time.Now()}
	each := func(data metricdata.Aggregation, f func(baseline string, value int64)) {
		var points []metricdata.DataPoint[int64]
		switch data := data.(type) {
		case metricdata.Gauge[int64]:
			points = data.DataPoints
		case metricdata.Sum[int64]:
			points = data.DataPoints
		}
		for _, p := range points {
			name, _ := p.Attributes.Value(attribute.Key("otelperf.baseline.name"))
			f(name.AsString(), p.Value)
		}
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			each(m.Data, func(baseline string, value int64) {
				switch {
				case m.Name == "collection":
					v.collection = value
				case m.Name == "otelperf.alert.transitions" && baseline == "level":
					v.transitions += value
				case m.Name == "otelperf.evaluations.missed":
					v.missed = value
				}
			})
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if v.collection > 0 { // the callback was there
		j.verdicts = append(j.verdicts, v)
	}
	return nil
}

func (*judge) ForceFlush(context.Context) error { return nil }
func (*judge) Shutdown(context.Context) error   { return nil }

// check asks that every collection was judged, that what is reported as missed
// are the gaps between collections and nothing else.
func (j *judge) check(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.verdicts) == 0 {
		t.Error("no collection was judged")
	}
	skipped := func(gap time.Duration) int64 {
		return max(int64((gap+faultInterval/2)/faultInterval)-1, 0)
	}
	var before verdict
	for _, v := range j.verdicts {
		if v.transitions != v.collection {
			t.Errorf("%d of the first %d collections were judged", v.transitions, v.collection)
		}
		// An evaluation is between its collection's beginning and its export.
		if before.collection > 0 && v.collection == before.collection+1 {
			least := skipped(j.begun[v.collection-1].Sub(before.at))
			most := skipped(v.at.Sub(j.begun[before.collection-1]))
			if got := v.missed - before.missed; got < least || got > most {
				t.Errorf("collection %d: %d intervals reported as missed, want %d to %d", v.collection, got, least, most)
			}
		}
		before = v
	}
}

// after returns when the nth collection after at began; now if it has not.
func (j *judge) after(at time.Time, n int) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range j.begun {
		if b.After(at) {
			if n--; n == 0 {
				return b
			}
		}
	}
	return time.Now()
}

// A distribution is of the times that calls took.
type distribution []time.Duration

func (d distribution) quantile(q float64) time.Duration { return d[int(q*float64(len(d)-1))] }

// sideBySide calls f and g in turns for so long: what the machine does to one
// it does to the other.
func sideBySide(f, g func(), d time.Duration) (of, og distribution) {
	timed := func(f func()) time.Duration {
		start := time.Now()
		f()
		return time.Since(start)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if len(of)%2 == 0 {
			of, og = append(of, timed(f)), append(og, timed(g))
		} else {
			og, of = append(og, timed(g)), append(of, timed(f))
		}
		<-tick.C
	}
	slices.Sort(of)
	slices.Sort(og)
	return of, og
}
