package monitor_test

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	gort "runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/goconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/processconv"

	"github.com/otelperf/otelperf-go/otelperf/monitor"
)

// A convention is a metric of the packages that OpenTelemetry generates from its
// conventions.
type convention interface {
	Name() string
	Unit() string
	Description() string
}

// conventions are all metrics of the groups process and go. absent says why one
// is not there on Linux.
var conventions = []struct {
	convention
	attributes []attribute.KeyValue // all that may be
	absent     string
}{
	{processconv.ContextSwitchesObservable{}, []attribute.KeyValue{semconv.ProcessContextSwitchTypeVoluntary, semconv.ProcessContextSwitchTypeInvoluntary}, ""},
	{processconv.CPUTime{}, []attribute.KeyValue{semconv.CPUModeUser, semconv.CPUModeSystem}, ""},
	{processconv.CPUUtilizationObservable{}, []attribute.KeyValue{semconv.CPUModeUser, semconv.CPUModeSystem}, ""},
	{processconv.DiskIOObservable{}, nil, "not reported"},
	{processconv.MemoryUsageObservable{}, nil, ""},
	{processconv.MemoryVirtualObservable{}, nil, ""},
	{processconv.NetworkIOObservable{}, nil, "no system counts it by process"},
	{processconv.PagingFaultsObservable{}, []attribute.KeyValue{semconv.SystemPagingFaultTypeMinor, semconv.SystemPagingFaultTypeMajor}, ""},
	{processconv.ThreadCountObservable{}, nil, ""},
	{processconv.UnixFileDescriptorCountObservable{}, nil, ""},
	{processconv.UptimeObservable{}, nil, ""},
	{processconv.WindowsHandleCountObservable{}, nil, "Windows only"},

	{goconv.ConfigGogc{}, nil, ""},
	{goconv.CPUTimeObservable{}, []attribute.KeyValue{
		semconv.GoCPUStateUser, semconv.GoCPUStateGC, semconv.GoCPUStateScavenge, semconv.GoCPUStateIdle,
		semconv.GoCPUDetailedState("user"), semconv.GoCPUDetailedState("gc/mark/assist"),
		semconv.GoCPUDetailedState("gc/mark/dedicated"), semconv.GoCPUDetailedState("gc/mark/idle"),
		semconv.GoCPUDetailedState("gc/pause"), semconv.GoCPUDetailedState("scavenge/assist"),
		semconv.GoCPUDetailedState("scavenge/background"), semconv.GoCPUDetailedState("idle"),
	}, ""},
	{goconv.GoroutineCount{}, nil, ""},
	{goconv.MemoryAllocated{}, nil, ""},
	{goconv.MemoryAllocations{}, nil, ""},
	{goconv.MemoryGCCyclesObservable{}, nil, ""},
	{goconv.MemoryGCGoal{}, nil, ""},
	{goconv.MemoryGCPauseDuration{}, nil, ""},
	{goconv.MemoryLimit{}, nil, ""},
	{goconv.MemoryUsed{}, []attribute.KeyValue{semconv.GoMemoryTypeStack, semconv.GoMemoryTypeOther}, ""},
	{goconv.ProcessorLimit{}, nil, ""},
	{goconv.ScheduleDuration{}, nil, ""},
}

// ours are the metrics of these groups that no convention has.
var ours = []string{"process.unix.file_descriptor.limit"}

// TestConventions compares every metric of the process and of the runtime that
// goes out with the package that is generated from the conventions.
func TestConventions(t *testing.T) {
	if gort.GOOS != "linux" {
		t.Skip("what there is differs by system; the names are the same")
	}
	l := &looker{got: make(seen)}
	mon := start(t, monitor.WithConfig("conventions.toml", []byte("[monitoring]\ninterval_seconds = 0.1\n")),
		monitor.WithExporter(l))
	gort.GC()                                                 // so that there are pauses
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40)) // there is no metric without one
	for flush(t, mon); !l.has("process.cpu.utilization"); {   // there is none in the first half of an interval
		flush(t, mon)
	}
	shutdown(t, mon)
	got := l.got
	for _, c := range conventions {
		m, ok := got[c.Name()]
		delete(got, c.Name())
		if !ok || c.absent != "" {
			if ok == (c.absent != "") {
				t.Errorf("%s: there is one: %t; why there should be none: %q", c.Name(), ok, c.absent)
			}
			continue
		}
		if want := (metricKind{c.Unit(), c.Description(), kindOf(c.convention)}); m.metricKind != want {
			t.Errorf("%s is %+v, the conventions have %+v", c.Name(), m.metricKind, want)
		}
		for _, set := range m.sets {
			for _, kv := range set.ToSlice() {
				if !slices.Contains(c.attributes, kv) {
					t.Errorf("%s has %s=%s, which the conventions have not", c.Name(), kv.Key, kv.Value)
				}
			}
			if (set.Len() == 0) != (len(c.attributes) == 0) {
				t.Errorf("%s has a point with %d attributes", c.Name(), set.Len())
			}
		}
	}
	for name := range got {
		if (strings.HasPrefix(name, "process.") || strings.HasPrefix(name, "go.")) && !slices.Contains(ours, name) {
			t.Errorf("%s is in no convention", name)
		}
	}
}

// kindOf tells the instrument of a generated type by what it embeds.
func kindOf(c convention) string {
	instrument := reflect.TypeOf(c).Field(0).Name
	return regexp.MustCompile("^(Int64|Float64)(Observable)?").ReplaceAllString(instrument, "")
}

type metricKind struct{ unit, description, kind string }

type seenMetric struct {
	metricKind
	sets []attribute.Set
}

type seen map[string]seenMetric

// A looker is an exporter that notes what there is of every metric.
type looker struct {
	keeper
	mu  sync.Mutex
	got seen
}

var _ sdkmetric.Exporter = (*looker)(nil)

func (l *looker) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			s := seenMetric{metricKind: metricKind{unit: m.Unit, description: m.Description}}
			var err error
			s.kind, s.sets, err = kindAndSets(m.Data)
			errs = append(errs, err)
			l.got[m.Name] = s
		}
	}
	return errors.Join(errs...)
}

func (l *looker) has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.got[name]
	return ok
}

func kindAndSets(data metricdata.Aggregation) (kind string, sets []attribute.Set, err error) {
	sum := map[bool]string{true: "Counter", false: "UpDownCounter"}
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		return sum[d.IsMonotonic], setsOf(d.DataPoints), nil
	case metricdata.Sum[float64]:
		return sum[d.IsMonotonic], setsOf(d.DataPoints), nil
	case metricdata.Gauge[int64]:
		return "Gauge", setsOf(d.DataPoints), nil
	case metricdata.Gauge[float64]:
		return "Gauge", setsOf(d.DataPoints), nil
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			sets = append(sets, p.Attributes)
		}
		return "Histogram", sets, nil
	case metricdata.Histogram[int64]:
		return "Histogram", nil, nil
	}
	return "", nil, errors.New("no kind of metric that is expected")
}

func setsOf[N int64 | float64](points []metricdata.DataPoint[N]) (sets []attribute.Set) {
	for _, p := range points {
		sets = append(sets, p.Attributes)
	}
	return sets
}
