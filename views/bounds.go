package views

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

var (
	// httpBounds are those the HTTP semantic conventions advise, in seconds.
	httpBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

	// durationBounds are what otelperf advises for operations, in seconds.
	durationBounds = []float64{
		1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4,
		1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
	}

	// sizeBounds are in bytes.
	sizeBounds = []float64{
		1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18,
		1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28, 1 << 30,
	}

	// otherBounds are the SDK's defaults.
	otherBounds = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}
)

func standardBounds(name, unit string) []float64 {
	switch {
	case unit == "s" && strings.HasPrefix(name, "http."):
		return httpBounds
	case unit == "s":
		return durationBounds
	case unit == "By":
		return sizeBounds
	}
	return otherBounds
}

// levelsOf returns the levels that must be boundaries of a metric in the given
// unit: target, alert and clear level, rising, each once.
func levelsOf(baselines []Baseline, metricUnit string) []float64 {
	var levels []float64
	for _, b := range baselines {
		if !b.Statistic.ofDistribution() || b.Observed() || b.Relative > 0 {
			continue
		}
		factor, err := b.factor(metricUnit)
		if err != nil {
			continue // the Processor says so when it sees the metric
		}
		// As in rule.bind: the same arithmetic gives the same number.
		levels = append(levels, b.Target/factor, b.Threshold()/factor, b.Clear()/factor)
	}
	levels = slices.DeleteFunc(levels, func(l float64) bool { return math.IsInf(l, 0) }) // years in nanoseconds
	slices.Sort(levels)
	return slices.Compact(levels)
}

// around is where boundaries are put beside a level, as shares of it. Nearer
// ones come first, and stay longer when room is short.
var around = []float64{1.1, 0.9, 1.25, 0.75, 1.5, 2}

// align returns standard and levels as one grid, with a few boundaries around
// each level as far as maxBounds allows.
func align(standard, levels []float64) ([]float64, error) {
	grid := slices.Clone(standard)
	for _, l := range levels {
		if i, found := slices.BinarySearch(grid, l); !found {
			grid = slices.Insert(grid, i, l)
		}
	}
	// A quantile in the overflow bucket is only known to be above the last
	// boundary: the highest level needs one beyond it.
	if n := len(levels); n > 0 && grid[len(grid)-1] == levels[n-1] {
		grid = append(grid, beyond(levels[n-1]))
	}
	if len(grid) > maxBounds {
		return nil, fmt.Errorf("the levels of its baselines make %d bucket boundaries, more than %d: "+
			"use fewer baselines or exponential buckets", len(grid), maxBounds)
	}
	for _, share := range around {
		for _, l := range levels {
			if len(grid) == maxBounds {
				return grid, nil
			}
			b := round3(l * share) // no number at the edge of what numbers can be
			if i, found := slices.BinarySearch(grid, b); !found && apart(grid, i, b) {
				grid = slices.Insert(grid, i, b)
			}
		}
	}
	return grid, nil
}

// apart reports whether b, to be inserted at i, is at least 4 % away from its
// neighbours: nearer ones would tell nothing more. What is no number is not.
func apart(grid []float64, i int, b float64) bool {
	const least = 1.04
	return (i == 0 || b >= grid[i-1]*least) && (i == len(grid) || b*least <= grid[i])
}

func beyond(level float64) float64 {
	if level <= 0 {
		return 1
	}
	return min(level*2, math.MaxFloat64)
}

// round3 keeps three digits: boundaries are read by people.
func round3(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow10(2 - int(math.Floor(math.Log10(math.Abs(v)))))
	return math.Round(v*scale) / scale
}
