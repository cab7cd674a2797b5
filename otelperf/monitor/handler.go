package monitor

import (
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/internal/page"
	"github.com/otelperf/otelperf-go/views"
)

// Handler returns a page that shows the baselines with their history, operations
// and routes, the runtime and the process, alerts and their evidence, and the same
// as JSON below api/. Mount it like net/http/pprof, under any prefix:
//
//	mux.Handle("/debug/otelperf/", mon.Handler())
//
// It is read-only, loads nothing from elsewhere, and answers to localhost only:
// further host names that it may be reached by have to be named, "*" being any.
// Put authentication in front of it before that. It shows neither headers nor the
// environment.
//
// Where there is nothing to show, because monitoring is disabled or
// metrics_retention_hours is 0, it answers 404 and says why. Streams that
// browsers hold open end with Shutdown.
func (m *Monitor) Handler(allowedHosts ...string) http.Handler {
	if m == nil || m.pageSource == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "There is no page: monitoring is disabled, or metrics_retention_hours is 0.", http.StatusNotFound)
		})
	}
	h, err := page.New(*m.pageSource, page.WithAllowedHosts(allowedHosts...))
	if err != nil { // its parts are in the binary: only a broken build gets here
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})
	}
	m.pagesMu.Lock()
	defer m.pagesMu.Unlock()
	m.pages = append(m.pages, h)
	return h
}

// preparePage notes what the page shows.
func (m *Monitor) preparePage(cfg *config.Config, res *resource.Resource) {
	if m.past == nil {
		return
	}
	m.pageSource = &page.Source{
		History:   m.past,
		Status:    func() []views.Status { return m.Snapshot().Baselines },
		Resource:  *res.Set(),
		Interval:  cfg.Monitoring.Interval,
		Retention: cfg.Monitoring.Retention,
	}
	if cfg.Alerting.Evidence {
		m.pageSource.Evidence = cfg.Paths().Evidence
	}
}

// closePages ends the streams that browsers hold open.
func (m *Monitor) closePages() error {
	m.pagesMu.Lock()
	defer m.pagesMu.Unlock()
	var errs []error
	for _, p := range m.pages {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
