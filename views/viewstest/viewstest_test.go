package viewstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/viewstest"
)

// baselines judge every metric of the batch, so that a Processor has work.
func baselines() []views.Baseline {
	var out []views.Baseline
	for metric, statistic := range map[string]views.Statistic{
		"gauge.int": views.Value, "gauge.float": views.Value, "sum.int": views.Rate, "sum.float": views.Value,
		"histogram.int": views.P95, "histogram.float": views.Mean, "exponential.int": views.P95, "exponential.float": views.Max,
		"summary": views.P95,
	} {
		out = append(out, views.Baseline{Name: metric, Metric: metric, Statistic: statistic, Target: 1e-3, MinCount: 1})
	}
	return out
}

func processor(t *testing.T, next sdkmetric.Exporter) sdkmetric.Exporter {
	t.Helper()
	p, err := views.NewProcessor(next, baselines(), views.WithErrorHandler(func(error) {}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// failing is an exporter that never succeeds.
type failing struct{ sdkmetric.Exporter }

func (failing) Export(context.Context, *metricdata.ResourceMetrics) error {
	return errors.New("backend down")
}
func (failing) ForceFlush(context.Context) error { return errors.New("backend down") }
func (failing) Shutdown(context.Context) error   { return errors.New("backend down") }

func stdout(t *testing.T) sdkmetric.Exporter {
	t.Helper()
	e, err := stdoutmetric.New(stdoutmetric.WithWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestProcessorConforms alone and around each kind of exporter.
func TestProcessorConforms(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(backend.Close)
	otlp := func() sdkmetric.Exporter {
		e, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(backend.URL), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for name, create := range map[string]func() sdkmetric.Exporter{
		"stdout":               func() sdkmetric.Exporter { return stdout(t) },
		"otlp":                 otlp,
		"around stdout":        func() sdkmetric.Exporter { return processor(t, stdout(t)) },
		"around otlp":          func() sdkmetric.Exporter { return processor(t, otlp()) },
		"around a failing one": func() sdkmetric.Exporter { return processor(t, failing{stdout(t)}) },
		"around another":       func() sdkmetric.Exporter { return processor(t, processor(t, stdout(t))) },
		"watch": func() sdkmetric.Exporter {
			p, err := views.Watch(baselines(), views.WithErrorHandler(func(error) {}))
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := viewstest.CheckExporter(create); err != nil {
				t.Error(err)
			}
		})
	}
	if err := viewstest.CheckDecorator(func(next sdkmetric.Exporter) sdkmetric.Exporter { return processor(t, next) }); err != nil {
		t.Error(err)
	}
}

// A broken exporter breaks one promise.
type broken struct {
	next     sdkmetric.Exporter
	promise  string
	mu       sync.Mutex
	flips    int
	shutdown bool
	first    *metricdata.ResourceMetrics
}

func (b *broken) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.flips++; {
	case b.promise == "temporality flips" && b.flips%2 == 0:
		return metricdata.DeltaTemporality
	case b.promise == "no temporality":
		return 0
	case b.promise == "own temporality":
		return metricdata.CumulativeTemporality
	}
	return b.next.Temporality(k)
}

func (b *broken) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if b.promise == "own aggregation" {
		return sdkmetric.DefaultAggregationSelector(k)
	}
	return b.next.Aggregation(k)
}

func (b *broken) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	b.mu.Lock()
	shut := b.shutdown
	if b.first == nil {
		b.first = rm
	}
	first := b.first
	b.mu.Unlock()
	switch {
	case shut && b.promise == "export after shutdown":
		return nil
	case b.promise == "changes its input":
		if len(rm.ScopeMetrics) > 0 {
			rm.ScopeMetrics[0].Scope.Name = "mine"
		}
	case b.promise == "drops a scope" && len(rm.ScopeMetrics) > 0:
		rm = &metricdata.ResourceMetrics{Resource: rm.Resource, ScopeMetrics: rm.ScopeMetrics[1:]}
	case b.promise == "scope twice" && len(rm.ScopeMetrics) > 0:
		rm = &metricdata.ResourceMetrics{Resource: rm.Resource, ScopeMetrics: append(rm.ScopeMetrics[:1:1], rm.ScopeMetrics...)}
	case b.promise == "drops the resource":
		rm = &metricdata.ResourceMetrics{ScopeMetrics: rm.ScopeMetrics}
	case b.promise == "keeps memory":
		rm = first
	case b.promise == "own context":
		ctx = context.Background()
	case b.promise == "twice":
		_ = b.next.Export(ctx, rm)
	case b.promise == "swallows errors":
		_ = b.next.Export(ctx, rm)
		return nil
	case b.promise == "makes errors up":
		_ = b.next.Export(ctx, rm)
		return errors.New("no reason")
	}
	return b.next.Export(ctx, rm)
}

func (b *broken) ForceFlush(ctx context.Context) error {
	if b.promise == "does not flush" {
		return nil
	}
	return b.next.ForceFlush(ctx)
}

func (b *broken) Shutdown(ctx context.Context) error {
	b.mu.Lock()
	b.shutdown = true
	b.mu.Unlock()
	return b.next.Shutdown(ctx)
}

// TestChecksFindWhatIsBroken: a check that nothing fails proves nothing.
func TestChecksFindWhatIsBroken(t *testing.T) {
	t.Parallel()
	for promise, want := range map[string]string{
		"":                      "",
		"temporality flips":     "once and",
		"no temporality":        "the temporality of",
		"own temporality":       "the next exporter asks for",
		"own aggregation":       "the next exporter asks for",
		"export after shutdown": "Export after Shutdown returned no error",
		"changes its input":     "Export changed its input",
		"drops a scope":         "did not get the scope viewstest/numbers",
		"scope twice":           "twice",
		"drops the resource":    "another resource",
		"keeps memory":          "another resource",
		"own context":           "another context",
		"twice":                 "made the calls [Export Export]",
		"swallows errors":       "where the next exporter failed",
		"makes errors up":       "where the next exporter succeeded",
		"does not flush":        "ForceFlush made the calls []",
	} {
		t.Run(promise, func(t *testing.T) {
			t.Parallel()
			err := viewstest.CheckDecorator(func(next sdkmetric.Exporter) sdkmetric.Exporter {
				return &broken{next: next, promise: promise}
			})
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// hanging does not look at its context.
type hanging struct {
	sdkmetric.Exporter
	forever chan struct{}
}

func (h hanging) Export(context.Context, *metricdata.ResourceMetrics) error {
	<-h.forever
	return nil
}

func TestChecksEndThoughTheExporterHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		err := viewstest.CheckExporter(func() sdkmetric.Exporter { return hanging{stdout(t), forever} })
		if err == nil || !strings.Contains(err.Error(), "did not return within 10s") {
			t.Errorf("got %v", err)
		}
		close(forever)
	})
}
