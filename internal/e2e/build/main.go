// Command build makes the servers that the end-to-end tests run against: all
// that make e2e needs, or those that are named.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/otelperf/otelperf-go/internal/e2e/components"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	names := os.Args[1:]
	if len(names) == 0 {
		names = components.Everyday
	}
	for _, name := range names {
		start := time.Now()
		bin, err := components.Build(ctx, name)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			stop()
			os.Exit(1)
		}
		fmt.Printf("%-17s %6.1f s  %s\n", name, time.Since(start).Seconds(), bin)
	}
}
