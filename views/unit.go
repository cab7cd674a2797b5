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
	"":      {"", 1},
	"1":     {"1", 1},
	"%":     {"1", 100},
	"s":     {"s", 1},
	"ms":    {"s", 1e3},
	"us":    {"s", 1e6},
	"µs":    {"s", 1e6},
	"ns":    {"s", 1e9},
	"min":   {"s", 1.0 / 60},
	"h":     {"s", 1.0 / 3600},
	"By":    {"By", 1},
	"B":     {"By", 1},
	"KiB":   {"By", 1.0 / (1 << 10)},
	"KiBy":  {"By", 1.0 / (1 << 10)},
	"MiB":   {"By", 1.0 / (1 << 20)},
	"MiBy":  {"By", 1.0 / (1 << 20)},
	"GiB":   {"By", 1.0 / (1 << 30)},
	"GiBy":  {"By", 1.0 / (1 << 30)},
	"1/s":   {"1/s", 1},
	"By/s":  {"By/s", 1},
	"KiB/s": {"By/s", 1.0 / (1 << 10)},
	"MiB/s": {"By/s", 1.0 / (1 << 20)},
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

// Factor returns how many of b.Unit make one of the unit that b's statistic has
// over a metric recorded in metricUnit: 1000 for milliseconds of a metric in
// seconds. Dividing a level by it gives the level that the metric is held
// against. It is an error if the two do not fit.
func (b Baseline) Factor(metricUnit string) (float64, error) {
	factor, err := b.factor(metricUnit)
	if err != nil {
		err = fmt.Errorf("views: baseline %q: %w", b.Name, err)
	}
	return factor, err
}

func (b Baseline) factor(metricUnit string) (float64, error) {
	if b.Unit == "" || strings.HasPrefix(b.Unit, "{") {
		return 1, nil
	}
	u := units[b.Unit]
	native, ok := units[metricUnit]
	switch {
	case b.Statistic == ErrorRatio || metricUnit == "":
		native = unit{"1", 1}
	case b.Statistic == Rate && native.base == "By" && u.base == "By/s":
		native.base = "By/s"
	case b.Statistic == Rate:
		native = unit{"1/s", 1} // counts, whatever they count
	case !ok:
		native = unit{metricUnit, 1}
		if strings.HasPrefix(metricUnit, "{") {
			native.base = "1"
		}
	}
	if u.base != native.base {
		return 0, fmt.Errorf("the unit %q does not fit %s of %s, which is in %q", b.Unit, b.Statistic, b.Metric, metricUnit)
	}
	return u.factor / native.factor, nil
}
