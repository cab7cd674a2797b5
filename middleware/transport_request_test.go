package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/otelperf/otelperf-go/middleware"
)

// TestRequestIsLeftAlone compares the caller's request before and after, and
// sees that its body is closed and its response names it.
func TestRequestIsLeftAlone(t *testing.T) {
	all := []middleware.Option{middleware.WithBodyEnd(), middleware.WithBodySizes(), middleware.WithPhases()}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer s.Close()
	for name, opts := range map[string][]middleware.Option{
		"plain": nil, "sizes": {middleware.WithBodySizes()}, "all options": all,
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t)
			b := &closing{Reader: strings.NewReader("hello")}
			r, err := http.NewRequest(http.MethodPost, s.URL+"/x", b)
			if err != nil {
				t.Fatal(err)
			}
			before, ctx := *r, r.Context()
			resp, err := m.transport(s.Client().Transport, opts...).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Error(err)
			}
			resp.Body.Close()
			if r.Body != before.Body || r.Context() != ctx || len(r.Header) != 0 || r.URL != before.URL || r.GetBody != nil {
				t.Error("the request was modified")
			}
			if !b.closed {
				t.Error("the request's body was not closed")
			}
			if resp.Request != r {
				t.Error("the response names another request")
			}
		})
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// TestBodyOfAnotherOptionIsTheCallers has an option that needs a request of its
// own, and nothing of its body.
func TestBodyOfAnotherOptionIsTheCallers(t *testing.T) {
	b := body()
	r, err := http.NewRequest(http.MethodPost, "http://example.com/", b)
	if err != nil {
		t.Fatal(err)
	}
	tr := newMeter(t).transport(tripper(func(r *http.Request) (*http.Response, error) {
		if r.Body != io.ReadCloser(b) {
			t.Errorf("the body was replaced by %T", r.Body)
		}
		return answer(200, http.NoBody)(r)
	}), middleware.WithPhases())
	if _, err := tr.RoundTrip(r); err != nil {
		t.Fatal(err)
	}
}

// unclosable is a body whose Close fails.
type unclosable struct{ io.Reader }

var errClose = errors.New("cannot be closed")

func (unclosable) Close() error { return errClose }

// TestErrorsOfClose has bodies that cannot be closed: the transport is told so of
// the request's, and the caller of the response's.
func TestErrorsOfClose(t *testing.T) {
	m := newMeter(t)
	r, err := http.NewRequest(http.MethodPost, "http://example.com/", unclosable{strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := m.transport(tripper(func(r *http.Request) (*http.Response, error) {
		if err := r.Body.Close(); !errors.Is(err, errClose) {
			t.Errorf("the request's body: %v", err)
		}
		return answer(200, unclosable{strings.NewReader("y")})(r)
	}), middleware.WithBodySizes()).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); !errors.Is(err, errClose) {
		t.Errorf("the response's body: %v", err)
	}
	wantAttrs(t, m.call(), "http.response.status_code=200")
}

// TestRequestSize counts what was sent, once, also when the transport has to
// send it again.
func TestRequestSize(t *testing.T) {
	const unread = "X-Unread"
	for name, c := range map[string]struct {
		request func(*http.Request)
		want    float64
	}{
		"none":     {func(r *http.Request) { r.Body = nil }, 0},
		"no body":  {func(r *http.Request) { r.Body = http.NoBody }, 0},
		"declared": {func(r *http.Request) { r.ContentLength = 4 }, 4},
		"declared, and not looked at": {func(r *http.Request) {
			r.ContentLength = 1
			r.Header.Set(unread, "yes")
		}, 1},
		"chunked": {func(r *http.Request) { r.ContentLength = -1 }, 4},
		"unknown": {func(r *http.Request) { r.ContentLength = 0 }, 4},
		"again": {func(r *http.Request) {
			r.ContentLength = -1
			r.GetBody = func() (io.ReadCloser, error) { return body(), nil }
			r.Header.Set("X-Again", "yes")
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t)
			tr := m.transport(tripper(func(r *http.Request) (*http.Response, error) {
				if again := r.Header.Get("X-Again") != ""; again != (r.GetBody != nil) {
					t.Errorf("the base transport can get the body again: %v, want %v", r.GetBody != nil, again)
				}
				if r.Body != nil && r.Header.Get(unread) == "" {
					io.Copy(io.Discard, r.Body)
				}
				if r.Header.Get("X-Again") != "" {
					b, err := r.GetBody()
					if err != nil {
						t.Error(err)
					}
					if n, err := io.Copy(io.Discard, io.LimitReader(b, 3)); n != 3 || err != nil {
						t.Error(n, err)
					}
				}
				return answer(200, http.NoBody)(r)
			}), middleware.WithBodySizes())
			r, err := http.NewRequest(http.MethodPost, "http://example.com/", body())
			if err != nil {
				t.Fatal(err)
			}
			c.request(r)
			if _, err := tr.RoundTrip(r); err != nil {
				t.Fatal(err)
			}
			if s := m.samples("http.client.request.body.size"); len(s) != 1 || s[0].sum != c.want {
				t.Errorf("got %v, want %v", s, c.want)
			}
		})
	}
}
