package page

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/otelperf/otelperf-go/internal/history"
	"github.com/otelperf/otelperf-go/views"
)

const (
	defaultRange = time.Hour
	sparkColumns = 96
	chartColumns = 480
	heatColumns  = 160
	maxCharts    = 32 // in one request
)

// number is a float64 whose JSON is null where there is none, and short.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, v, 'g', 6, 64), nil
}

// exact is a number with all its digits.
type exact float64

func (n exact) MarshalJSON() ([]byte, error) {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(v)
}

func shorten(all []float64) []number {
	out := make([]number, len(all))
	for i, v := range all {
		out[i] = number(v)
	}
	return out
}

// millis writes times as milliseconds since 1970, each after the first as the
// difference to the one before.
func millis(all []time.Time) []int64 {
	out := make([]int64, len(all))
	var last int64
	for i, t := range all {
		ms := t.UnixMilli()
		out[i], last = ms-last, ms
	}
	return out
}

// unixMillis is 0 for no time.
func unixMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "The answer cannot be written as JSON.", http.StatusInternalServerError)
		return
	}
	writeBytes(w, r, data)
}

func writeBytes(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // the browser may be gone
	}
}

// window reads range, in seconds, and columns.
func (h *Handler) window(r *http.Request, columns int) history.Window {
	span := defaultRange
	if s, err := strconv.ParseFloat(r.FormValue("range"), 64); err == nil && s >= 1 {
		span = time.Duration(min(s, h.source.Retention.Seconds()) * float64(time.Second))
	}
	if n, err := strconv.Atoi(r.FormValue("columns")); err == nil && n >= 1 && n <= history.MaxColumns {
		columns = n
	}
	now := time.Now()
	from := now.Add(-span)
	// A process that started minutes ago is not shown in a corner of hours.
	if oldest := h.source.History.Stats().From; oldest.After(from) {
		from = oldest.Add(-h.source.Interval)
		if latest := now.Add(-max(time.Minute, 10*h.source.Interval)); from.After(latest) {
			from = latest
		}
	}
	return history.Window{From: from, To: now.Add(time.Minute), Columns: columns}
}

// chartJSON is a chart as the page draws it.
type chartJSON struct {
	ID     string            `json:"id"`
	Kind   history.Kind      `json:"kind"`
	Name   string            `json:"name"`
	Metric string            `json:"metric"`
	Unit   string            `json:"unit"`
	Group  map[string]string `json:"group,omitempty"`
	StepMS int64             `json:"step"`
	Times  []int64           `json:"t"`
	Value  []number          `json:"value,omitempty"`
	State  []views.State     `json:"state,omitempty"`
	Count  []uint64          `json:"count,omitempty"`
	Rate   []number          `json:"rate,omitempty"`
	Mean   []number          `json:"mean,omitempty"`
	P50    []number          `json:"p50,omitempty"`
	P95    []number          `json:"p95,omitempty"`
	P99    []number          `json:"p99,omitempty"`
	Errors []number          `json:"errors,omitempty"`
}

func chartOf(c history.Chart) chartJSON {
	return chartJSON{
		ID: c.ID, Kind: c.Kind, Name: c.Name, Metric: c.Metric, Unit: c.Unit, Group: history.GroupMap(c.Group),
		StepMS: c.Step.Milliseconds(), Times: millis(c.Times),
		Value: shorten(c.Value), State: c.State, Count: c.Count, Rate: shorten(c.Rate), Mean: shorten(c.Mean),
		P50: shorten(c.P50), P95: shorten(c.P95), P99: shorten(c.P99), Errors: shorten(c.ErrorRatio),
	}
}

// lower returns the judged series of which the lower value is the worse.
func (h *Handler) lower() map[string]bool {
	lower := make(map[string]bool)
	for _, s := range h.source.Status() {
		if s.Direction == views.LowerIsWorse {
			lower[history.StatusID(s)] = true
		}
	}
	return lower
}

// chart answers with the charts of every id that is asked for.
func (h *Handler) chart(w http.ResponseWriter, r *http.Request) {
	window := h.window(r, chartColumns)
	lower := h.lower()
	charts := []chartJSON{}
	ids := r.URL.Query()["id"]
	for _, id := range ids[:min(len(ids), maxCharts)] {
		if c, ok := h.source.History.Chart(id, window, lower[id]); ok {
			charts = append(charts, chartOf(c))
		}
	}
	writeJSON(w, r, map[string]any{"charts": charts, "from": window.From.UnixMilli(), "to": time.Now().UnixMilli()})
}

// heat answers with the heat map of one series.
func (h *Handler) heat(w http.ResponseWriter, r *http.Request) {
	window := h.window(r, heatColumns)
	m, ok := h.source.History.Heat(r.FormValue("id"), window)
	if !ok {
		writeJSON(w, r, map[string]any{"t": []int64{}, "bounds": []number{}, "counts": [][]number{}})
		return
	}
	counts := make([][]number, len(m.Counts))
	for i, column := range m.Counts {
		counts[i] = make([]number, len(column))
		for j, n := range column {
			counts[i][j] = number(math.Round(n*10) / 10)
		}
	}
	writeJSON(w, r, map[string]any{
		"t": millis(m.Times), "step": m.Step.Milliseconds(), "unit": m.Unit,
		"bounds": shorten(m.Bounds), "counts": counts,
		"from": window.From.UnixMilli(), "to": time.Now().UnixMilli(),
	})
}

// statusJSON is a baseline's status; its names are part of the API.
type statusJSON struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Group     map[string]string `json:"group,omitempty"`
	Metric    string            `json:"metric"`
	Statistic views.Statistic   `json:"statistic"`
	Direction string            `json:"direction"`
	State     views.State       `json:"state"`
	Value     exact             `json:"value"`
	Target    exact             `json:"target"`
	Threshold exact             `json:"threshold"`
	Unit      string            `json:"unit"`
	Excess    exact             `json:"excess"`
	Count     uint64            `json:"count"`
	Start     time.Time         `json:"interval_start,omitzero"`
	End       time.Time         `json:"interval_end,omitzero"`
	Since     time.Time         `json:"since,omitzero"`
	Reason    string            `json:"reason,omitempty"`
}

func statusOf(s views.Status) statusJSON {
	return statusJSON{
		ID: history.StatusID(s), Name: s.Name, Group: history.GroupMap(s.Group), Metric: s.Metric,
		Statistic: s.Statistic, Direction: s.Direction.String(), State: s.State,
		Value: exact(s.Value), Target: exact(s.Target), Threshold: exact(s.Threshold), Unit: s.Unit, Excess: exact(s.Excess),
		Count: s.Count, Start: s.Start, End: s.End, Since: s.Since, Reason: s.Reason,
	}
}

// snapshot answers with the status of every baseline and group.
func (h *Handler) snapshot(w http.ResponseWriter, r *http.Request) {
	out := []statusJSON{}
	for _, s := range h.source.Status() {
		out = append(out, statusOf(s))
	}
	writeJSON(w, r, map[string]any{"baselines": out})
}

// pointJSON is a point of the history; its names are part of the API.
type pointJSON struct {
	Start      time.Time    `json:"start"`
	End        time.Time    `json:"end"`
	Value      *exact       `json:"value,omitempty"`
	State      *views.State `json:"state,omitempty"`
	Count      *uint64      `json:"count,omitempty"`
	Failed     *uint64      `json:"failed,omitempty"`
	Rate       *exact       `json:"rate,omitempty"`
	Mean       *exact       `json:"mean,omitempty"`
	P50        *exact       `json:"p50,omitempty"`
	P95        *exact       `json:"p95,omitempty"`
	P99        *exact       `json:"p99,omitempty"`
	ErrorRatio *exact       `json:"error_ratio,omitempty"`
}

func pointOf(k history.Kind, p history.Point) pointJSON {
	j := pointJSON{Start: p.Start, End: p.End}
	some := func(v float64) *exact {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		e := exact(v)
		return &e
	}
	if k == history.Judged || k == history.Number {
		j.Value = some(p.Value)
		if k == history.Judged {
			j.State, j.Count = &p.State, &p.Count
		}
		return j
	}
	j.Count, j.Failed, j.Rate, j.Mean = &p.Count, &p.Failed, some(p.Rate), some(p.Mean)
	j.P50, j.P95, j.P99, j.ErrorRatio = some(p.P50), some(p.P95), some(p.P99), some(p.ErrorRatio)
	return j
}

// history answers with every series of a name, or lists the series without one.
// since is a time as RFC 3339 writes it, or how long ago, such as 90m.
func (h *Handler) history(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	if name == "" {
		writeJSON(w, r, map[string]any{"series": h.source.History.Series()})
		return
	}
	var since time.Time
	if text := r.FormValue("since"); text != "" {
		if d, err := time.ParseDuration(text); err == nil {
			since = time.Now().Add(-d)
		} else if since, err = time.Parse(time.RFC3339, text); err != nil {
			http.Error(w, "since is neither a duration such as 90m nor a time such as 2026-01-02T15:04:05Z.", http.StatusBadRequest)
			return
		}
	}
	type line struct {
		Series history.Series `json:"series"`
		Points []pointJSON    `json:"points"`
	}
	out := []line{}
	for _, l := range h.source.History.History(name, since) {
		points := make([]pointJSON, 0, len(l.Points))
		for _, p := range l.Points {
			points = append(points, pointOf(l.Kind, p))
		}
		out = append(out, line{l.Series, points})
	}
	writeJSON(w, r, map[string]any{"history": out})
}
