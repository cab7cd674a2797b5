package views

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A Processor judges every collection against its baselines and then passes
// it on, with what it found, to the next exporter. Create one with
// [NewProcessor] or [Watch].
//
// It is an exporter of its own and goes where one goes: into a reader. A
// Processor belongs to one reader, and the reader must not split a collection
// into batches (sdkmetric.WithMaxExportBatchSize), because a part of a
// collection is not what happened in the interval.
//
// All methods may be called concurrently.
type Processor struct {
	next   sdkmetric.Exporter
	notify func(Alert)
	clock  func() time.Time

	exporting sync.Mutex // held during Export, guards out and problems
	out       report
	problems  []error // of this evaluation, to be reported without a lock
	handle    func(error)

	mu   sync.Mutex // guards eval
	eval *evaluator
	shut bool
}

var _ sdkmetric.Exporter = (*Processor)(nil)

// NewProcessor returns a Processor that judges by the baselines and exports to
// next. Without a baseline it passes everything on as it comes. Any invalid
// baseline is an error, and so are two that judge the same metric under one
// name.
func NewProcessor(next sdkmetric.Exporter, baselines []Baseline, opts ...Option) (*Processor, error) {
	if next == nil {
		return nil, errors.New("views: NewProcessor needs an exporter to pass collections on to; use Watch to judge only")
	}
	c := newConfig(opts)
	eval, err := newEvaluator(baselines, &c)
	if err != nil {
		return nil, err
	}
	p := &Processor{next: next, notify: c.notify, handle: c.handle, clock: c.clock, eval: eval}
	eval.handle = func(err error) { p.problems = append(p.problems, err) }
	p.out.account = newAccount(c.clock(), next.Temporality(sdkmetric.InstrumentKindCounter))
	return p, nil
}

// Watch returns a Processor that judges and exports nothing. It is for readers
// that cannot be given an exporter, such as the Prometheus exporter: it runs
// beside them, in a PeriodicReader of its own, on cumulative data. What it finds
// reaches them by [Processor.Producer].
func Watch(baselines []Baseline, opts ...Option) (*Processor, error) {
	return NewProcessor(&discard{}, baselines, opts...)
}

// Temporality returns what the next exporter asks for.
func (p *Processor) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return p.next.Temporality(k)
}

// Aggregation returns what the next exporter asks for.
func (p *Processor) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return p.next.Aggregation(k)
}

// Export judges rm, tells of the alerts it raises, and passes rm on together
// with the metrics about the baselines, whatever was found. rm is not changed
// and nothing of it is kept. The error is the next exporter's.
func (p *Processor) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if rm == nil {
		return p.next.Export(ctx, rm)
	}
	p.exporting.Lock()
	defer p.exporting.Unlock()
	p.problems = p.problems[:0]
	alerts, batch := p.judge(rm)
	for _, a := range alerts {
		p.notify(a)
	}
	for _, err := range p.problems {
		p.handle(err)
	}
	err := p.next.Export(ctx, batch)
	p.out.release()
	return err
}

// judge evaluates rm, unless the Processor was shut down, and returns what is
// to be told and to be exported.
func (p *Processor) judge(rm *metricdata.ResourceMetrics) ([]Alert, *metricdata.ResourceMetrics) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return nil, rm
	}
	alerts := p.eval.evaluate(rm, p.clock())
	return alerts, p.out.build(rm, p.eval)
}

// ForceFlush flushes the next exporter.
func (p *Processor) ForceFlush(ctx context.Context) error { return p.next.ForceFlush(ctx) }

// Shutdown ends judging and shuts the next exporter down. Firing alerts are
// not resolved by it: the process ending does not make anything better.
func (p *Processor) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	p.shut = true
	p.mu.Unlock()
	return p.next.Shutdown(ctx)
}

// A Status is where one baseline and group stands.
type Status struct {
	Name      string
	Metric    string
	Statistic Statistic
	Direction Direction
	Group     attribute.Set

	// State is no_data if nothing has been measured yet, or lately.
	State State

	// Value is the newest one, in Unit; NaN if there was none. Count is how
	// many measurements it was computed from, Start and End bound its
	// interval.
	Value      float64
	Target     float64 // NaN: the value is observed and not judged
	Threshold  float64
	Unit       string
	Excess     float64 // NaN if the target is zero or absent
	Count      uint64
	Start, End time.Time

	// Since is when a pending group was first over, or a firing one fired.
	Since time.Time

	// Reason says what else was seen, as in an Alert.
	Reason string
}

// Status returns the newest state of every baseline and group, in the order of
// the baselines and, in one, of the groups' first appearance. A baseline that
// has no group yet appears once, without data. The result belongs to the
// caller.
func (p *Processor) Status() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Status, 0, len(p.eval.rules))
	for _, r := range p.eval.rules {
		if r.superseded {
			continue
		}
		for _, g := range r.order {
			out = append(out, g.status())
		}
		if len(r.order) == 0 {
			out = append(out, newGroup(r, *attribute.EmptySet()).status())
		}
	}
	return out
}

func (g *group) status() Status {
	r, b := g.rule, g.baseline()
	s := Status{
		Name: r.Name, Metric: r.Metric, Statistic: r.Statistic, Direction: r.Direction,
		Group: g.attrs, State: g.life.state,
		Value: g.last.value * g.scale(), Target: b.Target, Threshold: b.Threshold(), Unit: r.shownUnit(),
		Count: g.last.count, Start: g.lastFrom, End: g.lastEnd, Reason: g.last.reason,
		Since: g.life.since,
	}
	switch {
	case g.life.state == OK && g.incomplete:
		s.State = Incomplete
	case !g.measured:
		s.State = Silent
	}
	s.Excess, _ = b.Excess(s.Value)
	return s
}

// discard is the exporter behind [Watch].
type discard struct{ shut atomic.Bool }

func (*discard) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(k)
}

func (*discard) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (d *discard) Export(context.Context, *metricdata.ResourceMetrics) error {
	if d.shut.Load() {
		return sdkmetric.ErrExporterShutdown
	}
	return nil
}

func (*discard) ForceFlush(context.Context) error { return nil }

func (d *discard) Shutdown(context.Context) error {
	d.shut.Store(true)
	return nil
}
