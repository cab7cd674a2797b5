package monitor

import (
	"context"
	"errors"
	"time"
)

func (m *Monitor) shutdown(ctx context.Context) error {
	var errs []error
	if m.sdk != nil {
		for _, f := range m.out {
			f.closing.Store(true)
		}
		// A reader's own shutdown would cancel a collection in progress. The
		// flush waits for it and takes everything up to now.
		errs = append(errs, m.sdk.ForceFlush(ctx))
		exports, cancel := sparing(ctx)
		errs = append(errs, m.sdk.Shutdown(exports))
		errs = append(errs, m.stopEvidence(ctx)...)
		cancel()
		errs = append(errs, m.keeper.Load().shutdown(ctx))
	}
	if d := m.dispatcher.Load(); d != nil {
		errs = append(errs, d.Shutdown(ctx))
	}
	return errors.Join(append(errs, m.closePages(), m.past.Close(ctx), m.close(ctx))...)
}

// sparing leaves a fifth of the time, a second at the most, for the alerts: a
// dead backend would take it all.
func sparing(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(-min(time.Until(end)/5, time.Second)))
}

func (m *Monitor) close(ctx context.Context) error {
	var errs []error
	for _, c := range m.closers {
		errs = append(errs, c())
	}
	for _, c := range m.sinkClosers {
		errs = append(errs, c(ctx))
	}
	return errors.Join(errs...)
}

// abandon ends what a failed start left. Nothing was collected that would be
// worth waiting for.
func (m *Monitor) abandon() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if m.sdk != nil {
		_ = m.sdk.Shutdown(ctx)
	}
	for _, f := range m.out {
		_ = f.Shutdown(ctx)
	}
	if d := m.dispatcher.Load(); d != nil {
		_ = d.Shutdown(ctx)
	}
	_ = errors.Join(m.stopEvidence(ctx)...)
	_ = m.keeper.Load().shutdown(ctx)
	_ = m.past.Close(ctx)
	return m.close(ctx)
}
