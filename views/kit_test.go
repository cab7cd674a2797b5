package views_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// A judge feeds synthetic collections, a minute apart, to a Processor and
// keeps what comes out.
type judge struct {
	t        *testing.T
	p        *views.Processor
	at, last time.Time
	delta    bool
	alerts   []views.Alert
	out      *metricdata.ResourceMetrics // the batch that was passed on, the exporter's until it returned
	seen     metricdata.ResourceMetrics  // what was in it
	errs     []error
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newJudge(t *testing.T, baselines ...views.Baseline) *judge {
	t.Helper()
	return judging(t, false, baselines)
}

func newDeltaJudge(t *testing.T, baselines ...views.Baseline) *judge {
	t.Helper()
	return judging(t, true, baselines)
}

func judging(t *testing.T, delta bool, baselines []views.Baseline, opts ...views.Option) *judge {
	t.Helper()
	j := &judge{t: t, at: epoch, last: epoch, delta: delta}
	opts = append([]views.Option{
		views.WithInterval(time.Minute),
		views.WithClock(func() time.Time { return j.at }),
		views.WithNotify(func(a views.Alert) { j.alerts = append(j.alerts, a) }),
		views.WithErrorHandler(func(err error) { j.errs = append(j.errs, err) }),
	}, opts...)
	p, err := views.NewProcessor(capture{j}, baselines, opts...)
	if err != nil {
		t.Fatal(err)
	}
	j.p = p
	return j
}

// capture is the exporter behind a judge.
type capture struct{ j *judge }

func (c capture) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	if c.j.delta {
		return metricdata.DeltaTemporality
	}
	return metricdata.CumulativeTemporality
}

func (capture) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (c capture) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	if c.j.out = rm; rm != nil {
		c.j.seen.Resource, c.j.seen.ScopeMetrics = rm.Resource, append(c.j.seen.ScopeMetrics[:0], rm.ScopeMetrics...)
	}
	return nil
}
func (capture) ForceFlush(context.Context) error { return nil }
func (capture) Shutdown(context.Context) error   { return nil }

// tick moves a minute on and exports the metrics, dated from the last tick.
func (j *judge) tick(metrics ...metricdata.Metrics) {
	j.t.Helper()
	j.after(time.Minute, metrics...)
}

// after is tick after another time than a minute.
func (j *judge) after(d time.Duration, metrics ...metricdata.Metrics) {
	j.t.Helper()
	j.last, j.at = j.at, j.at.Add(d)
	for i := range metrics {
		metrics[i].Data = j.dated(metrics[i].Data)
	}
	rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: metrics}}}
	if err := j.p.Export(context.Background(), rm); err != nil {
		j.t.Fatal(err)
	}
}

// skip is a tick whose export never came, as when a reader gives up on it.
func (j *judge) skip(d time.Duration) { j.last, j.at = j.at, j.at.Add(d) }

// dated fills in the times that the points do not have.
func (j *judge) dated(data metricdata.Aggregation) metricdata.Aggregation {
	date := func(start, end *time.Time, t metricdata.Temporality) {
		if end.IsZero() {
			*end = j.at
		}
		switch {
		case !start.IsZero():
		case t == metricdata.DeltaTemporality:
			*start = j.last
		default:
			*start = epoch
		}
	}
	switch d := data.(type) {
	case metricdata.Gauge[float64]:
		for i := range d.DataPoints {
			date(&d.DataPoints[i].StartTime, &d.DataPoints[i].Time, 0)
		}
	case metricdata.Sum[int64]:
		for i := range d.DataPoints {
			date(&d.DataPoints[i].StartTime, &d.DataPoints[i].Time, d.Temporality)
		}
	case metricdata.Sum[float64]:
		for i := range d.DataPoints {
			date(&d.DataPoints[i].StartTime, &d.DataPoints[i].Time, d.Temporality)
		}
	case metricdata.Histogram[float64]:
		for i := range d.DataPoints {
			date(&d.DataPoints[i].StartTime, &d.DataPoints[i].Time, d.Temporality)
		}
	case metricdata.Summary:
		for i := range d.DataPoints {
			date(&d.DataPoints[i].StartTime, &d.DataPoints[i].Time, 0)
		}
	}
	return data
}

// want compares the lines of the alerts since the last call.
func (j *judge) want(alerts ...string) {
	j.t.Helper()
	got := make([]string, 0, len(j.alerts))
	for _, a := range j.alerts {
		got = append(got, a.String())
	}
	if !slices.Equal(got, alerts) {
		j.t.Errorf("at %s: got alerts %q, want %q", j.at.Format(time.TimeOnly), got, alerts)
	}
	j.alerts = nil
}

// wantStates compares how many alerts fired and resolved since the last call.
func (j *judge) wantStates(states ...views.State) {
	j.t.Helper()
	got := make([]views.State, 0, len(j.alerts))
	for _, a := range j.alerts {
		got = append(got, a.State)
	}
	if !slices.Equal(got, states) {
		j.t.Errorf("at %s: got %v, want %v", j.at.Format(time.TimeOnly), got, states)
	}
	j.alerts = nil
}

// wantErrors compares what the error handler was told since the last call.
func (j *judge) wantErrors(errs ...string) {
	j.t.Helper()
	if got, want := fmt.Sprint(j.errs), fmt.Sprint(errs); got != want {
		j.t.Errorf("got errors %s, want %s", got, want)
	}
	j.errs = nil
}

// status returns the status of the only group, or of the one with the attributes.
func (j *judge) status(attrs ...attribute.KeyValue) views.Status {
	j.t.Helper()
	of := attribute.NewSet(attrs...)
	for _, s := range j.p.Status() {
		if s.Group.Equals(&of) {
			return s
		}
	}
	j.t.Fatalf("no status of %v in %v", attrs, j.p.Status())
	return views.Status{}
}

// near compares numbers to nine digits.
func near(got, want float64) bool {
	d := got - want
	return got == want || got != got && want != want || d*d <= 1e-18*want*want
}

func gauge(name, unit string, v float64, attrs ...attribute.KeyValue) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Unit: unit, Data: metricdata.Gauge[float64]{
		DataPoints: []metricdata.DataPoint[float64]{{Attributes: attribute.NewSet(attrs...), Value: v}},
	}}
}

// A number is one point of a sum.
type number struct {
	v     float64
	attrs []attribute.KeyValue
}

func num(v float64, attrs ...attribute.KeyValue) number { return number{v, attrs} }

func (j *judge) sum(name, unit string, monotonic bool, numbers ...number) metricdata.Metrics {
	t := metricdata.CumulativeTemporality
	if j.delta {
		t = metricdata.DeltaTemporality
	}
	data := metricdata.Sum[float64]{Temporality: t, IsMonotonic: monotonic}
	for _, n := range numbers {
		data.DataPoints = append(data.DataPoints, metricdata.DataPoint[float64]{Attributes: attribute.NewSet(n.attrs...), Value: n.v})
	}
	return metricdata.Metrics{Name: name, Unit: unit, Data: data}
}

// counter is a monotonic sum; for a delta judge the numbers are what was added.
func (j *judge) counter(name, unit string, numbers ...number) metricdata.Metrics {
	return j.sum(name, unit, true, numbers...)
}

func (j *judge) updown(name, unit string, numbers ...number) metricdata.Metrics {
	return j.sum(name, unit, false, numbers...)
}

// bounds have the levels of a target of 100 ms and the default threshold.
var bounds = []float64{0.01, 0.05, 0.1, 0.12, 0.25, 1, 10, 100}

// A series is one series of a histogram in seconds.
type series struct {
	attrs   attribute.Set
	counts  []uint64
	n       uint64
	sum     float64
	extreme []float64 // least and greatest, if recorded
	start   time.Time
}

func calls(attrs ...attribute.KeyValue) *series {
	return &series{attrs: attribute.NewSet(attrs...), counts: make([]uint64, len(bounds)+1)}
}

// add records n calls that took so many seconds.
func (s *series) add(n uint64, seconds float64) *series {
	i, _ := slices.BinarySearch(bounds, seconds)
	s.counts[i] += n
	s.n += n
	s.sum += float64(n) * seconds
	if s.extreme == nil {
		s.extreme = []float64{seconds, seconds}
	}
	s.extreme[0], s.extreme[1] = min(s.extreme[0], seconds), max(s.extreme[1], seconds)
	return s
}

// restart begins afresh at a time.
func (s *series) restart(at time.Time) {
	*s = series{attrs: s.attrs, counts: make([]uint64, len(bounds)+1), start: at}
}

// durations is the histogram of the series as the judge's exporter asks for
// it. A delta series is empty afterwards, and left out if nothing was added.
func (j *judge) durations(name string, of ...*series) metricdata.Metrics {
	data := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	if j.delta {
		data.Temporality = metricdata.DeltaTemporality
	}
	for _, s := range of {
		if j.delta && s.n == 0 {
			continue
		}
		p := metricdata.HistogramDataPoint[float64]{
			Attributes: s.attrs, StartTime: s.start, Count: s.n, Sum: s.sum,
			Bounds: bounds, BucketCounts: slices.Clone(s.counts),
		}
		if s.extreme != nil {
			p.Min, p.Max = metricdata.NewExtrema(s.extreme[0]), metricdata.NewExtrema(s.extreme[1])
		}
		data.DataPoints = append(data.DataPoints, p)
		if j.delta {
			s.restart(time.Time{})
		}
	}
	return metricdata.Metrics{Name: name, Unit: "s", Data: data}
}

// find returns a metric of the batch that was passed on; nil if it is not there.
func (j *judge) find(name string) metricdata.Aggregation {
	for _, sm := range j.seen.ScopeMetrics {
		for _, m := range sm.Metrics {
			if m.Name == name {
				return m.Data
			}
		}
	}
	return nil
}

func metricUnit(name, unit string, data metricdata.Aggregation) metricdata.Metrics {
	return metricdata.Metrics{Name: name, Unit: unit, Data: data}
}
