package process_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/process"
)

type produce func() ([]metricdata.ScopeMetrics, error)

func (p produce) Produce(context.Context) ([]metricdata.ScopeMetrics, error) { return p() }

func TestDeltaProducerSubtracts(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	restart := at(5).Add(30 * time.Second)
	steps := []struct {
		name       string
		start, end time.Time
		counts     []uint64
		err        error
		want       []uint64 // nil: no point
		wantStart  time.Time
	}{
		{"the first from the start", start, at(1), []uint64{1, 2}, nil, []uint64{1, 2}, start},
		{"the second", start, at(2), []uint64{1, 5}, nil, []uint64{0, 3}, at(1)},
		{"nothing new", start, at(3), []uint64{1, 5}, nil, nil, start},
		{"an error", start, at(4), nil, errors.New("no"), nil, start},
		{"after it", start, at(5), []uint64{2, 5}, nil, []uint64{1, 0}, at(3)},
		{"a new start", restart, at(6), []uint64{9, 9}, nil, []uint64{9, 9}, restart},
		{"a count fell", restart, at(7), []uint64{20, 8}, nil, []uint64{20, 8}, at(6)},
		{"the sum of the counts fell", restart, at(8), []uint64{0, 0}, nil, nil, start},
		{"afresh", restart, at(9), []uint64{3, 0}, nil, []uint64{3, 0}, at(8)},
		{"a start in the past", start, at(10), []uint64{3, 1}, nil, []uint64{3, 1}, at(9)},
	}
	step := 0
	p := process.NewDeltaProducer(produce(func() ([]metricdata.ScopeMetrics, error) {
		s := steps[step]
		if s.err != nil {
			return nil, s.err
		}
		return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: "go.schedule.duration", Data: metricdata.Histogram[float64]{
			Temporality: metricdata.CumulativeTemporality,
			DataPoints: []metricdata.HistogramDataPoint[float64]{{
				StartTime: s.start, Time: s.end, Bounds: []float64{1},
				BucketCounts: s.counts, Count: s.counts[0] + s.counts[1], Sum: float64(s.counts[1]),
			}},
		}}}}}, nil
	}))
	for i, s := range steps {
		step = i
		got, err := p.Produce(t.Context())
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if s.want == nil {
			if len(got) != 0 {
				t.Errorf("%s: %+v", s.name, got)
			}
			continue
		}
		if len(got) != 1 || len(got[0].Metrics) != 1 {
			t.Fatalf("%s: %+v", s.name, got)
		}
		h := got[0].Metrics[0].Data.(metricdata.Histogram[float64])
		point := h.DataPoints[0]
		if h.Temporality != metricdata.DeltaTemporality || !slices.Equal(point.BucketCounts, s.want) ||
			point.Count != s.want[0]+s.want[1] || point.Sum != float64(s.want[1]) ||
			!point.StartTime.Equal(s.wantStart) || !point.Time.Equal(s.end) {
			t.Errorf("%s: %+v", s.name, h)
		}
	}
}
