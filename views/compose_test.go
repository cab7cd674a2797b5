package views_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func TestComposeRefuses(t *testing.T) {
	type rules = []views.Rule
	by := latency()
	by.By = []attribute.Key{"tenant"}
	ratio := latency()
	ratio.Name, ratio.Statistic, ratio.Unit, ratio.Target = "errors", views.ErrorRatio, "%", 5
	for want, tt := range map[string]struct {
		baselines []views.Baseline
		rules     rules
	}{
		"the instrument is empty":                     {nil, rules{{}}},
		"says nothing":                                {nil, rules{{Instrument: "a"}}},
		"a pattern cannot rename":                     {nil, rules{{Instrument: "a*", Rename: "b"}}},
		`"1b" is no name`:                             {nil, rules{{Instrument: "a", Rename: "1b"}}},
		`bbb" is no name`:                             {nil, rules{{Instrument: "a", Rename: strings.Repeat("b", 256)}}},
		"both Bounds and":                             {nil, rules{{Instrument: "a", Bounds: []float64{1}, Exponential: true}}},
		"finite and rising":                           {nil, rules{{Instrument: "a", Bounds: []float64{1, 1}}}},
		"but NaN is":                                  {nil, rules{{Instrument: "a", Bounds: []float64{math.NaN()}}}},
		"but +Inf is at place 1":                      {nil, rules{{Instrument: "a", Bounds: []float64{1, math.Inf(1)}}}},
		"more than the 64":                            {nil, rules{{Instrument: "a", Bounds: make([]float64, 65)}}},
		"MaxSize of at least 2":                       {nil, rules{{Instrument: "a", Exponential: true, MaxSize: 1}}},
		"without Exponential":                         {nil, rules{{Instrument: "a", MaxScale: 3}}},
		"MaxSize or MaxScale without":                 {nil, rules{{Instrument: "a", MaxSize: 3}}},
		`rule for "negative size": exponential`:       {nil, rules{{Instrument: "negative size", Exponential: true, MaxSize: -1}}},
		`rule for "negative scale": exponential`:      {nil, rules{{Instrument: "negative scale", Exponential: true, MaxScale: -1}}},
		`rule for "fine scale": exponential`:          {nil, rules{{Instrument: "fine scale", Exponential: true, MaxScale: 21}}},
		`one rule gives "b" bounds`:                   {nil, rules{{Instrument: "b", Exponential: true}, {Instrument: "b", Bounds: []float64{1}}}},
		`get the name "d"`:                            {nil, rules{{Instrument: "a", Rename: "d"}, {Instrument: "b", Drop: []attribute.Key{"x"}}, {Instrument: "b", Rename: "D"}}},
		"two rules rename":                            {nil, rules{{Instrument: "a", Rename: "b"}, {Instrument: "A", Rename: "c"}}},
		"both get the name":                           {nil, rules{{Instrument: "a", Rename: "c"}, {Instrument: "b", Rename: "c"}}},
		`"a" and "C": both get`:                       {nil, rules{{Instrument: "a", Rename: "c"}, {Instrument: "C", Drop: []attribute.Key{"x"}}}},
		"different bounds":                            {nil, rules{{Instrument: "a", Bounds: []float64{1}}, {Instrument: "a", Bounds: []float64{2}}}},
		"one rule gives":                              {nil, rules{{Instrument: "a", Bounds: []float64{1}}, {Instrument: "a", Exponential: true}}},
		"different exponential":                       {nil, rules{{Instrument: "a", Exponential: true}, {Instrument: "a", Exponential: true, MaxSize: 20}}},
		"which a rule discards":                       {[]views.Baseline{latency()}, rules{{Instrument: "otelperf.*", Discard: true}}},
		"needs the attribute otelperf.operation.name": {[]views.Baseline{latency()}, rules{{Instrument: "*", Keep: []attribute.Key{"a"}}}},
		"needs the attribute tenant":                  {[]views.Baseline{by}, rules{{Instrument: "*", Drop: []attribute.Key{"tenant"}}}},
		"needs the attribute error.type":              {[]views.Baseline{ratio}, rules{{Instrument: "*", Drop: []attribute.Key{"error.type"}}}},
		"a rule renames otelperf.operation.duration, which baseline": {[]views.Baseline{latency()}, rules{{Instrument: opDuration, Rename: "x"}}},
		"the levels of its baselines make":                           {levels(30), nil},
		`views: baseline "search_ms": the statistic is empty`:        {[]views.Baseline{{Name: "search_ms", Metric: "m"}}, nil},
	} {
		_, err := views.Compose(tt.baselines, tt.rules...)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "views: ") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestAgreeingRulesAreNoConflict, in whichever order, nor are those of which
// one says nothing about what the other does.
func TestAgreeingRulesAreNoConflict(t *testing.T) {
	bounds, exponential := []float64{1, 2}, views.Rule{Instrument: "a", Exponential: true, MaxSize: 20}
	drop := views.Rule{Instrument: "a", Drop: []attribute.Key{"x"}}
	for _, pair := range [][2]views.Rule{
		{{Instrument: "a", Bounds: bounds}, {Instrument: "a", Bounds: slices.Clone(bounds)}},
		{{Instrument: "a", Bounds: bounds}, {Instrument: "a", Scope: "s", Exponential: true}},
		{{Instrument: "a", Bounds: bounds}, drop},
		{{Instrument: "a", Rename: "c"}, {Instrument: "a", Rename: "c", Drop: []attribute.Key{"x"}}},
		{{Instrument: "a", Rename: "c"}, drop},
		{{Instrument: "a", Rename: "c"}, {Instrument: "b", Rename: "d"}},
		{exponential, {Instrument: "a", Exponential: true, MaxSize: 20}},
		{exponential, drop},
		// Names that change hands, that their owner gives up, or that stay in another scope.
		{{Instrument: "a", Rename: "b"}, {Instrument: "b", Rename: "a"}},
		{{Instrument: "a", Rename: "b"}, {Instrument: "b", Discard: true}},
		{{Instrument: "a", Scope: "x", Rename: "b"}, {Instrument: "b", Scope: "y", Exponential: true}},
		{{Instrument: "a", Rename: "A", Exponential: true}, {Instrument: "x*", Exponential: true}},
	} {
		compose(t, nil, pair[0], pair[1])
		compose(t, nil, pair[1], pair[0])
	}
	compose(t, nil, views.Rule{Instrument: "a", Rename: strings.Repeat("b", 255)})
	compose(t, nil, views.Rule{Instrument: "a", Bounds: levels64()}, views.Rule{Instrument: "b", Exponential: true, MaxScale: 20})
}

func levels64() []float64 {
	out := make([]float64, 64)
	for i := range out {
		out[i] = float64(i)
	}
	return out
}

// TestStreams: what the SDK is told of an instrument.
func TestStreams(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule views.Rule
		want sdkmetric.Aggregation
	}{
		{"standard buckets", views.Rule{Instrument: "a", Exponential: true}, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
		{"fewer", views.Rule{Instrument: "a", Exponential: true, MaxSize: 2}, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 2, MaxScale: 20}},
		{"coarser", views.Rule{Instrument: "a", Exponential: true, MaxScale: 1}, sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 1}},
		{"renamed", views.Rule{Instrument: "a", Rename: "b"}, nil},
	} {
		i := sdkmetric.Instrument{Name: "a", Kind: sdkmetric.InstrumentKindHistogram}
		stream, ok := compose(t, nil, tt.rule)(i)
		if !ok || stream.Aggregation != tt.want || stream.AttributeFilter != nil {
			t.Errorf("%s: got %+v, %t", tt.name, stream, ok)
		}
	}
}

// TestTooManyBoundsOfAPattern: rules of a scope cannot be checked by names
// alone. Where they and the levels do not fit, exponential buckets do.
func TestTooManyBoundsOfAPattern(t *testing.T) {
	v := compose(t, []views.Baseline{latency()}, views.Rule{Instrument: "*", Scope: "test", Bounds: levels64()})
	if m := through(t, v, histogram(opDuration))[opDuration]; len(m.Data.(metricdata.ExponentialHistogram[float64]).DataPoints) != 1 {
		t.Errorf("got %+v", m)
	}
}

// TestRulesAreCopied: changing what was given to Compose changes no view.
func TestRulesAreCopied(t *testing.T) {
	r := views.Rule{Instrument: "one.time", Keep: []attribute.Key{"a", "b"}, Drop: []attribute.Key{"b"}, Bounds: []float64{1, 2}}
	v := compose(t, nil, r)
	r.Keep[0], r.Drop[0], r.Bounds[0] = "c", "a", 1.5
	m := through(t, v, histogram("one.time", attribute.Int("a", 1), attribute.Int("b", 2), attribute.Int("c", 3)))["one.time"]
	p := m.Data.(metricdata.Histogram[float64]).DataPoints[0]
	if want := attribute.NewSet(attribute.Int("a", 1)); !p.Attributes.Equals(&want) || p.Bounds[0] != 1 {
		t.Errorf("got %v with bounds %v", p.Attributes.ToSlice(), p.Bounds)
	}
}
