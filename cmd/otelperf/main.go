// Command otelperf works on the same configuration files as the package
// monitor: it checks them, and writes what they say as Prometheus rules and as a
// Grafana dashboard.
//
//	otelperf check monitoring.toml
//	otelperf rules monitoring.toml > otelperf.rules.yml
//	otelperf dashboard monitoring.toml > otelperf.dashboard.json
//
// Data go to standard output, everything else to standard error. The exit code
// is 0, 1 if the configuration is at fault, or 2 if the command line is.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
