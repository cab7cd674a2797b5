// Package differential_test compares what package views computes with what
// Prometheus computes from the same data, by Prometheus' own packages.
package differential_test

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/views"
)

const step = 10 * time.Second

// began is a time without fractions: Prometheus keeps milliseconds.
var began = time.UnixMilli(1_700_000_000_000)

func at(tick int) time.Time { return began.Add(time.Duration(tick) * step) }

// A peer is Prometheus in the test's own process: its storage and its engine.
type peer struct {
	t       *testing.T
	storage *teststorage.TestStorage
	engine  *promql.Engine
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, storage: teststorage.New(t), engine: promqltest.NewTestEngine(t, false, 0, 1_000_000)}
	t.Cleanup(func() { _ = p.storage.Close() })
	return p
}

// write appends samples of one time.
func (p *peer) write(f func(app storage.Appender)) {
	p.t.Helper()
	app := p.storage.Appender(p.t.Context())
	f(app)
	if err := app.Commit(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) float(app storage.Appender, when time.Time, v float64, name string, pairs ...string) {
	p.t.Helper()
	l := labels.FromStrings(append([]string{"__name__", name}, pairs...)...)
	if _, err := app.Append(0, l, when.UnixMilli(), v); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) native(app storage.Appender, when time.Time, h *histogram.Histogram, name string, pairs ...string) {
	p.t.Helper()
	l := labels.FromStrings(append([]string{"__name__", name}, pairs...)...)
	if _, err := app.AppendHistogram(0, l, when.UnixMilli(), h, nil); err != nil {
		p.t.Fatal(err)
	}
}

// ask returns the only element of an instant vector, NaN if there is none.
func (p *peer) ask(when time.Time, expr string) float64 {
	p.t.Helper()
	q, err := p.engine.NewInstantQuery(p.t.Context(), p.storage, nil, expr, when)
	if err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	defer q.Close()
	v, err := q.Exec(p.t.Context()).Vector()
	if err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	switch len(v) {
	case 0:
		return math.NaN()
	case 1:
		return v[0].F
	}
	p.t.Fatalf("%s has %d results", expr, len(v))
	return 0
}

// histogram returns the only element of an instant vector; nil if there is none.
func (p *peer) histogram(when time.Time, expr string) *histogram.FloatHistogram {
	p.t.Helper()
	q, err := p.engine.NewInstantQuery(p.t.Context(), p.storage, nil, expr, when)
	if err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	defer q.Close()
	v, err := q.Exec(p.t.Context()).Vector()
	if err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	if len(v) == 0 || v[0].H == nil {
		return nil
	}
	return v[0].H.Copy()
}

// A judge is package views: a processor of one baseline for each statistic, over
// the series that match. Without a target it says what it found of each interval,
// also of those that it would not judge.
type judge struct {
	t     *testing.T
	watch *views.Processor
}

func newJudge(t *testing.T, match []attribute.KeyValue, statistics ...views.Statistic) *judge {
	t.Helper()
	var all []views.Baseline
	for _, s := range statistics {
		all = append(all, views.Baseline{Name: string(s), Metric: "m", Match: match, Statistic: s, Target: math.NaN(), MinCount: 1, Active: "-"})
	}
	w, err := views.Watch(all, views.WithInterval(step), views.WithErrorHandler(func(error) {}))
	if err != nil {
		t.Fatal(err)
	}
	return &judge{t, w}
}

// see judges a collection of one metric.
func (j *judge) see(data metricdata.Aggregation) {
	j.t.Helper()
	rm := &metricdata.ResourceMetrics{
		Resource:     resource.Empty(),
		ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: "m", Data: data}}}},
	}
	if err := j.watch.Export(j.t.Context(), rm); err != nil {
		j.t.Fatal(err)
	}
}

// values are what the interval that ended at when showed, by statistic.
func (j *judge) values(when time.Time) map[views.Statistic]float64 {
	all := make(map[views.Statistic]float64)
	for _, s := range j.watch.Status() {
		if s.End.Equal(when) && !math.IsNaN(s.Value) {
			all[s.Statistic] = s.Value
		}
	}
	return all
}

// near reports whether two values are the same but for rounding.
func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b))
}

// An agreement counts what was compared, so that a test that compares nothing
// fails.
type agreement map[views.Statistic]int

func (a agreement) compare(t *testing.T, where string, s views.Statistic, ours, theirs float64) {
	t.Helper()
	a[s]++
	if !near(ours, theirs) {
		t.Errorf("%s: %s is %v here and %v in Prometheus", where, s, ours, theirs)
	}
}

func (a agreement) atLeast(t *testing.T, n int, statistics ...views.Statistic) {
	t.Helper()
	for _, s := range statistics {
		if a[s] < n {
			t.Errorf("%s was compared %d times only", s, a[s])
		}
	}
}
