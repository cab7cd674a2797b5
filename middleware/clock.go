package middleware

import "time"

// epoch anchors the clock. Reading time by time.Since a fixed instant reads the
// monotonic clock alone, which costs about two thirds of a time.Now.
var epoch = time.Now()

// now is the time since epoch. Only differences of it mean anything.
func now() time.Duration { return time.Since(epoch) }

// seconds turns a duration into the unit of the metrics. A single division is
// the float64 nearest to the true quotient, so a duration equal to a bucket's
// boundary falls into that bucket, and costs less than Duration.Seconds. A clock
// never runs backwards here, but a negative value would corrupt a histogram's
// sum for ever.
func seconds(d time.Duration) float64 { return float64(max(0, d)) / 1e9 }
