// Package scene makes up a service's measurements at any time, so that the page
// can be shown a day that takes no day: a busy search with a slow spell.
package scene

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/internal/page"
	"github.com/otelperf/otelperf-go/views"
)

// Bounds are the buckets of all latencies: three a decade and some around the
// targets.
var Bounds = []float64{
	1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 4e-3, 5e-3, 6e-3, 7.5e-3, 0.01, 0.025, 0.05, 0.075,
	0.08, 0.09, 0.1, 0.11, 0.12, 0.15, 0.2, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
}

// Baselines are what the service is judged by.
func Baselines() []views.Baseline {
	of := func(name string) []attribute.KeyValue {
		return []attribute.KeyValue{attribute.String("otelperf.operation.name", name)}
	}
	return []views.Baseline{
		{Name: "search_ms", Metric: "otelperf.operation.duration", Match: of("search"), Statistic: views.P95, Target: 100, Unit: "ms"},
		{Name: "allocation_ms", Metric: "otelperf.operation.duration", Match: of("allocation"), Statistic: views.P95, Target: 5, Unit: "ms"},
		{Name: "throughput_qps", Metric: "http.server.request.duration", Statistic: views.Rate, Target: 100, Unit: "1/s", Direction: views.LowerIsWorse},
		{Name: "error_rate_percent", Metric: "http.server.request.duration", Statistic: views.ErrorRatio, Target: 1, Unit: "%"},
		{Name: "memory_mb", Metric: "process.memory.usage", Statistic: views.Value, Target: 1024, Unit: "MiB"},
		{Name: "cpu_percent", Metric: "process.cpu.utilization", Statistic: views.Value, Target: 80, Unit: "%"},
		{Name: "max_response_time_ms", Metric: "http.server.request.duration", By: []attribute.Key{"http.route"}, Statistic: views.P95, Target: 250, Unit: "ms", ThresholdPercent: 100},
		{Name: "import_ms", Metric: "otelperf.operation.duration", Match: of("import"), Statistic: views.P95, Target: 2000, Unit: "ms"},
	}
}

// A Service is a history, what judges it, and the page.
type Service struct {
	History *history.History
	Page    *page.Handler
	Judge   *views.Processor

	tap    sdkmetric.Exporter
	random *rand.Rand
	last   time.Time
	res    *resource.Resource
	memory float64
}

// New makes a service that collects as often as interval says. evidence is the
// folder of evidence, and may be "".
func New(interval time.Duration, evidence string, extra []views.Baseline, opts ...history.Option) (*Service, error) {
	h, err := history.Open(append([]history.Option{history.WithInterval(interval)}, opts...)...)
	if err != nil {
		return nil, err
	}
	judge, err := views.Watch(append(Baselines(), extra...), views.WithNotify(func(a views.Alert) {
		if a.State == views.Firing && evidence != "" && time.Since(a.End) < 10*time.Minute {
			a.Evidence = filepath.Join(evidence, EvidenceName)
		}
		h.Alert(a)
	}), views.WithInterval(interval))
	if err != nil {
		return nil, err
	}
	res := resource.NewSchemaless(
		attribute.String("service.name", "catalogue"), attribute.String("service.version", "2.14.0"),
		attribute.String("host.name", "shop-7"), attribute.Int("process.pid", 4711),
		attribute.String("process.runtime.version", "go1.26.0"), attribute.String("secret.token", "hunter2"),
	)
	p, err := page.New(page.Source{
		History: h, Status: judge.Status, Resource: *res.Set(), Interval: interval, Retention: 24 * time.Hour, Evidence: evidence,
	})
	if err != nil {
		return nil, err
	}
	return &Service{
		History: h, Page: p, Judge: judge, tap: history.Tap(judge, h), random: rand.New(rand.NewPCG(1, 2)), //nolint:gosec // made-up numbers
		res: res, memory: 420 << 20,
	}, nil
}

// A Call is one operation or route and how it behaves.
type Call struct {
	Metric     string
	Attributes []attribute.KeyValue
	PerSecond  float64
	Median     float64 // seconds
	Spread     float64 // of the logarithm
	Failing    float64 // share
}

// Calls is what the service usually does; slow is by how much its search is
// slower than usual.
func Calls(slow float64) []Call {
	operation := func(name string, rate, median, spread float64) Call {
		return Call{"otelperf.operation.duration", []attribute.KeyValue{attribute.String("otelperf.operation.name", name)}, rate, median, spread, 0.002}
	}
	route := func(name string, rate, median, spread, failing float64) Call {
		return Call{"http.server.request.duration", []attribute.KeyValue{
			attribute.String("http.request.method", "GET"), attribute.String("http.route", name),
		}, rate, median, spread, failing}
	}
	return []Call{
		operation("search", 84, 0.031*slow, 0.42),
		operation("allocation", 310, 0.0009, 0.5),
		operation("rank", 84, 0.0042, 0.3),
		operation("suggest", 22, 0.0021, 0.6),
		route("/search", 84, 0.034*slow, 0.42, 0.001),
		route("/items/{id}", 46, 0.008, 0.7, 0.0004),
		route("/suggest", 22, 0.003, 0.6, 0),
		route("/basket", 3.5, 0.021, 0.5, 0.012*slow),
		{"http.client.request.duration", []attribute.KeyValue{attribute.String("server.address", "prices.internal")}, 31, 0.012, 0.6, 0.001},
	}
}

// Collect makes up what happened since the last collection, ended at now, and
// has it judged and kept.
func (s *Service) Collect(now time.Time, calls []Call) error {
	from := s.last
	if from.IsZero() {
		from = now.Add(-time.Minute)
	}
	s.last = now
	seconds := now.Sub(from).Seconds()
	metrics := map[string]*metricdata.Histogram[float64]{}
	busy := 0.0
	for _, c := range calls {
		h := metrics[c.Metric]
		if h == nil {
			h = &metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality}
			metrics[c.Metric] = h
		}
		n := c.PerSecond * seconds * (0.9 + 0.2*s.random.Float64())
		busy += n * c.Median
		failed := math.Round(n * c.Failing * 2 * s.random.Float64())
		h.DataPoints = append(h.DataPoints, s.point(c, from, now, int(n-failed)))
		if failed > 0 {
			bad := c
			bad.Attributes = append(slices.Clone(c.Attributes), attribute.String("error.type", "timeout"))
			h.DataPoints = append(h.DataPoints, s.point(bad, from, now, int(failed)))
		}
	}
	rm := &metricdata.ResourceMetrics{Resource: s.res, ScopeMetrics: []metricdata.ScopeMetrics{{}}}
	sm := &rm.ScopeMetrics[0]
	for name, h := range metrics {
		sm.Metrics = append(sm.Metrics, metricdata.Metrics{Name: name, Unit: "s", Data: *h})
	}
	sm.Metrics = append(sm.Metrics, s.runtime(from, now, busy/seconds)...)
	if err := s.tap.Export(context.Background(), rm); err != nil {
		return fmt.Errorf("scene: %w", err)
	}
	return nil
}

func (s *Service) point(c Call, from, now time.Time, n int) metricdata.HistogramDataPoint[float64] {
	p := metricdata.HistogramDataPoint[float64]{
		Attributes: attribute.NewSet(c.Attributes...), StartTime: from, Time: now,
		Bounds: Bounds, BucketCounts: make([]uint64, len(Bounds)+1),
	}
	low, high := math.Inf(1), 0.0
	drawn := min(n, 400) // enough for a shape
	for i := range drawn {
		v := c.Median * math.Exp(c.Spread*s.random.NormFloat64())
		if s.random.Float64() < 0.004 {
			v *= 4
		}
		weight := uint64(n/drawn + map[bool]int{true: 1}[i < n%drawn])
		at, _ := slices.BinarySearch(Bounds, v)
		p.BucketCounts[at] += weight
		p.Count += weight
		p.Sum += v * float64(weight)
		low, high = min(low, v), max(high, v)
	}
	if n > 0 {
		p.Min, p.Max = metricdata.NewExtrema(low), metricdata.NewExtrema(high)
	}
	return p
}

// runtime makes up what the process and Go's runtime say.
func (s *Service) runtime(from, now time.Time, busy float64) []metricdata.Metrics {
	gauge := func(name, unit string, v float64, attrs ...attribute.KeyValue) metricdata.Metrics {
		return metricdata.Metrics{Name: name, Unit: unit, Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
			{Attributes: attribute.NewSet(attrs...), Time: now, Value: v},
		}}}
	}
	count := func(name, unit string, v float64) metricdata.Metrics {
		return metricdata.Metrics{Name: name, Unit: unit, Data: metricdata.Sum[float64]{
			Temporality: metricdata.DeltaTemporality, IsMonotonic: true,
			DataPoints: []metricdata.DataPoint[float64]{{StartTime: from, Time: now, Value: v}},
		}}
	}
	noise := func() float64 { return 0.9 + 0.2*s.random.Float64() }
	s.memory += (430<<20 - s.memory) * 0.02
	s.memory += s.random.NormFloat64() * (6 << 20)
	heap := 180e6 + 60e6*math.Mod(float64(now.Unix()), 420)/420
	seconds := now.Sub(from).Seconds()
	cpu := min(0.9, 0.04*busy*noise())
	pauses := s.point(Call{Median: 0.00008, Spread: 0.5}, from, now, int(max(1, 0.4*seconds)))
	waits := s.point(Call{Median: 0.000006, Spread: 0.9}, from, now, int(900*seconds))
	usage := gauge("process.cpu.utilization", "1", cpu*0.8, attribute.String("cpu.mode", "user"))
	data, _ := usage.Data.(metricdata.Gauge[float64])
	data.DataPoints = append(data.DataPoints, metricdata.DataPoint[float64]{
		Attributes: attribute.NewSet(attribute.String("cpu.mode", "system")), Time: now, Value: cpu * 0.2,
	})
	usage.Data = data
	return []metricdata.Metrics{
		usage,
		gauge("process.memory.usage", "By", s.memory),
		gauge("go.memory.used", "By", heap, attribute.String("go.memory.type", "other")),
		gauge("go.memory.gc.goal", "By", 262e6),
		gauge("go.goroutine.count", "{goroutine}", math.Round(62*noise()+busy*3)),
		gauge("process.thread.count", "{thread}", 14),
		gauge("process.unix.file_descriptor.count", "{file_descriptor}", math.Round(48*noise())),
		gauge("http.server.active_requests", "{request}", math.Round(busy*noise())),
		count("go.memory.allocated", "By", 46e6*seconds*noise()),
		count("go.memory.gc.cycles", "{gc_cycle}", math.Round(0.4*seconds*noise())),
		{Name: "go.memory.gc.pause.duration", Unit: "s", Data: metricdata.Histogram[float64]{
			Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{pauses},
		}},
		{Name: "go.schedule.duration", Unit: "s", Data: metricdata.Histogram[float64]{
			Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{waits},
		}},
	}
}

// Day fills the time before now, a collection for each interval, with two slow
// spells of search: one that is over, and one that has begun minutes ago.
func (s *Service) Day(now time.Time, interval time.Duration, length time.Duration) error {
	for at := now.Add(-length); !at.After(now); at = at.Add(interval) {
		slow := 1.0
		switch ago := now.Sub(at); {
		case ago < 7*interval:
			slow = 2.6
		case ago > 31*interval && ago < 38*interval:
			slow = 1.9
		}
		if err := s.Collect(at, Calls(slow)); err != nil {
			return err
		}
	}
	return nil
}
