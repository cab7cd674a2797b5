package otelperf

import "time"

// epoch is what now counts from. Only differences between two readings are
// ever used, so that the readings also work within a synctest bubble, whose
// clock has nothing to do with this one.
var epoch = time.Now()

// now reads the monotonic clock. time.Since skips the wall clock when its
// argument carries a monotonic reading, which is a third of the cost of
// time.Now.
func now() time.Duration { return time.Since(epoch) }

// maxDuration is the longest duration recorded, one year. What is longer is a
// mistake, such as the difference to a zero time.Time, and would bury
// everything else in a histogram's sum.
const maxDuration = 365 * 24 * time.Hour

// clamp returns d within 0 and maxDuration.
func clamp(d time.Duration) time.Duration {
	switch {
	case d < 0:
		return 0
	case d > maxDuration:
		return maxDuration
	}
	return d
}

// seconds returns d in seconds. A single division is the float64 nearest to
// the true quotient, so a duration equal to a bucket's boundary falls into
// that bucket; Duration.Seconds adds two rounded parts.
func seconds(d time.Duration) float64 { return float64(d) / 1e9 }
