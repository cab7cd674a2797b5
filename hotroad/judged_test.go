package hotroad_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/otelperf"
	"github.com/otelperf/otelperf-go/views"
)

// TestProcessorJudgesBothRoadsAlike lets a Processor judge the same calls on both
// roads, of cumulative and of delta readers.
func TestProcessorJudgesBothRoadsAlike(t *testing.T) {
	t.Parallel()
	const metric = "otelperf.operation.duration"
	baselines := []views.Baseline{
		{Name: "p95", Metric: metric, Statistic: views.P95, Target: 0.02, By: []attribute.Key{"otelperf.operation.name"}},
		{Name: "max", Metric: metric, Statistic: views.Max, Target: 10},
		{Name: "errors", Metric: metric, Statistic: views.ErrorRatio, Target: 0.01},
	}
	selectors := []selector{cumulative, delta}
	roads := [2]setup{usual(selectors, nil), hot(t, selectors, nil)}
	failure := errors.New("failure")
	for reader := range selectors {
		var verdicts [2][]views.Status
		for i, s := range roads {
			w, err := views.Watch(baselines, views.WithErrorHandler(func(error) {}))
			if err != nil {
				t.Fatal(err)
			}
			rec, err := otelperf.New(otelperf.WithMeterProvider(s))
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				for _, name := range []string{"slow", "fast"} {
					op, err := rec.Operation(name)
					if err != nil {
						t.Fatal(err)
					}
					for n := range 100 {
						d := time.Duration(n+1) * time.Millisecond
						if name == "fast" {
							d /= 64
						}
						var result error
						if n%10 == 0 {
							result = failure
						}
						op.Record(context.Background(), d, result)
					}
				}
				rm := s.collect(t, reader)
				if err := w.Export(context.Background(), &rm); err != nil {
					t.Fatal(err)
				}
			}
			verdicts[i] = w.Status()
			slices.SortFunc(verdicts[i], func(a, b views.Status) int { // groups come as the series do: in any order
				return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
			})
		}
		if len(verdicts[0]) < 4 || len(verdicts[0]) != len(verdicts[1]) {
			t.Fatalf("reader %d: %d and %d verdicts", reader, len(verdicts[0]), len(verdicts[1]))
		}
		firing := 0
		for i, want := range verdicts[0] {
			got := verdicts[1][i]
			if got.Name != want.Name || got.State != want.State || got.Value != want.Value || got.Count != want.Count {
				t.Errorf("reader %d: the SDK's road %s %v %v of %d, the hot road %s %v %v of %d", reader,
					want.Name, want.State, want.Value, want.Count, got.Name, got.State, got.Value, got.Count)
			}
			if want.State == views.Firing {
				firing++
			}
		}
		if firing == 0 || firing == len(verdicts[0]) {
			t.Errorf("reader %d: %d of %d fire: the premise is gone", reader, firing, len(verdicts[0]))
		}
	}
}
