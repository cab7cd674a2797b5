package evidence_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/evidence"
	"github.com/otelperf/otelperf-go/internal/profiling"
	"github.com/otelperf/otelperf-go/internal/trial"
	"github.com/otelperf/otelperf-go/views"
)

// What these tests share with others.
type told = trial.Told

var check, child, part = trial.Check, trial.Child, trial.Part

// pass lets fake time go by, and what is due then happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// firing is an alert that has just begun.
func firing(name string, group ...attribute.KeyValue) views.Alert {
	return views.Alert{
		Name: name, Metric: "otelperf.operation.duration", Statistic: views.P95, State: views.Firing,
		Value: 140, Target: 100, Threshold: 120, Excess: 0.4, Unit: "ms", Count: 50,
		Group: attribute.NewSet(group...),
	}
}

// A counted is a provider whose counters can be read.
type counted struct {
	*sdkmetric.MeterProvider
	reader *sdkmetric.ManualReader
}

func newCounted() counted {
	reader := sdkmetric.NewManualReader()
	return counted{sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), reader}
}

// read returns the counts that are not zero: drops by reason, and "folders".
func (c counted) read(t *testing.T) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	check(t, c.reader.Collect(context.Background(), &rm))
	got := make(map[string]int64)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				name := "folders"
				if m.Name == "otelperf.evidence.dropped" {
					reason, _ := p.Attributes.Value("otelperf.drop.reason")
					name = reason.AsString()
				}
				if p.Value != 0 {
					got[name] = p.Value
				}
			}
		}
	}
	return got
}

// A profiler takes ten seconds for a profile that says so.
type profiler struct {
	last profiling.Profile
	err  error
}

func (p profiler) Capture(ctx context.Context) (profiling.Profile, error) {
	select {
	case <-time.After(10 * time.Second):
		return profiling.Profile{Data: []byte("cpu"), Whole: true}, p.err
	case <-ctx.Done():
		return profiling.Profile{}, ctx.Err()
	}
}

func (p profiler) Last() (profiling.Profile, bool) { return p.last, len(p.last.Data) > 0 }

// start starts a Collector that ends with the test. It has no flight recorder,
// whose reader would keep fake time from going on.
func start(t *testing.T, dir string, opts ...evidence.Option) *evidence.Collector {
	t.Helper()
	return startWith(t, dir, append([]evidence.Option{evidence.WithoutTrace()}, opts...)...)
}

func startWith(t *testing.T, dir string, opts ...evidence.Option) *evidence.Collector {
	t.Helper()
	c, err := evidence.New(dir, append([]evidence.Option{
		evidence.WithErrorHandler(func(err error) { t.Errorf("told: %v", err) }),
		evidence.WithMeterProvider(newCounted()),
	}, opts...)...)
	check(t, err)
	t.Cleanup(func() { check(t, c.Stop(context.Background())) })
	return c
}

// An index is what index.json says.
type index struct {
	Version int
	State   string
	Started time.Time
	Ended   time.Time
	Alerts  []struct{ Name, Message, Evidence string }
	LeftOut int `json:"alerts_left_out"`
	Files   []struct {
		Name, About, Open, Error string
		Bytes                    int64
	}
}

func readIndex(t *testing.T, folder string) index {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "index.json"))
	check(t, err)
	var x index
	check(t, json.Unmarshal(data, &x))
	return x
}

// alerts are the names of those in the index.
func (x index) alerts() []string {
	var names []string
	for _, a := range x.Alerts {
		names = append(names, a.Name)
	}
	return names
}

// names lists a directory, nothing if it is not there.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// A hung profiler has an answer only when it must.
type hung struct{}

func (hung) Capture(ctx context.Context) (profiling.Profile, error) {
	<-ctx.Done()
	return profiling.Profile{}, ctx.Err()
}

func (hung) Last() (profiling.Profile, bool) { return profiling.Profile{}, false }
