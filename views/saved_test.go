package views_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// after a restart a process goes on from what the one before it saved.
func (j *judge) restart(away time.Duration, baselines ...views.Baseline) *judge {
	j.t.Helper()
	var state bytes.Buffer
	if err := j.p.SaveState(&state); err != nil {
		j.t.Fatal(err)
	}
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
		"yet to come":                  {state, -2 * time.Hour},
		"unknown state":                {strings.Replace(state, `"firing"`, `"burning"`, 1), 0},
		"the state resolved cannot":    {strings.Replace(state, `"firing"`, `"resolved"`, 1), 0},
		"firing since no time":         {strings.Replace(state, `"since"`, `"sinze"`, 1), 0},
		`unknown type "X"`:             {strings.Replace(state, `"state"`, `"group":[{"key":"a","type":"X","value":""}],"state"`, 1), 0},
		"a negative duration":          {strings.Replace(state, `"state"`, `"held_ns":-5,"state"`, 1), 0},
		"cannot unmarshal":             {strings.Replace(state, `"groups":[`, `"groups":[7,`, 1), 0},
	} {
		j := resume(good, tt.away, tt.state, recorded(100))
		if len(j.errs) != 1 || !strings.Contains(j.errs[0].Error(), want) || !strings.HasPrefix(j.errs[0].Error(), "views: the saved state is not used") {
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

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestSaveStateReportsErrors(t *testing.T) {
	j := newJudge(t, recorded(100))
	if err := j.p.SaveState(brokenWriter{}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v", err)
	}
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
