package otlp_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/otelperf/otelperf-go/internal/otlp"
	"github.com/otelperf/otelperf-go/internal/version"
)

func start(t *testing.T, h http.HandlerFunc, change ...func(*otlp.Config)) *otlp.Exporter {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := otlp.Config{URL: s.URL + "/v1/metrics"}
	for _, f := range change {
		f(&c)
	}
	e, err := otlp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func body(t *testing.T, r *http.Request) []byte {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return nil
		}
		from = z
	}
	b, err := io.ReadAll(from)
	if err != nil {
		t.Error(err)
	}
	return b
}

func TestRequest(t *testing.T) {
	rm := of(counter("c"))
	want := taken(t, rm)
	for _, zipped := range []bool{false, true} {
		requests := 0
		e := start(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			same(t, body(t, r), want)
			r.Header.Del("Accept-Encoding") // net/http's own
			got := maps.Collect(maps.All(r.Header))
			expect := map[string][]string{
				"Content-Type": {"application/x-protobuf"}, "X-Key": {"secret"},
				"User-Agent": {"OTel-OTLP-Exporter-otelperf-go/" + version.Version},
			}
			if zipped {
				expect["Content-Encoding"] = []string{"gzip"}
			}
			delete(got, "Content-Length")
			if r.Method != http.MethodPost || r.URL.Path != "/v1/metrics" || r.ContentLength <= 0 || !maps.EqualFunc(got, expect, slices.Equal[[]string]) {
				t.Errorf("%s %s with %d bytes and %v, want %v", r.Method, r.URL, r.ContentLength, got, expect)
			}
		}, func(c *otlp.Config) {
			c.Headers, c.Gzip = map[string]string{"x-key": "secret", "content-type": "mine"}, zipped
		})
		for range 3 {
			if err := e.Export(t.Context(), rm); err != nil {
				t.Error(err)
			}
		}
		if requests != 3 {
			t.Errorf("%d requests, want 3", requests)
		}
	}
}

func answer(w http.ResponseWriter, code int, m proto.Message) {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(code)
	_, _ = w.Write(b)
}

func text(kind, s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, s)
	}
}

func partial(rejected int64, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, &collectorpb.ExportMetricsServiceResponse{
			PartialSuccess: &collectorpb.ExportMetricsPartialSuccess{RejectedDataPoints: rejected, ErrorMessage: message},
		})
	}
}

func failing(code int, m proto.Message) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, code, m) }
}

func refusing(code int, s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, s)
	}
}

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string // in the error; empty: none
	}{
		{"nothing", func(http.ResponseWriter, *http.Request) {}, ""},
		{"202", refusing(http.StatusAccepted, ""), ""},
		{"an empty response", failing(http.StatusOK, &collectorpb.ExportMetricsServiceResponse{}), ""},
		{"all taken", partial(0, ""), ""},
		{"JSON", text("application/json", `{"partialSuccess":{}}`), ""},
		{"some rejected", partial(3, "too old"), "OTLP partial success: too old (3 metric data points rejected)"},
		{"some rejected, without a word", partial(3, ""), "OTLP partial success: empty message (3 metric data points rejected)"},
		{"a warning", partial(0, "soon no more"), "OTLP partial success: soon no more (0 metric data points rejected)"},
		{"no protobuf", text("application/x-protobuf", "hello"), "the answer is no ExportMetricsServiceResponse"},
		{"cut protobuf", text("application/x-protobuf", "\x0a\x05\x08"), "the answer is no ExportMetricsServiceResponse"},
		{"a field of the future", text("application/x-protobuf; charset=x", "\x19\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x02\x08\x02"), "(2 metric data points rejected)"},
		{"a status", failing(http.StatusBadRequest, &statuspb.Status{Code: 3, Message: "no such metric"}), "/v1/metrics answers 400 Bad Request: no such metric"},
		{"an empty status", failing(http.StatusUnauthorized, &statuspb.Status{}), "/v1/metrics answers 401 Unauthorized"},
		{"no status", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			refusing(http.StatusBadRequest, "\xff")(w, nil)
		}, "answers 400 Bad Request: no google.rpc.Status: "},
		{"a page", refusing(http.StatusNotFound, "\n<html>"+strings.Repeat("x", 5000)), "answers 404 Not Found: <html>xxx"},
		{"not UTF-8", refusing(http.StatusNotFound, "a\xff"), "answers 404 Not Found: a?"},
		{"a redirection to nowhere", refusing(http.StatusNotModified, ""), "answers 304 Not Modified"},
		{"too much", text("application/x-protobuf", strings.Repeat("x", 4<<20+1)), "has more than 4194304 bytes"},
		{"cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
		}, "unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := start(t, test.answer)
			err := e.Export(t.Context(), of(counter("c")))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && len(err.Error()) > 1200 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestPartialSuccess(t *testing.T) {
	err := start(t, partial(-1, "x")).Export(t.Context(), of(counter("c")))
	var p *otlp.PartialSuccessError
	if !errors.As(err, &p) || *p != (otlp.PartialSuccessError{Rejected: -1, Message: "x"}) {
		t.Errorf("got %#v", err)
	}
}

// What could not be encoded is told, and the rest is sent.
func TestExportsTheRest(t *testing.T) {
	var got []byte
	e := start(t, func(_ http.ResponseWriter, r *http.Request) { got = body(t, r) })
	err := e.Export(t.Context(), of(metricdata.Metrics{Name: "nothing"}, counter("c")))
	if err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("the error is %v", err)
	}
	same(t, got, taken(t, of(counter("c"))))
}

func TestRepeats(t *testing.T) {
	for _, test := range []struct {
		code  int
		pause time.Duration
		want  int64
	}{
		{http.StatusBadGateway, time.Millisecond, 3},
		{http.StatusGatewayTimeout, time.Millisecond, 3},
		{http.StatusBadGateway, 0, 1},
		{http.StatusServiceUnavailable, time.Millisecond, 1}, // see queue.Answers
		{http.StatusTooManyRequests, time.Millisecond, 1},
		{http.StatusBadRequest, time.Millisecond, 1},
		{http.StatusInternalServerError, time.Millisecond, 1},
	} {
		t.Run(fmt.Sprint(test.code, test.pause), func(t *testing.T) {
			rm := of(counter("c"))
			want := taken(t, rm)
			var n atomic.Int64
			e := start(t, func(w http.ResponseWriter, r *http.Request) {
				same(t, body(t, r), want)
				if n.Add(1) < 3 {
					w.WriteHeader(test.code)
				}
			}, func(c *otlp.Config) { c.Pause = test.pause })
			err := e.Export(t.Context(), rm)
			if (err == nil) != (test.want == 3) || n.Load() != test.want {
				t.Errorf("%d attempts, %v; want %d", n.Load(), err, test.want)
			}
		})
	}
}

// Pauses grow, for a minute in all, and the context ends them.
func TestPauses(t *testing.T) {
	exporter := func(t *testing.T, attempts *[]time.Time) *otlp.Exporter {
		e, err := otlp.New(otlp.Config{URL: "http://backend", Pause: otlp.DefaultPause, Client: &http.Client{
			Transport: transport(func(r *http.Request) (*http.Response, error) {
				*attempts = append(*attempts, time.Now())
				return &http.Response{StatusCode: http.StatusBadGateway, Status: "502 Bad Gateway", Body: http.NoBody, Request: r}, nil
			}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		start := time.Now()
		err := exporter(t, &at).Export(t.Context(), of(counter("c")))
		if err == nil || !strings.Contains(err.Error(), "502") {
			t.Errorf("the error is %v", err)
		}
		if len(at) < 3 || time.Since(start) > time.Minute {
			t.Fatalf("%d attempts in %s, want some within a minute", len(at), time.Since(start))
		}
		for i := range at[1:] {
			if pause := at[i+1].Sub(at[i]); pause < otlp.DefaultPause/2 || pause > 9*otlp.DefaultPause {
				t.Errorf("pause %d is %s", i, pause)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := exporter(t, &at).Export(ctx, of(counter("c")))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "502") || time.Since(start) != time.Second || len(at) != 1 {
			t.Errorf("%v after %s and %d attempts, want both reasons after a second and one", err, time.Since(start), len(at))
		}
	})
}

func TestRedirection(t *testing.T) {
	rm := of(counter("c"))
	want := taken(t, rm)
	arrived := false
	e := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/elsewhere" {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		arrived = true
		same(t, body(t, r), want)
	})
	if err := e.Export(t.Context(), rm); err != nil || !arrived {
		t.Errorf("arrived: %t, %v", arrived, err)
	}
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := start(t, func(_ http.ResponseWriter, r *http.Request) {
		body(t, r) // the server sees who leaves once it has all of it
		cancel()
		<-r.Context().Done()
	})
	if err := e.Export(ctx, of(counter("c"))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := e.ForceFlush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ForceFlush = %v", err)
	}
}

func TestShutdown(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	gone := make(chan struct{})
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(gone) // there is one
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	e, err := otlp.New(otlp.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Export(t.Context(), of(counter("c"))); err != nil {
		t.Fatal(err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	<-gone
	for name, f := range map[string]func() error{
		"Shutdown": func() error { return e.Shutdown(t.Context()) },
		"Export":   func() error { return e.Export(t.Context(), of(counter("c"))) },
	} {
		if err := f(); err == nil {
			t.Errorf("%s after Shutdown returned no error", name)
		}
	}
}

func TestSelectors(t *testing.T) {
	plain, err := otlp.New(otlp.Config{URL: "http://x"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := otlp.New(otlp.Config{
		URL: "https://x", Temporality: sdkmetric.DeltaTemporalitySelector,
		Aggregation: func(sdkmetric.InstrumentKind) sdkmetric.Aggregation { return sdkmetric.AggregationDrop{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	const kind = sdkmetric.InstrumentKindCounter
	if plain.Temporality(kind) != metricdata.CumulativeTemporality || plain.Aggregation(kind) != (sdkmetric.AggregationSum{}) {
		t.Errorf("by default: %v, %v", plain.Temporality(kind), plain.Aggregation(kind))
	}
	if other.Temporality(kind) != metricdata.DeltaTemporality || other.Aggregation(kind) != (sdkmetric.AggregationDrop{}) {
		t.Errorf("configured: %v, %v", other.Temporality(kind), other.Aggregation(kind))
	}
}

func TestNewErrors(t *testing.T) {
	for _, address := range []string{"", "localhost:4318", "ftp://x", "http://", "http://\x7f", "http://x:port"} {
		if _, err := otlp.New(otlp.Config{URL: address}); err == nil || !strings.Contains(err.Error(), "URL") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestConcurrentExports(t *testing.T) {
	var n atomic.Int64
	e := start(t, func(_ http.ResponseWriter, r *http.Request) {
		body(t, r)
		n.Add(1)
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if err := e.Export(t.Context(), of(counter("c"))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n.Load() != 160 {
		t.Errorf("%d requests, want 160", n.Load())
	}
}
