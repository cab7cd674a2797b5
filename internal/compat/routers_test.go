package compat

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/mux"

	"github.com/otelperf/otelperf-go/middleware"
)

func get(h http.Handler, target string) {
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
}

// TestChi uses chi's own context: a router within a router and a mounted one
// included.
func TestChi(t *testing.T) {
	mw, reader := measured(t, middleware.WithRoute(func(r *http.Request) string {
		if c := chi.RouteContext(r.Context()); c != nil {
			return c.RoutePattern()
		}
		return ""
	}))
	r := chi.NewRouter()
	r.Use(mw.Handler, chimiddleware.Logger, chimiddleware.Compress(5))
	r.Get("/users/{id}", ok)
	r.Route("/api", func(r chi.Router) {
		r.With(chimiddleware.NoCache).Get("/orders/{order}", ok)
	})
	sub := chi.NewRouter()
	sub.Get("/{name:[a-z]+}", ok)
	r.Mount("/files", sub)
	get(r, "/users/7")
	get(r, "/users/8")
	get(r, "/api/orders/9")
	get(r, "/files/readme")
	get(r, "/nowhere")
	wantRoutes(t, reader, map[string]uint64{
		"GET /users/{id} 204":          2,
		"GET /api/orders/{order} 204":  1,
		"GET /files/{name:[a-z]+} 204": 1,
		"GET 404":                      1,
	})
}

// TestChiSetsThePattern shows that no option is needed with a chi that sets the
// request's Pattern, if the middleware is chi's own.
func TestChiSetsThePattern(t *testing.T) {
	mw, reader := measured(t)
	r := chi.NewRouter()
	r.Use(mw.Handler)
	r.Get("/users/{id}", ok)
	get(r, "/users/7")
	wantRoutes(t, reader, map[string]uint64{"GET /users/{id} 204": 1})
}

func TestGorillaMux(t *testing.T) {
	mw, reader := measured(t, middleware.WithRoute(func(r *http.Request) string {
		if route := mux.CurrentRoute(r); route != nil {
			if template, err := route.GetPathTemplate(); err == nil {
				return template
			}
		}
		return ""
	}))
	r := mux.NewRouter()
	r.Use(mw.Handler)
	r.HandleFunc("/users/{id:[0-9]+}", ok).Methods("GET")
	r.PathPrefix("/api").Subrouter().HandleFunc("/orders/{order}", ok)
	get(r, "/users/7")
	get(r, "/api/orders/9")
	wantRoutes(t, reader, map[string]uint64{
		"GET /users/{id:[0-9]+} 204":  1,
		"GET /api/orders/{order} 204": 1,
	})
}
