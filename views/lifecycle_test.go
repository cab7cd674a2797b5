package views

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestLifecycle walks through verdicts, one a minute. Each step is a letter:
// b breach, g good, m between (the middle), n abstain, l learning, - absent; what is told
// is F fired, R resolved, r reminded, . nothing.
func TestLifecycle(t *testing.T) {
	const minute = time.Minute
	for _, tt := range []struct {
		name     string
		b        Baseline
		in, want string
	}{
		{"at once", Baseline{}, "gbbbgg", ".F..R."},
		{"for two minutes", Baseline{For: 2 * minute}, "bbbbg", "..F.R"},
		{"a for that is no multiple", Baseline{For: 90 * time.Second}, "bbbb", "..F."},
		{"pending that clears says nothing", Baseline{For: 2 * minute}, "bbgbbmbbb", "........F"},
		{"too little says nothing either way", Baseline{For: 2 * minute}, "bnbnb", "....F"},
		{"what is being learnt neither", Baseline{For: 2 * minute, KeepFiringFor: minute}, "blblbglg", "....F..R"},
		{"an absence neither", Baseline{For: 2 * minute}, "b-b-b", "....F"},
		{"keep firing for", Baseline{KeepFiringFor: 2 * minute}, "bggg", "F..R"},
		{"keep firing begins anew", Baseline{KeepFiringFor: 2 * minute}, "bggbggg", "F.....R"},
		{"between holds a firing alert", Baseline{}, "bmmmg", "F...R"},
		{"between begins keep firing anew", Baseline{KeepFiringFor: minute}, "bgmgg", "F...R"},
		{"between is no breach", Baseline{}, "mmmm", "...."},
		{"too little holds it", Baseline{KeepFiringFor: minute}, "bgnng", "F...R"},
		{"reminders", Baseline{Remind: 2 * minute}, "bbbbbgg", "F.r.rR."},
		{"reminders go on whatever comes", Baseline{Remind: 2 * minute}, "bnn-mmmg", "F.r.r.rR"},
		{"reminders while it clears", Baseline{Remind: minute, KeepFiringFor: 2 * minute}, "bggg", "FrrR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l lifecycle
			var got strings.Builder
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for _, c := range tt.in {
				at = at.Add(minute)
				v := map[rune]verdict{'b': breach, 'g': good, 'm': between, 'n': abstain, 'l': learning, '-': absent}[c]
				got.WriteByte(".FrR"[l.step(&tt.b, v, at, minute)])
			}
			if got.String() != tt.want {
				t.Errorf("%s: got %s, want %s", tt.in, got.String(), tt.want)
			}
		})
	}
}

func TestLifecycleTakesTheTimeThatWentBy(t *testing.T) {
	b := Baseline{For: 2 * time.Minute, KeepFiringFor: 2 * time.Minute}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var l lifecycle
	step := func(v verdict, d time.Duration) transition {
		at = at.Add(d)
		return l.step(&b, v, at, time.Minute)
	}
	step(breach, 0)
	for range 100 { // forced flushes, a second apart
		if tr := step(breach, time.Second); tr != nothing {
			t.Fatalf("got %v after %v", tr, l.held)
		}
	}
	if tr := step(breach, 20*time.Second); tr != fired {
		t.Fatalf("got %v after two minutes", tr)
	}
	if tr := step(good, -time.Hour); tr != nothing { // the clock was set back
		t.Fatalf("got %v", tr)
	}
	if tr := step(good, time.Minute-time.Millisecond); tr != nothing {
		t.Fatalf("got %v", tr)
	}
	if tr := step(good, time.Minute-time.Millisecond); tr != resolved { // ticks are never exact
		t.Fatalf("got %v after %v", tr, l.held)
	}
	step(breach, time.Minute)
	if tr := step(breach, 24*time.Hour); tr != fired || !l.since.Equal(at) {
		t.Fatalf("got %v", tr) // a gap counts as two intervals at the most, which is enough here
	}

	b.For = 5 * time.Minute
	l = lifecycle{}
	step(breach, time.Minute)
	if tr := step(breach, 24*time.Hour); tr != nothing {
		t.Error("a clock that jumped a day made an alert of two intervals fire")
	}
}

// TestTolerance: what a duration of several intervals is short of at the most,
// for each duration there is.
func TestTolerance(t *testing.T) {
	const short = time.Minute / jitter
	for _, tt := range []struct {
		name string
		b    Baseline
		then verdict // after a breach, and whatever fires at once
		want transition
	}{
		{"for", Baseline{For: time.Minute}, breach, fired},
		{"keep firing for", Baseline{KeepFiringFor: time.Minute}, good, resolved},
		{"remind", Baseline{Remind: time.Minute}, breach, reminded},
	} {
		for missing, want := range map[time.Duration]transition{short: tt.want, short + 1: nothing} {
			l, at := lifecycle{}, time.Unix(1_000_000, 0)
			l.step(&tt.b, breach, at, time.Minute)
			if tt.then == good {
				l.step(&tt.b, good, at, time.Minute)
			}
			if got := l.step(&tt.b, tt.then, at.Add(time.Minute-missing), time.Minute); got != want {
				t.Errorf("%s, %v too early: got %d, want %d", tt.name, missing, got, want)
			}
		}
	}
}

// A promRule is the life of one alert as Prometheus' rule engine describes it:
// active since, firing after `for`, kept for `keep_firing_for`.
type promRule struct {
	active, firing      bool
	activeAt, keepSince time.Time
}

func (p *promRule) eval(over bool, at time.Time, hold, keep time.Duration) transition {
	if over {
		if !p.active {
			p.active, p.activeAt = true, at
		}
		p.keepSince = time.Time{}
		if !p.firing && at.Sub(p.activeAt) >= hold {
			p.firing = true
			return fired
		}
		return nothing
	}
	if p.firing && keep > 0 {
		if p.keepSince.IsZero() {
			p.keepSince = at
		}
		if at.Sub(p.keepSince) < keep {
			return nothing
		}
	}
	was := p.firing
	*p = promRule{}
	if was {
		return resolved
	}
	return nothing
}

// TestLifecycleAgreesWithPrometheus, tick by tick, over random walks.
func TestLifecycleAgreesWithPrometheus(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for range 2000 {
		const tick = 15 * time.Second
		b := Baseline{For: time.Duration(rng.IntN(6)) * tick * 2 / 3, KeepFiringFor: time.Duration(rng.IntN(6)) * tick * 2 / 3}
		var l lifecycle
		var p promRule
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		over, stay := false, rng.IntN(5)+1
		for i := range 200 {
			at = at.Add(tick)
			if rng.IntN(stay) == 0 {
				over = !over
			}
			v := good
			if over {
				v = breach
			}
			got, want := l.step(&b, v, at, tick), p.eval(over, at, b.For, b.KeepFiringFor)
			pending := p.active && !p.firing
			if got != want || (l.state == Firing) != p.firing || (l.state == Pending) != pending {
				t.Fatalf("for %v, keep %v, tick %d: got %d in %s, want %d (firing %t, pending %t)", b.For, b.KeepFiringFor, i, got, l.state, want, p.firing, pending)
			}
		}
	}
}
