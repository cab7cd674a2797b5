package views

import (
	"fmt"
	"strconv"
	"strings"
)

// A Statistic is what is computed from an interval's measurements and
// compared with a target.
//
//	statistic     of                          unit
//	mean          histograms, summaries       the metric's
//	p50 … p99.9   histograms, summaries       the metric's
//	max           histograms                  the metric's
//	rate          histograms, summaries       measurements per second
//	              monotonic sums              the metric's, per second
//	error_ratio   histograms, summaries, and  ratio: failed among all
//	              monotonic sums
//	value         gauges, sums                the metric's
//
// The value of a gauge or of a sum that can fall is its level; that of a
// monotonic sum is what the interval added.
type Statistic string

// The statistics. Any other quantile is written like these: "p97.5".
const (
	Mean       Statistic = "mean"
	P50        Statistic = "p50"
	P75        Statistic = "p75"
	P90        Statistic = "p90"
	P95        Statistic = "p95"
	P99        Statistic = "p99"
	P999       Statistic = "p99.9"
	Max        Statistic = "max"
	Rate       Statistic = "rate"
	ErrorRatio Statistic = "error_ratio"
	Value      Statistic = "value"
)

// Quantile returns the quantile, between 0 and 1, that s asks for; ok is
// false if s is not a quantile.
func (s Statistic) Quantile() (q float64, ok bool) {
	digits, ok := strings.CutPrefix(string(s), "p")
	if !ok || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	// Shifting the decimal point rounds once; dividing by 100 would round
	// twice and make 99.9 % a little more than 0.999.
	q, _ = strconv.ParseFloat(digits+"e-2", 64) // 0 if it is no number
	if q <= 0 || q >= 1 {
		return 0, false
	}
	return q, true
}

func (s Statistic) validate() error {
	switch s {
	case Mean, Max, Rate, ErrorRatio, Value:
		return nil
	case "":
		return fmt.Errorf("the statistic is empty")
	}
	if _, ok := s.Quantile(); !ok {
		return fmt.Errorf("unknown statistic %q: want mean, p50 … p99.9, max, rate, error_ratio or value", string(s))
	}
	return nil
}

// defaultMinCount is the least number of measurements that make the
// statistic worth judging.
func (s Statistic) defaultMinCount() uint64 {
	q, quantile := s.Quantile()
	switch {
	case q > 0.99:
		return 1000
	case q > 0.95:
		return 100
	case quantile, s == Mean, s == ErrorRatio:
		return 20
	case s == Rate:
		return 0 // an interval with nothing in it has the rate 0
	default:
		return 1
	}
}

// inMetricUnit reports whether the statistic has the unit of its metric, so
// that a target in milliseconds fits a metric in seconds.
func (s Statistic) inMetricUnit() bool { return s != Rate && s != ErrorRatio }

// ofDistribution reports whether the statistic needs more of a histogram than
// its count.
func (s Statistic) ofDistribution() bool { return s.inMetricUnit() && s != Value }
