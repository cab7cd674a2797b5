package views_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func TestStormIsOneAlert(t *testing.T) {
	b := recorded(100)
	b.By, b.MaxFiring, b.Remind = []attribute.Key{"http.route"}, 3, 5*time.Minute
	j := newJudge(t, b)
	route := func(i int) attribute.KeyValue { return attribute.String("http.route", "/"+string(rune('a'+i))) }
	step := func(n int, ms float64) {
		data := metricdata.Gauge[float64]{}
		for i := range 20 {
			p := metricdata.DataPoint[float64]{Attributes: attribute.NewSet(route(i)), Value: 0.01}
			if i < n {
				p.Value = (ms + float64(i)) / 1000
			}
			data.DataPoints = append(data.DataPoints, p)
		}
		j.tick(metricUnit("recorded", "s", data))
	}
	step(2, 200)
	j.want(
		"ALERT search_ms = 200.000 exceeds baseline 100.000 by 100.0% http.route=/a",
		"ALERT search_ms = 201.000 exceeds baseline 100.000 by 101.0% http.route=/b",
	)
	step(12, 200) // ten more: one alert
	if len(j.alerts) != 1 || j.alerts[0].Groups != 10 {
		t.Fatalf("got %v", j.alerts)
	}
	summary := j.alerts[0].ID()
	j.want("ALERT search_ms = 211.000 exceeds baseline 100.000 by 111.0% otelperf.alert.summary=true (10 groups fire, the worst: http.route=/l)")
	step(15, 200)
	j.want()
	for range 4 {
		step(15, 300)
	}
	reminders := 0
	for _, a := range j.alerts {
		if !a.Reminder {
			t.Errorf("got %s", a)
		}
		if a.Groups > 0 {
			reminders++
			if a.Groups != 13 || a.ID() != summary {
				t.Errorf("got %+v", a)
			}
		}
	}
	if reminders != 1 || len(j.alerts) != 3 {
		t.Errorf("got %v, want a reminder of each of two groups and one of the others", j.alerts)
	}
	j.alerts = nil
	if active := j.find("otelperf.alert.active").(metricdata.Gauge[int64]); len(active.DataPoints) != 20 || active.DataPoints[14].Value != 1 {
		t.Errorf("the metrics do not tell the groups apart: %v", active)
	}
	step(3, 300) // one of the covered ones fires still
	j.want()
	step(2, 300)
	j.want("RESOLVED search_ms is back within baseline 100.000 after 7m0s otelperf.alert.summary=true")
	step(3, 300) // there is room again
	j.want("ALERT search_ms = 302.000 exceeds baseline 100.000 by 202.0% http.route=/c")
	step(0, 0)
	j.wantStates(views.Resolved, views.Resolved, views.Resolved)
}
