// Command otelperf works on the same configuration files as the package
// monitor: it checks them, and writes what they say as Prometheus rules and as a
// Grafana dashboard.
//
//	otelperf check monitoring.toml
//	otelperf rules monitoring.toml > otelperf.rules.yml
//	otelperf dashboard monitoring.toml > otelperf.dashboard.json
//
// Of several files a later one overrides an earlier one key by key, and "-" is
// standard input. Data go to standard output, everything else to standard error.
// The exit code is 0, or 1 if the configuration is at fault, a file cannot be read
// or the output not be written, or 2 if the command line is at fault; standard
// output is empty then. "otelperf completion" writes scripts for bash, zsh and
// fish.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
