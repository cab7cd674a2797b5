package notify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
	"github.com/otelperf/otelperf-go/views/notify"
)

// An alert as a Processor raises it.
var example = views.Alert{
	Name: "search_ms", Metric: "otelperf.operation.duration", Statistic: views.P95, State: views.Firing,
	Value: 140, Target: 100, Threshold: 120, Unit: "ms", Excess: 0.4,
	Start: time.Date(2026, 1, 2, 15, 3, 0, 0, time.UTC),
	End:   time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC),
	Since: time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC),
	Group: attribute.NewSet(attribute.String("http.route", "/search")),
}

func Example() {
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "alerts.log")
	file, err := notify.OpenLogFile(path)
	if err != nil {
		panic(err)
	}

	d, err := notify.NewDispatcher([]notify.Target{
		{Name: "console", Send: notify.Console(os.Stdout)},
		{Name: "log_file", Send: file.Notify},
	})
	if err != nil {
		panic(err)
	}
	d.Notify(example) // what views.WithNotify does

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(d.Shutdown(ctx), file.Close()); err != nil {
		panic(err)
	}
	line, err := os.ReadFile(path)
	fmt.Printf("%.83s… %v\n", line, err)
	// Output:
	// ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0% http.route=/search
	// {"time":"2026-01-02T15:04:00Z","state":"firing","name":"search_ms","message":"ALERT… <nil>
}

func ExampleConsole() {
	sink := notify.Console(os.Stdout, notify.WithColor(false))
	_ = sink(context.Background(), example)
	// Output: ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0% http.route=/search
}

func ExampleOpenLogFile() {
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// A day in the file, and the six days before beside it.
	file, err := notify.OpenLogFile(filepath.Join(dir, "alerts.log"), notify.WithRotation(notify.Rotation{
		MaxAge: 24 * time.Hour, KeepAge: 6 * 24 * time.Hour, KeepFiles: -1,
	}))
	if err != nil {
		panic(err)
	}
	fmt.Println(file.Notify(context.Background(), example), file.Close())
	// Output: <nil> <nil>
}

func ExampleSlog() {
	withoutTime := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 || a.Key == "level" || a.Key == "state" || a.Key == "excess" || a.Key == "http.route" {
			return a
		}
		return slog.Attr{} // the others, for the sake of a short example
	}
	h := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime})
	_ = notify.Slog(h)(context.Background(), example)
	// Output: level=WARN state=firing excess=0.4 group.http.route=/search
}

func ExampleNewWebhook() {
	chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(string(body))
	}))
	defer chat.Close()

	hook, err := notify.NewWebhook(notify.WebhookConfig{
		URL:  chat.URL,
		Body: `{"text": {{json .String}}, "color": {{if eq .State.String "firing"}}"red"{{else}}"green"{{end}}}`,
	})
	if err != nil {
		panic(err)
	}
	_ = hook.Notify(context.Background(), example)
	// Output: {"text": "ALERT search_ms = 140.000 exceeds baseline 100.000 by 40.0% http.route=/search", "color": "red"}
}

func ExampleNewAlertmanager() {
	received := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		received <- r.Method + " " + r.URL.Path
	}))
	defer server.Close()

	am, err := notify.NewAlertmanager(notify.AlertmanagerConfig{URLs: []string{server.URL}})
	if err != nil {
		panic(err)
	}
	d, err := notify.NewDispatcher([]notify.Target{am.Target("alertmanager")})
	if err != nil {
		panic(err)
	}
	d.Notify(example)
	fmt.Println(<-received)
	fmt.Println(d.Shutdown(context.Background()), am.Close())
	// Output:
	// POST /api/v2/alerts
	// <nil> <nil>
}

func ExamplePermanent() {
	// Any function is a sink. This one knows when trying again is useless.
	sink := func(_ context.Context, a views.Alert) error {
		if a.Severity == "" {
			return notify.Permanent(errors.New("nobody is on call for alerts without a severity"))
		}
		return nil
	}
	d, err := notify.NewDispatcher([]notify.Target{{Name: "pager", Send: sink}},
		notify.WithErrorHandler(func(err error) { fmt.Println(err) }))
	if err != nil {
		panic(err)
	}
	d.Notify(example)
	_ = d.Shutdown(context.Background())
	fmt.Println(d.Stats()[0].Dropped)
	// Output:
	// notify: sink "pager": the firing notification of "search_ms" is dropped (rejected): nobody is on call for alerts without a severity
	// map[rejected:1]
}
