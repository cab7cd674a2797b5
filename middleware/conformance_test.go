package middleware_test

import (
	"crypto/tls"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	"github.com/otelperf/otelperf-go/middleware"
)

// The requirement levels of the semantic conventions.
const (
	required    = "required"
	conditional = "conditionally required"
	recommended = "recommended"
	optIn       = "opt-in"
)

// A rule is what the conventions (v1.43.0) say of one attribute of a metric, what
// we do about it, and which test shows that.
type rule struct {
	attribute attribute.Key
	level     string
	ours      string // "" means that it is never sent
	test      string
}

var serverRules = []rule{
	{"http.request.method", required, "always", "TestMethods"},
	{"url.scheme", required, "always; by a trusted proxy's word with WithTrustedProxies", "TestScheme"},
	{"error.type", conditional, "if the request failed", "TestErrorType"},
	{"http.response.status_code", conditional, "if one was sent", "TestErrorType"},
	{"http.route", conditional, "if a router told", "TestRoute"},
	{"network.protocol.name", conditional, "whenever the version is (required only if it is not http)", "TestProtocol"},
	{"network.protocol.version", recommended, "if it is a version of HTTP", "TestProtocol"},
	{"server.address", optIn, "with WithServerAddresses", "TestServerAddress"},
	{"server.port", optIn, "with WithServerAddresses, where the name has one", "TestServerAddress"},
	{"user_agent.synthetic.type", optIn, "", "TestConformance"},
}

var clientRules = []rule{
	{"http.request.method", required, "always", "TestClientRequestIsMeasured"},
	{"server.address", required, "always; _OTHER past the limit of hosts", "TestClientHosts"},
	{"server.port", required, "always; 0 past the limit of hosts", "TestClientHosts"},
	{"error.type", conditional, "if the request failed, 4xx included", "TestClientErrors"},
	{"http.response.status_code", conditional, "if one was received", "TestClientStatusAndErrorType"},
	{"network.protocol.name", conditional, "whenever the version is (required only if it is not http)", "TestClientRequestIsMeasured"},
	{"network.protocol.version", recommended, "if there was a response", "TestClientRequestIsMeasured"},
	{"url.template", optIn, "with WithURLTemplate", "TestURLTemplate"},
	{"url.scheme", optIn, "", "TestConformance"},
}

// clientSizeRules are those of a client's sizes, for which the conventions want
// the template more.
var clientSizeRules = func() []rule {
	rules := slices.Clone(clientRules)
	for i := range rules {
		if rules[i].attribute == "url.template" {
			rules[i].level = conditional
		}
	}
	return rules
}()

// A conformity is one metric of the conventions.
type conformity struct {
	name, unit, description string
	ours                    string // "" means that it is not recorded
	test                    string
	attributes              []rule
	upstream                any // what OpenTelemetry generates from the conventions
}

func describe(m interface {
	Name() string
	Unit() string
	Description() string
}, ours, test string, attributes []rule) conformity {
	return conformity{m.Name(), m.Unit(), m.Description(), ours, test, attributes, m}
}

// conformance has every metric that the conventions define for HTTP. Names, units
// and descriptions are the generated ones of OpenTelemetry.
var conformance = []conformity{
	describe(httpconv.ServerRequestDuration{}, "always", "TestRequestIsMeasured", serverRules),
	describe(httpconv.ServerActiveRequests{}, "always", "TestActiveRequests", []rule{
		{"http.request.method", required, "always", "TestActiveRequests"},
		{"url.scheme", required, "always", "TestActiveRequests"},
		{"server.address", optIn, "with WithServerAddresses", "TestServerAddress"},
		{"server.port", optIn, "with WithServerAddresses, where the name has one", "TestServerAddress"},
	}),
	describe(httpconv.ServerRequestBodySize{}, "with WithBodySizes", "TestUnreadAndHalfReadBodies", serverRules),
	describe(httpconv.ServerResponseBodySize{}, "with WithBodySizes", "TestFileIsHandedOver", serverRules),
	describe(httpconv.ClientRequestDuration{}, "always", "TestDurationEnds", clientRules),
	describe(httpconv.ClientActiveRequests{}, "always", "TestClientActiveRequests", []rule{
		{"server.address", required, "always", "TestClientActiveRequests"},
		{"server.port", required, "always", "TestClientActiveRequests"},
		{"url.template", conditional, "with WithURLTemplate", "TestConformance"},
		{"http.request.method", recommended, "always", "TestClientActiveRequests"},
		{"url.scheme", optIn, "", "TestConformance"},
	}),
	describe(httpconv.ClientRequestBodySize{}, "with WithBodySizes", "TestRequestSize", clientSizeRules),
	describe(httpconv.ClientResponseBodySize{}, "with WithBodySizes", "TestResponseBodyKeepsItsInterfaces", clientSizeRules),
	// net/http's Transport does not say when a connection of its pool ends.
	describe(httpconv.ClientOpenConnections{}, "", "TestConformance", nil),
	describe(httpconv.ClientConnectionDuration{}, "", "TestConformance", nil),
}

// TestConformance makes a server and a client do everything that has an
// attribute, with every option, and compares what they recorded with the table:
// all that should be there, and nothing else.
func TestConformance(t *testing.T) {
	m := newMeter(t)
	everything(t, m)
	recorded := m.collect()
	tests := testNames(t)
	for _, c := range conformance {
		if c.attributes != nil {
			compareRules(t, c)
		}
		mm, ok := recorded[c.name]
		if ok != (c.ours != "") {
			t.Errorf("%s: recorded %v, the table says %q", c.name, ok, c.ours)
		}
		if !tests[c.test] {
			t.Errorf("%s names the test %s, which there is not", c.name, c.test)
		}
		if !ok {
			continue
		}
		if mm.Unit != c.unit || mm.Description != c.description {
			t.Errorf("%s has unit %q and description %q, want %q and %q", c.name, mm.Unit, mm.Description, c.unit, c.description)
		}
		always, sometimes := keysOf(t, mm)
		for _, r := range c.attributes {
			if !tests[r.test] {
				t.Errorf("%s, %s names the test %s, which there is not", c.name, r.attribute, r.test)
			}
			if got := slices.Contains(sometimes, r.attribute); got != (r.ours != "") {
				t.Errorf("%s, %s (%s): sent %v, the table says %q", c.name, r.attribute, r.level, got, r.ours)
			}
			if r.level == required && !slices.Contains(always, r.attribute) {
				t.Errorf("%s lacks %s, which is required, in some series", c.name, r.attribute)
			}
			sometimes = slices.DeleteFunc(sometimes, func(k attribute.Key) bool { return k == r.attribute })
		}
		if len(sometimes) > 0 {
			t.Errorf("%s has attributes that the conventions do not know: %v", c.name, sometimes)
		}
	}
	for name := range recorded {
		if strings.HasPrefix(name, "http.") && !slices.ContainsFunc(conformance, func(c conformity) bool { return c.name == name }) {
			t.Errorf("%s is no metric of the conventions", name)
		}
	}
}

// compareRules compares the attributes in the table with those that the generated
// code of the conventions has: a method for each that is not required, and a
// parameter of its recording method for each that is.
func compareRules(t *testing.T, c conformity) {
	t.Helper()
	v := reflect.ValueOf(c.upstream)
	var want, got []attribute.Key
	required := 0
	for i := range v.NumMethod() {
		name, m := v.Type().Method(i).Name, v.Method(i)
		switch {
		case name == "Record" || name == "Add":
			required = m.Type().NumIn() - 3 // besides a context, a value and more attributes
		case strings.HasPrefix(name, "Attr"):
			kv := m.Call([]reflect.Value{reflect.Zero(m.Type().In(0))})[0].Interface().(attribute.KeyValue)
			want = append(want, kv.Key)
		}
	}
	for _, r := range c.attributes {
		if r.level == "required" {
			required--
			continue
		}
		got = append(got, r.attribute)
	}
	slices.Sort(want)
	slices.Sort(got)
	if required != 0 || !slices.Equal(got, want) {
		t.Errorf("%s: the table has %v, the conventions %v, and %d more that are required", c.name, got, want, required)
	}
}

// everything serves and sends requests so that each attribute is used.
func everything(t *testing.T, m *meter) {
	t.Helper()
	mw := m.server(middleware.WithBodySizes(), middleware.WithServerAddresses("example.com:80"))
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	h := mw.Handler(middleware.Route(mux))
	serve(h, "GET", "http://example.com:80/users/7")
	serve(h, "BREW", "/nowhere")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS, r.ProtoMajor, r.ProtoMinor = &tls.ConnectionState{}, 7, 7
	h.ServeHTTP(httptest.NewRecorder(), r)
	h.ServeHTTP(httptest.NewRecorder(), canceledRequest())

	tr := m.transport(answer(404, body()), middleware.WithBodySizes(), middleware.WithPhases(), middleware.WithBodyEnd(),
		middleware.WithURLTemplate(func(r *http.Request) string { return r.Header.Get("X-Template") }))
	r = httptest.NewRequest(http.MethodGet, "http://example.com/users/7", nil)
	r.Header.Set("X-Template", "/users/{id}")
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	failing := m.transport(fixed{err: http.ErrSchemeMismatch}, middleware.WithBodySizes())
	if _, err := get(t, failing, "http://example.com/"); err == nil {
		t.Error("no error")
	}
}

// keysOf returns the attributes that all series of a metric have, and those that
// any has.
func keysOf(t *testing.T, mm metricdata.Metrics) (always, sometimes []attribute.Key) {
	t.Helper()
	counts := make(map[attribute.Key]int)
	series := samplesOf(t, mm)
	for _, s := range series {
		for part := range strings.SplitSeq(s.attrs, " ") {
			k, _, _ := strings.Cut(part, "=")
			counts[attribute.Key(k)]++
		}
	}
	for k, n := range counts {
		sometimes = append(sometimes, k)
		if n == len(series) {
			always = append(always, k)
		}
	}
	return always, sometimes
}

// testNames returns the tests of this package.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}
