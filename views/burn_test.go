package views_test

import (
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

func burning() views.Baseline {
	b := latency()
	b.Name, b.Statistic, b.Unit, b.Target = "search_slo", views.ErrorRatio, "", 0
	b.Objective = 0.99
	b.Burn = []views.BurnWindow{{Long: time.Hour, Short: 5 * time.Minute, Factor: 10}}
	return b
}

func TestBurnRateNeedsBothWindows(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j := newJudge(burning())
		ok, failed := calls(search), calls(search, attribute.String("error.type", "x"))
		minutes := func(n int, bad uint64) {
			t.Helper()
			for range n {
				ok.add(100-bad, 0.03)
				failed.add(bad, 0.03)
				j.tick(j.durations(opDuration, ok, failed))
			}
		}
		minutes(60, 0)
		minutes(5, 50) // half of five minutes is a 24th of an hour: 250 of 6000 are 4.2 % and not 10 %
		j.want()
		minutes(7, 50) // 12 minutes: exactly 10 % of the hour
		j.want()
		minutes(1, 50)
		j.want("ALERT search_slo = 10.833 exceeds baseline 10.000 by 8.3% (10.8% were bad in 1h0m0s and 50% in 5m0s, 1% may be)")
		if s := j.status(); s.Target != 10 || s.Threshold != 10 || s.Unit != "1" || s.Count != 6000 {
			t.Errorf("got %+v", s)
		}
		minutes(3, 0) // 2 of 5 minutes were still bad
		j.want()
		minutes(1, 0) // one is, exactly the limit: the short window ends it, though the hour is bad
		j.want("RESOLVED search_slo = 10.000 is back within baseline 10.000 after 4m0s")
		minutes(1, 0)
		minutes(5, 11) // the hour is bad enough still: the short window decides
		j.wantStates(views.Firing)
	})
}

// TestBurnRateOfSlowCalls counts exactly, at the boundary of the target.
func TestBurnRateOfSlowCalls(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		b := burning()
		b.Statistic, b.Target, b.Unit = views.P99, 100, "ms"
		b.Burn = []views.BurnWindow{{Long: 10 * time.Minute, Short: time.Minute, Factor: 10}}
		j, s := newJudge(b), calls(search)
		for range 10 { // exactly at the target is good; 10 % are beyond it
			s.add(90, 0.1).add(10, 0.11)
			j.tick(j.durations(opDuration, s))
		}
		j.want()
		s.add(89, 0.1).add(11, 0.11)
		j.tick(j.durations(opDuration, s))
		j.want("ALERT search_slo = 10.100 exceeds baseline 10.000 by 1.0% (10.1% were bad in 10m0s and 11% in 1m0s, 1% may be)")
	})
}

func TestBurnRateWithoutABoundarySaysSo(t *testing.T) {
	b := burning()
	b.Statistic, b.Target, b.Unit = views.P99, 77, "ms"
	j, s := newJudge(t, b), calls(search)
	s.add(90, 0.03).add(10, 0.11)
	j.tick(j.durations(opDuration, s))
	if len(j.errs) != 1 || !strings.Contains(j.errs[0].Error(), "no bucket boundary") {
		t.Errorf("got %v", j.errs)
	}
}

func TestBurnRateIsSilentWithTheCalls(t *testing.T) {
	j, failed := newJudge(t, burning()), calls(search, attribute.String("error.type", "x"))
	failed.add(100, 0.03)
	j.tick(j.durations(opDuration, failed))
	j.wantStates(views.Firing) // a service that fails from its first call on
	for range 20 {
		j.tick(j.durations(opDuration, failed))
	}
	j.wantStates(views.Resolved)
	if s := j.status(); s.State != views.Silent {
		t.Errorf("got %+v", s)
	}
}

func TestBurnRateTakesForcedFlushes(t *testing.T) {
	j := newJudge(t, burning())
	ok, failed := calls(search), calls(search, attribute.String("error.type", "x"))
	for i := range 60 * 60 { // a flush every second for an hour, 9 % bad
		ok.add(91, 0.03)
		failed.add(9, 0.03)
		j.after(time.Second, j.durations(opDuration, ok, failed))
		if i == 1800 && !near(j.status().Value, 9) {
			t.Errorf("got %v", j.status().Value)
		}
	}
	j.want()
	if s := j.status(); !near(s.Value, 9) || s.Count < 345_000 || s.Count > 375_000 {
		t.Errorf("got %+v, want about an hour of calls", s)
	}
}

func TestBurnBaselinesAreValidated(t *testing.T) {
	window := func(long, short time.Duration, factor float64) func(*views.Baseline) {
		return func(b *views.Baseline) { b.Burn = []views.BurnWindow{{Long: long, Short: short, Factor: factor}} }
	}
	for want, change := range map[string]func(b *views.Baseline){
		"":                               func(*views.Baseline) {},
		"is not between 0 and 1":         func(b *views.Baseline) { b.Objective = 1 },
		"need an objective":              func(b *views.Baseline) { b.Objective = 0 },
		"cannot be relative":             func(b *views.Baseline) { b.Relative = 3 },
		"is worse when it is higher":     func(b *views.Baseline) { b.Direction = views.LowerIsWorse },
		"the burn rate of value":         func(b *views.Baseline) { b.Statistic = views.Value },
		"the burn window 1h0m0s and 2h":  window(time.Hour, 2*time.Hour, 1),
		"the burn window 1h0m0s and 0s":  window(time.Hour, 0, 1),
		"5m0s at 0: want":                window(time.Hour, 5*time.Minute, 0),
		"the burn window 744h0m1s and 1": window(744*time.Hour+time.Second, time.Hour, 1),
	} {
		b := burning()
		change(&b)
		if err := b.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, change := range map[string]func(b *views.Baseline){
		"has no target of its own": func(b *views.Baseline) { b.Target = 1 },
		"warms up for 5":           func(b *views.Baseline) { b.WarmUp = 5 },
		"relative to -1":           func(b *views.Baseline) { b.Relative = -1 },
		"relative to 10001":        func(b *views.Baseline) { b.Relative = 10_001 },
	} {
		b := recorded(0)
		b.Relative = 3
		change(&b)
		if err := b.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	b := burning()
	b.Burn = nil
	if _, err := views.Watch([]views.Baseline{b}); err != nil {
		t.Error(err)
	}
}
