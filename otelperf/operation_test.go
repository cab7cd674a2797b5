package otelperf_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/otelperf/otelperf-go/otelperf"
)

// The only duration recorded.
func onlyPoint(t *testing.T, k *kit) metricdata.HistogramDataPoint[float64] {
	t.Helper()
	points := k.durations()
	if len(points) != 1 {
		t.Fatalf("%d series, want 1", len(points))
	}
	return points[0]
}

// In a synctest bubble time is exact, and so is what is recorded.
func TestDurationIsExact(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t)
				op := k.operation("search")
				wait := func(ctx context.Context) error {
					select {
					case <-ctx.Done():
					case <-time.After(25 * time.Millisecond):
					}
					return nil
				}
				for range 4 {
					_ = f.run(t.Context(), op, wait)
				}
				p := onlyPoint(t, k)
				if p.Count != 4 || p.Sum != 0.1 {
					t.Errorf("count %d, sum %v, want 4 and 0.1", p.Count, p.Sum)
				}
				// 25 ms is a boundary, and belongs to the bucket below it.
				for i, n := range p.BucketCounts {
					if want := uint64(0); n != want && (i >= len(p.Bounds) || p.Bounds[i] != 0.025) {
						t.Errorf("%d in bucket %d", n, i)
					}
				}
			})
		})
	}
}

// Every boundary of the grid, recorded as a duration, is in its own bucket.
func TestBoundariesAreExact(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	for _, seconds := range standardBoundaries {
		op.Record(t.Context(), time.Duration(math.Round(seconds*1e9)), nil)
	}
	for i, n := range onlyPoint(t, k).BucketCounts {
		if want := uint64(1); i < len(standardBoundaries) && n != want {
			t.Errorf("%d durations in bucket %d, want 1", n, i)
		}
	}
}

func TestAbsurdDurations(t *testing.T) {
	const year = 365 * 24 * 3600.0
	cases := []struct {
		d    time.Duration
		want float64
	}{
		{0, 0}, {-1, 0}, {math.MinInt64, 0}, {-time.Hour, 0},
		{1, 1e-9}, {time.Hour, 3600},
		{365 * 24 * time.Hour, year}, {365*24*time.Hour + 1, year}, {math.MaxInt64, year},
	}
	for _, c := range cases {
		for _, err := range []error{nil, errFailure} {
			k := newKit(t)
			k.operation("search").Record(t.Context(), c.d, err)
			if p := onlyPoint(t, k); p.Sum != c.want || p.Count != 1 {
				t.Errorf("Record(%d): sum %v, count %d, want %v and 1", c.d, p.Sum, p.Count, c.want)
			}
		}
	}
}

// A Timing from within a synctest bubble and ended outside of it has
// readings of two clocks. It counts, and spoils nothing.
func TestTwoClocks(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	outside := op.Start(t.Context())
	var inside otelperf.Timing
	synctest.Test(t, func(t *testing.T) {
		inside = op.Start(t.Context())
		outside.End(nil)
	})
	inside.End(nil)
	p := onlyPoint(t, k)
	low, _ := p.Min.Value()
	high, _ := p.Max.Value()
	if p.Count != 2 || low < 0 || high > 365*24*3600 {
		t.Errorf("count %d, from %v to %v", p.Count, low, high)
	}
}

// A call that is finished is never still active when its duration is
// recorded: a collection that sees the duration sees the call gone.
func TestActiveGoesFirst(t *testing.T) {
	op := searchOn(t, spyProvider{t: t})
	for _, f := range forms {
		for i := range 10 {
			alone(func() { _ = f.run(t.Context(), op, body(i)) })
		}
	}
}

// The context goes through to the instrument: exemplars carry the trace.
func TestExemplars(t *testing.T) {
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample())).Tracer("test")
	recording := append([]form{{name: "Record", run: func(ctx context.Context, op *otelperf.Operation, body func(context.Context) error) error {
		err := body(ctx)
		op.Record(ctx, time.Millisecond, err)
		return err
	}}}, forms...)
	for _, f := range recording {
		for _, outcome := range []error{nil, errFailure} {
			k := newKit(t)
			op := k.operation("search")
			ctx, span := tracer.Start(t.Context(), "request")
			_ = f.run(ctx, op, func(context.Context) error { return outcome })
			span.End()
			exemplars := onlyPoint(t, k).Exemplars
			if len(exemplars) != 1 {
				t.Errorf("%s: %d exemplars", f.name, len(exemplars))
				continue
			}
			trace, id := span.SpanContext().TraceID(), span.SpanContext().SpanID()
			if string(exemplars[0].TraceID) != string(trace[:]) || string(exemplars[0].SpanID) != string(id[:]) {
				t.Errorf("%s: exemplar of trace %x, span %x", f.name, exemplars[0].TraceID, exemplars[0].SpanID)
			}
		}
	}
}

// A view that drops the duration leaves the active count alone.
func TestDurationDropped(t *testing.T) {
	drop := sdkmetric.NewView(sdkmetric.Instrument{Name: "otelperf.operation.duration"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	k := newKit(t, sdkmetric.WithView(drop))
	op := k.operation("search")
	for _, f := range forms {
		for i := range 10 {
			alone(func() {
				_ = f.run(t.Context(), op, func(ctx context.Context) error {
					if got := k.active()["search"]; got != 1 {
						t.Errorf("%s: active = %d within a call", f.name, got)
					}
					return body(i)(ctx)
				})
			})
		}
	}
	if got, ok := k.active()["search"]; got != 0 || !ok {
		t.Errorf("active = %d, %v, want 0", got, ok)
	}
	if got := k.durations(); got != nil {
		t.Errorf("durations = %v", got)
	}
}

// Zero stays reported: a series that comes and goes reads as missing data.
func TestActiveZeroIsReported(t *testing.T) {
	k := newKit(t)
	k.operation("search")
	for range 3 {
		if got, ok := k.active()["search"]; got != 0 || !ok {
			t.Errorf("active = %d, %v, want 0", got, ok)
		}
	}
}

// A Timing that is ended twice records twice, which is documented, and does
// not make the active count negative.
func TestEndedTwice(t *testing.T) {
	k := newKit(t)
	timing := k.operation("search").Start(t.Context())
	timing.End(nil)
	timing.End(nil)
	if got := k.active()["search"]; got != 0 {
		t.Errorf("active = %d", got)
	}
	if got := k.outcomes("search")[""]; got != 2 {
		t.Errorf("%d durations, want 2", got)
	}
}
