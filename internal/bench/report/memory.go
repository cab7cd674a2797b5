package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/middleware"
	"github.com/otelperf/otelperf-go/otelperf"
	"github.com/otelperf/otelperf-go/views"
)

// A memory is what things take of the heap, in bytes.
type memory struct {
	usual, hot                   float64 // a series of 22 boundaries, one goroutine has recorded to it
	operation, hotOperation      float64 // an operation with its series
	route, hotRoute              float64 // an HTTP route with its series
	baseline, judged             float64 // a baseline with one group; each series that it judges besides
	hourOperation, hourOfNumbers float64 // an hour of history, one row a minute
	hourBaseline                 float64
}

// held returns what build keeps on the heap, divided by n. What build returns is
// kept meanwhile.
func held(n int, build func() (any, error)) (float64, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept, err := build()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(n), err
}

func measureMemory() (m memory, err error) {
	const n = 1000
	for _, t := range []struct {
		result *float64
		n      int
		make   func() (any, error)
	}{
		{&m.usual, n, func() (any, error) { return newRoad(n, false) }},
		{&m.hot, n, func() (any, error) { return newRoad(n, true) }},
		{&m.operation, n, func() (any, error) {
			return operations(n, sdkProvider())
		}},
		{&m.hotOperation, n, func() (any, error) { return onHot(n, operations) }},
		{&m.route, n, func() (any, error) {
			return routes(n, sdkProvider())
		}},
		{&m.hotRoute, n, func() (any, error) { return onHot(n, routes) }},
		{&m.baseline, n, func() (any, error) { return judging(n, 1) }},
		{&m.judged, n, func() (any, error) { return judging(1, n) }},
	} {
		if *t.result, err = held(t.n, t.make); err != nil {
			return m, err
		}
	}
	m.hourOperation, m.hourOfNumbers, m.hourBaseline, err = hours()
	return m, err
}

func onHot(n int, build func(int, metric.MeterProvider) (any, error)) (any, error) {
	mp, _, err := hotProvider()
	if err != nil {
		return nil, err
	}
	return build(n, mp)
}

// operations makes that many, and calls each.
func operations(n int, mp metric.MeterProvider) (any, error) {
	rec, err := otelperf.New(otelperf.WithMeterProvider(mp))
	if err != nil {
		return nil, err
	}
	for i := range n {
		op, err := rec.Operation(fmt.Sprint("operation-", i))
		if err != nil {
			return nil, err
		}
		op.Record(context.Background(), time.Millisecond, nil)
	}
	return []any{rec, mp}, nil
}

// routes answers a request on each of that many. What the mux itself takes is not
// counted: there is none.
func routes(n int, mp metric.MeterProvider) (any, error) {
	mw, err := middleware.New(middleware.WithMeterProvider(mp))
	if err != nil {
		return nil, err
	}
	h := mw.Handler(middleware.Route(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Pattern = "GET " + r.URL.Path
	})))
	for i := range n {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprintf("http://example.com/route/%d", i), nil))
	}
	return []any{h, mw, mp}, nil
}

// judging makes a Processor of so many baselines, and lets it judge so many
// series twice.
func judging(baselines, series int) (any, error) {
	var all []views.Baseline
	for i := range baselines {
		all = append(all, views.Baseline{Name: fmt.Sprint("baseline_", i), Metric: metricName, Statistic: views.P95, Target: 100, Unit: "ms"})
	}
	w, err := views.Watch(all)
	if err != nil {
		return nil, err
	}
	r, err := newRoad(series, false)
	if err != nil {
		return nil, err
	}
	var rm metricdata.ResourceMetrics
	for range 2 {
		if err := r.reader.Collect(context.Background(), &rm); err != nil {
			return nil, err
		}
		if err := w.Export(context.Background(), &rm); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// hours returns what an hour of history takes, one collection a minute, of a
// series of each kind.
func hours() (operation, number, baseline float64, err error) {
	const series, minutes = 40, 10 * 60
	start := time.Now().Add(-minutes * time.Minute)
	measure := func(observe func(h *history.History, end time.Time, i int)) float64 {
		h, e := history.Open()
		if e != nil {
			err = e
			return 0
		}
		for i := range minutes {
			observe(h, start.Add(time.Duration(i)*time.Minute), i)
		}
		s := h.Stats()
		if e := h.Close(context.Background()); e != nil {
			err = e
		}
		return float64(s.Bytes) / float64(s.Series) / (minutes / 60)
	}
	batch := func(m metricdata.Metrics) *metricdata.ResourceMetrics {
		return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{m}}}}
	}
	operation = measure(func(h *history.History, end time.Time, i int) {
		data := metricdata.Histogram[float64]{Temporality: metricdata.DeltaTemporality}
		for k := range series {
			p := metricdata.HistogramDataPoint[float64]{
				Attributes: attribute.NewSet(attribute.String("otelperf.operation.name", fmt.Sprint("operation-", k))),
				StartTime:  end.Add(-time.Minute), Time: end, Bounds: boundaries, BucketCounts: make([]uint64, len(boundaries)+1),
			}
			for b := range 6 {
				n := uint64(100 + (i*7+k*13+b*29)%300)
				p.BucketCounts[8+b] += n
				p.Count += n
				p.Sum += float64(n) * boundaries[8+b]
			}
			data.DataPoints = append(data.DataPoints, p)
		}
		h.Observe(batch(metricdata.Metrics{Name: metricName, Unit: "s", Data: data}), nil)
	})
	number = measure(func(h *history.History, end time.Time, i int) {
		data := metricdata.Gauge[float64]{}
		for k := range series {
			data.DataPoints = append(data.DataPoints, metricdata.DataPoint[float64]{
				Attributes: attribute.NewSet(attribute.Int("n", k)), Time: end, Value: float64((i*7+k*13)%1000) / 999})
		}
		h.Observe(batch(metricdata.Metrics{Name: "process.something", Unit: "1", Data: data}), nil)
	})
	baseline = measure(func(h *history.History, end time.Time, i int) {
		var all []views.Status
		for k := range series {
			all = append(all, views.Status{Name: fmt.Sprint("baseline-", k), Metric: "m", Value: float64((i*7+k*13)%1000) / 999, Target: 1, Count: 2000, End: end})
		}
		h.Observe(&metricdata.ResourceMetrics{}, all)
	})
	return operation, number, baseline, err
}
