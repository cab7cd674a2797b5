package views

import (
	"fmt"
	"slices"
	"strings"
)

// A unit a person reads, as so many of the unit that metrics are recorded in.
type unit struct {
	base   string
	factor float64 // how many make one base unit: 1000 for ms
}

// units are those a Baseline may state. The keys are UCUM codes and what
// people write instead.
var units = map[string]unit{
	"":     {"", 1},
	"1":    {"1", 1},
	"%":    {"1", 100},
	"s":    {"s", 1},
	"ms":   {"s", 1e3},
	"us":   {"s", 1e6},
	"µs":   {"s", 1e6},
	"ns":   {"s", 1e9},
	"min":  {"s", 1.0 / 60},
	"h":    {"s", 1.0 / 3600},
	"By":   {"By", 1},
	"B":    {"By", 1},
	"KiB":  {"By", 1.0 / (1 << 10)},
	"KiBy": {"By", 1.0 / (1 << 10)},
	"MiB":  {"By", 1.0 / (1 << 20)},
	"MiBy": {"By", 1.0 / (1 << 20)},
	"GiB":  {"By", 1.0 / (1 << 30)},
	"GiBy": {"By", 1.0 / (1 << 30)},
	"1/s":  {"1/s", 1},
}

// unitFactor returns how many of u make one of its base unit.
func unitFactor(u string) (float64, error) {
	if d, ok := units[u]; ok {
		return d.factor, nil
	}
	if strings.HasPrefix(u, "{") { // UCUM annotations count things
		return 1, nil
	}
	known := make([]string, 0, len(units))
	for k := range units {
		if k != "" {
			known = append(known, k)
		}
	}
	slices.Sort(known)
	return 0, fmt.Errorf("unknown unit %q: want one of %s", u, strings.Join(known, ", "))
}
