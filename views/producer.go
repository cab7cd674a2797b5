package views

import (
	"context"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Producer returns the metrics about baselines for a reader that the Processor
// is not in: one whose exporter wants another temporality, or the Prometheus
// exporter, which is a reader itself. They are those that the Processor adds to
// its own batches, as the newest evaluation left them, and carry its time;
// before the first one there are none. Sums have the temporality t.
//
// Each reader needs a Producer of its own, as one for deltas remembers what it
// told. The Processor's own reader must have none: its batches would tell of
// everything twice.
//
// Producing never fails. It may go on after Shutdown, and allocates what it
// returns, some 100 bytes for each baseline and group.
func (p *Processor) Producer(t metricdata.Temporality) sdkmetric.Producer {
	return &producer{p: p, account: newAccount(p.out.account.started, t)}
}

type producer struct {
	p       *Processor
	account account // guarded by p.mu
}

// Produce implements [sdkmetric.Producer].
func (r *producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if r.p.eval.number == 0 {
		return nil, nil
	}
	// A reader may be asked by several at once: each gets memory of its own.
	out := report{account: r.account}
	out.collect(r.p.eval)
	r.account = out.account
	if len(out.metrics) == 0 {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{{Scope: reportScope(), Metrics: out.metrics}}, nil
}
