// Package rules writes the baselines of one process in the language of a whole
// fleet: recording and alerting rules for Prometheus and what understands its
// rules (Mimir, Thanos, vmalert), cases for promtool's rule tests, and a
// dashboard for Grafana.
//
//	set, err := rules.New(baselines, rules.Options{Interval: time.Minute})
//	err = set.WriteRules(os.Stdout)
//
// # Meaning
//
// A rule means what the process means by the same baseline:
//
//   - Each interval is judged by itself. A rule looks at a little more than two
//     intervals, so that it has two samples of a cumulative series, and is
//     evaluated one interval in the past (query_offset), so that late samples
//     are in. Of two samples, rate() gives exactly their difference by the time
//     between them.
//   - Levels are compared in the metric's own unit. The view of package views
//     puts a bucket boundary exactly there, so whether a quantile is over its
//     threshold is a count in Prometheus too.
//   - Too few measurements are neither for nor against: an alert that was
//     active stays so, by its own ALERTS series. So does the clear level work.
//   - Calls in flight while none completes are a breach.
//   - A failure has an error.type that is neither empty nor "canceled"; an HTTP
//     server's request without one fails by its status, 500 or more.
//
// # Tests
//
// [Set.WriteTests] has a case in which each alert fires, and one in which it
// stays quiet: of levels, silence, burn rates and baselines relative to their
// own past, with classic and native histograms. A burn rate also has to end
// with its short window, and to fire for the slower pair alone. An alert that
// nothing can breach has none.
//
// What Prometheus cannot know is the extremes inside a bucket: where the
// process limits a quantile by the largest value it saw, a rule does not, and
// max is the upper bound of the highest bucket that grew. Of a native histogram it
// counts what is slower than a burn rate's target by interpolating in the bucket
// that holds the target. The first sample of a
// new series counts nothing for Prometheus, as it cannot know that the series
// began at zero.
//
// # Concurrency and cost
//
// Everything here is a pure function of its arguments.
package rules
