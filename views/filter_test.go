package views_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/viewstest"
)

func filter(t *testing.T, next sdkmetric.Exporter, edits ...views.Edit) *views.Filter {
	t.Helper()
	f, err := views.NewFilter(next, edits...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFilter(t *testing.T) {
	type edits = []views.Edit
	for _, tt := range []struct {
		name  string
		edits edits
		want  string
	}{
		{"nothing", nil, "gauge.int gauge.float sum.int sum.float | histogram.int histogram.float exponential.int exponential.float summary"},
		{"keep", edits{views.KeepMetrics("sum.*", "SUMMARY")}, "sum.int sum.float | summary"},
		{"drop", edits{views.DropMetrics("*.int", "*.floa?")}, "summary"},
		{"all", edits{views.DropMetrics("*")}, ""},
		{"rename", edits{views.RenameMetric("sum.int", "total"), views.KeepMetrics("sum.float", "total")}, "total sum.float"},
		{"rename only", edits{views.RenameMetric("sum.int", "total")}, "gauge.int gauge.float total sum.float | histogram.int histogram.float exponential.int exponential.float summary"},
		{"drop before rename", edits{views.DropMetrics("sum.int"), views.RenameMetric("sum.int", "total"), views.KeepMetrics("total")}, ""},
		{"rename before drop", edits{views.RenameMetric("sum.int", "total"), views.DropMetrics("*.*")}, "total | summary"},
		{"a dot is a dot", edits{views.KeepMetrics("gaugexint")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &judge{t: t}
			f := filter(t, keeping{capture{j}}, tt.edits...)
			for range 2 {
				in := viewstest.Batch()
				if err := f.Export(context.Background(), in); err != nil {
					t.Fatal(err)
				}
				var scopes []string
				for _, sm := range j.seen.ScopeMetrics {
					var names []string
					for _, m := range sm.Metrics {
						names = append(names, m.Name)
					}
					scopes = append(scopes, strings.Join(names, " "))
				}
				if got := strings.Join(scopes, " | "); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if tt.edits == nil && j.out != in {
					t.Error("the batch was copied for nothing")
				}
				if j.seen.Resource != in.Resource {
					t.Error("the resource is another")
				}
			}
		})
	}
}

// A keeping exporter keeps a copy of the metrics too, which are a Filter's own.
type keeping struct{ capture }

func (k keeping) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := k.capture.Export(ctx, rm)
	for i := range k.j.seen.ScopeMetrics {
		sm := &k.j.seen.ScopeMetrics[i]
		sm.Metrics = slices.Clone(sm.Metrics)
	}
	return err
}

// TestTwoFiltersSeeDifferentThings of one collection, behind one Processor.
func TestTwoFiltersSeeDifferentThings(t *testing.T) {
	one, two := &judge{t: t}, &judge{t: t}
	f, g := filter(t, keeping{capture{one}}, views.DropMetrics("recorded")), filter(t, keeping{capture{two}}, views.KeepMetrics("recorded"))
	rm := collection(gauge("recorded", "s", 1), gauge("other", "s", 1))
	for _, e := range []*views.Filter{f, g} {
		if err := e.Export(context.Background(), rm); err != nil {
			t.Fatal(err)
		}
	}
	if one.find("recorded") != nil || one.find("other") == nil || two.find("recorded") == nil || two.find("other") != nil {
		t.Errorf("got %+v and %+v", one.out, two.out)
	}
	if len(rm.ScopeMetrics[0].Metrics) != 2 || rm.ScopeMetrics[0].Metrics[0].Name != "recorded" {
		t.Errorf("the collection was changed: %+v", rm)
	}
}

func TestNewFilterRefuses(t *testing.T) {
	next := capture{&judge{}}
	for want, tt := range map[string]struct {
		next sdkmetric.Exporter
		edit views.Edit
	}{
		"needs an exporter":     {nil, views.KeepMetrics("a")},
		"it names no metric":    {next, views.KeepMetrics()},
		"an empty name":         {next, views.DropMetrics("a", "")},
		"cannot be renamed":     {next, views.RenameMetric("a*", "b")},
		`"b c" is no name`:      {next, views.RenameMetric("a", "b c")},
		`edit 1: "" is no name`: {next, views.RenameMetric("a", "")},
	} {
		if _, err := views.NewFilter(tt.next, tt.edit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestFilterRefusesOneNameForTwo(t *testing.T) {
	rename, drop := views.RenameMetric, views.DropMetrics
	next := capture{&judge{}}
	_, err := views.NewFilter(next, rename("a", "c"), rename("b", "C"))
	if err == nil || err.Error() != `views: edit 2: both "a" and "b" get the name "C"` {
		t.Errorf("got %v", err)
	}
	for _, edits := range [][]views.Edit{
		{rename("a", "b"), rename("b", "c")}, // one metric, on and on
		{rename("a", "c"), rename("A", "c")},
		{drop("a"), rename("a", "c"), rename("b", "c")},
		{rename("b", "c"), drop("a"), rename("a", "c")},
	} {
		if _, err := views.NewFilter(next, edits...); err != nil {
			t.Errorf("%v: got %v", edits, err)
		}
	}
}

func TestFilterConforms(t *testing.T) {
	for _, edits := range [][]views.Edit{nil, {views.DropMetrics("not.there"), views.RenameMetric("nor.this", "x")}} {
		if err := viewstest.CheckDecorator(func(next sdkmetric.Exporter) sdkmetric.Exporter { return filter(t, next, edits...) }); err != nil {
			t.Error(err)
		}
	}
	if err := viewstest.CheckExporter(func() sdkmetric.Exporter {
		w, err := views.Watch(nil)
		if err != nil {
			t.Fatal(err)
		}
		return filter(t, w, views.DropMetrics("*.int"), views.RenameMetric("summary", "x"))
	}); err != nil {
		t.Error(err)
	}
	if err := filter(t, capture{&judge{}}).Export(context.Background(), nil); err != nil {
		t.Error(err)
	}
}
