package queue

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelperf/otelperf-go/internal/version"
)

// The reasons for which data points are dropped.
const (
	ReasonFull       = "queue_full" // more waited than the options allow: the oldest batch went
	ReasonFailed     = "failed"     // the next exporter returned an error; deltas, and the last export
	ReasonUnanswered = "unanswered" // the same, but the backend may have them: see UnansweredError
	ReasonRejected   = "rejected"   // the backend took the rest, and refused these
	ReasonShutdown   = "shutdown"   // Shutdown's context ended before they were exported
	ReasonUnknown    = "unknown"    // an aggregation of an unknown type; one is counted for each metric
)

var reasons = [...]string{ReasonFull, ReasonFailed, ReasonUnanswered, ReasonRejected, ReasonShutdown, ReasonUnknown}

var errUnknown = errors.New("a metric's aggregation is of an unknown type")

// Stats says what became of the data so far. All but Batches and Bytes count
// data points.
type Stats struct {
	Exported   uint64            // taken by the next exporter
	Superseded uint64            // replaced by newer ones of the same series while they waited
	Dropped    map[string]uint64 // lost, by reason
	Waiting    int               // not exported yet, those under way apart
	Batches    int               // that Waiting are in
	Bytes      int               // that Waiting take, about
}

// Stats returns the present state.
func (e *Exporter) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Dropped = make(map[string]uint64, len(reasons))
	for i, reason := range reasons {
		s.Dropped[reason] = e.dropped[i]
	}
	for _, b := range e.waiting {
		s.Waiting += b.points
	}
	s.Batches, s.Bytes = len(e.waiting), e.bytes
	return s
}

// Dropped returns how many data points were lost, for whatever reason.
func (e *Exporter) Dropped() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	var n uint64
	for _, d := range e.dropped {
		n += d
	}
	return n
}

// lose counts n data points as dropped. e.mu is held.
func (e *Exporter) lose(reason string, n int) {
	for i, r := range reasons {
		if r == reason {
			e.dropped[i] += uint64(n)
		}
	}
}

// The scope and the attributes of the metric that Register makes.
const (
	scope        = "github.com/otelperf/otelperf-go/otelperf/monitor"
	exporterName = attribute.Key("otelperf.exporter.name")
	dropReason   = attribute.Key("otelperf.drop.reason")
)

// Register makes the metric otelperf.export.dropped of mp report what this
// Exporter drops, one series for each reason, all of them from the start, so
// that a rate has a beginning. The Registration ends that.
func (e *Exporter) Register(mp metric.MeterProvider) (metric.Registration, error) {
	meter := mp.Meter(scope, metric.WithInstrumentationVersion(version.Version))
	dropped, err := meter.Int64ObservableCounter("otelperf.export.dropped",
		metric.WithUnit("{data_point}"),
		metric.WithDescription("Data points that did not reach an exporter's backend."))
	if err != nil {
		return nil, err
	}
	var options [len(reasons)][]metric.ObserveOption
	for i, reason := range reasons {
		options[i] = []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(
			exporterName.String(e.config.name), dropReason.String(reason)))}
	}
	// The callback never fails: the reader would skip the whole export for it.
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		for i, n := range e.dropped {
			o.ObserveInt64(dropped, int64(n), options[i]...)
		}
		return nil
	}, dropped)
}
