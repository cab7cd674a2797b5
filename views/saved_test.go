package views_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// after a restart a process goes on from what the one before it saved.
func (j *judge) restart(away time.Duration, baselines ...views.Baseline) *judge {
	j.t.Helper()
	var state bytes.Buffer
	if err := j.p.SaveState(&state); err != nil {
		j.t.Fatal(err)
	}
	j.p.Status() // it works on, as saving is no end
	return resume(j, away, state.String(), baselines...)
}

func resume(j *judge, away time.Duration, state string, baselines ...views.Baseline) *judge {
	j.t.Helper()
	n := &judge{t: j.t, at: j.at.Add(away), delta: j.delta}
	p, err := views.NewProcessor(capture{n}, baselines, views.WithInterval(time.Minute), views.WithState(strings.NewReader(state)),
		views.WithClock(func() time.Time { return n.at }),
		views.WithNotify(func(a views.Alert) { n.alerts = append(n.alerts, a) }),
		views.WithErrorHandler(func(err error) { n.errs = append(n.errs, err) }))
	if err != nil {
		j.t.Fatal(err)
	}
	n.p = p
	return n
}

func TestFiringAlertDoesNotFireAgainAfterARestart(t *testing.T) {
	b := recorded(100)
	b.By = []attribute.Key{"s", "i", "f", "b"}
	attrs := []attribute.KeyValue{attribute.String("s", "x y"), attribute.Int("i", 7), attribute.Float64("f", 0.1), attribute.Bool("b", true)}
	j := newJudge(t, b)
	j.tick(gauge("recorded", "s", 0.2, attrs...))
	since := j.at
	j.wantStates(views.Firing)

	j = j.restart(5*time.Minute, b)
	j.wantErrors()
	if s := j.status(attrs...); s.State != views.Firing || !s.Since.Equal(since) {
		t.Errorf("got %+v right after the start", s)
	}
	j.tick(gauge("recorded", "s", 0.2, attrs...))
	j.want()
	j.tick(gauge("recorded", "s", 0.01, attrs...))
	j.want(`RESOLVED search_ms = 10.000 is back within baseline 100.000 after 7m0s b=true f=0.1 i=7 s="x y"`)
}

func TestForDoesNotBeginAnewAfterARestart(t *testing.T) {
	b := recorded(100)
	b.For = 4 * time.Minute
	j := newJudge(t, b)
	for range 3 {
		j.tick(gauge("recorded", "s", 0.2))
	}
	j = j.restart(0, b)
	j.tick(gauge("recorded", "s", 0.2))
	j.want()
	j.tick(gauge("recorded", "s", 0.2))
	j.wantStates(views.Firing)
}

func TestKeepFiringForGoesOnAfterARestart(t *testing.T) {
	b := recorded(100)
	b.KeepFiringFor = 3 * time.Minute
	j := newJudge(t, b)
	j.tick(gauge("recorded", "s", 0.2))
	j.wantStates(views.Firing)
	for range 3 {
		j.tick(gauge("recorded", "s", 0.01))
	}
	j = j.restart(0, b)
	j.tick(gauge("recorded", "s", 0.01))
	j.wantStates(views.Resolved)
}

// TestGroupThatIsGoneResolves: it fired before the restart, and never came back.
func TestGroupThatIsGoneResolves(t *testing.T) {
	j := newJudge(t, recorded(100))
	j.tick(gauge("recorded", "s", 0.2))
	j = j.restart(time.Minute, recorded(100))
	for range 4 {
		j.tick(gauge("alive", "1", 1))
	}
	j.want("RESOLVED search_ms has no data any more, baseline 100.000 after 4m0s")
}

func TestStormGoesOnAfterARestart(t *testing.T) {
	b := recorded(100)
	b.By, b.MaxFiring = []attribute.Key{"id"}, 1
	j := newJudge(t, b)
	j.tick(gauge("recorded", "s", 0.2, attribute.Int("id", 1)))
	j.alerts = nil
	two := gauge("recorded", "s", 0.2, attribute.Int("id", 2))
	j.tick(two)
	if len(j.alerts) != 1 || j.alerts[0].Groups != 1 {
		t.Fatalf("got %v", j.alerts)
	}
	j = j.restart(time.Minute, b)
	j.tick(gauge("recorded", "s", 0.2, attribute.Int("id", 2)))
	j.want()
	j.tick(gauge("recorded", "s", 0.01, attribute.Int("id", 2)))
	if len(j.alerts) != 1 || j.alerts[0].State != views.Resolved || j.alerts[0].Group.Len() != 1 {
		t.Errorf("got %v", j.alerts)
	}
}

func TestRelativeBaselineRemembersItsPast(t *testing.T) {
	b := recorded(0)
	b.Relative = 3
	j := newJudge(t, b)
	for _, v := range []float64{0.5, 0.1, 0.1, 0.1} {
		j.tick(gauge("recorded", "s", v))
	}
	j = j.restart(time.Minute, b)
	j.tick(gauge("recorded", "s", 0.13))
	j.want("ALERT search_ms = 130.000 exceeds baseline 100.000 by 30.0%")
}

func TestStateThatCannotBeUsedIsReported(t *testing.T) {
	good := newJudge(t, recorded(100))
	good.tick(gauge("recorded", "s", 0.2))
	var buf bytes.Buffer
	if err := good.p.SaveState(&buf); err != nil {
		t.Fatal(err)
	}
	state := buf.String()
	for want, tt := range map[string]struct {
		state string
		away  time.Duration
	}{
		"unexpected end of JSON input": {"", 0},
		"invalid character":            {"\x00\x01", 0},
		"unexpected end":               {state[:len(state)/2], 0},
		"it has the version 2, not 1":  {strings.Replace(state, `"version":1`, `"version":2`, 1), 0},
		"it is 1h0m1s old":             {state, time.Hour + time.Second},
		"it is 1h0m0s old":             {state, time.Hour + 1},
		"yet to come":                  {state, -time.Hour - 1},
		"unknown state":                {strings.Replace(state, `"firing"`, `"burning"`, 1), 0},
		"the state resolved cannot":    {strings.Replace(state, `"firing"`, `"resolved"`, 1), 0},
		"firing since no time":         {strings.Replace(state, `"since"`, `"sinze"`, 1), 0},
		`unknown type "X"`:             {strings.Replace(state, `"state"`, `"group":[{"key":"a","type":"X","value":""}],"state"`, 1), 0},
		"a negative duration":          {strings.Replace(state, `"state"`, `"held_ns":-5,"state"`, 1), 0},
		"since no time":                {strings.NewReplacer(`"since"`, `"sinze"`, `"firing"`, `"pending"`).Replace(state), 0},
		"a negative duration\n":        {strings.Replace(state, `"state"`, `"told_ns":-5,"state"`, 1), 0},
		"a past of 10001 intervals":    {strings.Replace(state, `"state"`, `"past":[0`+strings.Repeat(",0", 10_000)+`],"state"`, 1), 0},
		"not a number":                 {strings.Replace(state, `"state"`, `"group":[{"key":"a","type":"FLOAT64","value":"NaN"}],"state"`, 1), 0},
		"cannot unmarshal":             {strings.Replace(state, `"groups":[`, `"groups":[7,`, 1), 0},
	} {
		j := resume(good, tt.away, tt.state, recorded(100))
		if len(j.errs) != 1 || !strings.Contains(j.errs[0].Error()+"\n", want) || !strings.HasPrefix(j.errs[0].Error(), "views: the saved state is not used") {
			t.Errorf("got %v, want %q", j.errs, want)
		}
		j.tick(gauge("recorded", "s", 0.2)) // afresh
		j.wantStates(views.Firing)
	}
}

func TestStateOfOtherBaselinesIsPassedOver(t *testing.T) {
	old := recorded(100)
	old.By = []attribute.Key{"id"}
	j := newJudge(t, old)
	j.tick(gauge("recorded", "s", 0.2, attribute.Int("id", 1)))
	other := recorded(100)
	other.Name = "other_ms"
	j = j.restart(0, recorded(100), other)
	j.wantErrors()
	for _, s := range j.p.Status() {
		if s.State != views.Silent {
			t.Errorf("got %+v", s)
		}
	}
}

// TestStateIsOfNameAndMetric: baselines may share the one or the other, may be
// gone, and may not be judged any more.
func TestStateIsOfNameAndMetric(t *testing.T) {
	j := newJudge(t, recorded(100))
	j.tick(gauge("recorded", "s", 0.2))
	sameName, sameMetric, observed := recorded(100), recorded(100), recorded(math.NaN())
	sameName.Metric, sameMetric.Name = "other", "other_ms"
	for name, baselines := range map[string][]views.Baseline{
		"the name and the metric of two": {sameName, sameMetric}, "only observed": {observed}, "none": nil,
	} {
		n := j.restart(0, baselines...)
		n.wantErrors()
		for _, s := range n.p.Status() {
			if s.State != views.Silent {
				t.Errorf("%s: got %+v", name, s)
			}
		}
	}
	both := j.restart(0, sameName, sameMetric, recorded(100))
	if s := both.p.Status(); s[2].State != views.Firing || s[0].State != views.Silent || s[1].State != views.Silent {
		t.Errorf("got %+v", s)
	}
}

// TestStateAsOldAsItMayBe is taken up, be it of the past or the future.
func TestStateAsOldAsItMayBe(t *testing.T) {
	for _, away := range []time.Duration{views.MaxStateAge, -views.MaxStateAge} {
		j := newJudge(t, recorded(100))
		j.tick(gauge("recorded", "s", 0.2))
		j = j.restart(away, recorded(100))
		j.wantErrors()
		if s := j.status(); s.State != views.Firing {
			t.Errorf("%v away: got %+v", away, s)
		}
	}
}

// TestPastAsLongAsItMayBe is taken up.
func TestPastAsLongAsItMayBe(t *testing.T) {
	b := recorded(0)
	b.Relative = 10_000
	j := newJudge(t, b)
	for range b.Relative {
		j.tick(gauge("recorded", "s", 0.1))
	}
	j = j.restart(0, b)
	j.wantErrors()
	j.tick(gauge("recorded", "s", 0.2))
	j.want("ALERT search_ms = 200.000 exceeds baseline 100.000 by 100.0%")
}

// TestOnlyWhatMattersIsSaved: no group that is well and has learnt nothing, and
// none that could not be found again.
func TestOnlyWhatMattersIsSaved(t *testing.T) {
	relative, by := recorded(0), recorded(100)
	relative.Relative, relative.MinCount = 2, 100
	by.By = []attribute.Key{"id"}
	for name, tt := range map[string]struct {
		b    views.Baseline
		ms   float64
		id   attribute.KeyValue
		want int
	}{
		"well":                       {recorded(100), 10, attribute.Int("id", 1), 0},
		"fires":                      {by, 200, attribute.Int("id", 1), 1},
		"has learnt nothing":         {relative, 10, attribute.Int("id", 1), 0},
		"told apart by a list":       {by, 200, attribute.IntSlice("id", []int{1}), 0},
		"told apart by not a number": {by, 200, attribute.Float64("id", math.NaN()), 0},
		"told apart by infinity":     {by, 200, attribute.Float64("id", math.Inf(-1)), 1},
		"told apart by a third":      {by, 200, attribute.Float64("id", 1.0/3), 1},
	} {
		j := newJudge(t, tt.b)
		j.tick(gauge("recorded", "s", tt.ms/1000, tt.id))
		j = j.restart(0, tt.b)
		j.wantErrors()
		n := 0
		for _, s := range j.p.Status() {
			if s.State == views.Firing && s.Group.HasValue("id") {
				n++
			}
		}
		if n != tt.want {
			t.Errorf("%s: got %+v, want %d groups that fire", name, j.p.Status(), tt.want)
		}
		if tt.want == 0 && j.status().State != views.Silent {
			t.Errorf("%s: got %+v, want nothing known", name, j.status())
		}
	}
}

// TestSilentRelativeBaselineRemembersItsPast: the night is no reason to learn anew.
func TestSilentRelativeBaselineRemembersItsPast(t *testing.T) {
	b := recorded(0)
	b.Relative = 2
	j := newJudge(t, b)
	j.tick(gauge("recorded", "s", 0.1))
	j.tick(gauge("recorded", "s", 0.1))
	for range 4 {
		j.tick(gauge("alive", "1", 1))
	}
	if s := j.status(); s.State != views.Silent {
		t.Fatalf("got %+v", s)
	}
	j = j.restart(time.Minute, b)
	j.wantErrors()
	j.tick(gauge("alive", "1", 1))
	j.tick(gauge("recorded", "s", 0.2))
	j.want("ALERT search_ms = 200.000 exceeds baseline 100.000 by 100.0%")
}

// TestStormAfterARestart: the groups that were told and those that were covered
// count as they did, and the storm began when its first group fired.
func TestStormAfterARestart(t *testing.T) {
	b := recorded(100)
	b.Unit, b.By, b.MaxFiring, b.Remind = "", []attribute.Key{"id"}, 2, 10*time.Minute
	j := newJudge(t, b)
	j.tick(crowd(map[int]float64{1: 200, 2: 200, 3: 100, 4: 100, 5: 100}))
	j.tick(crowd(map[int]float64{1: 200, 2: 200, 3: 100, 4: 100, 5: 300})) // the last one is the first of the storm
	j.tick(crowd(map[int]float64{1: 200, 2: 200, 3: 300, 4: 300, 5: 300}))
	j = j.restart(time.Minute, b)
	j.wantErrors()
	j.tick(crowd(map[int]float64{1: 200, 2: 200, 3: 300, 4: 300, 5: 300, 6: 400})) // more of the storm
	j.want()
	for range 7 {
		j.tick(crowd(map[int]float64{1: 200, 2: 200, 3: 300, 4: 300, 5: 300, 6: 400}))
	}
	var reminders []string
	for _, a := range j.alerts {
		if a.Reminder && a.Groups > 0 {
			reminders = append(reminders, a.String()+a.Since.Format(" 04:05"))
		}
	}
	if want := "ALERT search_ms = 400.000 exceeds baseline 100.000 by 300.0% otelperf.alert.summary=true (4 groups fire, the worst: id=6) 02:00"; len(reminders) != 1 || reminders[0] != want {
		t.Errorf("got reminders %q, want %q", reminders, want)
	}
	j.alerts = nil
	j.tick(crowd(map[int]float64{1: 100, 2: 200, 3: 100, 4: 100, 5: 100, 6: 100}))
	j.want(
		"RESOLVED search_ms = 100.000 is back within baseline 100.000 after 12m0s id=1",
		"RESOLVED search_ms is back within baseline 100.000 after 11m0s otelperf.alert.summary=true",
	)
	j.tick(crowd(map[int]float64{2: 200, 3: 300})) // there is room for one again
	j.wantStates(views.Firing)
	j.tick(crowd(map[int]float64{2: 200, 3: 300, 4: 300}))
	if len(j.alerts) != 1 || j.alerts[0].Groups != 1 {
		t.Errorf("got %v, want a storm of one", j.alerts)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestSaveStateReportsErrors(t *testing.T) {
	j := newJudge(t, recorded(100))
	if err := j.p.SaveState(brokenWriter{}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v", err)
	}
}

// TestStateHoldsWhatItCan: one group that JSON has no form for does not cost
// the others their state.
func TestStateHoldsWhatItCan(t *testing.T) {
	route := func(s string) attribute.KeyValue { return attribute.String("http.route", s) }
	at := func(when time.Time, m metricdata.Metrics) metricdata.Metrics {
		m.Data.(metricdata.Gauge[float64]).DataPoints[0].Time = when
		return m
	}
	b := recorded(100)
	b.By = []attribute.Key{"http.route"}
	j := newJudge(t, b)
	odd := at(time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), gauge("recorded", "s", 0.2, route("/far")))
	slow := metricdata.Gauge[float64]{}
	for _, r := range []string{"/a", "/\xff"} {
		slow.DataPoints = append(slow.DataPoints, gauge("", "", 0.2, route(r)).Data.(metricdata.Gauge[float64]).DataPoints...)
	}
	j.tick(metricUnit("recorded", "s", slow), odd)
	j.wantStates(views.Firing, views.Firing, views.Firing)
	j = j.restart(time.Minute, b)
	j.wantErrors()
	if s := j.status(route("/a")); s.State != views.Firing {
		t.Errorf("got %+v", s)
	}
	if s := j.status(route("/far")); s.State != views.Firing || !s.Since.Equal(epoch.Add(time.Minute)) {
		t.Errorf("got %+v, want it to fire since the state was saved", s)
	}
	if n := len(j.p.Status()); n != 2 {
		t.Errorf("%d groups, want those whose names survive", n)
	}
}

// TestInfiniteValuesTeachNothing, and leave a state that can be written.
func TestInfiniteValuesTeachNothing(t *testing.T) {
	b := recorded(0)
	b.Unit, b.Relative = "s", 2
	j := newJudge(t, b)
	j.tick(gauge("recorded", "s", 1))
	huge := metricdata.Gauge[float64]{}
	for i := range 2 {
		huge.DataPoints = append(huge.DataPoints, gauge("", "", math.MaxFloat64, attribute.Int("n", i)).Data.(metricdata.Gauge[float64]).DataPoints...)
	}
	j.tick(metricUnit("recorded", "s", huge))
	j.tick(gauge("recorded", "s", 1))
	j = j.restart(0, b)
	j.tick(gauge("recorded", "s", 2))
	j.want("ALERT search_ms = 2.000 exceeds baseline 1.000 by 100.0%")
}

func FuzzWithState(f *testing.F) {
	f.Add(`{"version":1,"saved":"2026-01-01T00:00:00Z","groups":[{"name":"search_ms","metric":"recorded","state":"firing","since":"2026-01-01T00:00:00Z"}]}`)
	f.Add(`{"version":1,"groups":[{"name":"search_ms","metric":"recorded","past":[1,2,3],"state":"ok"}]}`)
	f.Fuzz(func(t *testing.T, state string) {
		b := recorded(0)
		b.Relative = 2
		j := resume(&judge{t: t, at: epoch}, 0, state, b)
		for range 5 {
			j.tick(gauge("recorded", "s", 0.2))
		}
		j.p.Status()
	})
}
