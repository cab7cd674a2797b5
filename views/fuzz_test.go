package views_test

import (
	"context"
	"encoding/binary"
	"maps"
	"math"
	"regexp"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// A mutator makes collections out of the fuzzer's bytes: mostly sensible ones,
// with nonsense in them.
type mutator struct{ data []byte }

func (m *mutator) byte() byte {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return b
}

func (m *mutator) n(below int) int { return int(m.byte()) % below }

func (m *mutator) uint() uint64 {
	switch m.n(4) {
	case 0:
		return math.MaxUint64 - uint64(m.byte())
	case 1:
		var b [8]byte
		m.data = m.data[copy(b[:], m.data):]
		return binary.LittleEndian.Uint64(b[:])
	default:
		return uint64(m.byte())
	}
}

func (m *mutator) float() float64 {
	switch m.n(8) {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(1 - 2*m.n(2))
	case 2:
		return math.Float64frombits(m.uint())
	default:
		return float64(int8(m.byte())) / 8
	}
}

func (m *mutator) time() time.Time {
	switch m.n(8) {
	case 0:
		return time.Time{}
	case 1:
		return time.Unix(int64(m.uint()>>20), 0)
	default:
		return epoch.Add(time.Duration(int8(m.byte())) * 10 * time.Second)
	}
}

func (m *mutator) attrs() attribute.Set {
	kvs := []attribute.KeyValue{
		attribute.Int("id", m.n(4)), search, attribute.String("error.type", "x"), attribute.Bool("otel.metric.overflow", true),
		attribute.Float64("id", float64(m.n(4))), attribute.StringSlice("id", []string{"a"}), {Key: "id"}, {},
		attribute.String("http.route", string(m.byte())), attribute.String("http.response.status_code", "500"),
	}
	var out []attribute.KeyValue
	for range m.n(3) {
		out = append(out, kvs[m.n(len(kvs))])
	}
	return attribute.NewSet(out...)
}

func (m *mutator) floats() []float64 {
	var out []float64
	for range m.n(6) {
		out = append(out, m.float())
	}
	return out
}

func (m *mutator) uints(n int) []uint64 {
	if m.n(8) == 0 {
		n = m.n(10)
	}
	var out []uint64
	for range n {
		out = append(out, m.uint())
	}
	return out
}

func (m *mutator) temporality() metricdata.Temporality { return metricdata.Temporality(m.n(4)) }

func points[N int64 | float64](m *mutator) []metricdata.DataPoint[N] {
	var out []metricdata.DataPoint[N]
	for range m.n(4) {
		out = append(out, metricdata.DataPoint[N]{Attributes: m.attrs(), StartTime: m.time(), Time: m.time(), Value: N(m.float())})
	}
	return out
}

func exemplars[N int64 | float64](m *mutator) []metricdata.Exemplar[N] {
	if m.n(3) > 0 {
		return nil
	}
	return []metricdata.Exemplar[N]{{Value: N(m.float()), Time: m.time(), TraceID: make([]byte, m.n(20)), SpanID: make([]byte, m.n(10))}}
}

func fuzzHistogram[N int64 | float64](m *mutator) metricdata.Aggregation {
	h := metricdata.Histogram[N]{Temporality: m.temporality()}
	for range m.n(4) {
		p := metricdata.HistogramDataPoint[N]{Attributes: m.attrs(), StartTime: m.time(), Time: m.time(), Sum: N(m.float()), Exemplars: exemplars[N](m)}
		if p.Bounds = m.floats(); m.n(2) == 0 {
			p.Bounds = []float64{0.05, 0.1, 0.12, 1}
		}
		p.BucketCounts = m.uints(len(p.Bounds) + 1)
		for _, c := range p.BucketCounts {
			p.Count += c
		}
		if m.n(6) == 0 {
			p.Count = m.uint()
		}
		if m.n(2) == 0 {
			p.Min, p.Max = metricdata.NewExtrema(N(m.float())), metricdata.NewExtrema(N(m.float()))
		}
		h.DataPoints = append(h.DataPoints, p)
	}
	return h
}

func fuzzExponential[N int64 | float64](m *mutator) metricdata.Aggregation {
	h := metricdata.ExponentialHistogram[N]{Temporality: m.temporality()}
	for range m.n(4) {
		p := metricdata.ExponentialHistogramDataPoint[N]{
			Attributes: m.attrs(), StartTime: m.time(), Time: m.time(), Sum: N(m.float()), Exemplars: exemplars[N](m),
			Scale: int32(m.n(40) - 15), ZeroCount: m.uint(), ZeroThreshold: m.float(),
			PositiveBucket: metricdata.ExponentialBucket{Offset: int32(m.uint()), Counts: m.uints(m.n(6))},
			NegativeBucket: metricdata.ExponentialBucket{Offset: int32(m.uint()), Counts: m.uints(m.n(6))},
		}
		p.Count = p.ZeroCount
		for _, b := range []metricdata.ExponentialBucket{p.PositiveBucket, p.NegativeBucket} {
			for _, c := range b.Counts {
				p.Count += c
			}
		}
		h.DataPoints = append(h.DataPoints, p)
	}
	return h
}

func (m *mutator) metric() metricdata.Metrics {
	names, units := []string{opDuration, opActive, webTime, webActive, webStreams, "level", ""}, []string{"s", "ms", "1", "", "By", "?"}
	out := metricdata.Metrics{Name: names[m.n(len(names))], Unit: "s"}
	if m.n(6) == 0 {
		out.Unit = units[m.n(len(units))]
	}
	switch m.n(11) {
	case 0:
		out.Data = metricdata.Gauge[int64]{DataPoints: points[int64](m)}
	case 1:
		out.Data = metricdata.Gauge[float64]{DataPoints: points[float64](m)}
	case 2:
		out.Data = metricdata.Sum[int64]{Temporality: m.temporality(), IsMonotonic: m.n(2) == 0, DataPoints: points[int64](m)}
	case 3:
		out.Data = metricdata.Sum[float64]{Temporality: m.temporality(), IsMonotonic: m.n(2) == 0, DataPoints: points[float64](m)}
	case 4:
		out.Data = fuzzHistogram[int64](m)
	case 5, 6:
		out.Data = fuzzHistogram[float64](m)
	case 7:
		out.Data = fuzzExponential[float64](m)
	case 8:
		out.Data = fuzzExponential[int64](m)
	case 9:
		out.Data = metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{
			Attributes: m.attrs(), StartTime: m.time(), Time: m.time(), Count: m.uint(), Sum: m.float(),
			QuantileValues: []metricdata.QuantileValue{{Quantile: m.float(), Value: m.float()}, {Quantile: 0.95, Value: m.float()}},
		}}}
	}
	return out
}

// FuzzExport feeds arbitrary collections: nothing panics, the next exporter
// gets the very batch, what is added to it is valid, and firing and resolve
// alternate.
func FuzzExport(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	seed := make([]byte, 4096)
	for i := range seed {
		seed[i] = byte(i * 167 >> 3)
	}
	f.Add(seed)
	f.Fuzz(fuzzOne)
}

func fuzzBaselines() []views.Baseline {
	by := latency()
	by.Name, by.Match, by.By = "by", nil, []attribute.Key{"id"}
	relative := recorded(0)
	relative.Name, relative.Metric, relative.Relative, relative.WarmUp = "relative", "level", 3, 1
	burn := latency()
	burn.Name, burn.Match, burn.Objective = "burn", nil, 0.9
	burn.Burn = []views.BurnWindow{{Long: 3 * time.Minute, Short: time.Minute, Factor: 2}}
	slow := by
	slow.Name, slow.For, slow.KeepFiringFor, slow.ClearPercent, slow.MaxFiring = "slow", 2*time.Minute, 2*time.Minute, 110, 2
	stands := recorded(1)
	stands.Name, stands.Metric, stands.Unless = "stands", "level", webStreams
	baselines := []views.Baseline{latency(), by, throughput(), recorded(1), relative, burn, slow, stands}
	for i, s := range []views.Statistic{views.Mean, views.Max, views.Rate, views.ErrorRatio, views.P50} {
		for _, metric := range []string{opDuration, webTime, "level"} {
			baselines = append(baselines, views.Baseline{
				Name: string(s), Metric: metric, Statistic: s, Target: float64(i) / 10, MinCount: 1, By: []attribute.Key{"id", "http.route"}[:i%3%2+1],
				NoData: views.NoData(i % 3), Remind: time.Duration(i) * time.Second,
			})
		}
	}
	return baselines
}

// unsaved are the alerts of groups that no state can hold.
var unsaved = regexp.MustCompile(`STRINGSLICE|EMPTY|INVALID`)

func fuzzOne(t *testing.T, data []byte) {
	m := &mutator{data: data}
	j := judging(t, m.n(2) == 0, fuzzBaselines())
	firing := map[string]bool{}
	var rejected int64
	for len(m.data) > 0 {
		rm := &metricdata.ResourceMetrics{}
		for range m.n(3) {
			sm := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: string(rune('a' + m.n(3)))}}
			for range m.n(5) {
				sm.Metrics = append(sm.Metrics, m.metric())
			}
			rm.ScopeMetrics = append(rm.ScopeMetrics, sm)
		}
		j.at = m.time()
		if m.n(8) == 0 {
			j.at = epoch // a state is of some use only where the clock is
			if j = j.restart(0, fuzzBaselines()...); len(j.errs) > 0 {
				t.Fatal(j.errs)
			}
			rejected = 0
			maps.DeleteFunc(firing, func(id string, _ bool) bool { return unsaved.MatchString(id) })
		}
		if err := j.p.Export(context.Background(), rm); err != nil {
			t.Fatal(err)
		}
		for i := range rm.ScopeMetrics {
			if a, b := rm.ScopeMetrics[i].Metrics, j.seen.ScopeMetrics[i].Metrics; len(a) != len(b) || len(a) > 0 && &a[0] != &b[0] {
				t.Fatal("the next exporter got another batch")
			}
		}
		j.reported()
		for _, a := range j.alerts {
			if id := a.ID() + a.Metric; !a.Reminder {
				if firing[id] == (a.State == views.Firing) {
					t.Fatalf("%s twice: %s", a.State, a)
				}
				firing[id] = a.State == views.Firing
			}
			if _, err := a.MarshalJSON(); err != nil {
				t.Fatal(err)
			}
		}
		j.alerts = nil
		if sum, ok := j.find("otelperf.baseline.points.rejected").(metricdata.Sum[int64]); ok && !j.delta {
			total := int64(0)
			for _, p := range sum.DataPoints {
				total += p.Value
			}
			if total < rejected {
				t.Fatalf("%d rejected after %d", total, rejected)
			}
			rejected = total
		}
		j.p.Status()
	}
}

// TestBadPointsAreCounted, each once, and the good one beside them is judged.
func TestBadPointsAreCounted(t *testing.T) {
	hist := func(change func(p *metricdata.HistogramDataPoint[float64])) metricdata.Aggregation {
		p := metricdata.HistogramDataPoint[float64]{
			Attributes: attribute.NewSet(search, attribute.Int("n", 1)), Time: epoch.Add(time.Minute), Count: 30, Sum: 3,
			Bounds: []float64{0.1, 0.12}, BucketCounts: []uint64{10, 10, 10},
		}
		good := p
		good.Attributes = attribute.NewSet(search)
		change(&p)
		return metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{p, good}}
	}
	for name, data := range map[string]metricdata.Aggregation{
		"NaN sum":    hist(func(p *metricdata.HistogramDataPoint[float64]) { p.Sum = math.NaN() }),
		"too few":    hist(func(p *metricdata.HistogramDataPoint[float64]) { p.BucketCounts = p.BucketCounts[:2] }),
		"NaN bound":  hist(func(p *metricdata.HistogramDataPoint[float64]) { p.Bounds = []float64{0.1, math.NaN()} }),
		"bad count":  hist(func(p *metricdata.HistogramDataPoint[float64]) { p.Count = 7 }),
		"wrapped":    hist(func(p *metricdata.HistogramDataPoint[float64]) { p.BucketCounts = []uint64{1 << 63, 1 << 63, 30} }),
		"duplicate":  hist(func(p *metricdata.HistogramDataPoint[float64]) { p.Attributes = attribute.NewSet(search) }),
		"no buckets": hist(func(p *metricdata.HistogramDataPoint[float64]) { p.Bounds = nil }),
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(t, latency())
			j.tick(metricUnit(opDuration, "s", data))
			sum, _ := j.find("otelperf.baseline.points.rejected").(metricdata.Sum[int64])
			if len(sum.DataPoints) != 1 || sum.DataPoints[0].Value != 1 {
				t.Errorf("got %+v, want one rejected", sum)
			}
			if s := j.status(); s.Count != 30 || s.State != views.Firing {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// TestSeriesBeyondTheLimitAreCounted: 100,000 are held, and no more.
func TestSeriesBeyondTheLimitAreCounted(t *testing.T) {
	data := metricdata.Gauge[float64]{}
	for i := range 100_007 {
		data.DataPoints = append(data.DataPoints, metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attribute.Int("id", i)), Value: 1})
	}
	j := newJudge(t, recorded(100))
	for i := range 2 {
		j.tick(metricUnit("recorded", "s", data))
		sum, _ := j.find("otelperf.baseline.points.rejected").(metricdata.Sum[int64])
		if len(sum.DataPoints) != 1 || sum.DataPoints[0].Value != int64(7*(i+1)) {
			t.Fatalf("got %+v", sum)
		}
	}
	if s := j.status(); s.Value != 100_000_000 {
		t.Errorf("got %v", s.Value)
	}
}
