package monitor

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/runtime"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/internal/process"
	"github.com/otelperf/otelperf-go/internal/queue"
	"github.com/otelperf/otelperf-go/views"
)

// otlpBatch is how many data points go into one OTLP request. Receivers refuse
// requests of more than 4 MiB, and a histogram with 64 buckets is about 1 KiB.
const otlpBatch = 2000

// readers makes one reader for each group of exporters that want the same data.
// One of them, a cumulative one if there is, is judged.
func (m *Monitor) readers(ctx context.Context, cfg *config.Config, s *settings, baselines []views.Baseline, state []byte) ([]sdkmetric.Reader, error) {
	all, err := exporters(ctx, cfg, s)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		options := []queue.Option{
			queue.WithName(e.name),
			queue.WithMaxBatches(cfg.Export.QueueSize),
			queue.WithErrorHandler(reporter(s, "otelperf: exports")),
		}
		if e.name == "otlp" {
			options = append(options, queue.WithBatchSize(otlpBatch), queue.WithTimeout(cfg.Export.OTLP.Timeout))
		}
		m.add(queue.New(e.Exporter, options...))
	}
	if len(m.out) == 0 {
		m.out = append(m.out, &fanout{})
	}
	judged := 0
	for i, f := range m.out {
		if cumulative(f) {
			judged = i
			break
		}
	}
	// The judged one comes first, here and whenever all are flushed: then the
	// others tell of the newest evaluation.
	m.out[0], m.out[judged] = m.out[judged], m.out[0]
	if err := m.judge(m.out[0], cfg, s, baselines, state); err != nil {
		return nil, err
	}
	var readers []sdkmetric.Reader
	for i, f := range m.out {
		scheduling := newScheduling()
		if f.Temporality(sdkmetric.InstrumentKindHistogram) == metricdata.DeltaTemporality {
			scheduling = process.NewDeltaProducer(scheduling)
		}
		options := []sdkmetric.PeriodicReaderOption{
			sdkmetric.WithInterval(cfg.Monitoring.Interval),
			sdkmetric.WithTimeout(cfg.Export.ReaderTimeout),
			sdkmetric.WithProducer(m.values.Producer()),
			sdkmetric.WithProducer(scheduling),
			sdkmetric.WithProducer(process.NewPauseProducer(f.Temporality(sdkmetric.InstrumentKindHistogram))),
		}
		if m.road != nil {
			p, err := m.road.Producer(f)
			if err != nil {
				return nil, fmt.Errorf("monitor: %w", err)
			}
			options = append(options, sdkmetric.WithProducer(p))
		}
		var e sdkmetric.Exporter = f
		switch {
		case i > 0:
			options = append(options, sdkmetric.WithProducer(m.processor.Producer(f.Temporality(sdkmetric.InstrumentKindCounter))))
		case m.past != nil:
			e = history.Tap(m.processor, m.past)
		default:
			e = m.processor
		}
		// Producers' scopes may be the SDK's too: a batch has each of them once.
		readers = append(readers, sdkmetric.NewPeriodicReader(hotroad.Merging(e), options...))
	}
	return readers, nil
}

// judge puts the Processor in front of f.
func (m *Monitor) judge(f *fanout, cfg *config.Config, s *settings, baselines []views.Baseline, state []byte) (err error) {
	options := []views.Option{
		views.WithInterval(cfg.Monitoring.Interval),
		views.WithNotify(m.notify),
		views.WithErrorHandler(reporter(s, "otelperf: baselines")),
	}
	if len(state) > 0 {
		options = append(options, views.WithState(bytes.NewReader(state)))
	}
	if m.processor, err = views.NewProcessor(f, baselines, options...); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	f.after = m.saw
	return nil
}

// newScheduling returns contrib's producer of the schedule latency, cumulative
// always. It is kept from caching what it read for 15 s, which would have shorter
// intervals judged by old numbers; the one histogram that it reads is cheap.
func newScheduling() sdkmetric.Producer {
	if o, ok := runtime.WithMinimumReadMemStatsInterval(time.Nanosecond).(runtime.ProducerOption); ok {
		return runtime.NewProducer(o)
	}
	return runtime.NewProducer()
}

// add puts a queue to those of its kind.
func (m *Monitor) add(q *queue.Exporter) {
	for _, f := range m.out {
		if alike(f, q) {
			f.to = append(f.to, q)
			return
		}
	}
	m.out = append(m.out, &fanout{to: []*queue.Exporter{q}})
}
