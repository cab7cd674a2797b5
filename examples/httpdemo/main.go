// Command httpdemo is a search service that is measured by otelperf: over the
// documentation of Go's standard library, or any folder of text.
//
// Built with the tag bare it is the same service with nothing that measures it,
// for comparisons: no package of otelperf or OpenTelemetry is linked in.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

// growth is what the heap may grow by until garbage is collected, in percent of
// what lives, unless GOGC says otherwise. The index is in files, so only a few
// megabytes live: with Go's 100 they are marked dozens of times a second under
// load. With 400 a request takes 8 % less CPU time, and the 99th percentile is a
// third lower, for three times the memory of what lives.
const growth = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. Metrics and the table go to stdout, all talk to stderr.
// It returns 0, 1 where something went wrong, and 2 where the command line or
// the configuration is.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return 0
	case err != nil:
		say(stderr, "%v", err)
		say(stderr, "see httpdemo -h")
		return 2
	}
	err = (&demo{options: o, stdout: stdout, stderr: stderr}).run(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = errors.New("interrupted")
	}
	say(stderr, "%v", err)
	if errors.As(err, new(configError)) {
		return 2
	}
	return 1
}

// A configError is an error of what the configuration says.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

// say tells the person at the terminal. There is nobody to tell where that
// fails.
func say(stderr io.Writer, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n  ")
	_, _ = fmt.Fprintf(stderr, "httpdemo: %s\n", text)
}
