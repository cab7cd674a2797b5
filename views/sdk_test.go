package views_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelperf/otelperf-go/views"
)

// A road is the real SDK from the instrument to the Processor, in a bubble of
// its own time.
type road struct {
	*judge
	mp    *sdkmetric.MeterProvider
	meter metric.Meter
}

// drive runs f over a provider that collects every minute.
func drive(t *testing.T, delta bool, baselines []views.Baseline, f func(r *road), opts ...sdkmetric.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &road{judge: judging(t, delta, baselines, views.WithClock(time.Now))}
		view, err := views.For(baselines...)
		if err != nil {
			t.Fatal(err)
		}
		reader := sdkmetric.NewPeriodicReader(r.p, sdkmetric.WithInterval(time.Minute))
		r.mp = sdkmetric.NewMeterProvider(append([]sdkmetric.Option{
			sdkmetric.WithReader(reader), sdkmetric.WithView(view),
			sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))),
		}, opts...)...)
		r.meter = r.mp.Meter("test")
		f(r)
		if err := r.mp.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// pass lets a minute go by, and what has to happen in it happen.
func pass() {
	<-time.After(time.Minute)
	synctest.Wait()
}

// must unwraps what cannot fail here.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestEveryStatisticThroughTheSDK: instruments of each kind, recorded, viewed,
// collected by a PeriodicReader and judged.
func TestEveryStatisticThroughTheSDK(t *testing.T) {
	type recorder func(m metric.Meter) func(v float64, attrs ...attribute.KeyValue)
	floats := func(m metric.Meter) func(float64, ...attribute.KeyValue) {
		h := must(m.Float64Histogram("m", metric.WithUnit("s")))
		return func(v float64, attrs ...attribute.KeyValue) {
			h.Record(context.Background(), v, metric.WithAttributes(attrs...))
		}
	}
	ints := func(m metric.Meter) func(float64, ...attribute.KeyValue) {
		h := must(m.Int64Histogram("m", metric.WithUnit("s")))
		return func(v float64, attrs ...attribute.KeyValue) {
			h.Record(context.Background(), int64(v), metric.WithAttributes(attrs...))
		}
	}
	exponential := func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
		return sdkmetric.Stream{Name: i.Name, Unit: i.Unit, Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}}, true
	}
	for _, delta := range []bool{false, true} {
		for name, tt := range map[string]struct {
			record recorder
			view   sdkmetric.View
			exact  bool // the quantiles, to the boundary of a bucket
		}{
			"float64":             {floats, nil, true},
			"int64":               {ints, nil, true},
			"exponential float64": {floats, exponential, false},
			"exponential int64":   {ints, exponential, false},
		} {
			for stat, want := range map[views.Statistic]float64{
				views.Mean: 5.5, views.P50: 5, views.P75: 7.5, views.P90: 9, views.P95: 9.5, views.P99: 9.9, views.P999: 9.99,
				views.Max: 10, views.Rate: 1000.0 / 60, views.ErrorRatio: 0.1,
			} {
				t.Run(fmt.Sprint(name, "/", stat, "/", temporality(delta)), func(t *testing.T) {
					b := views.Baseline{Name: "b", Metric: "m", Statistic: stat, Target: want * 1.5}
					var view sdkmetric.View = func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
						bounds := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20}
						return sdkmetric.Stream{Name: i.Name, Unit: i.Unit, Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds}}, true
					}
					if tt.view != nil {
						view = tt.view
					}
					synctest.Test(t, func(t *testing.T) {
						j := judging(t, delta, []views.Baseline{b}, views.WithClock(time.Now))
						mp := sdkmetric.NewMeterProvider(sdkmetric.WithView(view), sdkmetric.WithReader(
							sdkmetric.NewPeriodicReader(j.p, sdkmetric.WithInterval(time.Minute))))
						record := tt.record(mp.Meter("test"))
						for range 2 { // the first interval is another: all of 10
							record(10)
							pass()
							for i := range 1000 {
								if i%10 == 0 {
									record(float64(i%10+1), attribute.String("error.type", "x"))
								} else {
									record(float64(i%10 + 1))
								}
							}
						}
						record(10) // a thousand and one
						pass()
						got := j.p.Status()[0]
						tolerance := 0.002 // the extra one
						if q, ok := stat.Quantile(); ok {
							switch tolerance = 0.01; {
							case !tt.exact:
								tolerance = 0.2 // the median lies between 5 and 6
							case q >= 0.95:
								tolerance = 0.05 // inside the last bucket
							}
						}
						if math.Abs(got.Value/want-1) > tolerance {
							t.Errorf("got %v, want %v", got.Value, want)
						}
						if got.State != views.OK {
							t.Errorf("the state is %s", got.State)
						}
						if err := mp.Shutdown(t.Context()); err != nil {
							t.Error(err)
						}
					})
				})
			}
		}
	}
}

func TestValuesThroughTheSDK(t *testing.T) {
	level := func(name string) views.Baseline {
		return views.Baseline{Name: name, Metric: name, Statistic: views.Value, Target: 10}
	}
	for _, delta := range []bool{false, true} {
		t.Run(temporality(delta).String(), func(t *testing.T) {
			drive(t, delta, []views.Baseline{level("gauge.int"), level("gauge.float"), level("updown.int"), level("updown.float"), level("seen.gauge"), level("seen.updown"), level("counter"), level("seen.counter")}, func(r *road) {
				ctx := r.t.Context()
				gi, gf := must(r.meter.Int64Gauge("gauge.int")), must(r.meter.Float64Gauge("gauge.float"))
				ui, uf := must(r.meter.Int64UpDownCounter("updown.int")), must(r.meter.Float64UpDownCounter("updown.float"))
				c := must(r.meter.Int64Counter("counter"))
				var level, total atomic.Int64
				must(r.meter.Float64ObservableGauge("seen.gauge", metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error { o.Observe(float64(level.Load())); return nil })))
				must(r.meter.Float64ObservableUpDownCounter("seen.updown", metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error { o.Observe(float64(level.Load())); return nil })))
				must(r.meter.Float64ObservableCounter("seen.counter", metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error { o.Observe(float64(total.Load())); return nil })))
				last := 0.0
				for _, v := range []float64{5, 11, 12, 13, 7} {
					level.Store(int64(v))
					gi.Record(ctx, int64(v))
					gf.Record(ctx, v)
					ui.Add(ctx, int64(v-last))
					uf.Add(ctx, v-last)
					c.Add(ctx, int64(v)) // the value of a monotonic sum is what the interval added
					total.Add(int64(v))
					last = v
					pass()
					for _, s := range r.p.Status() {
						if s.Value != v {
							t.Errorf("%s is %v, want %v", s.Name, s.Value, v)
						}
						if fires := v == 13; (s.State == views.Firing) != fires {
							t.Errorf("%s at %v is %s", s.Name, v, s.State)
						}
					}
				}
			})
		})
	}
}

// TestSlowCallsRaiseAnAlertInTheirVeryBatch, through the real thing, with the
// trace of the slowest call.
func TestSlowCallsRaiseAnAlertInTheirVeryBatch(t *testing.T) {
	for _, delta := range []bool{false, true} {
		t.Run(temporality(delta).String(), func(t *testing.T) {
			drive(t, delta, []views.Baseline{latency()}, func(r *road) {
				h := must(r.meter.Float64Histogram(opDuration, metric.WithUnit("s")))
				at := metric.WithAttributes(search)
				for range 100 {
					h.Record(r.t.Context(), 0.03, at)
				}
				pass()
				r.want()
				ctx := trace.ContextWithSpanContext(r.t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
					TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
				}))
				for range 100 {
					h.Record(ctx, 0.14, at)
				}
				if err := r.mp.ForceFlush(r.t.Context()); err != nil {
					t.Fatal(err)
				}
				if len(r.alerts) != 1 {
					t.Fatalf("got %v", r.alerts)
				}
				a := r.alerts[0]
				if a.Value != 140 || a.Count != 100 || len(a.Exemplars) == 0 || a.Exemplars[0].TraceID != [16]byte{1} || a.Exemplars[0].SpanID != [8]byte{2} || !near(a.Exemplars[0].Value, 140) {
					t.Errorf("got %+v", a)
				}
				if v, _ := a.Resource.Set().Value("service.name"); v.AsString() != "shop" {
					t.Errorf("got the resource %v", a.Resource)
				}
				r.want("ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0%")
				if active := r.find("otelperf.alert.active").(metricdata.Gauge[int64]); active.DataPoints[0].Value != 1 {
					t.Errorf("the batch says %+v", active)
				}
				if hist := r.find(opDuration).(metricdata.Histogram[float64]); hist.DataPoints[0].Count != 100 && delta || hist.DataPoints[0].Count != 200 && !delta {
					t.Errorf("the batch has %+v", hist)
				}
			})
		})
	}
}

// TestOverflowThroughTheSDK: past the cardinality limit a group cannot be
// known to be well.
func TestOverflowThroughTheSDK(t *testing.T) {
	b := latency()
	b.Match, b.By = nil, []attribute.Key{"tenant"}
	drive(t, false, []views.Baseline{b}, func(r *road) {
		h := must(r.meter.Float64Histogram(opDuration, metric.WithUnit("s")))
		for i := range 20 {
			h.Record(r.t.Context(), 0.03, metric.WithAttributes(attribute.Int("tenant", i)))
		}
		pass()
		for i := range 20 {
			h.Record(r.t.Context(), 0.03, metric.WithAttributes(attribute.Int("tenant", i)))
		}
		pass()
		for _, s := range r.p.Status() {
			if s.State != views.Incomplete {
				t.Errorf("got %+v", s)
			}
		}
		r.want()
	}, sdkmetric.WithCardinalityLimit(5))
}

// TestCallbackThatFailsSkipsAnInterval: the reader then exports nothing, and
// nothing is judged that was not seen.
func TestCallbackThatFailsSkipsAnInterval(t *testing.T) {
	for _, delta := range []bool{false, true} {
		t.Run(temporality(delta).String(), func(t *testing.T) {
			drive(t, delta, []views.Baseline{throughput()}, func(r *road) {
				h := must(r.meter.Float64Histogram(opDuration, metric.WithUnit("s")))
				var fail atomic.Bool
				must(r.meter.Int64ObservableGauge("broken", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
					if fail.Load() {
						return errors.New("no")
					}
					return nil
				})))
				for i := range 8 {
					fail.Store(i == 4 || i == 5)
					for range 600 {
						h.Record(r.t.Context(), 0.03, metric.WithAttributes(search))
					}
					pass()
				}
				r.want()
				if s := r.status(); !near(s.Value, 10) {
					t.Errorf("got %+v", s)
				}
			})
		})
	}
}
