package otelperf_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelperf/otelperf-go/otelperf"
)

func TestWithoutOperations(t *testing.T) {
	k := newKitWith(t, []otelperf.Option{nil, otelperf.WithoutOperations("search"), otelperf.WithoutOperations("store", "unused"), otelperf.WithoutOperations()})
	for _, name := range []string{"search", "store", "other"} {
		op := k.operation(name)
		for _, f := range forms {
			ran := false
			if err := f.run(t.Context(), op, func(context.Context) error { ran = true; return errFailure }); !ran || !errors.Is(err, errFailure) {
				t.Errorf("%s of %s: ran %v, %v", f.name, name, ran, err)
			}
		}
		op.Record(t.Context(), 1, nil)
		if op != k.operation(name) {
			t.Errorf("%s is another operation the second time", name)
		}
	}
	if got := k.active(); len(got) != 1 || got["other"] != 0 {
		t.Errorf("active = %v, want only other", got)
	}
	for name, want := range map[string]int{"search": 0, "store": 0, "other": 2} {
		if got := k.outcomes(name); len(got) != want {
			t.Errorf("outcomes of %s = %v", name, got)
		}
	}
}

func TestNoopProvider(t *testing.T) {
	rec, err := otelperf.New(otelperf.WithMeterProvider(noop.NewMeterProvider()))
	if err != nil {
		t.Fatal(err)
	}
	op, err := rec.Operation("search")
	if op == nil || err != nil {
		t.Fatalf("Operation = %v, %v", op, err)
	}
	for _, f := range forms {
		if err := f.run(t.Context(), op, func(context.Context) error { return errFailure }); !errors.Is(err, errFailure) {
			t.Errorf("%s = %v", f.name, err)
		}
	}
	if _, err := rec.Operation(" "); err == nil {
		t.Error("a bad name is no error")
	}
	if err := rec.Close(); err != nil {
		t.Error(err)
	}
}

// A provider that breaks.
type brokenProvider struct {
	noop.MeterProvider

	meter metric.Meter
}

func (p brokenProvider) Meter(string, ...metric.MeterOption) metric.Meter { return p.meter }

type brokenMeter struct {
	noop.Meter

	histogram, active, callback error
	none                        bool
	unregister                  error
}

func (m brokenMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	if m.none {
		return nil, nil
	}
	return noop.Float64Histogram{}, m.histogram
}

func (m brokenMeter) Int64ObservableUpDownCounter(string, ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	return noop.Int64ObservableUpDownCounter{}, m.active
}

func (m brokenMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return brokenRegistration{err: m.unregister}, m.callback
}

type brokenRegistration struct {
	noop.Registration

	err error
}

func (r brokenRegistration) Unregister() error { return r.err }

func TestNewErrors(t *testing.T) {
	var none *sdkmetric.MeterProvider
	cases := map[string]metric.MeterProvider{
		"otelperf: the meter provider is a nil *metric.MeterProvider": none,
		"otelperf: the meter provider gave no meter":                  brokenProvider{},
		"otelperf: the meter gave no instrument":                      brokenProvider{meter: brokenMeter{none: true}},
		"otelperf: creating otelperf.operation.duration: failure":     brokenProvider{meter: brokenMeter{histogram: errFailure}},
		"otelperf: creating otelperf.operation.active: failure":       brokenProvider{meter: brokenMeter{active: errFailure}},
		"otelperf: observing otelperf.operation.active: failure":      brokenProvider{meter: brokenMeter{callback: errFailure}},
	}
	for want, provider := range cases {
		rec, err := otelperf.New(otelperf.WithMeterProvider(provider))
		if rec != nil || err == nil || err.Error() != want {
			t.Errorf("New = %v, %v\nwant %s", rec, err, want)
		}
	}
	rec, err := otelperf.New(otelperf.WithMeterProvider(brokenProvider{meter: brokenMeter{unregister: errFailure}}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rec.Close(); !errors.Is(err, errFailure) || err.Error() != "otelperf: closing: failure" {
			t.Errorf("Close = %v", err)
		}
	}
}

// The global provider is set while calls are under way. It can be set only
// once in a process, hence the child.
func TestGlobalProviderSetLater(t *testing.T) {
	output, child, err := inChild(t)
	if !child {
		if err != nil || !strings.Contains(output, "PASS") {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	rec, err := otelperf.New()
	if err != nil {
		t.Fatal(err)
	}
	op, err := rec.Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	early := op.Start(t.Context())
	for _, f := range forms {
		for i := range 10 {
			alone(func() { _ = f.run(t.Context(), op, body(i)) })
		}
	}
	op.Record(t.Context(), 1, nil)

	k := newKit(t)
	otel.SetMeterProvider(k.provider)
	if got := k.active()["search"]; got != 1 {
		t.Errorf("active = %d, want the call that began before", got)
	}
	if err := op.Do(t.Context(), func(context.Context) error {
		early.End(nil)
		if got := k.active()["search"]; got != 1 {
			t.Errorf("active = %d within a call", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got, ok := k.active()["search"]; got != 0 || !ok {
		t.Errorf("active = %d, %v, want 0", got, ok)
	}
	if got, want := k.outcomes("search"), (map[string]uint64{"": 1}); !maps.Equal(got, want) {
		t.Errorf("outcomes = %v, want %v", got, want)
	}
	if err := rec.Close(); err != nil {
		t.Error(err)
	}
	if got := k.active(); got != nil {
		t.Errorf("active after Close = %v", got)
	}
}
