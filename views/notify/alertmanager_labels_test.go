package notify_test

import (
	"maps"
	"math"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

func TestAlertmanagerLabels(t *testing.T) {
	s := serve(t, http.StatusOK)
	am := alertmanager(t, notify.AlertmanagerConfig{URLs: []string{s.URL}, GeneratorURL: "no link for {{.Name}}"})
	for _, test := range []struct {
		name  string
		alert views.Alert
		want  map[string]string
	}{
		{"bare", views.Alert{Name: "x"}, map[string]string{"alertname": "x"}},
		{"names that differ by a dot", views.Alert{Name: "x", Group: attribute.NewSet(
			attribute.String("a.b", "1"), attribute.String("a_b", "2"), attribute.Int("a-b", 3))},
			map[string]string{"alertname": "x", "a_b": "3", "a_b_": "1", "a_b__": "2"}},
		{"names of ours", views.Alert{Name: "x", Severity: "info",
			Group:  attribute.NewSet(attribute.String("alertname", "group"), attribute.String("1st", "a"), attribute.String("empty", "")),
			Labels: map[string]string{"alertname": "label", "severity": "label", "größe": "5", "1st": "b"}},
			map[string]string{"alertname": "x", "alertname_": "group", "_1st": "a", "severity": "info", "gr__e": "5"}},
	} {
		check(t, am.Notify(background(), test.alert))
		requests := s.got()
		p := decode(t, requests[len(requests)-1].body)[0]
		if !maps.Equal(p.Labels, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, p.Labels, test.want)
		}
		if p.GeneratorURL != "" {
			t.Errorf("%s: got the link %q", test.name, p.GeneratorURL)
		}
		if p.EndsAt.Before(p.StartsAt) {
			t.Errorf("%s: ends before it starts", test.name)
		}
	}
}

// Every character that labels may have stays, its neighbours do not.
func TestAlertmanagerLabelNames(t *testing.T) {
	s := serve(t, http.StatusOK)
	am := alertmanager(t, notify.AlertmanagerConfig{URLs: []string{s.URL}})
	for name, want := range map[string]string{
		"azAZ09_": "azAZ09_", "`{@[/:": "______", "0": "_0", "9": "_9", "": "_", "a:b": "a_b", "ä": "_",
	} {
		check(t, am.Notify(background(), views.Alert{Name: "x", Labels: map[string]string{name: "v"}}))
		requests := s.got()
		if got := decode(t, requests[len(requests)-1].body)[0].Labels; got[want] != "v" || len(got) != 2 {
			t.Errorf("%q: got %v, want %q", name, got, want)
		}
	}
}

// An alert about the lack of data has no numbers, and its line as the summary.
func TestAlertmanagerAnnotationsWithoutNumbers(t *testing.T) {
	s := serve(t, http.StatusOK)
	am := alertmanager(t, notify.AlertmanagerConfig{URLs: []string{s.URL}})
	for i, none := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		a := views.Alert{Name: "x", State: views.Firing, Value: none, Target: none, Threshold: none, Excess: none}
		check(t, am.Notify(background(), a))
		want := map[string]string{"summary": a.String()}
		if got := decode(t, s.got()[i].body)[0].Annotations; !maps.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", none, got, want)
		}
	}
}
