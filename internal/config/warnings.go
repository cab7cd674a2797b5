package config

import (
	"fmt"

	"github.com/otelperf/otelperf-go/views"
)

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
