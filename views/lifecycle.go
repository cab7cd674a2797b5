package views

import "time"

// A verdict is what one interval says about a group.
type verdict uint8

const (
	abstain verdict = iota // too little to say anything: neither for nor against
	good                   // at the clear level or better
	between                // worse than the clear level, not than the threshold
	breach                 // beyond the threshold
	absent                 // nothing was measured
)

// A transition is what a step of the lifecycle asks to be told.
type transition uint8

const (
	nothing transition = iota
	fired
	resolved
)

// A lifecycle is the state of one baseline and group. Its steps are pure: what
// happens depends on the verdicts and their times alone.
type lifecycle struct {
	state State     // OK, Pending, Firing or Silent
	since time.Time // Pending: the first breach. Firing: when it fired.
	last  time.Time // the last interval that was judged
	held  time.Duration
	// clearing is set while a firing alert is at the clear level or better,
	// held then counts towards KeepFiringFor.
	clearing bool
}

// step takes the verdict of an interval that ended at end. interval is the
// usual time between two; a longer gap, be it that collections were missed or
// that the clock jumped, counts as two at the most.
func (l *lifecycle) step(b *Baseline, v verdict, end time.Time, interval time.Duration) transition {
	elapsed := min(max(end.Sub(l.last), 0), 2*interval)
	if l.last.IsZero() {
		elapsed = 0
	}
	if v == absent {
		return nothing // the caller knows for how long, and whether calls are in flight
	}
	l.last = end
	if v == abstain {
		return nothing
	}
	switch l.state {
	case OK, Silent:
		if v != breach {
			l.state = OK
			return nothing
		}
		l.state, l.since, l.held = Pending, end, 0
		elapsed = 0
		fallthrough
	case Pending:
		if v != breach {
			l.state, l.since = OK, time.Time{}
			return nothing
		}
		if l.held += elapsed; l.held < b.For {
			return nothing
		}
		l.fire(end)
		return fired
	case Firing:
		if v != good {
			l.clearing = false
			return nothing
		}
		if !l.clearing {
			l.clearing, l.held, elapsed = true, 0, 0
		}
		if l.held += elapsed; l.held < b.KeepFiringFor {
			return nothing
		}
		l.resolve(OK)
		return resolved
	}
	return nothing
}

func (l *lifecycle) fire(at time.Time) {
	*l = lifecycle{state: Firing, since: at, last: at}
}

func (l *lifecycle) resolve(to State) {
	*l = lifecycle{state: to, last: l.last}
}

// silence takes note that nothing was measured for so long that NoData
// decides, and that no call is in flight.
func (l *lifecycle) silence(b *Baseline, end time.Time) transition {
	firing := l.state == Firing
	switch b.NoData {
	case NoDataKeep:
		return nothing
	case NoDataAlert:
		if firing {
			return nothing
		}
		l.fire(end)
		return fired
	}
	if l.state != Silent {
		l.resolve(Silent)
	}
	if firing {
		return resolved
	}
	return nothing
}
