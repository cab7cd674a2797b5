package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"text/template"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/views"
)

// maxText bounds what a template may write for one alert.
const maxText = 1 << 20

var errTooLong = fmt.Errorf("the text is longer than %d bytes", maxText)

// A text is a template over one alert.
type text struct{ t *template.Template }

// parseText parses what a person wrote. Keys that a map does not have are
// empty.
func parseText(name, source string) (text, error) {
	t, err := template.New(name).Option("missingkey=zero").Funcs(template.FuncMap{
		"json": toJSON,
		"attr": attr,
	}).Parse(source)
	return text{t}, err
}

func (t text) execute(a views.Alert) ([]byte, error) {
	var b limitedBuffer
	if err := t.t.Execute(&b, a); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxText {
		return 0, errTooLong
	}
	return b.Buffer.Write(p)
}

// toJSON is the template function json: any value, and null for a number that
// JSON does not have.
func toJSON(v any) (string, error) {
	if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return "null", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// attr is the template function attr: the value of an attribute of the alert's
// group, else of its resource, else nothing.
func attr(a views.Alert, key string) string {
	if v, ok := a.Group.Value(attribute.Key(key)); ok {
		return v.String()
	}
	if v, ok := a.Resource.Set().Value(attribute.Key(key)); ok {
		return v.String()
	}
	return ""
}

// samples are alerts that find out what a template does with text that needs
// escaping and with numbers that do not exist.
func samples() []views.Alert {
	const nasty = "a \"quoted\"\nback\\slash"
	now := time.Now()
	a := views.Alert{
		Name: nasty, Metric: "otelperf.operation.duration", Statistic: views.P95, State: views.Firing,
		Value: math.NaN(), Target: 100, Threshold: 120, Clear: 120, Unit: "ms", Excess: math.NaN(), Count: 20,
		Start: now.Add(-time.Minute), End: now, Since: now, Reason: nasty, Evidence: nasty, Severity: nasty,
		Group:    attribute.NewSet(attribute.String("http.route", nasty)),
		Resource: resource.NewSchemaless(attribute.String("service.name", nasty), attribute.String("service.instance.id", nasty)),
		Labels:   map[string]string{"team": nasty}, Annotations: map[string]string{"summary": nasty},
		Exemplars: []views.Exemplar{{Value: 140, Time: now, TraceID: [16]byte{1}, SpanID: [8]byte{1}}},
	}
	plain := views.Alert{Name: "plain", State: views.Resolved, Value: 90, Target: 100, Excess: -0.1, Since: now, Start: now, End: now}
	return []views.Alert{a, plain}
}

// mustBeJSON reports what is wrong with a body that is sent as JSON.
func mustBeJSON(body []byte) error {
	if json.Valid(body) {
		return nil
	}
	return errors.New("the body is not valid JSON for every alert: write values as {{json .Name}}, without quotes around them")
}
