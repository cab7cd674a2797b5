package config

import (
	"fmt"

	"github.com/otelperf/otelperf-go/views"
)

// inactive are the keys whose feature is not built yet. A row goes when its
// feature comes.
var inactive = []struct {
	key    string
	active func(*Config) bool // whether its value asks for the feature
}{
	{"alerting.state_file", func(c *Config) bool { return c.Alerting.StateFile != "" }},
}

// Inactive returns the keys that were set to something that this version
// accepts and does not do yet, in the order of [Keys].
func (c *Config) Inactive() []string {
	var keys []string
	for _, k := range inactive {
		if c.IsSet(k.key) && k.active(c) {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// Warnings returns what is allowed and most likely not meant, one line each.
func (c *Config) Warnings() []string {
	var all []string
	placed, err := c.resolve()
	if err != nil {
		return nil
	}
	for _, p := range placed {
		switch {
		case p.Observed() || p.companion:
		case p.off:
			all = append(all, fmt.Sprintf("%s is not judged: a switch in [metrics] or monitoring.memory_tracking turns it off", p.title()))
		case p.Unit == "%" && (p.Statistic == views.ErrorRatio || p.Metric == cpuUtilization) && p.Threshold() >= 100:
			all = append(all, fmt.Sprintf("%s alerts above %s %%, which is never reached", p.title(), number(p.Threshold())))
		}
	}
	return all
}
