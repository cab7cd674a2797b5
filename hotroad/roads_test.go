package hotroad_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/middleware"
	"github.com/otelperf/otelperf-go/otelperf"
)

// TestBothRoadsAtTheSameTimes compares exports with their exemplars and all
// times, to the nanosecond, on a clock that stands still while it is measured.
func TestBothRoadsAtTheSameTimes(t *testing.T) {
	t.Parallel()
	exponential := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 6}
	for name, sel := range map[string]selector{
		"cumulative": cumulative, "delta": delta,
		"exponential": {aggregation: exponential}, "exponential delta": {metricdata.DeltaTemporality, exponential},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				views := []sdkmetric.View{sdkmetric.NewView(sdkmetric.Instrument{Name: "duration"},
					sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter("k")})}
				roads := [2]setup{
					usual([]selector{sel}, views, sdkmetric.WithExemplarFilter(exemplar.TraceBasedFilter)),
					hot(t, []selector{sel}, views, hotroad.WithExemplarFilter(exemplar.TraceBasedFilter)),
				}
				exemplars := 0
				for interval := range 4 {
					for _, s := range roads {
						h := histogramOf(t, s, "duration")
						for k := range 2 {
							if interval == 2 && k == 0 {
								continue // nothing happens there in this interval
							}
							attrs := metric.WithAttributes(attribute.Int("k", k), attribute.String("user", "a"))
							for i, bound := range boundaries[:12] { // one to a bucket, so that none pushes another out
								ctx := context.Background()
								if (i+interval+k)%3 == 0 {
									ctx = sampled(byte(1 + i + 12*interval))
								}
								h.Record(ctx, bound, attrs)
							}
						}
					}
					pass(time.Duration(interval+1) * time.Second)
					want, got := roads[0].collect(t, 0), roads[1].collect(t, 0)
					settleSums(&want)
					settleSums(&got)
					metricdatatest.AssertEqual(t, want, got)
					exemplars += countExemplars(got)
					pass(time.Second)
				}
				if exemplars < 20 {
					t.Errorf("%d exemplars were compared", exemplars)
				}
			})
		})
	}
}

func countExemplars(rm metricdata.ResourceMetrics) (n int) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					n += len(p.Exemplars)
				}
			case metricdata.ExponentialHistogram[float64]:
				for _, p := range data.DataPoints {
					n += len(p.Exemplars)
				}
			}
		}
	}
	return n
}

// TestExemplarsAreAskedForSeldom: most measurements do not get as far as the
// filter, which has to search a context, and after a collection the first do.
func TestExemplarsAreAskedForSeldom(t *testing.T) {
	t.Parallel()
	const calls = 64 * 1000
	for name, sel := range map[string]selector{
		"explicit":    cumulative,
		"exponential": {aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
	} {
		asked := 0
		s := hot(t, []selector{sel}, nil, hotroad.WithExemplarFilter(func(context.Context) bool { asked++; return false }))
		b := bind(t, histogramOf(t, s, "duration"), attribute.Int("k", 1))
		for range calls {
			b.Record(t.Context(), 0.3)
		}
		if asked < 1000 || asked > 1000+64 {
			t.Errorf("%s: %d of %d measurements were offered", name, asked, calls)
		}
		s.collect(t, 0)
		asked = 0
		b.Record(t.Context(), 0.3)
		if asked != 1 {
			t.Errorf("%s: the first after a collection was not offered", name)
		}
	}
}

// TestMiddlewareOnBothRoads compares what HTTP servers and clients export, for
// requests of all outcomes. The clock stands still, so that durations are equal.
func TestMiddlewareOnBothRoads(t *testing.T) {
	t.Parallel()
	selectors := []selector{cumulative, delta}
	synctest.Test(t, func(t *testing.T) {
		roads := [2]setup{usual(selectors, nil), hot(t, selectors, nil)}
		for _, s := range roads {
			mw, err := middleware.New(middleware.WithMeterProvider(s))
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			mux.HandleFunc("GET /documents/{id}", func(w http.ResponseWriter, r *http.Request) {
				pass(20 * time.Millisecond)
				_, _ = io.WriteString(w, r.PathValue("id"))
			})
			mux.HandleFunc("POST /fail", func(w http.ResponseWriter, _ *http.Request) {
				pass(300 * time.Millisecond)
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("panic") })
			handler := mw.Handler(middleware.Route(mux))
			transport, err := middleware.NewTransport(tripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/broken" {
					pass(time.Second)
					return nil, errors.New("broken")
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				return w.Result(), nil
			}), middleware.WithMeterProvider(s))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 60 {
				method, path := "GET", "/documents/7"
				switch i % 6 {
				case 1:
					method, path = "POST", "/fail"
				case 2:
					path = "/nowhere"
				case 3:
					method, path = "BREW", "/documents/7"
				case 4:
					path = "/broken"
				case 5:
					path = "/panic"
				}
				r, err := http.NewRequestWithContext(t.Context(), method, "http://example.com"+path, strings.NewReader("body"))
				if err != nil {
					t.Fatal(err)
				}
				func() {
					defer func() { _ = recover() }()
					resp, err := transport.RoundTrip(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}()
			}
		}
		for reader := range selectors {
			want, got := roads[0].collect(t, reader), roads[1].collect(t, reader)
			server, client := count(t, points(t, got, "http.server.request.duration")), count(t, points(t, got, "http.client.request.duration"))
			if server != 50 || client != 60 {
				t.Errorf("reader %d: %d served, %d sent", reader, server, client)
			}
			settleSums(&want)
			settleSums(&got)
			metricdatatest.AssertEqual(t, want, got, metricdatatest.IgnoreTimestamp())
		}
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestGlobalProviderSetLater: its delegating instruments hide Bind, so the usual
// way leads to the hot road's histograms, and nothing recorded is lost. A process can
// set the global provider only once, so each run of the test has one of its own.
func TestGlobalProviderSetLater(t *testing.T) {
	const inChild = "OTELPERF_TEST_CHILD"
	if os.Getenv(inChild) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), inChild+"=1")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	rec, err := otelperf.New() // the global provider, which nobody has set
	if err != nil {
		t.Fatal(err)
	}
	op, err := rec.Operation("search")
	if err != nil {
		t.Fatal(err)
	}
	early, err := otel.Meter("scope").Float64Histogram("early")
	if err != nil {
		t.Fatal(err)
	}
	s := hot(t, []selector{cumulative}, nil)
	otel.SetMeterProvider(s)
	for range 3 {
		if err := op.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	op.Record(t.Context(), time.Second, errors.New("failure"))
	if _, ok := early.(binder); ok {
		t.Errorf("%T can bind: the premise is gone", early)
	}
	early.Record(t.Context(), 1)
	h, err := otel.Meter("scope").Float64Histogram("later")
	if err != nil {
		t.Fatal(err)
	}
	bind(t, h).Record(t.Context(), 1)
	rm := s.collect(t, 0)
	if n := count(t, points(t, rm, "otelperf.operation.duration")); n != 4 {
		t.Errorf("%d calls counted, want 4", n)
	}
	for _, name := range []string{"early", "later"} {
		if n := count(t, points(t, rm, name)); n != 1 {
			t.Errorf("%d counted of the instrument made %s", n, name)
		}
	}
}
