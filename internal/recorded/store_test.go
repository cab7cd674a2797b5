package recorded_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/internal/recorded"
)

func TestNewRefusesBadDefinitions(t *testing.T) {
	good := recorded.Def{Name: "search_ms", Metric: "search", Unit: "s", Factor: 1000}
	tests := []struct {
		name string
		defs []recorded.Def
		want []string
	}{
		{"no name", []recorded.Def{{Metric: "m"}}, []string{"the name is empty"}},
		{"no metric", []recorded.Def{{Name: "a"}}, []string{`"a": the metric is empty`}},
		{"twice", []recorded.Def{good, good}, []string{`"search_ms": the name is defined twice`}},
		{"two units", []recorded.Def{good, {Name: "b", Metric: "search", Unit: "ms"}}, []string{`"b": the metric "search" has the unit "s" already, not "ms"`}},
		{"negative factor", []recorded.Def{{Name: "a", Metric: "m", Factor: -1}}, []string{"the factor -1"}},
		{"no factor", []recorded.Def{{Name: "a", Metric: "m", Factor: math.NaN()}}, []string{"the factor NaN"}},
		{"infinite factor", []recorded.Def{{Name: "a", Metric: "m", Factor: math.Inf(1)}}, []string{"the factor +Inf"}},
		{"all at once", []recorded.Def{{Metric: "m"}, good, {Name: "a"}}, []string{"the name is empty", `"a": the metric is empty`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store, err := recorded.New(test.defs)
			if err == nil || store != nil {
				t.Fatalf("New() = %v, %v, want an error", store, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "monitor: ") {
					t.Errorf("line %q does not say whose it is", line)
				}
			}
		})
	}
}

func TestRecordRefuses(t *testing.T) {
	store := mustNew(t,
		recorded.Def{Name: "search_ms", Metric: "search", Unit: "s", Factor: 1000},
		recorded.Def{Name: "allocation_ms", Metric: "allocation", Unit: "s", Factor: 1000},
		recorded.Def{Name: "memory_mb", Metric: "memory", Unit: "By", Factor: 1.0 / (1 << 20)},
	)
	tests := []struct {
		name  string
		key   string
		value float64
		want  string
	}{
		{"not a number", "search_ms", math.NaN(), `monitor: recorded value "search_ms" is not a number`},
		{"infinite", "search_ms", math.Inf(1), `"search_ms" is infinite`},
		{"minus infinite", "search_ms", math.Inf(-1), `"search_ms" is infinite`},
		{"negative", "search_ms", -0.5, `"search_ms" is negative: -0.5`},
		{"overflow", "memory_mb", math.MaxFloat64, `"memory_mb" is too large`},
		{"near miss", "serach_ms", 1, `monitor: nothing is defined to be recorded as "serach_ms"; did you mean "search_ms"? (known: allocation_ms, memory_mb, search_ms)`},
		{"case", "Memory-MB", 1, `did you mean "memory_mb"?`},
		{"nothing like it", "throughput", 1, `recorded as "throughput" (known: `},
		{"empty", "", 1, `recorded as "" (known: `},
		{"long", strings.Repeat("x\n", 5000), 1, `x\n…" (known: `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := store.Producer()
			err := store.Record(test.key, test.value)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Record(%.20q, %v) = %v, want it to say %q", test.key, test.value, err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 400) {
				t.Errorf("the error is not a line to read: %q", err)
			}
			if got := collect(t, p); len(got) != 0 {
				t.Errorf("a refused value was shown: %v", got)
			}
		})
	}
	if _, _, ok := store.Latest("search_ms"); ok {
		t.Error("a refused value is the latest one")
	}
}

func TestUnknownNameListsOnlySomeNames(t *testing.T) {
	var defs []recorded.Def
	for i := range 100 {
		defs = append(defs, recorded.Def{Name: "value_" + strings.Repeat("z", i+1), Metric: "m"})
	}
	err := mustNew(t, defs...).Record("q", 1)
	if err == nil || !strings.HasSuffix(err.Error(), " and 68 more)") {
		t.Errorf("Record() = %v, want it to name 32 of 100", err)
	}
	err = mustNew(t).Record("q", 1)
	if want := `monitor: nothing is defined to be recorded as "q"`; err == nil || err.Error() != want {
		t.Errorf("Record() = %v, want %s", err, want)
	}
}

func TestLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mustNew(t, recorded.Def{Name: "search_ms", Metric: "search", Unit: "s", Factor: 1000})
		p := store.Producer()
		if v, at, ok := store.Latest("search_ms"); ok || v != 0 || !at.IsZero() {
			t.Errorf("Latest before any value = %v, %v, %v", v, at, ok)
		}
		record(t, store, "search_ms", 140)
		pass(time.Second)
		record(t, store, "search_ms", 60)
		want := time.Now()
		pass(time.Second)
		collect(t, p)
		if v, at, ok := store.Latest("search_ms"); !ok || v != 60 || !at.Equal(want) {
			t.Errorf("Latest = %v, %v, %v, want 60, %v, true", v, at, ok, want)
		}
		if _, _, ok := store.Latest("other"); ok {
			t.Error("Latest knows a name that was not defined")
		}
	})
}

func TestNames(t *testing.T) {
	store := mustNew(t, recorded.Def{Name: "b", Metric: "m"}, recorded.Def{Name: "a", Metric: "m"})
	if got, want := store.Names(), []string{"b", "a"}; !slices.Equal(got, want) {
		t.Errorf("Names() = %v, want %v", got, want)
	}
}

func mustNew(t testing.TB, defs ...recorded.Def) *recorded.Store {
	t.Helper()
	store, err := recorded.New(defs)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func record(t testing.TB, store *recorded.Store, name string, v float64) {
	t.Helper()
	if err := store.Record(name, v); err != nil {
		t.Errorf("Record(%q, %v) = %v", name, v, err)
	}
}

// pass lets time go by in a bubble of testing/synctest.
func pass(d time.Duration) { <-time.After(d) }
