package otelperf_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/version"
	"github.com/otelperf/otelperf-go/otelperf"
)

// What is exported, whole: scope, names, units, descriptions, boundaries,
// attributes.
func TestExport(t *testing.T) {
	k := newKit(t)
	op := k.operation("search", attribute.String("index", "docs"), attribute.Int("shard", 3))
	op.Record(t.Context(), 30*time.Millisecond, nil)
	op.Record(t.Context(), 4*time.Second, errFailure)
	timing := op.Start(t.Context())

	got := k.scope()
	if got.Scope.Version != version.Version || got.Scope.SchemaURL != semconv.SchemaURL {
		t.Errorf("scope = %+v", got.Scope)
	}
	attrs := func(more ...attribute.KeyValue) attribute.Set {
		return attribute.NewSet(append(more, attribute.String("otelperf.operation.name", "search"),
			attribute.String("index", "docs"), attribute.Int("shard", 3))...)
	}
	point := func(set attribute.Set, seconds float64, bucket int) metricdata.HistogramDataPoint[float64] {
		counts := make([]uint64, len(standardBoundaries)+1)
		counts[bucket] = 1
		return metricdata.HistogramDataPoint[float64]{
			Attributes: set, Count: 1, Sum: seconds, Bounds: standardBoundaries, BucketCounts: counts,
			Min: metricdata.NewExtrema(seconds), Max: metricdata.NewExtrema(seconds),
		}
	}
	metricdatatest.AssertEqual(t, metricdata.ScopeMetrics{
		Scope: got.Scope,
		Metrics: []metricdata.Metrics{{
			Name: "otelperf.operation.duration", Unit: "s",
			Description: "Duration of operations, failed ones included.",
			Data: metricdata.Histogram[float64]{
				Temporality: metricdata.CumulativeTemporality,
				DataPoints: []metricdata.HistogramDataPoint[float64]{
					point(attrs(), 0.03, 14),
					point(attrs(attribute.String("error.type", "*errors.errorString")), 4, 20),
				},
			},
		}, {
			Name: "otelperf.operation.active", Unit: "{operation}",
			Description: "Number of operations that have begun and not ended.",
			Data: metricdata.Sum[int64]{
				Temporality: metricdata.CumulativeTemporality,
				DataPoints:  []metricdata.DataPoint[int64]{{Attributes: attrs(), Value: 1}},
			},
		}},
	}, got, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	timing.End(nil)
}

func TestOperationNames(t *testing.T) {
	k := newKit(t)
	good := []string{"search", "a", "Suche nach Wörtern", "検索", "a/b.c-d_e:f", strings.Repeat("x", 128)}
	for _, name := range good {
		if op, err := k.rec.Operation(name); op == nil || err != nil {
			t.Errorf("Operation(%q) = %v, %v", name, op, err)
		}
	}
	bad := map[string]string{
		"":                       `otelperf: operation name "" is empty`,
		" search":                `otelperf: operation name " search" begins or ends with white space`,
		"search\n":               `otelperf: operation name "search\n" begins or ends with white space`,
		"a\x00b":                 `otelperf: operation name "a\x00b" holds the unprintable character U+0000`,
		"a\tb":                   `otelperf: operation name "a\tb" holds the unprintable character U+0009`,
		"a\u200bb":               `otelperf: operation name "a\u200bb" holds the unprintable character U+200B`,
		"a\xffb":                 `otelperf: operation name "a\xffb" is not valid UTF-8`,
		strings.Repeat("x", 129): `otelperf: operation name "` + strings.Repeat("x", 40) + `…" has 129 bytes, more than 128`,
		strings.Repeat("ö", 99):  `otelperf: operation name "` + strings.Repeat("ö", 20) + `…" has 198 bytes, more than 128`,
	}
	for name, want := range bad {
		op, err := k.rec.Operation(name)
		if err == nil || err.Error() != want {
			t.Errorf("Operation(%q): %v\nwant %s", name, err, want)
		}
		if op != nil {
			t.Errorf("Operation(%q) gave an operation with its error", name)
		}
		if _, err := otelperf.New(otelperf.WithoutOperations("search", name)); err == nil || err.Error() != want {
			t.Errorf("WithoutOperations(%q): %v\nwant %s", name, err, want)
		}
	}
}

func TestOperationAttributes(t *testing.T) {
	k := newKit(t)
	many := func(n int) (attrs []attribute.KeyValue) {
		for i := range n {
			attrs = append(attrs, attribute.Int("a"+strconv.Itoa(i), i))
		}
		return attrs
	}
	good := [][]attribute.KeyValue{
		nil,
		many(16),
		{attribute.String("s", ""), attribute.Bool("b", true), attribute.Int64("i", math.MinInt64), attribute.Float64("f", math.Inf(1))},
		{attribute.StringSlice("s", []string{"a", "b"}), attribute.BoolSlice("b", nil), attribute.Int64Slice("i", []int64{1}), attribute.Float64Slice("f", []float64{1})},
		{attribute.String("long", strings.Repeat("x", 256))},
	}
	for _, attrs := range good {
		if _, err := k.rec.Operation("search", attrs...); err != nil {
			t.Errorf("Operation with %v: %v", attrs, err)
		}
	}
	bad := []struct {
		attrs []attribute.KeyValue
		want  string
	}{
		{many(17), `has 17 attributes, more than 16`},
		{[]attribute.KeyValue{{}}, `attribute "" is empty`},
		{[]attribute.KeyValue{{Key: "x"}}, `attribute "x" has no value`},
		{[]attribute.KeyValue{attribute.Int(" x", 1)}, `attribute " x" begins or ends with white space`},
		{[]attribute.KeyValue{attribute.Int(strings.Repeat("x", 129), 1)}, `has 129 bytes, more than 128`},
		{[]attribute.KeyValue{attribute.Int("x", 1), attribute.Int("y", 1), attribute.Int("x", 1)}, `attribute "x" is given twice`},
		{[]attribute.KeyValue{attribute.String("error.type", "x")}, `attribute "error.type" is reserved`},
		{[]attribute.KeyValue{attribute.String("otelperf.operation.name", "x")}, `attribute "otelperf.operation.name" is reserved`},
		{[]attribute.KeyValue{attribute.String("otelperf.source", "x")}, `attribute "otelperf.source" is reserved`},
		{[]attribute.KeyValue{attribute.Bool("otel.metric.overflow", true)}, `attribute "otel.metric.overflow" is reserved`},
		{[]attribute.KeyValue{attribute.String("x", strings.Repeat("x", 257))}, `attribute "x" has a value of 257 bytes, more than 256`},
		{[]attribute.KeyValue{attribute.Int64Slice("x", make([]int64, 200))}, `attribute "x" has a value of`},
		{[]attribute.KeyValue{attribute.String("x", "\xff")}, `attribute "x" is not valid UTF-8`},
		{[]attribute.KeyValue{attribute.StringSlice("x", []string{"a", "\xff"})}, `attribute "x" is not valid UTF-8`},
		{[]attribute.KeyValue{attribute.Float64("x", math.NaN())}, `attribute "x" is not a number`},
		{[]attribute.KeyValue{attribute.Float64Slice("x", []float64{1, math.NaN()})}, `attribute "x" holds what is not a number`},
		{[]attribute.KeyValue{attribute.ByteSlice("x", []byte{1})}, `attribute "x" is of type BYTESLICE, which is no dimension of a metric`},
	}
	for _, c := range bad {
		op, err := k.rec.Operation("search", c.attrs...)
		if op != nil || err == nil || !strings.HasPrefix(err.Error(), `otelperf: operation "search"`) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Operation with %v = %v, %v\nwant %s", c.attrs, op, err, c.want)
		}
	}
}

func FuzzOperationName(f *testing.F) {
	for _, seed := range []string{"", "search", " x", "a\x00", "\xff", "検索", strings.Repeat("x", 129), "\u2028", "a\u00a0"} {
		f.Add(seed, "key", "value")
		f.Add("search", seed, seed)
	}
	k := newKit(f)
	f.Fuzz(func(t *testing.T, name, key, value string) {
		rec, err := otelperf.New(otelperf.WithMeterProvider(k.provider))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rec.Close() }()
		op, err := rec.Operation(name, attribute.String(key, value))
		if (op == nil) != (err != nil) {
			t.Fatalf("Operation = %v, %v", op, err)
		}
		if err != nil {
			if msg := err.Error(); !strings.HasPrefix(msg, "otelperf: ") || strings.ContainsFunc(msg, unicode.IsControl) || len(msg) > 500 {
				t.Errorf("error %q", msg)
			}
			return
		}
		for _, s := range []string{name, key} {
			if s == "" || len(s) > 128 || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%q was accepted", s)
			}
		}
		if !utf8.ValidString(name + key + value) {
			t.Errorf("invalid UTF-8 was accepted")
		}
		if err := op.Do(t.Context(), nothing); err != nil {
			t.Error(err)
		}
	})
}

func TestSameOperation(t *testing.T) {
	k := newKit(t)
	a, b := attribute.String("a", "1"), attribute.String("b", "2")
	op := k.operation("search", a, b)
	if k.operation("search", b, a) != op {
		t.Error("the order of attributes makes another operation")
	}
	attrs := []attribute.KeyValue{b, a}
	if k.operation("search", attrs...) != op || attrs[0] != b || attrs[1] != a {
		t.Error("the caller's slice was changed")
	}
	for _, other := range []*otelperf.Operation{
		k.operation("search"), k.operation("search", a), k.operation("search", a, attribute.Int("b", 2)), k.operation("find", a, b),
	} {
		if other == op {
			t.Error("other attributes make the same operation")
		}
	}

	var wg sync.WaitGroup
	got := make([]*otelperf.Operation, 100)
	for i := range got {
		wg.Go(func() { got[i], _ = k.rec.Operation("concurrent", a, b) })
	}
	wg.Wait()
	for _, op := range got {
		if op != got[0] || op == nil {
			t.Fatal("concurrent calls made different operations")
		}
	}
}

func TestOperationLimit(t *testing.T) {
	k := newKit(t)
	for i := range 1000 {
		k.operation("search", attribute.Int("i", i))
	}
	op, err := k.rec.Operation("search", attribute.Int("i", 1000))
	if want := `otelperf: operation "search" is one too many: a Recorder holds 1000`; op != nil || err == nil || err.Error() != want {
		t.Errorf("the 1,001st operation: %v, %v\nwant %s", op, err, want)
	}
	if err := op.Do(t.Context(), func(context.Context) error { return errFailure }); !errors.Is(err, errFailure) {
		t.Errorf("the operation that was refused gives %v", err)
	}
	if _, err := k.rec.Operation("search", attribute.Int("i", 999)); err != nil {
		t.Errorf("an operation made before: %v", err)
	}
}

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

// What is nil or zero runs what it is given and records nothing: every
// method of every type.
func TestNilAndZero(t *testing.T) {
	check := func(t *testing.T, op *otelperf.Operation) {
		t.Helper()
		for _, f := range forms {
			ran := false
			if err := f.run(t.Context(), op, func(context.Context) error { ran = true; return errFailure }); !ran || !errors.Is(err, errFailure) {
				t.Errorf("%s: ran %v, error %v", f.name, ran, err)
			}
			if got := alone(func() { _ = f.run(t.Context(), op, func(context.Context) error { panic("text") }) }); got != "text" {
				t.Errorf("%s: recovered %v", f.name, got)
			}
		}
		op.Record(t.Context(), time.Second, errFailure)
		op.Start(t.Context()).End(nil)
	}
	t.Run("Operation", func(t *testing.T) {
		check(t, nil)
		check(t, &otelperf.Operation{})
	})
	t.Run("Timing", func(*testing.T) {
		err := errFailure
		otelperf.Timing{}.End(nil)
		otelperf.Timing{}.End(&err)
		defer otelperf.Timing{}.End(&err)
	})
	for name, rec := range map[string]*otelperf.Recorder{"nil": nil, "zero": {}} {
		t.Run(name+" Recorder", func(t *testing.T) {
			op, err := rec.Operation("search", attribute.String("index", "docs"))
			if err != nil {
				t.Errorf("Operation: %v", err)
			}
			check(t, op)
			if _, err := rec.Operation(""); err == nil {
				t.Error("an empty name is no error")
			}
			if err := rec.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	t.Run("context", func(t *testing.T) {
		k := newKit(t)
		op := k.operation("search")
		var none context.Context
		for _, f := range forms {
			_ = f.run(none, op, func(context.Context) error { return nil })
			_ = f.run(none, op, func(context.Context) error { return errFailure })
		}
		op.Record(none, 1, errFailure)
		want := map[string]uint64{"": 4, "*errors.errorString": 5}
		if got := k.outcomes("search"); !maps.Equal(got, want) {
			t.Errorf("outcomes with a nil context = %v, want %v", got, want)
		}
	})
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

func TestClose(t *testing.T) {
	k := newKit(t)
	op := k.operation("search")
	timing := op.Start(t.Context())
	if got := k.active(); got["search"] != 1 {
		t.Errorf("active = %v", got)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := k.rec.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
	timing.End(nil)
	_ = op.Do(t.Context(), nothing)
	_ = k.operation("new").Do(t.Context(), nothing)
	if got := k.active(); got != nil {
		t.Errorf("active is still reported after Close: %v", got)
	}
	if got := k.outcomes("search")[""]; got != 2 {
		t.Errorf("%d durations after Close, want 2", got)
	}
	if got := k.outcomes("new")[""]; got != 1 {
		t.Errorf("%d durations of an operation made after Close, want 1", got)
	}
}

// Two recorders, in two packages of one program say, add up.
func TestTwoRecorders(t *testing.T) {
	k := newKit(t)
	second, err := otelperf.New(otelperf.WithMeterProvider(k.provider))
	if err != nil {
		t.Fatal(err)
	}
	again, err := second.Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	a, b := k.operation("search").Start(t.Context()), again.Start(t.Context())
	if got := k.active()["search"]; got != 2 {
		t.Errorf("active = %d, want 2", got)
	}
	a.End(nil)
	b.End(nil)
	if got := k.outcomes("search")[""]; got != 2 {
		t.Errorf("%d durations, want 2", got)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if got, ok := k.active()["search"]; got != 0 || !ok {
		t.Errorf("active = %d, %v, want 0 by the first recorder", got, ok)
	}
}

// The global provider is set while calls are under way. It can be set only
// once in a process, hence the child.
func TestGlobalProviderSetLater(t *testing.T) {
	output, err, child := inChild(t)
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

// Operations are made and called while others collect.
func TestConcurrentUse(t *testing.T) {
	k := newKit(t)
	const workers, rounds = 8, 50
	var wg sync.WaitGroup
	done := make(chan struct{})
	collecting := make(chan struct{})
	go func() {
		defer close(collecting)
		for {
			select {
			case <-done:
				return
			default:
				for name, n := range k.active() {
					if n < 0 || n > workers {
						t.Errorf("active of %s = %d", name, n)
					}
				}
			}
		}
	}()
	for range workers {
		wg.Go(func() {
			for i := range rounds {
				op, err := k.rec.Operation(fmt.Sprint("operation ", i))
				if err != nil {
					t.Error(err)
					return
				}
				for j := range 10 {
					alone(func() { _ = op.Do(t.Context(), body(j)) })
				}
			}
		})
	}
	wg.Wait()
	close(done)
	<-collecting
	want := map[string]uint64{"": 6 * workers, "*errors.errorString": 2 * workers, "panic": workers, "goexit": workers}
	for i := range rounds {
		if got := k.outcomes(fmt.Sprint("operation ", i)); !maps.Equal(got, want) {
			t.Errorf("outcomes of operation %d = %v, want %v", i, got, want)
		}
	}
}
