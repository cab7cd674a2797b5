package history_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/otelperf"
	"github.com/otelperf/otelperf-go/views"
)

var searchBaseline = views.Baseline{
	Name: "search_ms", Metric: "otelperf.operation.duration",
	Match:     []attribute.KeyValue{attribute.String("otelperf.operation.name", "search")},
	Statistic: views.P95, Target: 100, Unit: "ms",
}

// A rig is a provider whose collections are judged and kept.
type rig struct {
	*history.History
	t        *testing.T
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
	tap      sdkmetric.Exporter
	recorder *otelperf.Recorder
}

func newRig(t *testing.T, temporality sdkmetric.TemporalitySelector, opts ...history.Option) *rig {
	t.Helper()
	h, err := history.Open(opts...)
	if err != nil {
		t.Fatal(err)
	}
	view, err := views.For(searchBaseline)
	if err != nil {
		t.Fatal(err)
	}
	judge, err := views.Watch([]views.Baseline{searchBaseline}, views.WithNotify(h.Alert))
	if err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(temporality))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(view))
	rec, err := otelperf.New(otelperf.WithMeterProvider(provider))
	if err != nil {
		t.Fatal(err)
	}
	return &rig{h, t, reader, provider, history.Tap(judge, h), rec}
}

// interval passes a minute and collects.
func (r *rig) interval() {
	r.t.Helper()
	<-time.After(time.Minute)
	r.collect()
}

func (r *rig) collect() {
	r.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(r.t.Context(), &rm); err != nil {
		r.t.Fatal(err)
	}
	if err := r.tap.Export(r.t.Context(), &rm); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) calls(name string, n int, d time.Duration, err error) {
	r.t.Helper()
	op, e := r.recorder.Operation(name)
	if e != nil {
		r.t.Fatal(e)
	}
	for range n {
		op.Record(r.t.Context(), d, err)
	}
}

func (r *rig) line(name string) history.Line {
	r.t.Helper()
	lines := r.History.History(name, time.Time{})
	if len(lines) != 1 {
		r.t.Fatalf("%d series are called %q", len(lines), name)
	}
	return lines[0]
}

// close ends the rig's history.
func (r *rig) close() {
	r.t.Helper()
	if err := r.Close(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Error(err)
	}
}

func near(got, want float64) bool {
	return got == want || math.Abs(got-want) <= 1e-4*math.Abs(want) || math.IsNaN(got) && math.IsNaN(want)
}

func TestOperationOfEachInterval(t *testing.T) {
	for name, temporality := range map[string]sdkmetric.TemporalitySelector{
		"cumulative": sdkmetric.CumulativeTemporalitySelector,
		"delta":      sdkmetric.DeltaTemporalitySelector,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, temporality)
				defer r.close()
				r.calls("search", 90, 20*time.Millisecond, nil)
				r.calls("search", 30, 200*time.Millisecond, errors.New("no"))
				r.interval()
				r.calls("search", 60, 40*time.Millisecond, nil)
				r.interval()

				got := r.line("search")
				if got.Kind != history.Operation || got.Unit != "s" || got.Metric != "otelperf.operation.duration" {
					t.Errorf("the series is %+v", got.Series)
				}
				if len(got.Points) != 2 {
					t.Fatalf("%d points", len(got.Points))
				}
				for i, want := range []history.Point{
					{Count: 120, Failed: 30, Rate: 2, Mean: 0.065, ErrorRatio: 0.25},
					{Count: 60, Rate: 1, Mean: 0.04, P50: 0.04},
				} {
					p := got.Points[i]
					if p.Count != want.Count || p.Failed != want.Failed || !near(p.Rate, want.Rate) ||
						!near(p.Mean, want.Mean) || !near(p.ErrorRatio, want.ErrorRatio) {
						t.Errorf("point %d is %+v, want %+v", i, p, want)
					}
					if d := p.End.Sub(p.Start); d != time.Minute {
						t.Errorf("point %d covers %s", i, d)
					}
				}
				if p := got.Points[0]; p.P50 > 0.025 || p.P95 < 0.1 || p.P95 > 0.2 || p.P99 < p.P95 {
					t.Errorf("quantiles %v %v %v", p.P50, p.P95, p.P99)
				}
			})
		})
	}
}

func TestJudgedValuesAreKeptExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sdkmetric.CumulativeTemporalitySelector)
		defer r.close()
		var want []views.Status
		for _, d := range []time.Duration{20, 200, 20} {
			r.calls("search", 50, d*time.Millisecond, nil)
			r.interval()
			want = append(want, r.tap.(history.Judge).Status()...)
		}
		got := r.line("search_ms")
		if got.ID != history.StatusID(want[0]) || got.Unit != "ms" {
			t.Errorf("the series is %+v", got.Series)
		}
		for i, p := range got.Points {
			if p.Value != want[i].Value || p.State != want[i].State || p.Count != 50 || !p.End.Equal(want[i].End) {
				t.Errorf("point %d is %+v, want %+v", i, p, want[i])
			}
		}
		if got.Points[1].State != views.Firing {
			t.Errorf("the slow interval is %v", got.Points[1].State)
		}
		events := r.Events()
		if len(events) != 2 || events[0].State != views.Resolved || events[1].State != views.Firing {
			t.Errorf("the events are %+v", events)
		}
	})
}

func TestRoutesAndNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sdkmetric.CumulativeTemporalitySelector)
		defer r.close()
		meter := r.provider.Meter("test")
		requests, err := meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
		if err != nil {
			t.Fatal(err)
		}
		cycles, err := meter.Int64Counter("go.memory.gc.cycles", metric.WithUnit("{gc_cycle}"))
		if err != nil {
			t.Fatal(err)
		}
		cpu, err := meter.Float64Gauge("process.cpu.utilization", metric.WithUnit("1"))
		if err != nil {
			t.Fatal(err)
		}
		mode := metric.WithAttributes(attribute.String("cpu.mode", "user"))
		for _, v := range []float64{0.25, 0.5} {
			requests.Record(t.Context(), 0.01, metric.WithAttributes(attribute.String("http.route", "/a"), attribute.Int("http.response.status_code", 200)))
			requests.Record(t.Context(), 0.01, metric.WithAttributes(attribute.String("http.route", "/a"), attribute.Int("http.response.status_code", 503)))
			requests.Record(t.Context(), 0.01, metric.WithAttributes(attribute.String("error.type", "canceled"), attribute.String("http.route", "/a")))
			requests.Record(t.Context(), 0.01)
			cycles.Add(t.Context(), 120)
			cpu.Record(t.Context(), v, mode)
			r.interval()
		}
		if p := r.line("/a").Points[1]; p.Count != 3 || p.Failed != 1 || !near(p.ErrorRatio, 1.0/3) {
			t.Errorf("/a is %+v", p)
		}
		if p := r.line(history.NoRoute).Points[1]; p.Count != 1 {
			t.Errorf("what matched no route is %+v", p)
		}
		if l := r.line("go.memory.gc.cycles"); l.Points[1].Value != 2 || l.Unit != "{gc_cycle}/s" {
			t.Errorf("cycles are %+v", l)
		}
		if l := r.line("process.cpu.utilization"); l.Points[0].Value != 0.25 || l.Points[1].Value != 0.5 || l.Group.Len() != 1 {
			t.Errorf("CPU is %+v", l)
		}
	})
}

func TestHistorySurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "data", "metrics.json")
		first := newRig(t, sdkmetric.CumulativeTemporalitySelector, history.WithFile(path), history.WithErrorHandler(func(err error) { t.Error(err) }))
		for _, d := range []time.Duration{20, 200, 30} {
			first.calls("search", 50, d*time.Millisecond, nil)
			first.calls("search", 5, d*time.Millisecond, errors.New("no"))
			first.calls("allocation", 7, d*time.Microsecond, nil)
			first.interval()
		}
		first.interval() // nothing happens
		want := map[string]history.Line{"search": first.line("search"), "search_ms": first.line("search_ms"), "allocation": first.line("allocation")}
		heat, _ := first.Heat(want["search"].ID, history.Window{To: time.Now()})
		first.close()

		<-time.After(10 * time.Minute)
		second := newRig(t, sdkmetric.CumulativeTemporalitySelector, history.WithFile(path), history.WithErrorHandler(func(err error) { t.Error(err) }))
		defer second.close()
		second.calls("search", 10, 5*time.Millisecond, nil)
		second.interval() // perhaps before the file was read
		<-second.Loaded()
		for name, w := range want {
			g := second.line(name)
			if g.Series.ID != w.Series.ID || g.Unit != w.Unit || g.Kind != w.Kind {
				t.Errorf("%s: the series is %+v, was %+v", name, g.Series, w.Series)
			}
			if len(g.Points) < len(w.Points) {
				t.Fatalf("%s has %d points, had %d", name, len(g.Points), len(w.Points))
			}
			for i, p := range w.Points {
				if !same(g.Points[i], p) {
					t.Errorf("%s: point %d is %+v, was %+v", name, i, g.Points[i], p)
				}
			}
		}
		if g := second.line("search").Points; len(g) != 5 || g[4].Count != 10 {
			t.Errorf("the new process' points are %+v", g)
		}
		if e := second.Events(); len(e) != 2 || e[0].State != views.Resolved || e[1].State != views.Firing || !near(e[1].Target, 100) {
			t.Errorf("the events are %+v", e)
		}
		again, _ := second.Heat(want["search"].ID, history.Window{To: time.Now()})
		for i := range heat.Times {
			for j, n := range heat.Counts[i] {
				if j+1 < len(again.Counts[i]) && heat.Bounds[0] == again.Bounds[0] && again.Counts[i][j] != n {
					t.Errorf("heat map column %d band %d is %v, was %v", i, j, again.Counts[i][j], n)
				}
			}
		}
	})
}

func same(a, b history.Point) bool {
	return a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.State == b.State && a.Count == b.Count && a.Failed == b.Failed &&
		near(a.Value, b.Value) && near(a.Rate, b.Rate) && near(a.Mean, b.Mean) &&
		near(a.P50, b.P50) && near(a.P95, b.P95) && near(a.P99, b.P99) && near(a.ErrorRatio, b.ErrorRatio)
}
