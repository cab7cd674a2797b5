package views_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/views"
)

func firing() views.Alert {
	return views.Alert{
		Name: "search_ms", Metric: "m", Statistic: views.P95, State: views.Firing, Unit: "ms",
		Value: 140, Target: 100, Threshold: 120, Excess: 0.4,
		Start: epoch, End: epoch.Add(time.Minute), Since: epoch.Add(time.Minute),
	}
}

func TestAlertText(t *testing.T) {
	for want, change := range map[string]func(a *views.Alert){
		"ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0%": func(*views.Alert) {},
		"ALERT throughput_qps = 700.000 falls below baseline 1000.000 by 30.0%": func(a *views.Alert) {
			a.Name, a.Value, a.Target, a.Excess, a.Direction = "throughput_qps", 700, 1000, 0.3, views.LowerIsWorse
		},
		"ALERT panics = 1.000 exceeds baseline 0.000": func(a *views.Alert) {
			a.Name, a.Value, a.Target, a.Excess = "panics", 1, 0, math.NaN()
		},
		"ALERT search_ms has no data, baseline 100.000": func(a *views.Alert) { a.Value, a.Excess, a.Reason = math.NaN(), math.NaN(), "no data" },
		"ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0% http.route=/a tenant=7 (at least) evidence=data/e1": func(a *views.Alert) {
			a.Group = attribute.NewSet(attribute.Int("tenant", 7), attribute.String("http.route", "/a"))
			a.Reason, a.Evidence = "at least", "data/e1"
		},
		`ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0% q="a b" r="x=1" s="\x1b[2J\nALERT" t="" u=é`: func(a *views.Alert) {
			a.Group = attribute.NewSet(attribute.String("q", "a b"), attribute.String("r", "x=1"),
				attribute.String("s", "\x1b[2J\nALERT"), attribute.String("t", ""), attribute.String("u", "é"))
		},
		"RESOLVED search_ms = 140.000 is back within baseline 100.000 after 5m0s": func(a *views.Alert) {
			a.State, a.End = views.Resolved, a.Since.Add(5*time.Minute)
		},
		"RESOLVED search_ms = 90.000 is back within baseline 100.000": func(a *views.Alert) {
			a.State, a.Value = views.Resolved, 90 // at once
		},
		"RESOLVED search_ms = 91.000 is back within baseline 100.000 (clock)": func(a *views.Alert) {
			a.State, a.Value, a.End, a.Reason = views.Resolved, 91, a.Since.Add(-time.Minute), "clock"
		},
		"RESOLVED search_ms = 92.000 is back within baseline 100.000": func(a *views.Alert) {
			a.State, a.Value, a.Since = views.Resolved, 92, time.Time{}
		},
		"RESOLVED search_ms = 93.000 is back within baseline 100.000 after 1s (no data)": func(a *views.Alert) {
			a.State, a.Value, a.End, a.Reason = views.Resolved, 93, a.Since.Add(time.Second), "no data"
		},
		"RESOLVED search_ms has no data any more, baseline 100.000": func(a *views.Alert) {
			a.State, a.Value, a.Reason = views.Resolved, math.NaN(), "no data"
		},
		"RESOLVED search_ms is back within baseline 100.000 (calls complete again)": func(a *views.Alert) {
			a.State, a.Value, a.Reason = views.Resolved, math.NaN(), "calls complete again"
		},
		"ALERT search_ms = 150.000 exceeds baseline 100.000 by 50.0%": func(a *views.Alert) {
			a.Value, a.Excess, a.End, a.Reminder = 150, 0.5, a.Since.Add(time.Hour), true
		},
	} {
		a := firing()
		change(&a)
		if got := a.String(); got != want {
			t.Errorf("got\n%s, want\n%s", got, want)
		}
	}
}

func TestAlertJSON(t *testing.T) {
	a := firing()
	a.Group = attribute.NewSet(attribute.String("http.route", "/a"), attribute.Float64("nan", math.NaN()), attribute.Float64("half", 0.5), attribute.Int("n", 3), attribute.Float64Slice("f", []float64{1, math.Inf(1)}))
	a.Resource = resource.NewSchemaless(attribute.String("service.name", "shop"))
	a.Labels = map[string]string{"team": "search"}
	a.Exemplars = []views.Exemplar{{Value: 150, Time: epoch, TraceID: [16]byte{1, 2}, SpanID: [8]byte{3}}}
	got, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-01-01T00:01:00Z","state":"firing","name":"search_ms",` +
		`"message":"ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0% f=\"[1,\\\"Infinity\\\"]\" half=0.5 http.route=/a n=3 nan=NaN",` +
		`"metric":"m","statistic":"p95","value":140,"target":100,"threshold":120,"unit":"ms","excess":0.4,"direction":"higher","count":0,` +
		`"interval_start":"2026-01-01T00:00:00Z","interval_end":"2026-01-01T00:01:00Z","since":"2026-01-01T00:01:00Z",` +
		`"group":{"f":"[1,\"Infinity\"]","half":0.5,"http.route":"/a","n":3,"nan":"NaN"},"resource":{"service.name":"shop"},"labels":{"team":"search"},` +
		`"exemplars":[{"value":150,"time":"2026-01-01T00:00:00Z","trace_id":"01020000000000000000000000000000","span_id":"0300000000000000"}],` +
		`"id":"\"search_ms\",\"shop\",,f=FLOAT64SLICE:\"[1,\\\"Infinity\\\"]\",half=FLOAT64:\"0.5\",http.route=\"/a\",n=INT64:\"3\",nan=FLOAT64:\"NaN\""}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(string(got), "\n") {
		t.Error("it takes more than one line")
	}
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		a.Value, a.Excess, a.Target = v, v, v
		var back map[string]any
		if got, err = json.Marshal(a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		if x, ok := back["value"]; !ok || x != nil {
			t.Errorf("got value %v", x)
		}
	}
}

// TestAlertJSONOfAnyTime: a clock that is wrong costs the time and not the alert.
func TestAlertJSONOfAnyTime(t *testing.T) {
	for year, want := range map[int]string{
		-1: "0001-01-01T00:00:00Z", 0: "0000-06-01T00:00:00Z", 9999: "9999-06-01T00:00:00Z", 10000: "0001-01-01T00:00:00Z",
	} {
		a := firing()
		a.End = time.Date(year, time.June, 1, 0, 0, 0, 0, time.UTC)
		got, err := json.Marshal(a)
		if err != nil {
			t.Errorf("year %d: %v", year, err)
			continue
		}
		if !strings.HasPrefix(string(got), `{"time":"`+want+`",`) {
			t.Errorf("year %d: got %s, want the time %s", year, got, want)
		}
	}
}

func TestAlertIDsDiffer(t *testing.T) {
	on := func(kvs ...attribute.KeyValue) *resource.Resource { return resource.NewSchemaless(kvs...) }
	name := func(s string) attribute.KeyValue { return attribute.String("service.name", s) }
	instance := func(s string) attribute.KeyValue { return attribute.String("service.instance.id", s) }
	group := func(k attribute.Key, v string) attribute.Set { return attribute.NewSet(k.String(v)) }
	seen := map[string]int{}
	for i, a := range []views.Alert{
		{Name: "a"}, {Name: "b"}, {Name: `a","s`},
		{Name: "a", Resource: on(name("s"))}, {Name: "a", Resource: on(instance("s"))},
		{Name: "a", Resource: on(name("s"), instance("i"))}, {Name: "a", Resource: on(name("s"), instance("j"))},
		{Name: "a", Resource: on(name(`s","i`))},
		{Name: "a", Group: group("k", "1")}, {Name: "a", Group: attribute.NewSet(attribute.Int("k", 1))}, {Name: "a", Group: attribute.NewSet(attribute.Float64("k", 1))},
		{Name: "a", Group: group("k", "v")}, {Name: "a", Group: group("k", `v",l="w`)},
		{Name: "a", Group: group("k=\"v\",k", "v")},
	} {
		if other, ok := seen[a.ID()]; ok {
			t.Errorf("%d and %d are both %s", other, i, a.ID())
		}
		seen[a.ID()] = i
		b := a
		b.State, b.Value, b.Evidence = views.Resolved, 3, "x"
		if a.ID() != b.ID() {
			t.Errorf("the same alert is %s and %s", a.ID(), b.ID())
		}
	}
}

func TestExemplarsOfTheSlowestCalls(t *testing.T) {
	both(t, func(t *testing.T, newJudge func(...views.Baseline) *judge) {
		j, s, o := newJudge(latency()), calls(search), calls(attribute.String("otelperf.operation.name", "other"))
		with := func(ms ...float64) metricdata.Metrics {
			m := j.durations(opDuration, s.add(100, 0.2), o.add(10, 5))
			d := m.Data.(metricdata.Histogram[float64])
			for i := range d.DataPoints {
				for k, v := range ms {
					x := metricdata.Exemplar[float64]{
						Time: j.at.Add(30 * time.Second), Value: v / 1000,
						TraceID: []byte{0: byte(k), 15: 1}, SpanID: []byte{0: byte(k), 7: 1},
					}
					if i == 1 {
						x.Value = 99 // of another operation
					}
					d.DataPoints[i].Exemplars = append(d.DataPoints[i].Exemplars, x)
				}
				d.DataPoints[i].Exemplars = append(d.DataPoints[i].Exemplars,
					metricdata.Exemplar[float64]{Time: j.at.Add(time.Second), Value: 77},                                                      // without a trace
					metricdata.Exemplar[float64]{Time: j.at.Add(-time.Second), Value: 88, TraceID: make([]byte, 16), SpanID: make([]byte, 8)}, // of long ago
					metricdata.Exemplar[float64]{Time: j.at.Add(time.Second), Value: 66, TraceID: make([]byte, 3), SpanID: make([]byte, 8)},   // broken
					metricdata.Exemplar[float64]{Time: j.at.Add(time.Second), Value: 55, TraceID: make([]byte, 16), SpanID: make([]byte, 7)})
			}
			return m
		}
		o.add(1, 0.03)
		j.tick(j.durations(opDuration, o))
		j.tick(with(130, 190, 150, 180, 160, 170, 140))
		if len(j.alerts) != 1 {
			t.Fatalf("got %v", j.alerts)
		}
		var got []float64
		for _, x := range j.alerts[0].Exemplars {
			got = append(got, x.Value)
		}
		if len(got) != 5 || got[0] != 190 || got[4] != 150 || j.alerts[0].Exemplars[0].TraceID != [16]byte{0: 1, 15: 1} {
			t.Errorf("got %v", j.alerts[0].Exemplars)
		}
	})
}

func TestStateText(t *testing.T) {
	for s := views.OK; s <= views.Incomplete; s++ {
		text, err := s.MarshalText()
		var back views.State
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%v: got %s, %v", s, text, err)
		}
	}
	var s views.State
	if err := s.UnmarshalText([]byte("nonsense")); err == nil {
		t.Error("no error")
	}
	for s, want := range map[views.State]string{views.Incomplete + 1: "State(6)", 99: "State(99)"} {
		if s.String() != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
}

// TestExemplarsOfAnErrorRatioFailed: the calls that went well prove nothing.
func TestExemplarsOfAnErrorRatioFailed(t *testing.T) {
	j := newJudge(t, views.Baseline{Name: "errors", Metric: opDuration, Statistic: views.ErrorRatio, Target: 1, Unit: "%"})
	m := j.durations(opDuration, calls(search).add(50, 0.03), calls(search, attribute.String("error.type", "x")).add(50, 0.03))
	d := m.Data.(metricdata.Histogram[float64])
	for i := range d.DataPoints {
		d.DataPoints[i].Exemplars = []metricdata.Exemplar[float64]{{
			Time: j.at.Add(time.Second), Value: 9 - float64(i), TraceID: []byte{0: byte(i), 15: 1}, SpanID: []byte{7: 1},
		}}
	}
	j.tick(m)
	if len(j.alerts) != 1 || len(j.alerts[0].Exemplars) != 1 || j.alerts[0].Exemplars[0].Value != 8 {
		t.Errorf("got %v", j.alerts)
	}
}
