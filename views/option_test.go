package views_test

import (
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

// TestInterval: what an option says, else the environment, else a minute.
func TestInterval(t *testing.T) {
	for _, tt := range []struct {
		env    string
		option time.Duration
		want   time.Duration
	}{
		{"", 0, time.Minute},
		{"", time.Hour, time.Hour},
		{"", -time.Hour, time.Minute},
		{"10000", 0, 10 * time.Second},
		{"10000", time.Hour, time.Hour},
		{"0", 0, time.Minute},
		{"-5", 0, time.Minute},
		{"10s", 0, time.Minute},
		{"99999999999999999999", 0, time.Minute},
	} {
		t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", tt.env)
		p, err := views.Watch(nil, views.WithInterval(tt.option), views.WithClock(func() time.Time { return epoch }))
		if err != nil {
			t.Fatal(err)
		}
		// Overdue is what is more than three intervals late.
		_, at := p.Overdue(epoch.Add(3 * tt.want))
		_, after := p.Overdue(epoch.Add(3*tt.want + 1))
		if at || !after {
			t.Errorf("environment %q, option %v: want an interval of %v", tt.env, tt.option, tt.want)
		}
	}
}
