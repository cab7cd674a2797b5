package views_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// The scenarios are written from the view of whoever carries the pager: what
// happens to a shop, minute by minute, and who is woken by it, when, and that
// it is once.

const (
	memory = "process.memory.usage"
	night  = 8 * 60 // minutes
)

// onCall are the baselines that the shop's team has set.
func onCall() []views.Baseline {
	return []views.Baseline{
		{ // a page
			Name: "checkout_ms", Metric: opDuration, Match: []attribute.KeyValue{checkout},
			Statistic: views.P95, Target: 100, Unit: "ms", For: 3 * time.Minute, KeepFiringFor: 5 * time.Minute, ClearPercent: 110,
			Severity: "page",
		},
		{ // a page
			Name: "checkout_errors", Metric: opDuration, Match: []attribute.KeyValue{checkout},
			Statistic: views.ErrorRatio, Target: 1, Unit: "%", ThresholdPercent: 200, For: 2 * time.Minute,
			Severity: "page",
		},
		{ // a ticket for each route
			Name: "route_ms", Metric: webTime, By: []attribute.Key{"http.route"},
			Statistic: views.P95, Target: 100, Unit: "ms", For: 2 * time.Minute, KeepFiringFor: 2 * time.Minute,
			Severity: "ticket",
		},
		{ // a ticket
			Name: "memory_mb", Metric: memory, Statistic: views.Value, Target: 1024, Unit: "MiB", ThresholdPercent: 100, For: 5 * time.Minute,
			Severity: "ticket",
		},
	}
}

var checkout = attribute.String("otelperf.operation.name", "checkout")

// A shop is the service: what it did in the minute that is told of.
type shop struct {
	*judge
	checkout, failed *series
	routes           []*series
	hanging          float64
	megabytes        float64
	told             []string
	began            time.Time
}

func newShop(j *judge, routes int) *shop {
	s := &shop{judge: j, began: j.at, megabytes: 300}
	s.checkout = calls(checkout)
	s.failed = calls(checkout, attribute.String("error.type", "timeout"))
	for i := range routes {
		s.routes = append(s.routes, calls(attribute.String("http.route", fmt.Sprintf("/r%02d", i)), attribute.Int("http.response.status_code", 200)))
	}
	return s
}

// minutes lets time pass. In each minute do says what happens.
func (s *shop) minutes(n int, do func(s *shop)) {
	for range n {
		do(s)
		m := []metricdata.Metrics{
			s.durations(opDuration, s.checkout, s.failed), s.durations(webTime, s.routes...),
			s.updown(opActive, "{operation}", num(s.hanging, checkout)),
			gauge(memory, "By", s.megabytes*(1<<20)),
		}
		s.tick(m...)
		for _, a := range s.alerts {
			s.told = append(s.told, fmt.Sprintf("%3.0f min, %s: %s", s.at.Sub(s.began).Minutes(), a.Severity, a))
		}
		s.alerts = nil
	}
}

// busy is an ordinary minute: a thousand checkouts at 30 ms, one of them fails.
func busy(s *shop) {
	s.checkout.add(999, 0.03)
	s.failed.add(1, 0.03)
	for _, r := range s.routes {
		r.add(200, 0.03)
	}
}

func (s *shop) woken(want ...string) {
	s.t.Helper()
	if got := strings.Join(s.told, "\n"); got != strings.Join(want, "\n") {
		s.t.Errorf("told was\n%s\n\nwant\n%s", got, strings.Join(want, "\n"))
	}
	s.told = nil
}

func TestScenarioQuietDay(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 20)
	s.minutes(24*60, busy)
	s.woken()
}

func TestScenarioSlowTail(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 2)
	s.minutes(30, busy)
	s.minutes(20, func(s *shop) { // the median is fine, every tenth is slow
		s.checkout.add(900, 0.03).add(100, 0.2)
	})
	s.minutes(30, busy)
	s.woken(
		" 34 min, page: ALERT checkout_ms = 185.000 exceeds baseline 100.000 by 85.0%",
		" 56 min, page: RESOLVED checkout_ms = 48.000 is back within baseline 100.000 after 22m0s",
	)
}

func TestScenarioAllCallsFail(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 2)
	s.minutes(30, busy)
	s.minutes(15, func(s *shop) { s.failed.add(1000, 0.001) }) // fast, and useless
	s.minutes(15, busy)
	s.woken(
		" 33 min, page: ALERT checkout_errors = 100.000 exceeds baseline 1.000 by 9900.0%",
		" 46 min, page: RESOLVED checkout_errors = 0.100 is back within baseline 1.000 after 13m0s",
	)
}

func TestScenarioAllCallsHang(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 0)
	s.minutes(30, busy)
	s.hanging = 12
	s.minutes(1, busy)
	s.minutes(60, func(s *shop) { s.hanging += 5 }) // nothing ever completes
	s.hanging = 0
	s.minutes(20, busy)
	s.woken(
		" 35 min, page: ALERT checkout_ms = 60000.000 exceeds baseline 100.000 by 59900.0% (at least: 32 calls in flight, none completed)",
		" 97 min, page: RESOLVED checkout_ms = 30.000 is back within baseline 100.000 after 1h2m0s",
	)
}

// TestScenarioTrafficStopsAtNight: nobody is woken because nobody shops, and
// an alert that fires when the traffic ends does not ring all night.
func TestScenarioTrafficStopsAtNight(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 2)
	s.minutes(30, busy)
	s.minutes(night, func(*shop) {})
	s.minutes(30, busy)
	s.woken()
	s.minutes(10, func(s *shop) { s.checkout.add(1000, 0.2) })
	s.minutes(night, func(*shop) {})
	s.minutes(30, func(s *shop) { s.checkout.add(3, 3) }) // three early birds say nothing
	s.woken(
		"544 min, page: ALERT checkout_ms = 200.000 exceeds baseline 100.000 by 100.0%",
		"553 min, page: RESOLVED checkout_ms has no data any more, baseline 100.000 after 9m0s",
	)
}

// TestScenarioDeploy: the process restarts while something fires, and once
// more while nothing does.
func TestScenarioDeploy(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 2)
	slow := func(s *shop) { s.checkout.add(1000, 0.2) }
	s.minutes(30, busy)
	s.minutes(10, slow)
	deploy := func() {
		old := s
		s = newShop(old.judge.restart(20*time.Second, onCall()...), 2)
		s.began, s.told = old.began, old.told
		for _, r := range append(s.routes, s.checkout, s.failed) {
			r.start = s.at
		}
	}
	deploy()
	s.minutes(5, slow)
	s.minutes(20, busy)
	deploy()
	s.minutes(20, busy)
	s.woken(
		" 34 min, page: ALERT checkout_ms = 200.000 exceeds baseline 100.000 by 100.0%",
		" 51 min, page: RESOLVED checkout_ms = 48.000 is back within baseline 100.000 after 17m20s",
	)
}

func TestScenarioOneBadRouteAmongAHundred(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 100)
	s.minutes(30, busy)
	s.minutes(30, func(s *shop) {
		busy(s)
		s.routes[42].add(200, 1)
	})
	s.minutes(10, busy)
	s.woken(
		" 33 min, ticket: ALERT route_ms = 925.000 exceeds baseline 100.000 by 825.0% http.route=/r42",
		" 63 min, ticket: RESOLVED route_ms = 48.000 is back within baseline 100.000 after 30m0s http.route=/r42",
	)
}

// TestScenarioTheDatabaseIsSlow: every route suffers, one ticket is enough.
func TestScenarioTheDatabaseIsSlow(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 100)
	s.minutes(30, busy)
	s.minutes(10, func(s *shop) {
		for i, r := range s.routes {
			r.add(200, 0.2+float64(i)/1000)
		}
	})
	s.minutes(10, busy)
	s.woken(
		" 33 min, ticket: ALERT route_ms = 299.000 exceeds baseline 100.000 by 199.0% otelperf.alert.summary=true (100 groups fire, the worst: http.route=/r99)",
		" 43 min, ticket: RESOLVED route_ms is back within baseline 100.000 after 10m0s otelperf.alert.summary=true",
	)
}

// TestScenarioCardinalityOverflow: someone put a user ID into a route. What is
// hidden does not resolve what fires, and wakes nobody either.
func TestScenarioCardinalityOverflow(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 3)
	s.minutes(30, busy)
	hidden := calls(attribute.Bool("otel.metric.overflow", true))
	s.routes = append(s.routes, hidden)
	s.minutes(10, func(s *shop) { busy(s); s.routes[0].add(200, 1) })
	s.minutes(10, busy)     // well again, as far as can be seen
	s.routes = s.routes[:3] // the bug is gone, the overflow series with it
	s.minutes(10, busy)
	s.woken(
		" 33 min, ticket: ALERT route_ms = 925.000 exceeds baseline 100.000 by 825.0% http.route=/r00 (incomplete: some series of http.server.request.duration are in its overflow series)",
		" 53 min, ticket: RESOLVED route_ms = 48.000 is back within baseline 100.000 after 20m0s http.route=/r00",
	)
}

func TestScenarioLeak(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 2)
	s.minutes(12*60, func(s *shop) { busy(s); s.megabytes += 2 })
	s.megabytes = 300 // restarted by its owner
	s.minutes(10, busy)
	s.woken(
		"368 min, ticket: ALERT memory_mb = 1036.000 exceeds baseline 1024.000 by 1.2%",
		"721 min, ticket: RESOLVED memory_mb = 300.000 is back within baseline 1024.000 after 5h53m0s",
	)
}

// TestScenarioFlapping: up and down every minute. What does not last does not
// wake; what fires does not end with the first good minute.
func TestScenarioFlapping(t *testing.T) {
	s := newShop(newJudge(t, onCall()...), 2)
	bad := false
	s.minutes(60, func(s *shop) {
		if bad = !bad; bad {
			s.checkout.add(1000, 0.2)
		} else {
			busy(s)
		}
	})
	s.woken()
	s.minutes(4, func(s *shop) { s.checkout.add(1000, 0.2) })
	s.minutes(60, func(s *shop) {
		if bad = !bad; bad {
			s.checkout.add(1000, 0.2)
		} else {
			busy(s)
		}
	})
	s.minutes(10, busy)
	s.woken(
		" 64 min, page: ALERT checkout_ms = 200.000 exceeds baseline 100.000 by 100.0%",
		"129 min, page: RESOLVED checkout_ms = 48.000 is back within baseline 100.000 after 1h5m0s",
	)
}

// TestScenarioBackendDown: for an hour no export succeeds. Whoever has to be
// woken is woken all the same, at the same minute.
func TestScenarioBackendDown(t *testing.T) {
	var told []string
	at := epoch
	down := &failing{capture: capture{&judge{}}, err: errors.New("backend down")}
	p, err := views.NewProcessor(down, onCall()[:2], views.WithInterval(time.Minute), views.WithNotify(func(a views.Alert) {
		told = append(told, fmt.Sprintf("%3.0f min: %s", at.Sub(epoch).Minutes(), a))
	}))
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{t: t}
	s := calls(checkout)
	for minute := range 60 {
		at = at.Add(time.Minute)
		j.at, j.last = at, at.Add(-time.Minute)
		if minute >= 30 && minute < 40 {
			s.add(1000, 0.2)
		} else {
			s.add(1000, 0.03)
		}
		m := j.durations(opDuration, s)
		m.Data = j.dated(m.Data)
		if err := p.Export(context.Background(), collection(m)); err == nil {
			t.Fatal("the backend is down and no error came back")
		}
	}
	want := []string{
		" 34 min: ALERT checkout_ms = 200.000 exceeds baseline 100.000 by 100.0%",
		" 46 min: RESOLVED checkout_ms = 48.000 is back within baseline 100.000 after 12m0s",
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told was %q, want %q", told, want)
	}
}
