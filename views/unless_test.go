package views_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func TestUnlessHandsOver(t *testing.T) {
	ops := views.Baseline{Name: "throughput_qps", Metric: opDuration, Statistic: views.Rate, Target: 10, Direction: views.LowerIsWorse, Unless: "http.server.request.duration"}
	web := ops
	web.Metric, web.Unless = "http.server.request.duration", ""
	j, o, h := newJudge(t, ops, web), calls(search), calls()
	for range 3 {
		o.add(60, 0.03)
		j.tick(j.durations(opDuration, o))
	}
	j.want("ALERT throughput_qps = 1.000 falls below baseline 10.000 by 90.0%")
	for range 3 {
		o.add(60, 0.03)
		h.add(6000, 0.03)
		j.tick(j.durations(opDuration, o), j.durations(web.Metric, h))
	}
	j.want("RESOLVED throughput_qps is back within baseline 10.000 after 2m0s (http.server.request.duration is judged instead)")
	if s := j.p.Status(); len(s) != 1 || s[0].Metric != web.Metric || !near(s[0].Value, 100) {
		t.Errorf("got %+v", s)
	}
}

// TestUnlessWorksForAMetricThatNobodyJudges, too.
func TestUnlessWorksForAMetricThatNobodyJudges(t *testing.T) {
	b := recorded(100)
	b.Unless = "takes.over"
	j := newJudge(t, b)
	j.tick(gauge("recorded", "s", 1), gauge("takes.over", "1", 1))
	j.want()
}

// TestUnlessNeedsASeries: a metric that takes over but has none takes over
// nothing.
func TestUnlessNeedsASeries(t *testing.T) {
	b := recorded(100)
	b.Unless = "takes.over"
	for _, judged := range []bool{false, true} {
		baselines := []views.Baseline{b}
		if judged {
			baselines = append(baselines, views.Baseline{Name: "other", Metric: "takes.over", Statistic: views.Value, Target: 1})
		}
		j := newJudge(t, baselines...)
		j.tick(gauge("recorded", "s", 1), metricUnit("takes.over", "1", metricdata.Gauge[float64]{}))
		j.wantStates(views.Firing)
	}
}

// TestUnlessEndsOneBaselineOnly: of those that judge the same series and calls
// in flight, one is over for good, and the other goes on.
func TestUnlessEndsOneBaselineOnly(t *testing.T) {
	of := func(name string, unless string) views.Baseline {
		b := latency()
		b.Name, b.Match, b.By, b.Unless = name, nil, []attribute.Key{search.Key}, unless
		return b
	}
	second := attribute.String(string(search.Key), "second")
	j := newJudge(t, of("ends", "takes.over"), of("stays", ""))
	s, hangs := calls(search), attribute.String(string(search.Key), "hangs")
	step := func(more ...metricdata.Metrics) {
		t.Helper()
		j.tick(append(more, j.durations(opDuration, s.add(50, 0.2)), j.updown(opActive, "1", num(1, hangs)))...)
	}
	step()
	step()
	j.want(
		"ALERT ends = 200.000 exceeds baseline 100.000 by 100.0% otelperf.operation.name=search",
		"ALERT stays = 200.000 exceeds baseline 100.000 by 100.0% otelperf.operation.name=search",
		"ALERT ends = 60000.000 exceeds baseline 100.000 by 59900.0% otelperf.operation.name=hangs (at least: 1 calls in flight, none completed)",
		"ALERT stays = 60000.000 exceeds baseline 100.000 by 59900.0% otelperf.operation.name=hangs (at least: 1 calls in flight, none completed)",
	)
	step(gauge("takes.over", "1", 1))
	j.want(
		"RESOLVED ends is back within baseline 100.000 after 2m0s otelperf.operation.name=search (takes.over is judged instead)",
		"RESOLVED ends is back within baseline 100.000 after 1m0s otelperf.operation.name=hangs (takes.over is judged instead)",
	)
	transitions := map[string]int64{}
	for _, p := range j.find("otelperf.alert.transitions").(metricdata.Sum[int64]).DataPoints {
		name, _ := p.Attributes.Value("otelperf.baseline.name")
		state, _ := p.Attributes.Value("otelperf.alert.state")
		transitions[name.AsString()+" "+state.AsString()] = p.Value
	}
	if transitions["ends resolved"] != 2 || transitions["stays resolved"] != 0 {
		t.Errorf("got %v", transitions)
	}
	for range 4 { // the calls that hang are seen still
		step()
	}
	j.want()
	s.add(50, 0.03) // the other one sees everything still, and alone what is new
	step(j.updown(opActive, "1", num(1, second)))
	for _, a := range j.alerts {
		if a.Name != "stays" {
			t.Errorf("got %s", a)
		}
	}
	if st := j.status(search); st.Name != "stays" || st.Count != 100 || len(j.p.Status()) != 3 {
		t.Errorf("got %+v", j.p.Status())
	}
	j.tick(j.durations(opDuration, s.add(50, 0.03), calls(second).add(50, 0.2)), j.updown(opActive, "1", num(0, hangs), num(1, second)))
	j.want(
		"RESOLVED stays = 48.000 is back within baseline 100.000 after 8m0s otelperf.operation.name=search",
		"ALERT stays = 200.000 exceeds baseline 100.000 by 100.0% otelperf.operation.name=second",
	)
}

// TestUnlessTellsNothingTwice: what another baseline told in the same interval.
func TestUnlessTellsNothingTwice(t *testing.T) {
	ends := recorded(100)
	ends.Name, ends.Unless = "ends", "takes.over"
	j := newJudge(t, recorded(100), ends)
	j.tick(gauge("recorded", "s", 1), gauge("takes.over", "1", 1))
	j.want("ALERT search_ms = 1000.000 exceeds baseline 100.000 by 900.0%")
}
