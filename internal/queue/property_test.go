package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/internal/queue"
)

// Whatever the next exporter does and whoever calls when: every delta point
// arrives once, in order, or is counted as lost; no state goes backwards.
func TestEveryPointArrivesOnceOrIsCounted(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { property(t, seed) })
		})
	}
}

func property(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	arrived, taken := map[string]float64{}, 0
	next := &stub{export: func(ctx context.Context, rm *metricdata.ResourceMetrics) error {
		switch r.IntN(8) {
		case 0:
			return errors.New("broken")
		case 1, 2:
			return errRefused
		case 3:
			return hang(ctx, rm)
		case 4:
			pass(time.Duration(r.IntN(3000)) * time.Millisecond)
		}
		for name, v := range look(rm) {
			if before, ok := arrived[name]; ok && v <= before {
				t.Errorf("%s: %v came after %v", name, v, before)
			}
			arrived[name] = v
			if name[0] == 'd' {
				taken++
			}
		}
		return nil
	}}
	e := queue.New(next, queue.WithErrorHandler(func(error) {}),
		queue.WithMaxBatches(1+r.IntN(20)), queue.WithBatchSize(r.IntN(5)), queue.WithTimeout(time.Second))

	given, deltasOnly := 0, seed%2 == 0
	calls := rand.New(rand.NewPCG(seed, 1))
	var flushes sync.WaitGroup
	for i := range 1 + calls.IntN(100) {
		v := float64(i + 1)
		var metrics []metricdata.Metrics
		if calls.IntN(4) > 0 {
			n := calls.IntN(6)
			values := make([]float64, n)
			for j := range values {
				values[j] = v
			}
			metrics = append(metrics, delta("d", values...))
			given += n
		}
		if !deltasOnly {
			metrics = append(metrics, total("c", v, v), gauge("g", v))
		}
		calls.Shuffle(len(metrics), func(i, j int) { metrics[i], metrics[j] = metrics[j], metrics[i] })
		give(t, e, metrics...)
		if calls.IntN(10) == 0 {
			timeout := time.Duration(calls.IntN(5)) * time.Second
			flushes.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				_ = e.ForceFlush(ctx)
			})
		}
		if calls.IntN(3) > 0 {
			pass(time.Duration(calls.IntN(4000)) * time.Millisecond)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(calls.IntN(30))*time.Second)
	defer cancel()
	_ = e.Shutdown(ctx)
	flushes.Wait()
	if err := e.Shutdown(t.Context()); err != nil {
		t.Errorf("last Shutdown = %v", err)
	}
	s := e.Stats()
	lost := 0
	for _, n := range s.Dropped {
		lost += int(n)
	}
	// States that end up in a batch that is dropped are counted as lost too.
	if taken+lost < given || deltasOnly && taken+lost > given {
		t.Errorf("of %d delta points %d arrived and %d were lost: %+v", given, taken, lost, s)
	}
	if s.Waiting != 0 || s.Batches != 0 || s.Bytes != 0 {
		t.Errorf("something still waits: %+v", s)
	}
}
