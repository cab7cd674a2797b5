package views_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/version"
	"github.com/otelperf/otelperf-go/views"
)

// reported is the scope that a Processor adds, checked for what every exporter
// relies on: each scope, metric and series once.
func (j *judge) reported() metricdata.ScopeMetrics {
	j.t.Helper()
	var out metricdata.ScopeMetrics
	scopes := map[instrumentation.Scope]bool{}
	for _, sm := range j.seen.ScopeMetrics {
		if sm.Scope.Name != "github.com/otelperf/otelperf-go/views" {
			continue
		}
		if scopes[sm.Scope] {
			j.t.Errorf("the scope %v is there twice", sm.Scope)
		}
		scopes[sm.Scope] = true
		out = sm
		names := map[string]bool{}
		for _, m := range sm.Metrics {
			if names[m.Name] {
				j.t.Errorf("the metric %s is there twice", m.Name)
			}
			names[m.Name] = true
			series := map[attribute.Distinct]bool{}
			each(m.Data, func(attrs attribute.Set, start, end time.Time) {
				if key := attrs.Equivalent(); series[key] {
					j.t.Errorf("%s has the series %v twice", m.Name, attrs.ToSlice())
				} else {
					series[key] = true
				}
				if start.After(end) {
					j.t.Errorf("%s starts at %v and ends at %v", m.Name, start, end)
				}
			})
		}
	}
	return out
}

func each(data metricdata.Aggregation, f func(attrs attribute.Set, start, end time.Time)) {
	switch d := data.(type) {
	case metricdata.Gauge[int64]:
		for _, p := range d.DataPoints {
			f(p.Attributes, p.StartTime, p.Time)
		}
	case metricdata.Gauge[float64]:
		for _, p := range d.DataPoints {
			f(p.Attributes, p.StartTime, p.Time)
		}
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			f(p.Attributes, p.StartTime, p.Time)
		}
	}
}

func TestFindingsLeaveInTheVerySameBatch(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j := newJudge(recorded(100))
		name := attribute.String("otelperf.baseline.name", "search_ms")
		j.tick(gauge("recorded", "s", 0.05))
		value := 0.14
		j.tick(gauge("recorded", "s", value))
		temp, start := metricdata.CumulativeTemporality, epoch
		if j.delta {
			temp, start = metricdata.DeltaTemporality, j.last
		}
		want := metricdata.ScopeMetrics{
			Scope: instrumentation.Scope{Name: "github.com/otelperf/otelperf-go/views", Version: version.Version, SchemaURL: semconv.SchemaURL},
			Metrics: []metricdata.Metrics{
				{
					Name: "otelperf.baseline.excess", Unit: "1",
					Description: "How much worse than its target a baseline's value is: 0.2 is 20 % worse.",
					Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
						{Attributes: attribute.NewSet(name), Time: j.at, Value: value*1000/100 - 1},
					}},
				}, {
					Name: "otelperf.alert.active", Unit: "{alert}",
					Description: "Whether the baseline's alert is firing: 1 or 0.",
					Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{
						{Attributes: attribute.NewSet(name), Time: j.at, Value: 1},
					}},
				}, {
					Name: "otelperf.alert.transitions", Unit: "{transition}",
					Description: "How often the baseline's alerts fired and resolved.",
					Data: metricdata.Sum[int64]{Temporality: temp, IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{
						{Attributes: attribute.NewSet(name, attribute.String("otelperf.alert.state", "firing")), StartTime: start, Time: j.at, Value: 1},
					}},
				},
			},
		}
		metricdatatest.AssertEqual(t, want, j.reported())

		// Nothing new: a delta has nothing to add, a cumulative sum stands.
		j.tick(gauge("recorded", "s", 0.14))
		sum, ok := j.find("otelperf.alert.transitions").(metricdata.Sum[int64])
		if ok == j.delta || ok && sum.DataPoints[0].Value != 1 {
			t.Errorf("got %+v", sum)
		}
		j.tick(gauge("recorded", "s", 0.05))
		j.tick(gauge("recorded", "s", 0.14))
		sum, _ = j.find("otelperf.alert.transitions").(metricdata.Sum[int64])
		total := map[string]int64{}
		for _, p := range sum.DataPoints {
			v, _ := p.Attributes.Value("otelperf.alert.state")
			total[v.AsString()] = p.Value
		}
		if j.delta && fmt.Sprint(total) != "map[firing:1]" || !j.delta && fmt.Sprint(total) != "map[firing:2 resolved:1]" {
			t.Errorf("got %v", total)
		}
		j.reported()
	})
}

// TestBaselinesOfOneNameShareASeries: the worse of the two stands for both.
func TestBaselinesOfOneNameShareASeries(t *testing.T) {
	other := recorded(100)
	other.Metric = "other"
	j := newJudge(t, recorded(100), other)
	for _, v := range [][2]float64{{0.05, 0.2}, {0.2, 0.05}} {
		j.tick(gauge("recorded", "s", v[0]), gauge("other", "s", v[1]))
		j.reported()
		active := j.find("otelperf.alert.active").(metricdata.Gauge[int64])
		excess := j.find("otelperf.baseline.excess").(metricdata.Gauge[float64])
		if len(active.DataPoints) != 1 || active.DataPoints[0].Value != 1 || excess.DataPoints[0].Value != 1 {
			t.Errorf("got %+v, %+v", active, excess)
		}
	}
}

// TestProcessorsInARow share the scope and its metrics.
func TestProcessorsInARow(t *testing.T) {
	for _, second := range []string{"other_ms", "search_ms"} {
		b := recorded(50)
		b.Name = second
		j := newJudge(t, b)
		first, err := views.NewProcessor(j.p, []views.Baseline{recorded(100)}, views.WithInterval(time.Minute), views.WithClock(func() time.Time { return j.at }))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []float64{0.2, 0.01, 0.2} {
			m := gauge("recorded", "s", v)
			j.last, j.at = j.at, j.at.Add(time.Minute)
			m.Data = j.dated(m.Data)
			rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{m}}}}
			if err := first.Export(context.Background(), rm); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(j.reported().Metrics); n != 3 {
			t.Errorf("%d metrics, want 3", n)
		}
		excess, active := map[string]float64{}, map[string]int64{}
		for _, p := range j.find("otelperf.baseline.excess").(metricdata.Gauge[float64]).DataPoints {
			name, _ := p.Attributes.Value("otelperf.baseline.name")
			excess[name.AsString()] = p.Value
		}
		for _, p := range j.find("otelperf.alert.active").(metricdata.Gauge[int64]).DataPoints {
			name, _ := p.Attributes.Value("otelperf.baseline.name")
			active[name.AsString()] = p.Value
		}
		want := [2]string{"map[other_ms:3 search_ms:1]", "map[other_ms:1 search_ms:1]"}
		if second == "search_ms" { // the worse of the two
			want = [2]string{"map[search_ms:3]", "map[search_ms:1]"}
		}
		if got := [2]string{fmt.Sprint(excess), fmt.Sprint(active)}; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		total := int64(0)
		for _, p := range j.find("otelperf.alert.transitions").(metricdata.Sum[int64]).DataPoints {
			total += p.Value
		}
		if total != 6 {
			t.Errorf("%d transitions, want 6", total)
		}
	}
}

// TestProcessorsInARowOfWhichTheFirstFoundLess: what only the second one has to
// tell stands beside what both have, and what the first found is not changed.
func TestProcessorsInARowOfWhichTheFirstFoundLess(t *testing.T) {
	for _, better := range []bool{false, true} { // the second is stricter, or the first
		strict, lax := recorded(50), recorded(1000)
		if better {
			strict, lax = lax, strict
		}
		j := newJudge(t, strict)
		first, err := views.NewProcessor(j.p, []views.Baseline{lax}, views.WithInterval(time.Minute), views.WithClock(func() time.Time { return j.at }))
		if err != nil {
			t.Fatal(err)
		}
		m := gauge("recorded", "s", 0.2)
		j.last, j.at = j.at, j.at.Add(time.Minute)
		m.Data = j.dated(m.Data)
		if err := first.Export(context.Background(), collection(m)); err != nil {
			t.Fatal(err)
		}
		j.reported()
		sum, _ := j.find("otelperf.alert.transitions").(metricdata.Sum[int64])
		active, _ := j.find("otelperf.alert.active").(metricdata.Gauge[int64])
		excess, _ := j.find("otelperf.baseline.excess").(metricdata.Gauge[float64])
		if len(sum.DataPoints) != 1 || len(active.DataPoints) != 1 || active.DataPoints[0].Value != 1 || len(excess.DataPoints) != 1 || excess.DataPoints[0].Value != 3 {
			t.Errorf("got %+v, %+v and %+v", sum, active, excess)
		}
	}
}

// TestOnlyWhatIsJudgedIsReported: no series of what is only observed, and no
// excess that is no number.
func TestOnlyWhatIsJudgedIsReported(t *testing.T) {
	seen := recorded(math.NaN())
	seen.Metric = "seen"
	j := newJudge(t, recorded(100), seen)
	j.tick(gauge("seen", "s", 1))
	if j.seen.ScopeMetrics[0].Scope.Name != "" || len(j.seen.ScopeMetrics) != 1 {
		t.Errorf("got %+v of what is only observed", j.seen)
	}
	j.tick(gauge("recorded", "s", 1e308), gauge("seen", "s", 1)) // in milliseconds it is infinite
	j.wantStates(views.Firing)
	if data := j.find("otelperf.baseline.excess"); data != nil {
		t.Errorf("got %+v", data)
	}
	if active, _ := j.find("otelperf.alert.active").(metricdata.Gauge[int64]); len(active.DataPoints) != 1 {
		t.Errorf("got %+v, want one", active)
	}
}

// TestDeltasOfTheReport begin with the Processor, then with the report before,
// and tell what came since.
func TestDeltasOfTheReport(t *testing.T) {
	j := newDeltaJudge(t, recorded(100))
	for minute, bad := range []int{2, 0, 1} {
		g := metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Value: float64(1 - minute%2)}}}
		for i := range bad {
			g.DataPoints = append(g.DataPoints, metricdata.DataPoint[float64]{Value: math.NaN(), Attributes: attribute.NewSet(attribute.Int("id", i))})
		}
		j.tick(metricUnit("recorded", "s", g))
		for name, want := range map[string]int64{"otelperf.alert.transitions": 1, "otelperf.baseline.points.rejected": int64(bad)} {
			sum, ok := j.find(name).(metricdata.Sum[int64])
			if ok != (want > 0) || ok && (len(sum.DataPoints) != 1 || sum.DataPoints[0].Value != want || !sum.DataPoints[0].StartTime.Equal(j.last)) {
				t.Errorf("minute %d: got %s %+v, want %d since %v", minute, name, sum, want, j.last)
			}
		}
	}
}

// TestReportIsValidWhateverTheClock: times in order, even if the clock is not.
func TestReportIsValidWhateverTheClock(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j := newJudge(recorded(100))
		for i, d := range []time.Duration{time.Minute, -time.Hour, time.Minute, 24 * time.Hour, 0, time.Minute} {
			j.after(d, gauge("recorded", "s", float64(i%2)))
			j.reported()
		}
	})
}
