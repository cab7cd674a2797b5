package views_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(b *views.Baseline){
		"":                           func(*views.Baseline) {},
		"the name is empty":          func(b *views.Baseline) { b.Name = " " },
		"the metric is empty":        func(b *views.Baseline) { b.Metric = "" },
		"the statistic is empty":     func(b *views.Baseline) { b.Statistic = "" },
		`unknown statistic "avg"`:    func(b *views.Baseline) { b.Statistic = "avg" },
		"the target is infinite":     func(b *views.Baseline) { b.Target = math.Inf(1) },
		"is too large":               func(b *views.Baseline) { b.Target = 1.7e308 },
		"is negative":                func(b *views.Baseline) { b.Target = -1 },
		"can never be undercut":      func(b *views.Baseline) { b.Target, b.Direction = 0, views.LowerIsWorse },
		`unknown unit "msec"`:        func(b *views.Baseline) { b.Unit = "msec" },
		"is below 100 %":             func(b *views.Baseline) { b.ThresholdPercent = 99 },
		"threshold of NaN %":         func(b *views.Baseline) { b.ThresholdPercent = math.NaN() },
		"threshold of +Inf %":        func(b *views.Baseline) { b.ThresholdPercent = math.Inf(1) },
		"could never fire":           func(b *views.Baseline) { b.Direction, b.ThresholdPercent = views.LowerIsWorse, 200 },
		"clear level of 130 %":       func(b *views.Baseline) { b.ClearPercent = 130 },
		"clear level of -1 %":        func(b *views.Baseline) { b.ClearPercent = -1 },
		"a negative duration":        func(b *views.Baseline) { b.For = -time.Second },
		"has no value":               func(b *views.Baseline) { b.Match = []attribute.KeyValue{{Key: "a"}} },
		"to group by is empty":       func(b *views.Baseline) { b.By = []attribute.Key{""} },
		`it groups by "a" twice`:     func(b *views.Baseline) { b.By = []attribute.Key{"a", "b", "a"} },
		"the fleet target -1 is not": func(b *views.Baseline) { b.FleetTarget = -1 },
		"fleet target NaN is not":    func(b *views.Baseline) { b.FleetTarget = math.NaN() },
		"fleet target +Inf is not":   func(b *views.Baseline) { b.FleetTarget = math.Inf(1) },
		"clear level of NaN %":       func(b *views.Baseline) { b.ClearPercent = math.NaN() },
		"negative duration":          func(b *views.Baseline) { b.KeepFiringFor = -1 },
		"negative durat":             func(b *views.Baseline) { b.Remind = -1 },
		`to match "" has no value`:   func(b *views.Baseline) { b.Match = []attribute.KeyValue{attribute.String("", "x")} },
		"1.6e+306 is too large":      func(b *views.Baseline) { b.Target, b.ClearPercent = 1.6e306, 100 }, // the threshold is, the clear level is not
		"1.7e+308 is too large": func(b *views.Baseline) { // the clear level is, the threshold is not
			b.Target, b.Direction, b.ThresholdPercent, b.ClearPercent = 1.7e308, views.LowerIsWorse, 199, 100
		},
		"warms up for -1":          func(b *views.Baseline) { b.Target, b.Relative, b.WarmUp = 0, 3, -1 },
		"burn rate needs a target": func(b *views.Baseline) { b.Objective, b.Target = 0.9, math.NaN() },
	} {
		b := latency()
		change(&b)
		err := b.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "views: baseline ") {
			t.Errorf("%v does not name the package", err)
		}
	}
	for name, change := range map[string]func(b *views.Baseline){
		"cleared at the threshold": func(b *views.Baseline) { b.ThresholdPercent, b.ClearPercent = 130, 130 },
		"cleared at the default":   func(b *views.Baseline) { b.ClearPercent = views.DefaultThresholdPercent },
		"relative to the most":     func(b *views.Baseline) { b.Target, b.Relative, b.WarmUp = 0, 10_000, 10_000 },
		"a small objective":        func(b *views.Baseline) { b.Objective = 1e-9 },
		"undercut up to its all":   func(b *views.Baseline) { b.Direction, b.ThresholdPercent = views.LowerIsWorse, 199.9 },
	} {
		b := latency()
		change(&b)
		if err := b.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (views.Baseline{Target: -1, For: -1}).Validate(); err == nil || strings.Count(err.Error(), "\n") < 3 {
		t.Errorf("got %v, want everything that is wrong", err)
	}
}

func TestLevels(t *testing.T) {
	for _, tt := range []struct {
		b                views.Baseline
		threshold, clear float64
	}{
		{views.Baseline{Target: 100}, 120, 120},
		{views.Baseline{Target: 5}, 6, 6},
		{views.Baseline{Target: 100, ThresholdPercent: 100}, 100, 100},
		{views.Baseline{Target: 100, ThresholdPercent: 150, ClearPercent: 110}, 150, 110},
		{views.Baseline{Target: 1000, Direction: views.LowerIsWorse}, 800, 800},
		{views.Baseline{Target: 1000, Direction: views.LowerIsWorse, ClearPercent: 105}, 800, 950},
		{views.Baseline{Target: 0}, 0, 0},
	} {
		if tt.b.Threshold() != tt.threshold || tt.b.Clear() != tt.clear {
			t.Errorf("%+v: got %v and %v", tt.b, tt.b.Threshold(), tt.b.Clear())
		}
	}
	if b := (views.Baseline{Target: math.NaN()}); !b.Observed() || !math.IsNaN(b.Threshold()) || !math.IsNaN(b.Clear()) {
		t.Error("a baseline without a target has levels")
	}
}

// TestUnits: the value and the threshold arrive in the unit of the baseline.
func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		metric, unit string
		v, want      float64
	}{
		{"s", "ms", 0.25, 250}, {"s", "us", 0.25, 250_000}, {"s", "ns", 1e-6, 1000}, {"s", "s", 2, 2},
		{"s", "min", 90, 1.5}, {"s", "h", 7200, 2}, {"ms", "ms", 7, 7}, {"ms", "s", 7, 0.007}, {"s", "", 3, 3},
		{"By", "MiB", 3 << 20, 3}, {"By", "GiB", 1 << 29, 0.5}, {"By", "KiB", 512, 0.5}, {"MiBy", "GiB", 512, 0.5},
		{"1", "%", 0.25, 25}, {"%", "%", 25, 25}, {"", "%", 0.25, 25}, {"{item}", "{item}", 4, 4}, {"{item}", "1", 4, 4},
	} {
		j := newJudge(t, views.Baseline{Name: "b", Metric: "m", Statistic: views.Value, Target: 1e-3, Unit: tt.unit})
		j.tick(gauge("m", tt.metric, tt.v))
		j.wantErrors()
		if s := j.status(); !near(s.Value, tt.want) {
			t.Errorf("%v %q in %q: got %v, want %v", tt.v, tt.metric, tt.unit, s.Value, tt.want)
		}
		if len(j.alerts) != 1 {
			t.Errorf("%v %q in %q: got %v", tt.v, tt.metric, tt.unit, j.alerts)
		}
	}
}

func TestShownUnits(t *testing.T) {
	for _, tt := range []struct {
		stat views.Statistic
		data string
		unit string // of the metric
		want string
	}{
		{views.P95, "Histogram[float64]", "s", "s"},
		{views.Rate, "Histogram[float64]", "s", "1/s"},
		{views.ErrorRatio, "Histogram[float64]", "s", "1"},
		{views.Rate, "Sum[int64]", "By", "By/s"},
		{views.Rate, "Sum[int64]", "1", "1/s"},
		{views.Rate, "Sum[int64]", "", "1/s"},
		{views.Rate, "Sum[int64]", "{item}", "{item}/s"},
		{views.Value, "Sum[int64]", "By", "By"},
	} {
		j := newJudge(t, views.Baseline{Name: "b", Metric: "m", Statistic: tt.stat, Target: 1})
		for _, first := range []bool{true, false} {
			data := aggregations[tt.data](first, false)
			j.tick(metricUnit("m", tt.unit, data))
		}
		if s := j.status(); s.Unit != tt.want {
			t.Errorf("%s of %s in %q: got %q, want %q", tt.stat, tt.data, tt.unit, s.Unit, tt.want)
		}
	}
}

// TestFactor: the table that rule generators use is the one that judges.
func TestFactor(t *testing.T) {
	for _, tt := range []struct {
		stat         views.Statistic
		unit, metric string
		want         float64
	}{
		{views.P95, "ms", "s", 1000}, {views.P95, "", "s", 1}, {views.Value, "MiB", "By", 1.0 / (1 << 20)},
		{views.ErrorRatio, "%", "s", 100}, {views.Rate, "1/s", "s", 1}, {views.Rate, "MiB/s", "By", 1.0 / (1 << 20)},
		{views.Value, "{item}", "s", 1}, {views.Value, "1", "{item}", 1},
	} {
		b := views.Baseline{Name: "b", Metric: "m", Statistic: tt.stat, Unit: tt.unit}
		if got, err := b.Factor(tt.metric); got != tt.want || err != nil {
			t.Errorf("%s in %q of a metric in %q: got %v, %v, want %v", tt.stat, tt.unit, tt.metric, got, err, tt.want)
		}
	}
	_, err := views.Baseline{Name: "b", Metric: "m", Statistic: views.P95, Unit: "MiB"}.Factor("s")
	if want := `views: baseline "b": the unit "MiB" does not fit p95 of m, which is in "s"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestEveryUnit makes so many of the unit in which metrics are recorded.
func TestEveryUnit(t *testing.T) {
	for _, tt := range []struct {
		stat        views.Statistic
		base, units string
		want        float64
	}{
		{views.P95, "s", "s", 1}, {views.P95, "s", "ms", 1e3}, {views.P95, "s", "us µs", 1e6}, {views.P95, "s", "ns", 1e9},
		{views.P95, "s", "min", 1.0 / 60}, {views.P95, "s", "h", 1.0 / 3600},
		{views.Value, "By", "By B", 1}, {views.Value, "By", "KiB KiBy", 1.0 / 1024}, {views.Value, "By", "MiB MiBy", 1.0 / 1024 / 1024},
		{views.Value, "By", "GiB GiBy", 1.0 / 1024 / 1024 / 1024},
		{views.Rate, "By", "By/s", 1}, {views.Rate, "By", "KiB/s", 1.0 / 1024}, {views.Rate, "By", "MiB/s", 1.0 / 1024 / 1024},
		{views.Value, "1", "1", 1}, {views.Value, "1", "%", 100}, {views.Rate, "s", "1/s", 1}, {views.Rate, "By", "1/s", 1},
	} {
		for _, unit := range strings.Fields(tt.units) {
			if got, err := (views.Baseline{Name: "b", Metric: "m", Statistic: tt.stat, Unit: unit}).Factor(tt.base); got != tt.want || err != nil {
				t.Errorf("%s in %s: got %v, %v, want %v", tt.base, unit, got, err, tt.want)
			}
		}
	}
	for _, tt := range []struct {
		stat         views.Statistic
		unit, metric string
	}{
		{views.Value, "MiB/s", "By"}, {views.Rate, "MiB/s", "s"}, {views.Rate, "MiB", "By"}, {views.Rate, "ms", "s"}, {views.ErrorRatio, "ms", "s"}, {views.Value, "%", "furlong"},
	} {
		if got, err := (views.Baseline{Name: "b", Metric: "m", Statistic: tt.stat, Unit: tt.unit}).Factor(tt.metric); err == nil {
			t.Errorf("%s in %s of %s: got %v, want an error", tt.stat, tt.unit, tt.metric, got)
		}
	}
	b := latency()
	b.Unit = "msec"
	want := `views: baseline "search_ms": unknown unit "msec": want one of %, 1, 1/s, B, By, By/s, GiB, GiBy, KiB, KiB/s, KiBy, MiB, MiB/s, MiBy, h, min, ms, ns, s, us, µs`
	if err := b.Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNeeded(t *testing.T) {
	for stat, want := range map[views.Statistic]uint64{
		views.Mean: 20, views.P50: 20, views.P95: 20, "p95.1": 100, views.P99: 100, "p99.1": 1000, views.P999: 1000,
		views.ErrorRatio: 20, views.Max: 1, views.Value: 1, views.Rate: 0,
	} {
		if got := (views.Baseline{Statistic: stat}).Needed(); got != want {
			t.Errorf("%s: got %d, want %d", stat, got, want)
		}
		if got := (views.Baseline{Statistic: stat, MinCount: 7}).Needed(); got != 7 {
			t.Errorf("%s with MinCount: got %d, want 7", stat, got)
		}
	}
}
