package e2e_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// httpBounds are those that the conventions for HTTP have, in seconds.
var httpBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// checkBounds: each histogram's buckets hold what it counted, and have the
// bounds that the conventions ask for and those at which baselines alert.
func checkBounds(t *testing.T, points []lab.Point) {
	t.Helper()
	want := map[string][]float64{
		"http.server.request.duration": httpBounds,
		// search_ms and allocation_ms of the demo: target, and 20 % worse.
		"otelperf.operation.duration": {1e-6, 1.2e-6, 1, 1.2},
	}
	for _, p := range points {
		if p.Kind != "histogram" {
			continue
		}
		var sum uint64
		for _, n := range p.Buckets {
			sum += n
		}
		if sum != p.Count || len(p.Buckets) != len(p.Bounds)+1 || len(p.Bounds) < 2 || !slices.IsSorted(p.Bounds) {
			t.Errorf("%s %v counted %d, and has %d in %d buckets with the bounds %v", p.Name, p.Attributes, p.Count, sum, len(p.Buckets), p.Bounds)
		}
		for _, bound := range want[p.Name] {
			if !slices.Contains(p.Bounds, bound) {
				t.Errorf("%s %v has no bound at %v: %v", p.Name, p.Attributes, bound, p.Bounds)
			}
		}
	}
}

// checkBuckets: the database has the very buckets of a histogram, added up as
// Prometheus has them, and no other. of selects them.
func checkBuckets(name string, db *lab.Database, of string, p lab.Point) error {
	all, err := db.Query(of)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", name, of, err)
	}
	got := make(map[float64]float64)
	for _, s := range all {
		le, err := strconv.ParseFloat(s.Labels["le"], 64)
		if _, twice := got[le]; err != nil || twice {
			return fmt.Errorf("%s: %s: the bucket %q is no bound, or is there twice", name, of, s.Labels["le"])
		}
		got[le] = s.Value
	}
	var sum uint64
	for i, n := range p.Buckets {
		sum += n
		le := math.Inf(1)
		if i < len(p.Bounds) {
			le = p.Bounds[i]
		}
		if v, ok := got[le]; !ok || v != float64(sum) {
			return fmt.Errorf("%s: %s: up to %v there are %v, want %d", name, of, le, v, sum)
		}
	}
	if len(got) != len(p.Buckets) {
		return fmt.Errorf("%s: %s: %d buckets, want %d", name, of, len(got), len(p.Buckets))
	}
	return nil
}
