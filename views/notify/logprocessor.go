package notify

import (
	"context"
	"errors"
	"sync"

	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// NewLogProcessor returns a processor of the Logs SDK that hands each record to
// e at once, one after the other, and lets the sink of [LogEvents] know what
// became of it: so a [Dispatcher] tries again what did not arrive, in its own
// time, and counts what it gives up. With the SDK's own processors an alert
// counts as delivered once it was emitted, and is gone if the backend is down.
//
//	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(notify.NewLogProcessor(exporter)))
//	target := notify.Target{Name: "log_events", Send: notify.LogEvents(lp)}
//
// It is for a provider of its own: Emit takes as long as e does. The exporter's
// own retrying is better switched off. Errors for records of others go where
// the SDK's processors have them go, to otel.Handle. A nil e exports nothing.
func NewLogProcessor(e sdklog.Exporter) sdklog.Processor {
	return &logProcessor{exporter: e}
}

type logProcessor struct {
	exporter sdklog.Exporter
	mu       sync.Mutex // held during Export, which must not be called concurrently
}

// A fate is how the sink of LogEvents hears what became of its record. It
// goes with the context, as an emitter gets nothing back from the SDK.
type fate struct{ err error }

type fateKey struct{}

func (p *logProcessor) Enabled(context.Context, sdklog.EnabledParameters) bool {
	return p.exporter != nil
}

func (p *logProcessor) OnEmit(ctx context.Context, r *sdklog.Record) error {
	if p.exporter == nil {
		return nil
	}
	p.mu.Lock()
	err := p.exporter.Export(ctx, []sdklog.Record{r.Clone()})
	p.mu.Unlock()
	if o, ok := ctx.Value(fateKey{}).(*fate); ok {
		o.err = errors.Join(o.err, err)
		return nil
	}
	return err
}

func (p *logProcessor) ForceFlush(ctx context.Context) error {
	if p.exporter == nil {
		return nil
	}
	return p.exporter.ForceFlush(ctx)
}

func (p *logProcessor) Shutdown(ctx context.Context) error {
	if p.exporter == nil {
		return nil
	}
	return p.exporter.Shutdown(ctx)
}
