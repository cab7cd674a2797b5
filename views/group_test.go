package views

import (
	"testing"
	"time"
)

// TestIntervalIsThatOfAllItsPoints, whichever order they come in.
func TestIntervalIsThatOfAllItsPoints(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(1_000_000+seconds, 0) }
	points := []span{{from: at(20), to: at(50)}, {from: at(10), to: at(60)}, {to: at(40)}, {from: at(30), to: at(55)}}
	for range points {
		var i interval
		for _, sp := range points {
			i.saw(&sp)
		}
		if !i.seen || i.points != len(points) || !i.from.Equal(at(10)) || !i.end.Equal(at(60)) || !i.seenFrom.IsZero() {
			t.Errorf("got %+v of %v", i, points)
		}
		points = append(points[1:], points[0])
	}
	var i interval
	i.saw(&points[3]) // the time of one of long ago
	i.seen = false
	i.saw(&span{from: at(70), to: at(80)})
	if !i.seenFrom.Equal(at(70)) {
		t.Errorf("the points of this collection begin at %v", i.seenFrom)
	}
	i.saw(&span{from: at(75), to: at(80)})
	i.saw(&span{from: at(65), to: at(80)})
	if !i.seenFrom.Equal(at(65)) {
		t.Errorf("the points of this collection begin at %v", i.seenFrom)
	}
}

// TestSawAgain: points of one span count each, also in the next collection.
func TestSawAgain(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(1_000_000+seconds, 0) }
	sp := span{number: 7, from: at(20), to: at(50)}
	var i interval
	for range 3 {
		i.saw(&sp)
	}
	i.seen = false // the next collection
	i.saw(&sp)
	if !i.seen || !i.seenFrom.Equal(at(20)) {
		t.Errorf("after the first point of a collection: %+v", i)
	}
	i.saw(&span{number: 8, from: at(10), to: at(60)})
	i.saw(&sp)
	if i.points != 6 || !i.from.Equal(at(10)) || !i.end.Equal(at(60)) || !i.seenFrom.Equal(at(10)) || !i.seen {
		t.Errorf("got %+v", i)
	}
}

// TestLose: only of deltas, only where a collection is missing, and only what
// lies between it and the points.
func TestLose(t *testing.T) {
	last := time.Unix(1_000_000, 0)
	for _, tt := range []struct {
		name           string
		skipped, delta bool
		from           time.Duration // after the last collection
		want           time.Duration
	}{
		{"a lost delta", true, true, time.Minute, time.Minute},
		{"nothing was lost", true, true, 0, 0},
		{"a delta that makes up for it", true, true, -time.Second, 0},
		{"cumulative data make up for it", true, false, time.Minute, 0},
		{"a series that is new", false, true, 20 * time.Second, 0},
	} {
		g := &group{rule: &rule{metric: &metric{delta: tt.delta}}}
		g.saw(&span{from: last.Add(tt.from), to: last.Add(2 * time.Minute)})
		if g.lose(&tick{skipped: tt.skipped, last: last}); g.lost != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, g.lost, tt.want)
		}
	}
}
