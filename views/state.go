package views

import "fmt"

// A State is where a baseline's group stands.
type State uint8

const (
	// OK: not worse than the threshold, or not judged yet.
	OK State = iota
	// Pending: worse than the threshold, for less than Baseline.For.
	Pending
	// Firing: an alert was raised and has not resolved.
	Firing
	// Resolved: an alert that was firing has ended. A group passes through it
	// to OK; notifications carry it.
	Resolved
	// Silent: no data for three intervals, and none expected back at once.
	Silent
	// Incomplete: some of the data went to the metric's overflow series, so
	// that the group can be seen getting worse but not getting better.
	Incomplete
)

var stateNames = [...]string{"ok", "pending", "firing", "resolved", "no_data", "incomplete"}

// String returns "ok", "pending", "firing", "resolved", "no_data" or
// "incomplete".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", s)
}

// MarshalText returns s.String().
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts what MarshalText writes.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("views: unknown state %q", text)
}
