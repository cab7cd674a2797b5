package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/otelperf/otelperf-go/views"
)

// A sample is a series of a test and what each interval adds to it, or the
// level it stands at.
type sample struct {
	selector string
	step     float64
	level    bool
	native   native // instead of step, for a native histogram
}

// A native is what an interval adds to a native histogram: measurements by the
// index of their bucket.
type native struct {
	buckets map[int]float64
	zero    float64
	sum     float64
}

// nativeSchema has buckets that are 9 % wide.
const nativeSchema = 3

// A situation is what a test feeds in each interval. Without samples every
// series is absent.
type situation struct {
	samples []sample
	value   float64 // that the statistic has then, in the recorded unit
}

// A timeline is the values of one series in promtool's notation.
type timeline struct{ selector, values string }

// timelines puts phases one after another. A counter begins at zero, so that
// the first interval's step is in the second sample.
func timelines(phases []phase) []timeline {
	var order []string
	for _, p := range phases {
		for _, s := range p.situation.samples {
			if !slices.Contains(order, s.selector) {
				order = append(order, s.selector)
			}
		}
	}
	all := make([]timeline, 0, len(order))
	for _, selector := range order {
		var parts []string
		sum, total := 0.0, native{buckets: make(map[int]float64)}
		for i, p := range phases {
			at := slices.IndexFunc(p.situation.samples, func(s sample) bool { return s.selector == selector })
			n := p.intervals
			switch {
			case at < 0:
				if i == 0 {
					n++ // as the other notations have it
				}
				parts = append(parts, fmt.Sprintf("_x%d", n))
				continue
			case p.situation.samples[at].level:
				parts = append(parts, fmt.Sprintf("%s+0x%d", number(p.situation.samples[at].step), n-min(1, int64(i))))
				continue
			}
			s := p.situation.samples[at]
			first := int64(0) // steps that the phase's first sample has already
			if i > 0 {
				first = 1
			}
			if s.native.buckets == nil {
				parts = append(parts, fmt.Sprintf("%s+%sx%d", number(sum+float64(first)*s.step), number(s.step), n-first))
				sum += float64(n) * s.step
				continue
			}
			start := total.plus(s.native, float64(first))
			parts = append(parts, fmt.Sprintf("%s+%sx%d", start, s.native, n-first))
			total = total.plus(s.native, float64(n))
		}
		all = append(all, timeline{selector, strings.Join(parts, " ")})
	}
	return all
}

func (h native) plus(other native, times float64) native {
	sum := native{buckets: make(map[int]float64), zero: h.zero + times*other.zero, sum: h.sum + times*other.sum}
	for i, n := range h.buckets {
		sum.buckets[i] += n
	}
	for i, n := range other.buckets {
		sum.buckets[i] += times * n
	}
	return sum
}

// String writes the histogram as promtool reads it.
func (h native) String() string {
	low, high, count := math.MaxInt, math.MinInt, h.zero
	for i, n := range h.buckets {
		low, high, count = min(low, i), max(high, i), count+n
	}
	text := fmt.Sprintf("{{schema:%d count:%s sum:%s", nativeSchema, number(count), number(h.sum))
	if h.zero > 0 {
		text += " z_bucket:" + number(h.zero)
	}
	if low > high {
		return text + "}}"
	}
	in := make([]string, 0, high-low+1)
	for i := low; i <= high; i++ {
		in = append(in, number(h.buckets[i]))
	}
	return fmt.Sprintf("%s offset:%d buckets:[%s]}}", text, low, strings.Join(in, " "))
}

// above is the index of the first bucket all of which is over v, and below that
// of the last one none of which is.
func above(v float64) int { return int(math.Ceil(math.Log2(v)*(1<<nativeSchema)-1e-9)) + 1 }
func below(v float64) int { return int(math.Floor(math.Log2(v)*(1<<nativeSchema) + 1e-9)) }

// within is the quantile of measurements that are all in one bucket, by the
// rule of Prometheus.
func within(bucket int, q float64) float64 {
	return math.Exp2((float64(bucket-1) + q) / (1 << nativeSchema))
}

// feed collects the samples of a situation.
type feed struct {
	j   *judged
	s   situation
	err error
}

func (f *feed) add(suffix string, step sample, more ...matcher) {
	series, err := f.j.series(f.j.Metric, suffix)
	if err != nil {
		f.err = err
	}
	labels := append(f.j.group(), more...)
	for _, m := range f.j.matchers() {
		if !slices.ContainsFunc(labels, func(l matcher) bool { return l.label == m.label }) {
			labels = append(labels, m)
		}
	}
	step.selector = selector(series, labels...)
	f.s.samples = append(f.s.samples, step)
}

// count adds n measurements of whatever length.
func (f *feed) count(n float64, more ...matcher) {
	if f.j.native {
		f.add("", sample{native: native{buckets: map[int]float64{0: n}, sum: n}}, more...)
		return
	}
	f.add(f.j.countSuffix(), sample{step: n}, more...)
}

// situation makes series that breach the baseline, or that do not. ok is false
// if no series could.
func (j *judged) situation(breach bool) (s situation, ok bool, err error) {
	lower := j.Direction == views.LowerIsWorse
	value := j.threshold / 2
	switch {
	case breach != lower && j.threshold == 0:
		value = 1
	case breach != lower:
		value = j.threshold * 2
	}
	if j.Statistic == views.ErrorRatio && breach {
		if value = (j.threshold + 1) / 2; j.threshold >= 1 {
			return s, false, nil
		}
	}
	if _, quantile := j.Statistic.Quantile(); !breach && !lower && (quantile || j.Statistic == views.Max) {
		value = j.threshold // the last bucket that is not over it
	}
	return j.measured(value, j.threshold/2, j.threshold, value)
}

// measured makes series whose statistic is value, or near to it for a quantile:
// its measurements are all in the bucket that begins, or ends, at the bounds.
func (j *judged) measured(value float64, bounds ...float64) (s situation, ok bool, err error) {
	f := &feed{j: j, s: situation{value: value}}
	count := float64(2 * max(j.Needed(), 1)) // measurements in an interval
	switch q, quantile := j.Statistic.Quantile(); {
	case quantile, j.Statistic == views.Max:
		if !quantile {
			q = 1
		}
		f.quantile(q, count, value, bounds)
	case j.Statistic == views.Mean && j.native:
		f.add("", sample{native: native{buckets: map[int]float64{0: count}, sum: count * value}})
	case j.Statistic == views.Mean:
		f.add("_sum", sample{step: count * value})
		f.add("_count", sample{step: count})
	case j.Statistic == views.ErrorRatio:
		f.count(count * (1 - value))
		f.count(count*value, equal(j.attribute("error.type"), "timeout"))
	case j.Statistic == views.Rate:
		step := value * j.interval.Seconds()
		if needed := float64(j.MinCount); step < needed && j.Relative == 0 {
			if j.Direction == views.LowerIsWorse {
				return s, false, nil // as few as would breach do not count
			}
			step = 2 * needed
			f.s.value = step / j.interval.Seconds()
		}
		f.count(step)
	case j.metric.Kind == Counter:
		f.add("", sample{step: value})
	default:
		f.add("", sample{step: value, level: true})
	}
	return f.s, true, f.err
}

// quantile adds a histogram whose measurements are all in the bucket that ends
// at value, if the buckets end at the bounds; a native one has its own.
func (f *feed) quantile(q, count, value float64, bounds []float64) {
	switch {
	case f.j.native && value == 0:
		f.add("", sample{native: native{buckets: map[int]float64{}, zero: count}})
		f.s.value = 0
		return
	case f.j.native:
		bucket := below(value)
		f.add("", sample{native: native{buckets: map[int]float64{bucket: count}, sum: count * within(bucket, 0.5)}})
		f.s.value = within(bucket, q)
		return
	}
	all := append(slices.Clone(bounds), value, 0)
	if slices.Max(all) == 0 {
		all = append(all, 1)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if slices.Min(bounds) > 0 && value > 0 {
		all = all[1:] // an empty bucket that ends at zero says nothing
	}
	le := func(v string) matcher { return equal("le", v) }
	lower := 0.0
	for _, bound := range all {
		step := 0.0
		if bound >= value {
			step = count
		} else {
			lower = bound
		}
		f.add("_bucket", sample{step: step}, le(strconv.FormatFloat(bound, 'f', -1, 64)))
	}
	f.add("_bucket", sample{step: count}, le("+Inf"))
	f.add("_count", sample{step: count})
	f.s.value = lower + (value-lower)*q
}

// burning makes series of which that share is bad.
func (j *judged) burning(share float64) (situation, error) {
	f := &feed{j: j}
	count := float64(2 * max(j.Needed(), 1))
	bound := j.Target / j.factor
	switch {
	case j.Statistic == views.ErrorRatio:
		f.count(count * (1 - share))
		f.count(count*share, equal(j.attribute("error.type"), "timeout"))
	case j.native:
		f.add("", sample{native: native{buckets: map[int]float64{below(bound): count * (1 - share), above(bound): count * share}, sum: count * bound}})
	default:
		f.add("_bucket", sample{step: count * (1 - share)}, equal("le", strconv.FormatFloat(bound, 'f', -1, 64)))
		f.add("_count", sample{step: count})
	}
	return f.s, f.err
}
