package differential_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// TestLifecycle: random walks around a threshold give the same state as an
// alerting rule of Prometheus, tick by tick, whatever for and keep_firing_for
// are.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := rand.New(rand.NewPCG(seed, 4))
			wait, keep := time.Duration(w.IntN(9))*step/2, time.Duration(w.IntN(9))*step/2
			var fired, resolved int
			watch, err := views.Watch([]views.Baseline{{
				Name: "level", Metric: "m", Statistic: views.Value, Target: 100, For: wait, KeepFiringFor: keep,
			}}, views.WithInterval(step), views.WithNotify(func(a views.Alert) {
				if a.State == views.Firing {
					fired++
				} else {
					resolved++
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			j, p := &judge{t, watch}, newPeer(t)
			expr, err := parser.NewParser(parser.Options{}).ParseExpr("m > 120")
			if err != nil {
				t.Fatal(err)
			}
			rule := rules.NewAlertingRule("level", expr, wait, keep, labels.EmptyLabels(), labels.EmptyLabels(), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
			query := rules.EngineQueryFunc(p.engine, p.storage)
			value, states := 100.0, make(map[views.State]int)
			for tick := 1; tick <= 120; tick++ {
				value += w.NormFloat64() * 12
				value += (115 - value) * 0.2 // stays about the threshold
				if w.IntN(20) == 0 {
					value = 120 // exactly there is not over
				}
				when := at(tick)
				p.write(func(app storage.Appender) { p.float(app, when, value, "m") })
				j.see(metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Time: when, Value: value}}})
				if _, err := rule.Eval(t.Context(), 0, when, query, nil, 0); err != nil {
					t.Fatal(err)
				}
				want := views.OK
				for _, a := range rule.ActiveAlerts() {
					switch a.State {
					case rules.StateFiring:
						want = views.Firing
					case rules.StatePending:
						want = views.Pending
					}
				}
				got := watch.Status()[0].State
				if got == views.Resolved {
					got = views.OK
				}
				if got != want {
					t.Fatalf("for %v, keep_firing_for %v, tick %d, value %v: %v here, %v in Prometheus", wait, keep, tick, value, got, want)
				}
				states[got]++
			}
			if fired < resolved || fired > resolved+1 {
				t.Errorf("fired %d times and resolved %d times", fired, resolved)
			}
			if states[views.OK] == 0 || states[views.OK] == 120 {
				t.Errorf("the walk went nowhere: %v", states)
			}
		})
	}
}
