package views_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// TestWhichCallsInFlightHang: each case exports twice what is in flight, and
// nothing ever completes.
func TestWhichCallsInFlightHang(t *testing.T) {
	opName := attribute.String("otelperf.operation.name", "other")
	get := attribute.String("http.request.method", "GET")
	inFlight := func(name string, monotonic bool, attrs ...attribute.KeyValue) func(j *judge) metricdata.Metrics {
		n := 2.0
		return func(j *judge) metricdata.Metrics {
			m := j.sum(name, "1", monotonic, num(n, attrs...))
			if monotonic { // two more each time
				n += 2
			}
			return m
		}
	}
	of := func(change func(b *views.Baseline)) views.Baseline {
		b := latency()
		change(&b)
		return b
	}
	byName := of(func(b *views.Baseline) { b.Match, b.By = nil, []attribute.Key{opName.Key} })
	byMethod := of(func(b *views.Baseline) { b.Metric, b.Match, b.By = webTime, nil, []attribute.Key{get.Key} })
	named := of(func(b *views.Baseline) { b.Metric, b.Match, b.Active = "rpc.duration", nil, "rpc.active" })
	const after = "exceeds baseline 100.000 by 59900.0%"
	for _, tt := range []struct {
		name string
		b    views.Baseline
		of   func(j *judge) metricdata.Metrics
		want string // group, of the alert that is told
	}{
		{"its own", latency(), inFlight(opActive, false, search), " " + after},
		{"of another operation", latency(), inFlight(opActive, false, opName), ""},
		{"of a group", byName, inFlight(opActive, false, opName), " " + after + " otelperf.operation.name=other"},
		{"HTTP requests, which are in no group", byMethod, inFlight(webActive, false, get), " " + after},
		{"a count of all calls ever", latency(), inFlight(opActive, true, search), ""},
		{"those of the overflow series, which are in an unknown group", byName, inFlight(opActive, false, attribute.Bool("otel.metric.overflow", true)), ""},
		{"of a metric that is named", named, inFlight("rpc.active", false), " " + after},
		{"of a metric with an unknown unit", of(func(b *views.Baseline) {
			b.Metric, b.Match, b.Active, b.Unit, b.Target = "rpc.duration", nil, "rpc.active", "", 0.1
		}), inFlight("rpc.active", false), ""},
		{"of a known metric in its own unit", of(func(b *views.Baseline) { b.Unit, b.Target = "", 0.1 }), inFlight(opActive, false, search), "= 60.000 exceeds baseline 0.100 by 59900.0%"},
		{"for no longer than the threshold", of(func(b *views.Baseline) { b.Unit, b.Target = "s", 50 }), inFlight(opActive, false, search), ""},
		{"where slow is good", of(func(b *views.Baseline) { b.Direction = views.LowerIsWorse }), inFlight(opActive, false, search), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := newJudge(t, tt.b)
			j.tick(tt.of(j))
			j.want()
			j.tick(tt.of(j))
			var got string
			for _, a := range j.alerts {
				got += a.String()
			}
			text, hang := strings.CutSuffix(got, " (at least: 2 calls in flight, none completed)")
			if hang != (tt.want != "") || !strings.HasSuffix(text, tt.want) || strings.Count(text, "ALERT") > 1 {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestHangOfAMetricInMilliseconds: seconds are assumed until a series says
// otherwise, and calls in flight are held against the right level then, too.
func TestHangOfAMetricInMilliseconds(t *testing.T) {
	j, s := newJudge(t, latency()), calls(search)
	active := func() metricdata.Metrics { return j.updown(opActive, "1", num(2, search)) }
	inMilliseconds := func() metricdata.Metrics {
		m := j.durations(opDuration, s)
		m.Unit = "ms"
		return m
	}
	j.tick(active())
	s.add(100, 100)
	j.tick(inMilliseconds(), active())
	j.want()
	if st := j.status(); st.Value != 100 || st.Unit != "ms" {
		t.Errorf("got %+v, want 100 ms", st)
	}
	j.tick(inMilliseconds(), active())
	j.want("ALERT search_ms = 60000.000 exceeds baseline 100.000 by 59900.0% (at least: 2 calls in flight, none completed)")
	j.wantErrors()
}

// TestRequestsInFlightSayNothingOfARoute: its alert neither resolves because
// other routes complete requests, nor because fewer are in flight.
func TestRequestsInFlightSayNothingOfARoute(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		b := views.Baseline{Name: "web_ms", Metric: webTime, By: []attribute.Key{"http.route"}, Statistic: views.P95, Target: 100, Unit: "ms"}
		j := newJudge(b)
		a, c := calls(attribute.String("http.route", "/a")), calls(attribute.String("http.route", "/c"))
		step := func(active float64) {
			j.tick(j.updown(webActive, "{request}", num(active)), j.durations(webTime, a, c))
		}
		a.add(50, 0.2)
		c.add(50, 0.03)
		step(3)
		j.wantStates(views.Firing)
		c.add(50, 0.03)
		step(3)
		j.want()
		if active := j.find("otelperf.alert.active").(metricdata.Gauge[int64]); len(active.DataPoints) != 2 {
			t.Errorf("got %+v, want the two routes", active)
		}
		step(3) // no request completes any more
		j.wantStates(views.Firing)
		step(1) // nor here, though some have gone
		j.want()
		for range 10 { // what is in flight might be of the route
			step(1)
		}
		j.want()
		c.add(50, 0.03)
		step(1)
		j.want("RESOLVED web_ms is back within baseline 100.000 after 12m0s (calls complete again)")
		j.reported()
		for _, p := range j.find("otelperf.baseline.excess").(metricdata.Gauge[float64]).DataPoints {
			if p.Attributes.Len() != 2 {
				t.Errorf("an excess of what was not judged: %+v", p)
			}
		}
	})
}

// TestOperationThatNeverCompletedIsNotSilent: nothing was measured that could
// be missed, and when its calls are forgotten, so is it.
func TestOperationThatNeverCompletedIsNotSilent(t *testing.T) {
	b := latency()
	b.Match, b.By, b.NoData = nil, []attribute.Key{search.Key}, views.NoDataAlert
	j := newJudge(t, b)
	for range 5 {
		j.tick(j.updown(opActive, "1", num(0, search)))
	}
	for range 15 {
		j.tick(gauge("alive", "1", 1))
	}
	j.want()
	if s := j.p.Status(); len(s) != 1 || s[0].Group.Len() > 0 {
		t.Errorf("got %+v, want no group", s)
	}
}

// TestObservedLatencyIsSilentWhileCallsHang: there is nothing to be held against.
func TestObservedLatencyIsSilentWhileCallsHang(t *testing.T) {
	b := latency()
	b.Target = math.NaN()
	j, s := newJudge(t, b), calls(search)
	s.add(50, 0.03)
	for range 5 {
		j.tick(j.durations(opDuration, s), j.updown(opActive, "1", num(1, search)))
	}
	j.want()
	if s := j.status(); s.State != views.Silent || s.Value != 30 {
		t.Errorf("got %+v", s)
	}
}

// TestBurnRateOfSlowCallsStaysWhileCallsHang: that none completes empties its
// windows, and makes nothing better.
func TestBurnRateOfSlowCallsStaysWhileCallsHang(t *testing.T) {
	b := burning()
	b.Statistic, b.Target, b.Unit = views.P99, 100, "ms"
	j, s := newJudge(t, b), calls(search)
	s.add(100, 0.2)
	j.tick(j.durations(opDuration, s), j.updown(opActive, "1", num(1, search)))
	j.wantStates(views.Firing)
	for range 90 {
		j.tick(j.durations(opDuration, s), j.updown(opActive, "1", num(1, search)))
	}
	j.want()
	for range 3 {
		j.tick(j.durations(opDuration, s), j.updown(opActive, "1", num(0, search)))
	}
	j.wantStates(views.Resolved)
}

// TestCallsInFlightThatAreJudgedThemselves are so, and count as such.
func TestCallsInFlightThatAreJudgedThemselves(t *testing.T) {
	j := newJudge(t, latency(), views.Baseline{Name: "in_flight", Metric: opActive, Statistic: views.Value, Target: 1})
	for range 2 {
		j.tick(j.updown(opActive, "{operation}", num(2, search)))
	}
	j.want(
		"ALERT in_flight = 2.000 exceeds baseline 1.000 by 100.0%",
		"ALERT search_ms = 60000.000 exceeds baseline 100.000 by 59900.0% (at least: 2 calls in flight, none completed)",
	)
}

// TestTooManyOperationsInFlightAreCountedAndMakeRoomLater.
func TestTooManyOperationsInFlightAreCountedAndMakeRoomLater(t *testing.T) {
	b := latency()
	b.Match, b.By = nil, []attribute.Key{search.Key}
	j := newJudge(t, b)
	many := func(from, n int) metricdata.Metrics {
		numbers := make([]number, n)
		for i := range numbers {
			numbers[i] = num(0, attribute.String(string(search.Key), fmt.Sprint(from+i)))
			if from+i == 10_004 {
				numbers[i].v = 1
			}
		}
		return j.updown(opActive, "1", numbers...)
	}
	j.tick(many(0, 10_005))
	sum, _ := j.find("otelperf.baseline.points.rejected").(metricdata.Sum[int64])
	if len(sum.DataPoints) != 1 || sum.DataPoints[0].Value != 5 {
		t.Fatalf("got %+v, want 5 rejected", sum)
	}
	for range 15 {
		j.tick(many(9_995, 10))
	}
	j.want("ALERT search_ms = 60000.000 exceeds baseline 100.000 by 59900.0% otelperf.operation.name=10004 (at least: 1 calls in flight, none completed)")
}
