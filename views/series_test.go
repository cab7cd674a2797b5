package views

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// TestReach: which part of time a point tells of, in seconds after the start of
// the process. The last collection was at 120, and the series was seen at 60.
func TestReach(t *testing.T) {
	at := func(seconds int) time.Time {
		if seconds < 0 {
			return time.Time{}
		}
		return time.Unix(1_000_000+int64(seconds), 0)
	}
	const never = -1
	seen := series{begun: true, start: at(0), end: at(60), unseen: time.Minute}
	lagging := series{begun: true, start: at(0), end: at(110)} // its points are older than others
	for _, tt := range []struct {
		name         string
		s            series
		kind         aggregation
		delta, first bool // the first: the evaluation
		start, end   int

		from  int
		share float64
		fresh bool // nothing is known of before
	}{
		{name: "goes on", s: lagging, kind: aggIncrease, end: 170, from: 110, share: 1},
		{name: "was missing once", s: seen, kind: aggIncrease, end: 180, from: 60, share: 0.5},
		{name: "a level was missing once", s: seen, kind: aggLevel, end: 180, from: 60, share: 0.5},
		{name: "is of before the last collection", s: seen, kind: aggIncrease, end: 110, from: 60, share: 1},
		{name: "is of the last collection", s: seen, kind: aggIncrease, end: 120, from: 60, share: 1},
		{
			name: "was missing while the clock went back", kind: aggIncrease, end: 300, from: 200, share: 1,
			s: series{begun: true, start: at(0), end: at(200), unseen: time.Minute},
		},
		{name: "is older than what was seen", s: seen, kind: aggIncrease, end: 50, from: 50, share: 1},
		{name: "began afresh", s: seen, kind: aggIncrease, start: 130, end: 180, from: 130, share: 1, fresh: true},
		{name: "began afresh before the last collection", s: seen, kind: aggIncrease, start: 70, end: 180, from: 120, share: 1, fresh: true},
		{name: "a level has another start", s: seen, kind: aggLevel, start: 130, end: 180, from: 60, share: 0.5},
		{name: "a delta says from when", s: seen, kind: aggIncrease, delta: true, start: 125, end: 180, from: 125, share: 1},
		{name: "a delta over two intervals", s: seen, kind: aggIncrease, delta: true, start: 60, end: 180, from: 60, share: 1},
		{name: "a delta without a start", s: seen, kind: aggIncrease, delta: true, start: never, end: 180, from: 120, share: 1},
		{name: "is new, with an old start", kind: aggIncrease, end: 180, from: 120, share: 1, fresh: true},
		{name: "is new, with a start", kind: aggIncrease, start: 130, end: 180, from: 130, share: 1, fresh: true},
		{name: "is new, without a start", kind: aggIncrease, start: never, end: 180, from: 120, share: 1, fresh: true},
		{name: "is new in the first collection", kind: aggIncrease, first: true, end: 180, from: 0, share: 1, fresh: true},
		{name: "starts after its end", kind: aggIncrease, start: 200, end: 180, from: 180, share: 1, fresh: true},
		{name: "had no time", s: series{begun: true, start: at(0), unseen: time.Minute}, kind: aggIncrease, end: 180, from: 120, share: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &evaluator{lastTime: at(120), number: 2}
			if tt.first {
				e.number = 1
			}
			in := &input{evaluator: e, kind: tt.kind, delta: tt.delta}
			g := &group{}
			s := tt.s
			s.groups = []*group{g}
			got := in.reach(&s, at(tt.start), at(tt.end))
			if want := (span{1, tt.fresh, at(tt.from), at(tt.end), tt.share}); *got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if again := tt.fresh && tt.s.begun; g.restarted != again {
				t.Errorf("the group restarted: %t, want %t", g.restarted, again)
			}
			if !s.begun || s.unseen != 0 || !s.end.Equal(at(tt.end)) || !s.start.Equal(at(tt.start)) || !e.now.Equal(at(tt.end)) {
				t.Errorf("it is left as %+v, now is %v", s, e.now)
			}
		})
	}
}

// TestReachAgain: a point with the same times as the one before gets its span, any
// other a new one, and each series that began afresh is told so.
func TestReachAgain(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(1_000_000+seconds, 0) }
	in := &input{evaluator: &evaluator{lastTime: at(120), number: 2}, kind: aggIncrease}
	seen := series{begun: true, start: at(0), end: at(120)}
	late := series{begun: true, start: at(0), end: at(60), unseen: time.Minute}
	behind := series{begun: true, start: at(0), end: at(60)}
	changed := series{start: at(0), end: at(120)} // its kind
	moved := series{begun: true, start: at(150), end: at(120)}
	for i, tt := range []struct {
		s          series
		start, end int64
		want       span
	}{
		{seen, 0, 180, span{1, false, at(120), at(180), 1}},
		{seen, 0, 180, span{1, false, at(120), at(180), 1}},
		{behind, 0, 180, span{2, false, at(60), at(180), 1}},
		{late, 0, 180, span{3, false, at(60), at(180), 0.5}},
		{behind, 0, 180, span{4, false, at(60), at(180), 1}},
		{seen, 0, 180, span{5, false, at(120), at(180), 1}},
		{changed, 0, 180, span{6, true, at(120), at(180), 1}},
		{seen, 0, 180, span{7, false, at(120), at(180), 1}},
		{seen, 0, 190, span{8, false, at(120), at(190), 1}},
		{seen, 0, 180, span{9, false, at(120), at(180), 1}},
		{seen, 150, 180, span{10, true, at(150), at(180), 1}},
		{seen, 150, 180, span{10, true, at(150), at(180), 1}},
		{moved, 150, 180, span{11, false, at(120), at(180), 1}},
		{series{}, 150, 180, span{12, true, at(150), at(180), 1}},
	} {
		g := &group{}
		s := tt.s
		s.groups = []*group{g}
		if got := in.reach(&s, at(tt.start), at(tt.end)); *got != tt.want {
			t.Errorf("%d: got %+v, want %+v", i, *got, tt.want)
		}
		if want := tt.want.first && tt.s.begun; g.restarted != want {
			t.Errorf("%d: the group restarted: %t, want %t", i, g.restarted, want)
		}
		if !s.begun || s.unseen != 0 || s.start != at(tt.start) || s.end != at(tt.end) {
			t.Errorf("%d: it is left as %+v", i, s)
		}
	}
	if !in.now.Equal(at(190)) {
		t.Errorf("now is %v", in.now)
	}
}

// TestLoses: changes that nobody was told of make a level unknown, if it is
// told by changes only.
func TestLoses(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	b := Baseline{Name: "b", Metric: "m", Statistic: Value, Target: 1}
	for _, tt := range []struct {
		name         string
		kind         aggregation
		delta, begun bool
		gap          time.Duration
		want         bool
	}{
		{"a level by its changes", aggLevel, true, true, 7 * time.Second, true},
		{"no more than a tenth of an interval", aggLevel, true, true, 6 * time.Second, false},
		{"a new one", aggLevel, true, false, time.Hour, false},
		{"a level", aggLevel, false, true, time.Hour, false},
		{"an increase", aggIncrease, true, true, time.Hour, false},
		{"a total", aggIncrease, false, true, time.Hour, false},
	} {
		told := 0
		e := &evaluator{interval: time.Minute, handle: func(error) { told++ }}
		in := &input{evaluator: e, metric: &metric{name: "m"}, kind: tt.kind, delta: tt.delta}
		s := &series{begun: tt.begun, end: at, groups: []*group{newGroup(newRule(b), *attribute.EmptySet())}}
		for range 2 {
			in.loses(s, at.Add(tt.gap))
		}
		if s.lost != tt.want || told != map[bool]int{true: 1}[tt.want] {
			t.Errorf("%s: it is lost: %t, and that was told %d times; want %t, once", tt.name, s.lost, told, tt.want)
		}
	}
}
