package otelperf_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/otelperf"
)

// standardBoundaries is the grid that operations are documented to have.
var standardBoundaries = []float64{
	1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
	1e-2, 2.5e-2, 5e-2, 1e-1, 2.5e-1, 5e-1, 1, 2.5, 5, 10,
}

// A kit is a Recorder over a real SDK, and what that exports.
type kit struct {
	t        testing.TB
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
	rec      *otelperf.Recorder
}

func newKit(t testing.TB, opts ...sdkmetric.Option) *kit {
	t.Helper()
	return newKitWith(t, nil, opts...)
}

func newKitWith(t testing.TB, with []otelperf.Option, opts ...sdkmetric.Option) *kit {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(reader))...)
	rec, err := otelperf.New(append(with, otelperf.WithMeterProvider(provider))...)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return &kit{t: t, reader: reader, provider: provider, rec: rec}
}

func (k *kit) operation(name string, attrs ...attribute.KeyValue) *otelperf.Operation {
	k.t.Helper()
	op, err := k.rec.Operation(name, attrs...)
	if err != nil {
		k.t.Fatalf("Operation(%q): %v", name, err)
	}
	return op
}

// searchOn returns the operation "search" of a Recorder of its own over provider.
func searchOn(t testing.TB, provider metric.MeterProvider, attrs ...attribute.KeyValue) *otelperf.Operation {
	t.Helper()
	rec, err := otelperf.New(otelperf.WithMeterProvider(provider))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	op, err := rec.Operation("search", attrs...)
	if err != nil {
		t.Fatalf("Operation: %v", err)
	}
	return op
}

// scope collects and returns what this package reported.
func (k *kit) scope() metricdata.ScopeMetrics {
	k.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := k.reader.Collect(context.Background(), &rm); err != nil {
		k.t.Fatalf("collect: %v", err)
	}
	for _, sm := range rm.ScopeMetrics {
		if sm.Scope.Name == "github.com/otelperf/otelperf-go/otelperf" {
			return sm
		}
	}
	return metricdata.ScopeMetrics{}
}

func (k *kit) metric(name string) (metricdata.Metrics, bool) {
	k.t.Helper()
	for _, m := range k.scope().Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return metricdata.Metrics{}, false
}

// durations returns the series of the duration.
func (k *kit) durations() []metricdata.HistogramDataPoint[float64] {
	k.t.Helper()
	m, ok := k.metric("otelperf.operation.duration")
	if !ok {
		return nil
	}
	h, ok := m.Data.(metricdata.Histogram[float64])
	if !ok {
		k.t.Fatalf("the duration is a %T", m.Data)
	}
	return h.DataPoints
}

// outcomes returns the counts of an operation by error.type, that of success
// under the empty string.
func (k *kit) outcomes(name string) map[string]uint64 {
	k.t.Helper()
	counts := make(map[string]uint64)
	for _, p := range k.durations() {
		if v, _ := p.Attributes.Value("otelperf.operation.name"); v.AsString() == name {
			v, _ := p.Attributes.Value("error.type")
			counts[v.AsString()] += p.Count
		}
	}
	return counts
}

// active returns the calls under way by operation, those not reported absent.
func (k *kit) active() map[string]int64 {
	k.t.Helper()
	m, ok := k.metric("otelperf.operation.active")
	if !ok {
		return nil
	}
	sum, ok := m.Data.(metricdata.Sum[int64])
	if !ok {
		k.t.Fatalf("active is a %T", m.Data)
	}
	active := make(map[string]int64)
	for _, p := range sum.DataPoints {
		v, _ := p.Attributes.Value("otelperf.operation.name")
		active[v.AsString()] += p.Value
	}
	return active
}

var errFailure = errors.New("failure")

// A form is one of the ways to have a call timed.
type form struct {
	name   string
	goexit string // what a runtime.Goexit is recorded as; empty is success
	run    func(ctx context.Context, op *otelperf.Operation, body func(context.Context) error) error
}

var forms = []form{
	{"Do", "goexit", func(ctx context.Context, op *otelperf.Operation, body func(context.Context) error) error {
		return op.Do(ctx, body)
	}},
	{"Call", "goexit", func(ctx context.Context, op *otelperf.Operation, body func(context.Context) error) error {
		_, err := otelperf.Call(ctx, op, func(ctx context.Context) (string, error) { return "", body(ctx) })
		return err
	}},
	{"Wrap", "goexit", func(ctx context.Context, op *otelperf.Operation, body func(context.Context) error) error {
		_, err := otelperf.Wrap(op, func(ctx context.Context, _ int) (string, error) { return "", body(ctx) })(ctx, 1)
		return err
	}},
	{"StartEnd", "", func(ctx context.Context, op *otelperf.Operation, body func(context.Context) error) (err error) {
		defer op.Start(ctx).End(&err)
		return body(ctx)
	}},
}

// alone runs fn in a goroutine of its own, so that it may panic or end the
// goroutine, and returns what it panicked with.
func alone(fn func()) (value any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { value = recover() }()
		fn()
	}()
	<-done
	return value
}

// The outcomes that a call can have, in turn.
func body(i int) func(context.Context) error {
	return func(context.Context) error {
		switch i % 10 {
		case 3, 4:
			return errFailure
		case 5:
			panic("a panic")
		case 6:
			runtime.Goexit()
		}
		return nil
	}
}

const childVariable = "OTELPERF_TEST_CHILD"

// inChild runs the calling test again in a process of its own and returns
// what that wrote. In the child it reports true instead.
func inChild(t *testing.T) (output string, child bool, err error) {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		return "", true, nil
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"="+t.Name(), "GOTRACEBACK=all")
	out, err := cmd.CombinedOutput()
	return string(out), false, err
}
