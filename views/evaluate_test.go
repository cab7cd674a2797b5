package views_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

const opDuration = "otelperf.operation.duration"

var search = attribute.String("otelperf.operation.name", "search")

func latency() views.Baseline {
	return views.Baseline{
		Name: "search_ms", Metric: opDuration, Match: []attribute.KeyValue{search},
		Statistic: views.P95, Target: 100, Unit: "ms",
	}
}

func throughput() views.Baseline {
	return views.Baseline{
		Name: "search_qps", Metric: opDuration, Match: []attribute.KeyValue{search},
		Statistic: views.Rate, Target: 10, Direction: views.LowerIsWorse,
	}
}

// both runs a test over cumulative and delta data.
func both(t *testing.T, f func(t *testing.T, j func(...views.Baseline) *judge)) {
	for _, delta := range []bool{false, true} {
		t.Run(temporality(delta).String(), func(t *testing.T) {
			f(t, func(b ...views.Baseline) *judge { return judging(t, delta, b) })
		})
	}
}

func TestLatencyExactlyAtTheThresholdIsNotOver(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s := newJudge(latency()), calls(search)
		s.add(95, 0.03).add(5, 0.2) // 95 of 100 are at or below 120 ms
		j.tick(j.durations(opDuration, s))
		j.want()
		s.add(94, 0.12).add(6, 0.2) // one more is above
		j.tick(j.durations(opDuration, s))
		j.wantStates(views.Firing)
		if v := j.status().Value; !(v > 120) {
			t.Errorf("got %v", v)
		}
		s.add(95, 0.12).add(5, 0.2)
		j.tick(j.durations(opDuration, s))
		j.want("RESOLVED search_ms = 120.000 is back within baseline 100.000 after 1m0s")
	})
}

// TestEachIntervalIsJudgedByItself: an hour of good calls does not hide a bad
// minute, and a bad one does not outlast itself.
func TestEachIntervalIsJudgedByItself(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s := newJudge(latency()), calls(search)
		for range 60 {
			s.add(1000, 0.03)
			j.tick(j.durations(opDuration, s))
		}
		j.want()
		s.add(50, 0.2)
		j.tick(j.durations(opDuration, s))
		j.wantStates(views.Firing)
		s.add(50, 0.03)
		j.tick(j.durations(opDuration, s))
		j.wantStates(views.Resolved)
	})
}

func TestGroupsAreSummedOverTheirSeries(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		b := latency()
		b.Match, b.By = nil, []attribute.Key{"tenant"}
		j := newJudge(b)
		tenant := attribute.String("tenant", "a")
		ok, failed := calls(tenant, search), calls(tenant, search, attribute.String("error.type", "timeout"))
		other := calls(attribute.String("tenant", "b"))
		ok.add(90, 0.03)
		failed.add(10, 0.25)
		other.add(100, 0.03)
		j.tick(j.durations(opDuration, ok, failed, other))
		if len(j.alerts) != 1 || j.alerts[0].Count != 100 {
			t.Fatalf("got %+v", j.alerts)
		}
		j.want("ALERT search_ms = 185.000 exceeds baseline 100.000 by 85.0% tenant=a")
	})
}

func TestErrorRatio(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		b := views.Baseline{Name: "search_error_percent", Metric: opDuration, Statistic: views.ErrorRatio, Target: 5, Unit: "%"}
		j := newJudge(b)
		ok, failed := calls(search), calls(search, attribute.String("error.type", "timeout"))
		left := calls(search, attribute.String("error.type", "canceled"))
		ok.add(80, 0.03)
		left.add(14, 0.03)
		failed.add(6, 0.03)
		j.tick(j.durations(opDuration, ok, failed, left))
		j.want() // 6 of 100 is exactly 120 %
		ok.add(80, 0.03)
		left.add(13, 0.03)
		failed.add(7, 0.03)
		j.tick(j.durations(opDuration, ok, failed, left))
		j.want("ALERT search_error_percent = 7.000 exceeds baseline 5.000 by 40.0%")
	})
}

func TestServerErrorsAreFailuresByStatus(t *testing.T) {
	const metric = "http.server.request.duration"
	j := newJudge(t, views.Baseline{Name: "errors", Metric: metric, Statistic: views.ErrorRatio, Target: 1, Unit: "%"})
	code := func(c int) attribute.KeyValue { return attribute.Int("http.response.status_code", c) }
	j.tick(j.durations(metric, calls(code(200)).add(90, 0.03), calls(code(404)).add(5, 0.03), calls(code(503)).add(5, 0.03)))
	if v := j.status().Value; v != 5 {
		t.Errorf("got %v %% of failures, want 5", v)
	}
}

func TestTooFewMeasurementsSayNothing(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s := newJudge(latency()), calls(search)
		s.add(19, 1)
		j.tick(j.durations(opDuration, s))
		j.want()
		s.add(20, 1)
		j.tick(j.durations(opDuration, s))
		j.wantStates(views.Firing)
		for range 10 { // neither for …
			s.add(19, 0.03)
			j.tick(j.durations(opDuration, s))
		}
		j.want()
		s.add(20, 0.03) // … nor against
		j.tick(j.durations(opDuration, s))
		j.wantStates(views.Resolved)
	})
}

func TestDefaultMinCounts(t *testing.T) {
	for stat, need := range map[views.Statistic]uint64{
		views.Mean: 20, views.P50: 20, views.P95: 20, views.P99: 100, views.P999: 1000, views.Max: 1, views.ErrorRatio: 20,
	} {
		for _, n := range []uint64{need - 1, need} {
			if n == 0 {
				continue
			}
			j := newJudge(t, views.Baseline{Name: "b", Metric: opDuration, Statistic: stat, Target: 0})
			j.tick(j.durations(opDuration, calls(search, attribute.String("error.type", "x")).add(n, 1)))
			if fired := len(j.alerts) > 0; fired != (n >= need) {
				t.Errorf("%s over %d measurements: fired is %t", stat, n, fired)
			}
		}
	}
}

// TestRestartBeginsAfresh: what a series shows after a restart is of the time
// since, and not the difference to before.
func TestRestartBeginsAfresh(t *testing.T) {
	for name, restart := range map[string]func(*series, time.Time){
		"the start moved": func(s *series, at time.Time) { s.restart(at) },
		"a count fell":    func(s *series, _ time.Time) { s.restart(time.Time{}) },
	} {
		t.Run(name, func(t *testing.T) {
			j, s := newJudge(t, latency(), throughput()), calls(search)
			for range 5 {
				s.add(1000, 0.2)
				j.tick(j.durations(opDuration, s))
			}
			j.wantStates(views.Firing)
			restart(s, j.at.Add(50*time.Second))
			s.add(30, 0.03)
			j.tick(j.durations(opDuration, s))
			// 30 good calls count; but the rate of ten seconds is not that of a minute.
			j.wantStates(views.Resolved)
			s.add(60, 0.03)
			j.tick(j.durations(opDuration, s))
			j.want("ALERT search_qps = 1.000 falls below baseline 10.000 by 90.0%")
		})
	}
}

func TestDeltaLevelsAddUp(t *testing.T) {
	j := newDeltaJudge(t, views.Baseline{Name: "queue", Metric: "queue", Statistic: views.Value, Target: 10})
	j.tick(j.updown("queue", "{item}", num(8)))
	j.tick(j.updown("queue", "{item}", num(2)))
	j.want()
	j.tick(j.updown("queue", "{item}", num(3)))
	j.want("ALERT queue = 13.000 exceeds baseline 10.000 by 30.0%")
	for range 20 { // nothing changes, so nothing is reported: the level stands
		j.tick(gauge("alive", "1", 1))
	}
	j.want()
	if v := j.status().Value; v != 13 {
		t.Errorf("got %v, want 13", v)
	}
	j.tick(j.updown("queue", "{item}", num(-5)))
	j.wantStates(views.Resolved)
	if v := j.status().Value; v != 8 {
		t.Errorf("got %v, want 8", v)
	}
}

func TestTargetZeroAlertsAtAnythingPositive(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "panics", Metric: "panics", Statistic: views.Value, Target: 0})
	j.tick(gauge("panics", "{panic}", 0))
	j.want()
	j.tick(gauge("panics", "{panic}", 1))
	j.want("ALERT panics = 1.000 exceeds baseline 0.000")
	if !math.IsNaN(j.status().Excess) {
		t.Errorf("got an excess of %v", j.status().Excess)
	}
	if j.find("otelperf.baseline.excess") != nil {
		t.Error("an excess was exported")
	}
}

func TestMisfitsAreReportedOnce(t *testing.T) {
	wrongUnit := recorded(100)
	wrongUnit.Unit = "MiB"
	noBuckets := views.Baseline{Name: "p", Metric: "bare", Statistic: views.P95, Target: 1, MinCount: 1}
	j := newJudge(t, wrongUnit, noBuckets)
	for range 5 {
		j.tick(gauge("recorded", "s", 1), metricdata.Metrics{Name: "bare", Unit: "s", Data: metricdata.Histogram[float64]{
			Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{Count: 30, Sum: 90}},
		}})
	}
	j.want()
	if len(j.errs) != 2 || !strings.Contains(j.errs[0].Error(), `"MiB" does not fit`) || !strings.Contains(j.errs[1].Error(), "no buckets") {
		t.Errorf("got %v", j.errs)
	}
	if s := j.status(); s.State != views.Silent {
		t.Errorf("got %+v of a unit that does not fit", s)
	}
	if s := j.p.Status()[1]; s.State != views.OK {
		t.Errorf("got %+v, want that something was measured", s)
	}
}

// TestMetricsInMillisecondsAreJudged: not every instrumentation records
// seconds.
func TestMetricsInMillisecondsAreJudged(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "legacy_ms", Metric: "legacy", Statistic: views.Value, Target: 0.1, Unit: "s"})
	j.tick(gauge("legacy", "ms", 130))
	j.want("ALERT legacy_ms = 0.130 exceeds baseline 0.100 by 30.0%")
}

func TestDuplicateAndBadPointsAreCounted(t *testing.T) {
	j := newJudge(t, recorded(100))
	twice := gauge("recorded", "s", 0.01)
	g := twice.Data.(metricdata.Gauge[float64])
	g.DataPoints = append(g.DataPoints, g.DataPoints[0], g.DataPoints[0])
	g.DataPoints[2].Attributes = attribute.NewSet(attribute.Bool("a", true))
	g.DataPoints[2].Value = math.NaN()
	twice.Data = g
	j.tick(twice)
	got := map[string]int64{}
	sum, _ := j.find("otelperf.baseline.points.rejected").(metricdata.Sum[int64])
	for _, p := range sum.DataPoints {
		v, _ := p.Attributes.Value("otelperf.reason")
		got[v.AsString()] = p.Value
	}
	if len(got) != 2 || got["duplicate"] != 1 || got["invalid"] != 1 {
		t.Errorf("got %v", got)
	}
	j.want()
}

// TestRestartThatOutgrewThePast: the start alone tells that it is one.
func TestRestartThatOutgrewThePast(t *testing.T) {
	j, s := newJudge(t, latency()), calls(search)
	s.add(30, 0.03)
	j.tick(j.durations(opDuration, s))
	s.restart(j.at.Add(time.Second))
	s.add(100, 0.03)
	j.tick(j.durations(opDuration, s))
	if st := j.status(); st.Count != 100 || !st.Start.Equal(j.at.Add(-59*time.Second)) {
		t.Errorf("got %+v, want 100 calls since the restart", st)
	}
}

// TestTimeIsThatOfTheNewestPoint, whichever order the points come in.
func TestTimeIsThatOfTheNewestPoint(t *testing.T) {
	point := func(id int, at time.Duration) metricdata.DataPoint[float64] {
		return metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attribute.Int("id", id)), Time: epoch.Add(at), Value: 1}
	}
	j := newJudge(t, recorded(100))
	j.tick(metricUnit("recorded", "s", metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
		point(1, 40*time.Second), point(2, 50*time.Second), point(3, 30*time.Second),
	}}))
	want := epoch.Add(50 * time.Second)
	active, _ := j.find("otelperf.alert.active").(metricdata.Gauge[int64])
	if len(active.DataPoints) != 1 || !active.DataPoints[0].Time.Equal(want) {
		t.Errorf("got %+v, want a point of %v", active, want)
	}
	if s := j.status(); !s.End.Equal(want) {
		t.Errorf("the interval ended at %v, want %v", s.End, want)
	}
}

// TestObjectiveIsCheckedAtItsEdges: neither none nor all can be good.
func TestObjectiveIsCheckedAtItsEdges(t *testing.T) {
	for objective, ok := range map[float64]bool{-0.1: false, 1e-9: true, 0.999: true, 1: false, 1.5: false} {
		b := views.Baseline{Name: "b", Metric: "m", Statistic: views.ErrorRatio, Objective: objective}
		if err := b.Validate(); (err == nil) != ok {
			t.Errorf("an objective of %v: %v", objective, err)
		}
	}
}

// TestPointsWithoutATime are dated by the clock of the process.
func TestPointsWithoutATime(t *testing.T) {
	j := newJudge(t, recorded(100))
	j.skip(time.Minute)
	if err := j.p.Export(t.Context(), collection(gauge("recorded", "s", 0.2))); err != nil {
		t.Fatal(err)
	}
	if len(j.alerts) != 1 || !j.alerts[0].Start.Equal(epoch) || !j.alerts[0].End.Equal(j.at) || !j.alerts[0].Since.Equal(j.at) {
		t.Errorf("got %+v, want one of the minute to %v", j.alerts, j.at)
	}
}
