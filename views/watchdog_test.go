package views_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func TestOverdue(t *testing.T) {
	j := newJudge(t, recorded(100))
	due := func(want bool) {
		t.Helper()
		if since, got := j.p.Overdue(j.at); got != want {
			t.Errorf("%v after the last evaluation: overdue is %t", since, got)
		}
	}
	due(false)
	j.skip(3 * time.Minute)
	due(false)
	j.skip(time.Second)
	due(true) // it never ran at all
	j.tick(gauge("recorded", "s", 0.01))
	due(false)
	j.skip(10 * time.Minute)
	due(true)
	if since, _ := j.p.Overdue(j.at); since != 10*time.Minute {
		t.Errorf("got %v", since)
	}
	if err := j.p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	due(false) // it is meant to be still
}

func TestMissedEvaluationsAreCounted(t *testing.T) {
	for _, delta := range []bool{false, true} {
		j := judging(t, delta, []views.Baseline{recorded(100)})
		missed := func(want int64) {
			t.Helper()
			var got int64
			if sum, ok := j.find("otelperf.evaluations.missed").(metricdata.Sum[int64]); ok {
				got = sum.DataPoints[0].Value
			}
			if got != want {
				t.Errorf("delta %t: %d were missed, want %d", delta, got, want)
			}
		}
		j.tick(gauge("recorded", "s", 0.01))
		j.after(time.Second, gauge("recorded", "s", 0.01)) // a forced flush
		j.after(80*time.Second, gauge("recorded", "s", 0.01))
		missed(0)
		j.skip(2 * time.Minute)
		j.tick(gauge("recorded", "s", 0.01))
		missed(2)
		j.skip(time.Minute)
		j.tick(gauge("recorded", "s", 0.01))
		if delta {
			missed(1)
		} else {
			missed(3)
		}
		j.reported()
	}
	j := newJudge(t) // without a baseline there is nothing to miss
	j.skip(10 * time.Minute)
	if j.tick(gauge("recorded", "s", 0.01)); len(j.seen.ScopeMetrics) != 1 {
		t.Errorf("got %+v", j.seen)
	}
}
