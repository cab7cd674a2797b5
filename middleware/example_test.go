package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing/fstest"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/middleware"
)

// collect prints what was recorded. A service leaves that to its exporter.
func collect(reader *sdkmetric.ManualReader, name string) {
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		panic(err)
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if !ok || m.Name != name {
				continue
			}
			for _, p := range h.DataPoints {
				fmt.Println(p.Count, "×", encode(p.Attributes))
			}
		}
	}
}

func Example() {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	mw, err := middleware.New(middleware.WithMeterProvider(provider))
	if err != nil {
		panic(err)
	}
	defer mw.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user %s", r.PathValue("id"))
	})
	handler := mw.Handler(middleware.Route(mux))

	for _, path := range []string{"/users/1", "/users/2", "/nowhere"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	collect(reader, "http.server.request.duration")
	// Unordered output:
	// 2 × http.request.method=GET http.response.status_code=200 http.route=/users/{id} network.protocol.name=http network.protocol.version=1.1 url.scheme=http
	// 1 × http.request.method=GET http.response.status_code=404 network.protocol.name=http network.protocol.version=1.1 url.scheme=http
}

func ExampleNewTransport() {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	// In place of the network, which nil stands for.
	network := http.NewFileTransportFS(fstest.MapFS{"users/1": {Data: []byte("Ada")}})
	transport, err := middleware.NewTransport(network, middleware.WithMeterProvider(provider),
		middleware.WithURLTemplate(func(*http.Request) string { return "/users/{id}" }))
	if err != nil {
		panic(err)
	}
	defer transport.Close()

	client := &http.Client{Transport: transport}
	resp, err := client.Get("https://api.example.com/users/1")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	collect(reader, "http.client.request.duration")
	// Output:
	// 1 × http.request.method=GET http.response.status_code=200 network.protocol.name=http network.protocol.version=1.0 server.address=api.example.com server.port=443 url.template=/users/{id}
}

func ExampleAddAttributes() {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	mw, err := middleware.New(middleware.WithMeterProvider(provider))
	if err != nil {
		panic(err)
	}
	defer mw.Close()

	handler := mw.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		middleware.AddAttributes(w, attribute.Bool("cache.hit", true))
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	collect(reader, "http.server.request.duration")
	// Output:
	// 1 × cache.hit=true http.request.method=GET http.response.status_code=200 network.protocol.name=http network.protocol.version=1.1 url.scheme=http
}
