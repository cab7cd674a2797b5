package rules

import (
	"fmt"
	"strings"

	"github.com/otelperf/otelperf-go/views"
)

// perBase says how many of a unit make one of its base unit.
var perBase = map[string]struct {
	base   string
	factor float64
}{
	"1": {"1", 1}, "%": {"1", 100},
	"s": {"s", 1}, "ms": {"s", 1e3}, "us": {"s", 1e6}, "µs": {"s", 1e6}, "ns": {"s", 1e9},
	"min": {"s", 1.0 / 60}, "h": {"s", 1.0 / 3600},
	"By": {"By", 1}, "B": {"By", 1},
	"KiB": {"By", 1.0 / (1 << 10)}, "KiBy": {"By", 1.0 / (1 << 10)},
	"MiB": {"By", 1.0 / (1 << 20)}, "MiBy": {"By", 1.0 / (1 << 20)},
	"GiB": {"By", 1.0 / (1 << 30)}, "GiBy": {"By", 1.0 / (1 << 30)},
	"1/s":  {"1/s", 1},
	"By/s": {"By/s", 1}, "KiB/s": {"By/s", 1.0 / (1 << 10)}, "MiB/s": {"By/s", 1.0 / (1 << 20)},
}

// factorOf returns how many of b's unit make one of the unit that its statistic
// has in Prometheus, by the rules of package views.
func factorOf(b views.Baseline, metricUnit string) (float64, error) {
	if b.Unit == "" || strings.HasPrefix(b.Unit, "{") {
		return 1, nil
	}
	want, native := perBase[b.Unit], perBase[metricUnit]
	switch {
	case b.Statistic == views.ErrorRatio || metricUnit == "":
		native.base, native.factor = "1", 1
	case b.Statistic == views.Rate && native.base == "By" && want.base == "By/s":
		native.base = "By/s"
	case b.Statistic == views.Rate:
		native.base, native.factor = "1/s", 1
	case native.base == "":
		native.base, native.factor = metricUnit, 1
		if strings.HasPrefix(metricUnit, "{") {
			native.base = "1"
		}
	}
	if want.base != native.base {
		return 0, fmt.Errorf("rules: baseline %q: the unit %q does not fit %s of %s, which is in %q", b.Name, b.Unit, b.Statistic, b.Metric, metricUnit)
	}
	return want.factor / native.factor, nil
}
