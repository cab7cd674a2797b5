//go:build !bare

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
	"github.com/otelperf/otelperf-go/otelperf"
)

var someDocuments = []corpus.Document{
	{ID: "encoding/json.Marshal", Title: "json.Marshal", Kind: "func", Source: "encoding/json", Text: "Marshal returns the JSON encoding of v."},
	{ID: "slices.Sort", Title: "slices.Sort", Kind: "func", Source: "slices", Text: "Sort sorts a slice of any ordered type."},
	{ID: "slices.Reverse", Title: "slices.Reverse", Kind: "func", Source: "slices", Text: "Reverse reverses a slice in place."},
}

func testService(t *testing.T, limit int, slow time.Duration) *service {
	t.Helper()
	x, err := index.New(limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := x.AddAll(t.Context(), someDocuments, nil); err != nil {
		t.Fatal(err)
	}
	rec, err := otelperf.New(otelperf.WithMeterProvider(noop.NewMeterProvider()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newService(x, rec, slow)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testServer(t *testing.T, s *service) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(newAPI(s, 0, slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	return server
}

// A reply is an answer whose body was JSON.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

// send sends a request and reads the JSON that every answer is.
func send(t *testing.T, method, url, contentType, body string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return exchange(t, request)
}

func exchange(t *testing.T, request *http.Request) reply {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	got := reply{response.StatusCode, response.Header, make(map[string]any)}
	if request.Method != http.MethodHead {
		if err := json.Unmarshal(data, &got.body); err != nil {
			t.Errorf("%s %s: %v in %q", request.Method, request.URL, err, data)
		}
	}
	if ct := response.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s %s: the Content-Type is %q", request.Method, request.URL, ct)
	}
	return got
}

func TestSearch(t *testing.T) {
	server := testServer(t, testService(t, 10, 0))
	got := send(t, "GET", server.URL+"/search?q=sort+a+slice&k=1", "", "")
	if got.status != http.StatusOK || got.body["query"] != "sort a slice" || got.body["total"] != 2.0 {
		t.Fatalf("got %+v", got)
	}
	hits := got.body["hits"].([]any)
	hit := hits[0].(map[string]any)
	if len(hits) != 1 || hit["id"] != "slices.Sort" || hit["title"] != "slices.Sort" || hit["kind"] != "func" ||
		hit["source"] != "slices" || hit["summary"] != "Sort sorts a slice of any ordered type." || hit["score"].(float64) <= 0 {
		t.Errorf("got %v", hits)
	}
	got = send(t, "GET", server.URL+"/search?q=nowhere", "", "")
	if hits, ok := got.body["hits"].([]any); !ok || len(hits) != 0 {
		t.Errorf("without hits: got %+v, want an empty list", got)
	}
	if got := send(t, "HEAD", server.URL+"/search?q=json", "", ""); got.status != http.StatusOK {
		t.Errorf("HEAD: got %+v", got)
	}
}

func TestDocumentsByID(t *testing.T) {
	server := testServer(t, testService(t, 10, 0))
	for path, want := range map[string]string{
		"/documents/slices.Sort":             "slices.Sort",
		"/documents/encoding/json.Marshal":   "json.Marshal",
		"/documents/encoding%2Fjson.Marshal": "json.Marshal",
	} {
		if got := send(t, "GET", server.URL+path, "", ""); got.status != http.StatusOK || got.body["title"] != want {
			t.Errorf("%s: got %+v", path, got)
		}
	}
}

func TestCreateThenSearchAndFetch(t *testing.T) {
	server := testServer(t, testService(t, 10, 0))
	created := send(t, "POST", server.URL+"/documents", "application/json; charset=utf-8", `{"title":" Zebra ","text":"striped"}`)
	id, location := created.body["id"], created.header.Get("Location")
	if created.status != http.StatusCreated || id == "" || location != fmt.Sprint("/documents/", id) {
		t.Fatalf("got %+v", created)
	}
	got := send(t, "GET", server.URL+location, "", "").body
	if got["id"] != id || got["title"] != "Zebra" || got["text"] != "striped" || got["kind"] != "document" {
		t.Errorf("stored %v", got)
	}
	got = send(t, "GET", server.URL+"/search?q=striped", "", "").body
	if hits := got["hits"].([]any); len(hits) != 1 || hits[0].(map[string]any)["id"] != id {
		t.Errorf("found %v", got)
	}
}

func TestRefusals(t *testing.T) {
	server := testServer(t, testService(t, len(someDocuments), 0))
	const jsonType = "application/json"
	for _, test := range []struct {
		method, path, contentType, body string
		status                          int
		says                            string
	}{
		{"GET", "/search", "", "", 400, "q, the words to search for, is missing"},
		{"GET", "/search?q=", "", "", 400, "is missing"},
		{"GET", "/search?q=%20%09", "", "", 400, "is missing"},
		{"GET", "/search?q=" + strings.Repeat("a", maxQuestion+1), "", "", 400, "longer than 512 bytes"},
		{"GET", "/search?q=%ff", "", "", 400, "UTF-8"},
		{"GET", "/search?q=%zz", "", "", 400, "malformed"},
		{"GET", "/search?q=a;k=1", "", "", 400, "malformed"},
		{"GET", "/search?q=a&k=0", "", "", 400, "from 1 to 100"},
		{"GET", "/search?q=a&k=101", "", "", 400, "from 1 to 100"},
		{"GET", "/search?q=a&k=-1", "", "", 400, "from 1 to 100"},
		{"GET", "/search?q=a&k=", "", "", 400, "from 1 to 100"},
		{"GET", "/search?q=a&k=many", "", "", 400, "from 1 to 100"},
		{"GET", "/search?q=a&k=99999999999999999999", "", "", 400, "from 1 to 100"},
		{"POST", "/search?q=a", "", "", 405, "allows GET, HEAD, not POST"},
		{"DELETE", "/documents/slices.Sort", "", "", 405, "allows GET, HEAD"},
		{"GET", "/documents", "", "", 405, "allows POST"},
		{"POST", "/healthz", "", "", 405, "allows GET, HEAD"},
		{"GET", "/documents/nothing", "", "", 404, "no document has this ID"},
		{"GET", "/documents/", "", "", 404, "no document has this ID"},
		{"GET", "/", "", "", 404, "no such path"},
		{"GET", "/favicon.ico", "", "", 404, "no such path"},
		{"POST", "/documents", "", `{}`, 415, "Content-Type"},
		{"POST", "/documents", "application/x-www-form-urlencoded", `{}`, 415, "Content-Type"},
		{"POST", "/documents", "application/json/json", `{}`, 415, "Content-Type"},
		{"POST", "/documents", jsonType, ``, 400, "not a document"},
		{"POST", "/documents", jsonType, `{`, 400, "not a document"},
		{"POST", "/documents", jsonType, `[]`, 400, "not a document"},
		{"POST", "/documents", jsonType, `null`, 400, "no title"},
		{"POST", "/documents", jsonType, `{"title":1}`, 400, "not a document"},
		{"POST", "/documents", jsonType, `{"titel":"a","text":"b"}`, 400, `unknown field "titel"`},
		{"POST", "/documents", jsonType, `{"text":"b"}`, 400, "no title"},
		{"POST", "/documents", jsonType, `{"title":" ","text":"b"}`, 400, "no title"},
		{"POST", "/documents", jsonType, `{"title":"a"}`, 400, "no text"},
		{"POST", "/documents", jsonType, `{"title":"a","text":"b"}{}`, 400, "more in the body"},
		{"POST", "/documents", jsonType, `{"title":"a","text":"b"} x`, 400, "more in the body"},
		{"POST", "/documents", jsonType, `{"title":"` + strings.Repeat("a", maxTitle+1) + `","text":"b"}`, 400, "longer than 300 bytes"},
		{"POST", "/documents", jsonType, `{"title":"a","text":"` + strings.Repeat("b", maxBody) + `"}`, 413, "larger than 1048576 bytes"},
		{"POST", "/documents", jsonType, `{"title":"a","text":"b"}`, 507, "no room"},
	} {
		got := send(t, test.method, server.URL+test.path, test.contentType, test.body)
		name := fmt.Sprintf("%s %.60s %.60q", test.method, test.path, test.body)
		says, _ := got.body["error"].(string)
		if got.status != test.status || !strings.Contains(says, test.says) || len(got.body) != 1 {
			t.Errorf("%s: got %+v, want %d saying %q", name, got, test.status, test.says)
		}
		if allow := got.header.Get("Allow"); (got.status == http.StatusMethodNotAllowed) != (allow != "") {
			t.Errorf("%s: status %d allows %q", name, got.status, allow)
		}
	}
}

func TestCompressedBodiesAreRefused(t *testing.T) {
	server := testServer(t, testService(t, 10, 0))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/documents", bytes.NewReader([]byte{0x1f, 0x8b}))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "gzip")
	if got := exchange(t, request); got.status != http.StatusUnsupportedMediaType {
		t.Errorf("got %+v", got)
	}
}

func TestHealth(t *testing.T) {
	server := testServer(t, testService(t, 10, 0))
	got := send(t, "GET", server.URL+"/healthz", "", "")
	if got.status != http.StatusOK || got.body["status"] != "ok" || got.body["documents"] != 3.0 {
		t.Errorf("got %+v", got)
	}
}

func TestFailuresOfTheService(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
	}{
		{errors.New("disk on fire at /var"), http.StatusInternalServerError},
		{fmt.Errorf("index: %w", context.DeadlineExceeded), http.StatusServiceUnavailable},
	} {
		s := testService(t, 10, 0)
		s.search = func(context.Context, question) (answer, error) { return answer{}, test.err }
		s.add = func(context.Context, corpus.Document) (corpus.Document, error) { return corpus.Document{}, test.err }
		server := testServer(t, s)
		for _, method := range []string{"GET", "POST"} {
			path, body := "/search?q=a", ""
			if method == "POST" {
				path, body = "/documents", `{"title":"a","text":"b"}`
			}
			got := send(t, method, server.URL+path, "application/json", body)
			if got.status != test.status || strings.Contains(fmt.Sprint(got.body), "/var") {
				t.Errorf("%s with %v: got %+v", method, test.err, got)
			}
		}
	}
}

func TestSlowSearchWaitsForTheContextOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := wait(t.Context(), 150*time.Millisecond); err != nil || time.Since(start) != 150*time.Millisecond {
			t.Errorf("waited %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if err := wait(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("waited %v: %v", time.Since(start), err)
		}
		if err := wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a wait: %v", err)
		}
	})
}

func TestSlowSearchIsSlow(t *testing.T) {
	const slow = 30 * time.Millisecond
	server := testServer(t, testService(t, 10, slow))
	start := time.Now()
	send(t, "GET", server.URL+"/search?q=json", "", "")
	if took := time.Since(start); took < slow {
		t.Errorf("a search took %v", took)
	}
}

func TestConcurrentRequests(t *testing.T) {
	server := testServer(t, testService(t, 1000, 0))
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 20 {
				word := fmt.Sprintf("w%dn%d", worker, i)
				created := send(t, "POST", server.URL+"/documents", "application/json", `{"title":"t","text":"`+word+`"}`)
				if created.status != http.StatusCreated {
					t.Errorf("POST: got %+v", created)
					return
				}
				if found := send(t, "GET", server.URL+"/search?q="+word, "", ""); found.body["total"] != 1.0 {
					t.Errorf("%s: found %+v", word, found)
				}
				if got := send(t, "GET", server.URL+created.header.Get("Location"), "", ""); got.body["text"] != word {
					t.Errorf("%s: got %+v", word, got)
				}
			}
		})
	}
	group.Wait()
}

func FuzzRequests(f *testing.F) {
	f.Add("q=json+encoding&k=5", `{"title":"a","text":"b"}`)
	f.Add("q=%ff&k=x", `{"title":{},"text":[]}`)
	f.Add("q=a&q=b;c", "\x00")
	f.Fuzz(func(t *testing.T, query, body string) {
		if q, err := parseQuestion(query); err == nil && (q.text == "" || q.k < 1 || q.k > maxK || len(q.text) > maxQuestion) {
			t.Errorf("%q gave %+v", query, q)
		}
		if d, err := parseDocument([]byte(body)); err == nil && (d.Title == "" || d.Text == "" || len(d.Title) > maxTitle) {
			t.Errorf("%q gave %+v", body, d)
		}
	})
}
