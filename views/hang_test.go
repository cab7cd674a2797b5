package views_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

const (
	opActive   = "otelperf.operation.active"
	webTime    = "http.server.request.duration"
	webActive  = "http.server.active_requests"
	webStreams = "otelperf.http.server.streams"
)

// TestEveryCallHangs: not one call ever completes, so there never is a
// duration, not even its unit.
func TestEveryCallHangs(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j := newJudge(latency())
		j.tick(j.updown(opActive, "{operation}", num(3, search)))
		j.want()
		more := 1.0 // a delta says what came on top
		if !j.delta {
			more = 4
		}
		j.tick(j.updown(opActive, "{operation}", num(more, search)))
		j.want("ALERT search_ms = 60000.000 exceeds baseline 100.000 by 59900.0% (at least: 4 calls in flight, none completed)")
		if s := j.status(); s.State != views.Firing || s.Unit != "ms" || s.Value != 60000 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestHangInsideOneShortBaselineOnly(t *testing.T) {
	slow := latency()
	slow.Name, slow.Target, slow.Unit = "batch_min", 10, "min"
	j := newJudge(t, slow)
	for range 5 {
		j.tick(j.updown(opActive, "{operation}", num(3, search)))
	}
	j.want() // a minute without an end says nothing about ten minutes
}

// TestHangIsNotSilence: a latency that fires stays so while calls are in
// flight, however long nothing completes.
func TestHangIsNotSilence(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		b := latency()
		b.Target, b.Unit = 600, "s" // longer than any interval: a hang is no breach
		j, s := newJudge(b), calls(search)
		s.add(30, 1000)
		j.tick(j.durations(opDuration, s), j.updown(opActive, "{operation}", num(1, search)))
		j.wantStates(views.Firing)
		held := 1.0
		if j.delta {
			held = 0
		}
		for range 10 {
			j.tick(j.durations(opDuration, s), j.updown(opActive, "{operation}", num(held, search)))
		}
		j.want()
		if j.delta {
			j.tick(j.updown(opActive, "{operation}", num(-1, search)))
		}
		for range 4 {
			j.tick(j.durations(opDuration, s), j.updown(opActive, "{operation}", num(0, search)))
		}
		j.wantStates(views.Resolved)
	})
}

// TestACompletedCallEndsAHang, but resolves nothing by itself.
func TestACompletedCallEndsAHang(t *testing.T) {
	j, s := newJudge(t, latency()), calls(search)
	active := func(n float64) { j.tick(j.durations(opDuration, s), j.updown(opActive, "{operation}", num(n, search))) }
	s.add(100, 0.03)
	active(2)
	s.add(1, 0.03)
	active(2)
	j.want()
	active(2)
	j.wantStates(views.Firing)
	s.add(5, 0.03) // too few to say that all is well
	active(2)
	j.want()
	s.add(50, 0.03)
	active(2)
	j.wantStates(views.Resolved)
}

// TestFewerCallsInFlightAreNoHang: some ended, in whatever way, though nobody
// recorded how.
func TestFewerCallsInFlightAreNoHang(t *testing.T) {
	j := newJudge(t, latency())
	for n := 10.0; n > 0; n-- {
		j.tick(j.updown(opActive, "{operation}", num(n, search)))
	}
	j.want()
}

func TestHangsOfHTTPHaveNoRoute(t *testing.T) {
	b := views.Baseline{Name: "max_response_time_ms", Metric: webTime, By: []attribute.Key{"http.route"}, Statistic: views.P95, Target: 100, Unit: "ms", ThresholdPercent: 100}
	method := attribute.String("http.request.method", "GET")
	j := newJudge(t, b)
	a, c := calls(method, attribute.String("http.route", "/a")), calls(method, attribute.String("http.route", "/c"))
	step := func(active, streams float64) {
		j.tick(j.durations(webTime, a, c), j.updown(webActive, "{request}", num(active, method)), j.updown(webStreams, "{stream}", num(streams, method)))
	}
	a.add(50, 0.03)
	step(2, 0)
	a.add(1, 0.03) // one route works on, so nothing is known of the other
	step(2, 0)
	j.want()
	step(2, 0) // nothing completes any more, on any route
	j.want("ALERT max_response_time_ms = 60000.000 exceeds baseline 100.000 by 59900.0% (at least: 2 calls in flight, none completed)")
	step(2, 0)
	j.want()
	c.add(1, 0.03)
	step(2, 0)
	j.want("RESOLVED max_response_time_ms is back within baseline 100.000 after 2m0s (calls complete again)")
}

func TestStreamsThatStayOpenAreNoHang(t *testing.T) {
	b := views.Baseline{Name: "web_ms", Metric: webTime, Statistic: views.P95, Target: 100, Unit: "ms"}
	method := attribute.String("http.request.method", "GET")
	j := newJudge(t, b)
	for range 10 {
		j.tick(j.updown(webActive, "{request}", num(7, method)), j.updown(webStreams, "{stream}", num(7, method)))
	}
	j.want()
	for range 2 {
		j.tick(j.updown(webActive, "{request}", num(8, method)), j.updown(webStreams, "{stream}", num(7, method)))
	}
	j.wantStates(views.Firing)
}

// TestRouteThatFiresStaysSoWhileRequestsHang: the requests in flight have no
// route, and might be those.
func TestRouteThatFiresStaysSoWhileRequestsHang(t *testing.T) {
	b := views.Baseline{Name: "web_s", Metric: webTime, By: []attribute.Key{"http.route"}, Statistic: views.P95, Target: 300, Unit: "s"}
	j, a := newJudge(t, b), calls(attribute.String("http.route", "/a"))
	a.add(50, 1000)
	j.tick(j.durations(webTime, a), j.updown(webActive, "{request}", num(1)))
	j.wantStates(views.Firing)
	for range 10 {
		j.tick(j.durations(webTime, a), j.updown(webActive, "{request}", num(1)))
	}
	j.want()
	for range 4 {
		j.tick(j.durations(webTime, a), j.updown(webActive, "{request}", num(0)))
	}
	j.wantStates(views.Resolved)
}

func TestActiveMetricMayBeNamedOrRefused(t *testing.T) {
	own := views.Baseline{Name: "rpc_ms", Metric: "rpc.duration", Statistic: views.P95, Target: 100, Unit: "ms", Active: "rpc.active"}
	none := latency()
	none.Active = "-"
	j := newJudge(t, own, none)
	for range 3 {
		j.tick(gauge("rpc.active", "{call}", 2), j.updown(opActive, "{operation}", num(2, search)))
	}
	j.want("ALERT rpc_ms = 60000.000 exceeds baseline 100.000 by 59900.0% (at least: 2 calls in flight, none completed)")
}

// TestClockThatJumpsMakesNoHang of hours.
func TestClockThatJumpsMakesNoHang(t *testing.T) {
	b := latency()
	b.Target, b.Unit = 10, "min"
	j := newJudge(t, b)
	j.tick(j.updown(opActive, "{operation}", num(2, search)))
	j.after(5*time.Hour, j.updown(opActive, "{operation}", num(2, search)))
	j.want()
}

// TestCallsInFlightAreAMatch: an operation whose first calls have not ended yet
// is not taken for a misspelt name, whatever of it is judged.
func TestCallsInFlightAreAMatch(t *testing.T) {
	of := func(name string, s views.Statistic) views.Baseline {
		return views.Baseline{
			Name: name, Metric: opDuration, Statistic: s, Target: 1, Active: "-",
			Match: []attribute.KeyValue{attribute.String("otelperf.operation.name", name)},
		}
	}
	j := newJudge(t, of("search", views.Rate), of("serach", views.ErrorRatio))
	for range 5 {
		j.tick(j.updown(opActive, "{operation}", num(1, search), num(1, attribute.String("otelperf.operation.name", "other"))))
	}
	j.wantErrors(`views: baseline "serach" has matched nothing for three intervals: there is no metric otelperf.operation.duration`)
}

// TestRoutesStayWhileRequestsHang, whichever the collection names first.
func TestRoutesStayWhileRequestsHang(t *testing.T) {
	b := views.Baseline{Name: "web_s", Metric: webTime, By: []attribute.Key{"http.route"}, Statistic: views.P95, Target: 300, Unit: "s"}
	j, a := newJudge(t, b), calls(attribute.String("http.route", "/a"))
	a.add(50, 1000)
	for range 10 {
		j.tick(j.updown(webActive, "{request}", num(1)), j.durations(webTime, a))
	}
	j.wantStates(views.Firing)
}
