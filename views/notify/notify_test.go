package notify_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/views"
)

// began is when the alerts of these tests begin to fire.
var began = time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC)

// firing is an alert as a Processor raises it.
func firing(name string) views.Alert {
	return views.Alert{
		Name: name, Metric: "otelperf.operation.duration", Statistic: views.P95, State: views.Firing,
		Value: 140, Target: 100, Threshold: 120, Clear: 120, Unit: "ms", Excess: 0.4, Count: 200,
		Start: began.Add(-time.Minute), End: began, Since: began,
		Severity: "critical", Labels: map[string]string{"team": "search"},
		Group: attribute.NewSet(attribute.String("http.route", "/search")),
		Resource: resource.NewSchemaless(
			attribute.String("service.name", "shop"), attribute.String("service.instance.id", "a-1")),
	}
}

// resolved is the end of firing(name).
func resolved(name string) views.Alert {
	a := firing(name)
	a.State, a.Value, a.Excess = views.Resolved, 90, -0.1
	a.Start, a.End = began.Add(4*time.Minute), began.Add(5*time.Minute)
	return a
}

// ignore is an error handler for tests that expect errors.
func ignore(error) {}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// background is a context without a deadline.
func background() context.Context { return context.Background() }

// pass lets d go by on the clock of a synctest bubble: nothing really waits.
func pass(d time.Duration) { <-time.After(d) }
