package views_test

import (
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		noData          views.NoData
		firing          bool
		silent, back    string // what is told after three intervals, and when good data come
		state, comeback views.State
	}{
		{views.NoDataResolve, false, "", "", views.Silent, views.OK},
		{views.NoDataResolve, true, "RESOLVED search_ms has no data any more, baseline 100.000 after 3m0s", "", views.Silent, views.OK},
		{views.NoDataKeep, false, "", "", views.OK, views.OK},
		{views.NoDataKeep, true, "", "RESOLVED search_ms = 30.000 is back within baseline 100.000 after 13m0s", views.Firing, views.OK},
		{views.NoDataAlert, false, "ALERT search_ms has no data, baseline 100.000", "RESOLVED search_ms = 30.000 is back within baseline 100.000 after 10m0s", views.Firing, views.OK},
		{views.NoDataAlert, true, "", "RESOLVED search_ms = 30.000 is back within baseline 100.000 after 13m0s", views.Firing, views.OK},
	} {
		name := tt.noData.String()
		if tt.firing {
			name += " firing"
		}
		t.Run(name, func(t *testing.T) {
			b := recorded(100)
			b.NoData = tt.noData
			j := newJudge(t, b)
			seconds := 0.03
			if tt.firing {
				seconds = 0.2
			}
			j.tick(gauge("recorded", "s", seconds))
			j.alerts = nil
			for range 30 { // flushes that take no time make no silence
				j.after(time.Second, gauge("alive", "1", 1))
			}
			j.after(30*time.Second, gauge("alive", "1", 1))
			j.tick(gauge("alive", "1", 1))
			j.want()
			j.tick(gauge("alive", "1", 1))
			if tt.silent == "" {
				j.want()
			} else {
				j.want(tt.silent)
			}
			if s := j.status().State; s != tt.state {
				t.Errorf("the state is %s, want %s", s, tt.state)
			}
			for range 9 {
				j.tick(gauge("alive", "1", 1))
			}
			j.want()
			j.tick(gauge("recorded", "s", 0.03))
			if tt.back == "" {
				j.want()
			} else {
				j.want(tt.back)
			}
			if s := j.status().State; s != tt.comeback {
				t.Errorf("the state is %s, want %s", s, tt.comeback)
			}
		})
	}
}

// TestSkippedCollectionsAreNoSilence: nothing was seen to be absent.
func TestSkippedCollectionsAreNoSilence(t *testing.T) {
	j, s := newDeltaJudge(t, latency()), calls(search)
	s.add(50, 0.2)
	j.tick(j.durations(opDuration, s))
	j.wantStates(views.Firing)
	j.skip(10 * time.Minute)
	j.tick(gauge("alive", "1", 1))
	j.want()
	s.add(50, 0.2)
	j.tick(j.durations(opDuration, s))
	j.want()
}

// TestLostChangesMakeALevelUnknown: a level of which only changes are told is
// wrong for ever when one is lost, so calls in flight are not believed then.
func TestLostChangesMakeALevelUnknown(t *testing.T) {
	j := newDeltaJudge(t, latency(), views.Baseline{Name: "queue", Metric: "queue", Statistic: views.Value, Target: 10})
	j.tick(j.updown(opActive, "1", num(2, search)), j.updown("queue", "1", num(5)))
	j.skip(time.Minute) // both calls ended, and nobody heard of it
	for range 5 {
		j.tick(j.updown(opActive, "1", num(0, search)), j.updown("queue", "1", num(9)))
	}
	j.want()
	if len(j.errs) != 1 || !strings.Contains(j.errs[0].Error(), `"queue" is not judged: a collection was lost`) {
		t.Errorf("got %v", j.errs)
	}
}

// TestDataThatSayNothingEndASilence: they are too few to judge, but not none.
func TestDataThatSayNothingEndASilence(t *testing.T) {
	b := latency()
	b.NoData = views.NoDataAlert
	j, s := newJudge(t, b), calls(search)
	s.add(50, 0.03)
	for range 5 {
		j.tick(j.durations(opDuration, s))
	}
	j.wantStates(views.Firing)
	s.add(1, 0.03)
	j.tick(j.durations(opDuration, s))
	j.wantStates(views.Resolved)
}

// TestGroupsThatVanishAreForgotten, whatever their NoData, and can come back.
func TestGroupsThatVanishAreForgotten(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		var baselines []views.Baseline
		for _, n := range []views.NoData{views.NoDataResolve, views.NoDataKeep} {
			for _, stat := range []views.Statistic{views.P95, views.Rate, views.ErrorRatio} {
				b := latency()
				b.Name, b.NoData, b.Statistic, b.Match, b.By = n.String()+string(stat), n, stat, nil, []attribute.Key{"tenant"}
				b.Unit, b.Target = "", 1e6
				if stat == views.ErrorRatio {
					b.Target = 1
				}
				baselines = append(baselines, b)
			}
		}
		j := newJudge(baselines...)
		tenant := func(name string) *series { return calls(attribute.String("tenant", name)) }
		for i := range 40 {
			j.tick(j.durations(opDuration, tenant(string(rune('A'+i))).add(50, 0.03)),
				j.updown(opActive, "{operation}", num(0, attribute.String("tenant", string(rune('A'+i))))))
		}
		most := 14 // intervals, of which ten are those that a cumulative series is remembered for
		if j.delta {
			most = 5
		}
		if n := len(j.p.Status()); n > most*len(baselines) {
			t.Errorf("%d states of 40 tenants, of which each reported once", n)
		}
		for range 15 {
			j.tick(gauge("alive", "1", 1))
		}
		if n := len(j.p.Status()); n != len(baselines) {
			t.Errorf("%d states when all have gone, want one each for %d baselines", n, len(baselines))
		}
		j.tick(j.durations(opDuration, tenant("A").add(50, 0.03)))
		if s := j.status(attribute.String("tenant", "A")); s.State != views.OK {
			t.Errorf("got %+v", s)
		}
	})
}

// TestSeriesThatChangeTheirKindLeaveNoGroupBehind.
func TestSeriesThatChangeTheirKindLeaveNoGroupBehind(t *testing.T) {
	b := recorded(100)
	b.By = []attribute.Key{"a"}
	j := newJudge(t, b)
	a := attribute.String("a", "1")
	for i := range 10 {
		if i%2 == 0 {
			j.tick(gauge("recorded", "s", 0.01, a))
		} else {
			j.tick(j.counter("recorded", "s", num(1e-3, a)))
		}
		if v, want := j.status(a).Value, []float64{10, 1}[i%2]; !near(v, want) {
			t.Errorf("got %v, want %v, once", v, want)
		}
	}
	for range 20 {
		j.tick(gauge("alive", "1", 1))
	}
	if s := j.p.Status(); len(s) != 1 || s[0].Group.Len() > 0 {
		t.Errorf("got %+v", s)
	}
}

func TestOverflowMakesIncomplete(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		all := latency()
		all.Name, all.Match = "all_ms", nil
		j, s := newJudge(latency(), all), calls(search)
		over := calls(attribute.Bool("otel.metric.overflow", true))
		step := func(seconds float64, hidden uint64) {
			s.add(50, seconds)
			over.add(hidden, 0.03)
			j.tick(j.durations(opDuration, s, over))
		}
		state := func() [2]views.State {
			st := j.p.Status()
			return [2]views.State{st[0].State, st[1].State}
		}
		step(0.03, 5)
		j.want()
		if s := state(); s != [2]views.State{views.Incomplete, views.OK} {
			t.Errorf("got %v", s)
		}
		if s := j.p.Status(); s[0].Count != 50 || s[1].Count != 55 {
			t.Errorf("got %d and %d calls, want the hidden ones in the second only", s[0].Count, s[1].Count)
		}
		step(0.2, 5)
		if s := state(); s != [2]views.State{views.Firing, views.Firing} {
			t.Errorf("got %v", s)
		}
		j.want( // it can fire …
			"ALERT search_ms = 200.000 exceeds baseline 100.000 by 100.0% (incomplete: some series of otelperf.operation.duration are in its overflow series)",
			"ALERT all_ms = 200.000 exceeds baseline 100.000 by 100.0%",
		)
		step(0.03, 5) // … and not resolve …
		if len(j.alerts) != 1 || j.alerts[0].Name != "all_ms" {
			t.Errorf("got %v", j.alerts)
		}
		j.wantStates(views.Resolved)
		step(0.03, 0) // … until the overflow stands still
		j.wantStates(views.Resolved)
		if s := state(); s != [2]views.State{views.OK, views.OK} {
			t.Errorf("got %v", s)
		}
	})
}

// TestOverflowMayHideCompletions: calls that seem to hang may have ended there.
func TestOverflowMayHideCompletions(t *testing.T) {
	j, over := newJudge(t, latency()), calls(attribute.Bool("otel.metric.overflow", true))
	for range 5 {
		over.add(10, 0.03)
		j.tick(j.durations(opDuration, over), j.updown(opActive, "{operation}", num(2, search)))
	}
	j.want()
}

// TestTooManyGroupsAreCountedAndMakeRoomLater.
func TestTooManyGroupsAreCountedAndMakeRoomLater(t *testing.T) {
	b := recorded(100)
	b.By = []attribute.Key{"id"}
	j := newJudge(t, b)
	many := func(from, n int) metricdata.Metrics {
		data := metricdata.Gauge[float64]{}
		for i := range n {
			data.DataPoints = append(data.DataPoints, metricdata.DataPoint[float64]{
				Attributes: attribute.NewSet(attribute.Int("id", from+i)), Value: 0.01,
			})
		}
		return metricdata.Metrics{Name: "recorded", Unit: "s", Data: data}
	}
	j.tick(many(0, 10_005))
	sum, _ := j.find("otelperf.baseline.points.rejected").(metricdata.Sum[int64])
	if len(sum.DataPoints) != 1 || sum.DataPoints[0].Value != 5 {
		t.Fatalf("got %+v, want 5 rejected", sum)
	}
	for range 15 {
		j.tick(many(9_995, 10))
	}
	before := j.rejected()
	if j.tick(many(9_995, 10)); j.rejected() != before {
		t.Errorf("there is room, and still got %s after %s", j.rejected(), before)
	}
	for _, s := range j.p.Status() {
		if v, _ := s.Group.Value("id"); v.AsInt64() == 10_004 {
			return
		}
	}
	t.Error("a series that had no room at first is not judged when there is some")
}

// TestBadDataAfterASilence: an alert of the silence goes on as one of the data,
// and a group that was silent can fire at once.
func TestBadDataAfterASilence(t *testing.T) {
	for noData, want := range map[views.NoData][]views.State{
		views.NoDataAlert: nil, views.NoDataResolve: {views.Firing}, views.NoDataKeep: {views.Firing},
	} {
		b := recorded(100)
		b.NoData = noData
		j := newJudge(t, b)
		j.tick(gauge("recorded", "s", 0.01))
		for range 4 {
			j.tick(gauge("alive", "1", 1))
		}
		j.alerts = nil
		j.tick(gauge("recorded", "s", 0.2))
		j.wantStates(want...)
		j.tick(gauge("recorded", "s", 0.01))
		j.wantStates(views.Resolved)
	}
}

// TestSilenceIsTwoAndAHalfIntervals: half an interval is for jitter.
func TestSilenceIsTwoAndAHalfIntervals(t *testing.T) {
	for last, want := range map[time.Duration]int{30 * time.Second: 1, 30*time.Second - 1: 0} {
		j := newJudge(t, recorded(100))
		j.tick(gauge("recorded", "s", 0.2))
		j.alerts = nil
		j.tick(gauge("alive", "1", 1))
		j.tick(gauge("alive", "1", 1))
		j.after(last, gauge("alive", "1", 1))
		if len(j.alerts) != want {
			t.Errorf("after 2m and %v: got %v, want %d", last, j.alerts, want)
		}
	}
}

// TestSilenceBeginsWhenNoRequestIsInFlight, and not before, also where the
// series of the route was forgotten meanwhile.
func TestSilenceBeginsWhenNoRequestIsInFlight(t *testing.T) {
	b := views.Baseline{Name: "web_s", Metric: webTime, By: []attribute.Key{"http.route"}, Statistic: views.P95, Target: 3600, Unit: "s", NoData: views.NoDataAlert}
	j, a := newDeltaJudge(t, b), calls(attribute.String("http.route", "/a"))
	j.tick(j.updown(webActive, "{request}", num(1)), j.durations(webTime, a.add(50, 1)))
	for range 6 {
		j.tick(gauge("alive", "1", 1))
	}
	j.want()
	j.tick(j.updown(webActive, "{request}", num(-1)))
	j.want("ALERT web_s has no data, baseline 3600.000 http.route=/a")
}
