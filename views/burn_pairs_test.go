package views_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// A minutely feeds a judge 100 calls a minute of which some fail.
type minutely struct {
	j          *judge
	ok, failed *series
}

func newMinutely(j *judge) minutely {
	return minutely{j, calls(search), calls(search, attribute.String("error.type", "x"))}
}

func (f minutely) minutes(n int, bad uint64) {
	f.j.t.Helper()
	for range n {
		f.ok.add(100-bad, 0.03)
		f.failed.add(bad, 0.03)
		f.j.tick(f.j.durations(opDuration, f.ok, f.failed))
	}
}

// TestBurnRateTellsOfTheWorstPair: the pair that is farthest beyond its factor
// gives the value, the target, the count and the reason, wherever it stands.
func TestBurnRateTellsOfTheWorstPair(t *testing.T) {
	pairs := []views.BurnWindow{
		{Long: 20 * time.Minute, Short: 2 * time.Minute, Factor: 3},
		{Long: time.Hour, Short: 10 * time.Minute, Factor: 2},
	}
	for _, reversed := range []bool{false, true} {
		b := burning()
		b.Burn = slices.Clone(pairs)
		if reversed {
			slices.Reverse(b.Burn)
		}
		f := newMinutely(newJudge(t, b))
		f.minutes(60, 3)
		f.j.want("ALERT search_slo = 3.000 exceeds baseline 2.000 by 50.0% (3% were bad in 1h0m0s and 3% in 10m0s, 1% may be)")
		if s := f.j.status(); s.Target != 2 || s.Count != 6000 {
			t.Errorf("reversed %v: got %+v, want the target of the slow pair and its hour of calls", reversed, s)
		}

		f = newMinutely(newJudge(t, b))
		f.minutes(60, 0)
		f.minutes(20, 9) // an hour holds a third of it, the short pair all
		if s := f.j.status(); s.Target != 3 || !near(s.Value, 9) || s.Count != 2000 {
			t.Errorf("reversed %v: got %+v, want the target of the fast pair and its twenty minutes", reversed, s)
		}
		f.j.want("ALERT search_slo = 3.150 exceeds baseline 3.000 by 5.0% (3.15% were bad in 20m0s and 9% in 2m0s, 1% may be)")
	}
}

// TestBurnRateOfNoPairsHasThose: of a fiftieth of a month's budget in an hour,
// and of a twentieth in six hours, until neither the long nor the short one says so.
func TestBurnRateOfNoPairsHasThose(t *testing.T) {
	b := burning()
	b.Burn = nil
	f := newMinutely(newJudge(t, b))
	f.minutes(6*60, 0)
	f.minutes(43, 20) // 43 of 60 minutes at 20: 14.33
	f.j.want()
	f.minutes(1, 20)
	f.j.want("ALERT search_slo = 14.667 exceeds baseline 14.400 by 1.9% (14.7% were bad in 1h0m0s and 20% in 5m0s, 1% may be)")

	f = newMinutely(newJudge(t, b))
	f.minutes(6*60, 0)
	f.minutes(240, 9) // 4 of 6 hours at 9: exactly 6
	f.j.want()
	f.minutes(1, 9)
	f.j.want("ALERT search_slo = 6.025 exceeds baseline 6.000 by 0.4% (6.02% were bad in 6h0m0s and 9% in 30m0s, 1% may be)")
}

// TestBurnRateNeedsItsMeasurements: of the whole long window, and that many are enough.
func TestBurnRateNeedsItsMeasurements(t *testing.T) {
	b := burning()
	b.MinCount = 500
	f := newMinutely(newJudge(t, b))
	f.minutes(4, 100)
	f.j.want()
	f.minutes(1, 100)
	f.j.wantStates(views.Firing)
}

// TestBurnRateClears at its share of the factor, not below it.
func TestBurnRateClears(t *testing.T) {
	b := burning()
	b.ClearPercent = 50
	b.Burn[0].Long, b.Burn[0].Short = 10*time.Minute, time.Minute
	f := newMinutely(newJudge(t, b))
	f.minutes(10, 11)
	f.j.wantStates(views.Firing)
	f.minutes(5, 6) // below the factor of 10, above a half of it
	f.j.want()
	f.minutes(1, 5)
	f.j.want("RESOLVED search_slo = 5.000 is back within baseline 10.000 after 15m0s")
}

// TestBurnRateGoesOnWithoutCalls while its windows are bad: the budget is no
// better for nobody calling. Only when they are not does a silence begin.
func TestBurnRateGoesOnWithoutCalls(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		f := newMinutely(newJudge(burning()))
		f.minutes(10, 100)
		f.j.wantStates(views.Firing)
		quiet := func(n int) {
			for range n {
				f.j.tick(f.j.durations(opDuration, f.ok, f.failed))
			}
		}
		quiet(6) // 4 minutes that the short window still sees, 2 of silence
		f.j.want()
		quiet(1)
		f.j.wantStates(views.Resolved)
	})
}

// TestBurnRateOfCounters: a counter whose attributes name the failures counts
// like the calls of a histogram.
func TestBurnRateOfCounters(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j := newJudge(burning())
		var ok, failed float64
		for range 3 {
			if j.delta {
				ok, failed = 0, 0
			}
			ok, failed = ok+80, failed+20
			j.tick(j.counter(opDuration, "1", num(ok, search), num(failed, search, attribute.String("error.type", "x"))))
		}
		j.want("ALERT search_slo = 20.000 exceeds baseline 10.000 by 100.0% (20% were bad in 1h0m0s and 20% in 5m0s, 1% may be)")
		if s := j.status(); s.Count != 300 {
			t.Errorf("got %+v, want 300 calls", s)
		}
	})
}

// TestBurnRateOfSlowCallsNeedsBuckets: a histogram without any, and one series
// of several, leave the share of slow calls unknown.
func TestBurnRateOfSlowCallsNeedsBuckets(t *testing.T) {
	for name, bare := range map[string]int{"all": 2, "some": 1} {
		b := burning()
		b.Statistic, b.Target, b.Unit = views.P99, 100, "ms"
		j := newJudge(t, b)
		m := j.durations(opDuration, calls(search).add(100, 0.2), calls(search, attribute.String("k", "v")).add(100, 0.2))
		points := m.Data.(metricdata.Histogram[float64]).DataPoints
		for i := range bare {
			points[i].Bounds, points[i].BucketCounts = nil, nil
		}
		j.tick(m)
		j.want()
		if len(j.errs) != 1 || !strings.Contains(j.errs[0].Error(), "no bucket boundary of ") {
			t.Errorf("%s: got %v", name, j.errs)
		}
	}
}

// TestBurnRateBeforeItKnows: the target is the factor of the first pair.
func TestBurnRateBeforeItKnows(t *testing.T) {
	if s := newJudge(t, burning()).status(); s.Target != 10 || s.Threshold != 10 {
		t.Errorf("got %+v", s)
	}
}

// TestBurnRateOfNoCalls is none.
func TestBurnRateOfNoCalls(t *testing.T) {
	j := newJudge(t, burning())
	j.tick(j.durations(opDuration, calls(search)))
	if s := j.status(); !math.IsNaN(s.Value) || s.State != views.Silent {
		t.Errorf("got %+v", s)
	}
}

// TestBurnRateExactlyAtItsLevels is not over either.
func TestBurnRateExactlyAtItsLevels(t *testing.T) {
	b := burning()
	b.Objective, b.ClearPercent = 0.5, 50
	b.Burn = []views.BurnWindow{{Long: 10 * time.Minute, Short: time.Minute, Factor: 1}}
	f := newMinutely(newJudge(t, b))
	f.minutes(10, 50) // half of them may be bad
	f.j.want()
	f.minutes(1, 60)
	f.j.wantStates(views.Firing)
	f.minutes(1, 26)
	f.j.want()
	f.minutes(1, 25)
	f.j.wantStates(views.Resolved)
}

// TestBurnRateOfTooFewMeasurementsResolvesNothing.
func TestBurnRateOfTooFewMeasurementsResolvesNothing(t *testing.T) {
	b := burning()
	b.Burn[0].Long, b.MinCount = 10*time.Minute, 300
	j, failed := newJudge(t, b), calls(search, attribute.String("error.type", "x"))
	for range 4 {
		j.tick(j.durations(opDuration, failed.add(100, 0.03)))
	}
	j.wantStates(views.Firing)
	for range 30 {
		j.tick(j.durations(opDuration, failed.add(1, 0.03)))
	}
	j.want()
}

// TestBurnRateOfEqualPairsIsThatOfTheFirst.
func TestBurnRateOfEqualPairsIsThatOfTheFirst(t *testing.T) {
	b := burning()
	b.Burn = append(b.Burn, views.BurnWindow{Long: 2 * time.Hour, Short: 10 * time.Minute, Factor: 3})
	f := newMinutely(newJudge(t, b))
	f.minutes(3, 0)
	if s := f.j.status(); s.Target != 10 || s.Value != 0 {
		t.Errorf("got %+v", s)
	}
}
