package page

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/views"
)

// An overview is everything that the page's tables show.
type overview struct {
	Service    map[string]string `json:"service"`
	Now        int64             `json:"now"`
	Newest     int64             `json:"newest"`
	IntervalMS int64             `json:"interval"`
	Retention  int64             `json:"retention"`
	From       int64             `json:"from"`
	Baselines  []baselineRow     `json:"baselines"`
	Timed      []timedRow        `json:"timed"`
	Numbers    []history.Series  `json:"numbers"`
	Events     []eventRow        `json:"events"`
	Loading    bool              `json:"loading"`
	Stats      statsRow          `json:"stats"`
}

type statsRow struct {
	Series    int   `json:"series"`
	Bytes     int   `json:"bytes"`
	Turned    int64 `json:"turned"`
	Unusable  int64 `json:"unusable"`
	Forgotten int64 `json:"forgotten"`
	Dropped   int64 `json:"dropped"`
	Damaged   int64 `json:"damaged"`
}

type baselineRow struct {
	statusJSON
	Spark spark `json:"spark"`
}

type spark struct {
	Times []int64  `json:"t"`
	Value []number `json:"v"`
}

// A timedRow is an operation, a route or a host with its newest figures.
type timedRow struct {
	history.Series
	Rate, P50, P95, P99, Errors number
	Seen                        int64 // when it was last measured
	Spark                       spark
}

func (t timedRow) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID     string       `json:"id"`
		Kind   history.Kind `json:"kind"`
		Name   string       `json:"name"`
		Metric string       `json:"metric"`
		Unit   string       `json:"unit"`
		Rate   number       `json:"rate"`
		P50    number       `json:"p50"`
		P95    number       `json:"p95"`
		P99    number       `json:"p99"`
		Errors number       `json:"errors"`
		Seen   int64        `json:"seen"`
		Spark  spark        `json:"spark"`
	}{t.ID, t.Kind, t.Name, t.Metric, t.Unit, t.Rate, t.P50, t.P95, t.P99, t.Errors, t.Seen, t.Spark})
}

type eventRow struct {
	Time     int64             `json:"time"`
	State    views.State       `json:"state"`
	Series   string            `json:"series"`
	Name     string            `json:"name"`
	Group    map[string]string `json:"group,omitempty"`
	Message  string            `json:"message"`
	Severity string            `json:"severity,omitempty"`
	Since    int64             `json:"since,omitempty"`
	Evidence string            `json:"evidence,omitempty"`
}

// shown are the attributes of the resource that the page shows. Others may
// carry what is not meant for everybody who can open it.
var shown = []attribute.Key{
	"service.name", "service.namespace", "service.version", "service.instance.id", "host.name", "process.pid",
	"process.runtime.version",
}

// cached is an overview of one range, as long as nothing new came.
type cached struct {
	changed <-chan struct{}
	made    time.Time
	data    []byte
}

// overview answers with the tables. Browsers that look at the same range at the
// same time share one.
func (h *Handler) overview(w http.ResponseWriter, r *http.Request) {
	window := h.window(r, sparkColumns)
	key := r.FormValue("range") + "/" + strconv.Itoa(window.Columns)
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	c, ok := h.cached[key]
	select {
	case <-c.changed:
		ok = false
	default:
	}
	if !ok || now.Sub(c.made) > heartbeat {
		changed := h.source.History.Changed() // before looking
		data, err := json.Marshal(h.look(window, now))
		if err != nil {
			http.Error(w, "The overview cannot be written as JSON.", http.StatusInternalServerError)
			return
		}
		if len(h.cached) > 16 {
			clear(h.cached)
		}
		c = cached{changed, now, data}
		h.cached[key] = c
	}
	writeBytes(w, r, c.data)
}

func (h *Handler) look(window history.Window, now time.Time) overview {
	hist := h.source.History
	o := overview{
		Service: make(map[string]string), Now: now.UnixMilli(), IntervalMS: h.source.Interval.Milliseconds(),
		Retention: int64(h.source.Retention.Seconds()), From: window.From.UnixMilli(),
		Baselines: []baselineRow{}, Timed: []timedRow{}, Numbers: []history.Series{}, Events: []eventRow{},
	}
	for _, k := range shown {
		if v, ok := h.source.Resource.Value(k); ok {
			o.Service[string(k)] = v.String()
		}
	}
	select {
	case <-hist.Loaded():
	default:
		o.Loading = true
	}
	s := hist.Stats()
	o.Stats = statsRow{s.Series, s.Bytes, s.Turned, s.Unusable, s.Forgotten, s.Dropped, s.Damaged}
	all := h.source.Status()
	for i, s := range all {
		if spare(all, i) {
			continue
		}
		row := baselineRow{statusJSON: statusOf(s), Spark: spark{[]int64{}, []number{}}}
		if c, ok := hist.Chart(row.ID, window, s.Direction == views.LowerIsWorse); ok {
			row.Spark = spark{millis(c.Times), shorten(c.Value)}
		}
		o.Baselines = append(o.Baselines, row)
		o.Newest = max(o.Newest, unixMillis(s.End))
	}
	for _, s := range hist.Series() {
		switch s.Kind {
		case history.Operation, history.Route, history.Client:
			row := h.timed(s, window)
			o.Timed = append(o.Timed, row)
			o.Newest = max(o.Newest, row.Seen)
		case history.Number, history.Spread:
			o.Numbers = append(o.Numbers, s)
		}
	}
	for _, e := range hist.Events() {
		o.Events = append(o.Events, eventRow{
			Time: unixMillis(e.Time), State: e.State, Series: e.SeriesID, Name: e.Name, Group: history.GroupMap(e.Group),
			Message: e.Message, Severity: e.Severity, Since: unixMillis(e.Since), Evidence: e.Evidence,
		})
		if len(o.Events) == 100 {
			break
		}
	}
	return o
}

// spare reports whether a baseline never had a value, where another one of that
// name had: of one that can be measured in two ways only one is used.
func spare(all []views.Status, i int) bool {
	if s := all[i]; s.State != views.Silent || !s.End.IsZero() || s.Group.Len() > 0 || !strings.HasPrefix(s.Metric, recordedPrefix) {
		return false
	}
	return slices.ContainsFunc(all, func(o views.Status) bool {
		return o.Name == all[i].Name && !strings.HasPrefix(o.Metric, recordedPrefix)
	})
}

// recordedPrefix begins the names of metrics whose values a program records by
// itself.
const recordedPrefix = "otelperf.recorded."

// timed returns the row of an operation: the figures of the newest interval
// that had any, and its p95 over time.
func (h *Handler) timed(s history.Series, window history.Window) timedRow {
	nan := number(math.NaN())
	row := timedRow{Series: s, Rate: nan, P50: nan, P95: nan, P99: nan, Errors: nan, Spark: spark{[]int64{}, []number{}}}
	c, ok := h.source.History.Chart(s.ID, window, false)
	if !ok {
		return row
	}
	row.Spark = spark{millis(c.Times), shorten(c.P95)}
	recent := window
	recent.From, recent.Columns = window.To.Add(-time.Minute-10*h.source.Interval), history.MaxColumns
	if now, ok := h.source.History.Chart(s.ID, recent, false); ok && len(now.Times) > 0 {
		c = now
		row.Rate = number(now.Rate[len(now.Rate)-1])
	}
	for i := len(c.Times) - 1; i >= 0; i-- {
		if c.Count[i] > 0 {
			row.P50, row.P95, row.P99 = number(c.P50[i]), number(c.P95[i]), number(c.P99[i])
			row.Errors, row.Seen = number(c.ErrorRatio[i]), c.Times[i].UnixMilli()
			break
		}
	}
	return row
}
