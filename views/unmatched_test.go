package views_test

import (
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

func TestUnmatchedBaselineIsReportedOnce(t *testing.T) {
	misspelt := latency()
	misspelt.Match = []attribute.KeyValue{attribute.String("otelperf.operation.name", "serach")}
	misspelt.Name = "serach_ms"
	nowhere := recorded(100)
	j, s := newJudge(t, misspelt, nowhere), calls(search)
	for i := range 3 {
		if i == 2 {
			j.wantErrors()
		}
		s.add(10, 0.03)
		j.tick(j.durations(opDuration, s))
	}
	told := j.errs
	for range 7 {
		j.tick(j.durations(opDuration, s))
	}
	if len(j.errs) != len(told) {
		t.Errorf("got %v, after three intervals %v", j.errs, told)
	}
	j.wantErrors(
		`views: baseline "serach_ms" has matched nothing for three intervals: no series of otelperf.operation.duration has otelperf.operation.name=serach`,
		`views: baseline "search_ms" has matched nothing for three intervals: there is no metric recorded`,
	)
}

// TestUnmatched: which baselines are said to match nothing, and what is said.
func TestUnmatched(t *testing.T) {
	named := func(name, metric string, match ...attribute.KeyValue) views.Baseline {
		return views.Baseline{Name: name, Metric: metric, Match: match, Statistic: views.Value, Target: 1e9}
	}
	only, over := named("only", "nowhere"), named("over", "nowhere")
	only.Target, over.Unless = math.NaN(), "here"
	for _, tt := range []struct {
		name      string
		baselines []views.Baseline
		want      []string
	}{
		{"one of two names", []views.Baseline{named("a", "nowhere"), named("b", "here")}, []string{`views: baseline "a" has matched nothing for three intervals: there is no metric nowhere`}},
		{"two of one name", []views.Baseline{named("a", "nowhere"), named("b", "nowhere"), named("a", "neither")}, []string{
			`views: baseline "a" has matched nothing for three intervals: there is no metric nowhere`,
			`views: baseline "b" has matched nothing for three intervals: there is no metric nowhere`,
		}},
		{"by two attributes", []views.Baseline{named("a", "here", attribute.Int("n", 1), attribute.String("s", "x y"))}, []string{
			`views: baseline "a" has matched nothing for three intervals: no series of here has n=1 and s="x y"`,
		}},
		{"only observed", []views.Baseline{only}, nil},
		{"taken over", []views.Baseline{over}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := newJudge(t, tt.baselines...)
			j.tick(gauge("here", "1", 1))
			j.tick(gauge("here", "1", 1))
			j.after(30*time.Second-1, gauge("here", "1", 1))
			j.wantErrors()
			j.after(1, gauge("here", "1", 1)) // half an interval is for jitter
			j.wantErrors(tt.want...)
			j.tick(gauge("here", "1", 1))
			j.wantErrors()
		})
	}
}

// TestForcedFlushesDoNotMakeABaselineUnmatched: three flushes are not three
// intervals.
func TestForcedFlushesDoNotMakeABaselineUnmatched(t *testing.T) {
	j := newJudge(t, recorded(100))
	for range 50 {
		j.after(time.Second, gauge("alive", "1", 1))
	}
	j.wantErrors()
}

func TestOneOfSeveralWithANameIsEnoughToMatch(t *testing.T) {
	j, s := newJudge(t, latency(), recorded(100)), calls(search)
	for range 10 {
		s.add(10, 0.03)
		j.tick(j.durations(opDuration, s))
	}
	j.wantErrors()
}
