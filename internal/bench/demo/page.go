package demo

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

const page = "/debug/otelperf/"

// Look does what a browser with the page open does, until ctx is done: it holds
// the event stream, and for each collection that it hears of it fetches the
// overview, the charts of an operation and of the runtime, and the heat map. shown
// counts the collections.
func Look(ctx context.Context, base string, shown *atomic.Int64) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+page+"api/events", nil)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("demo: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("demo: the page's events: %s", resp.Status)
	}
	s := bufio.NewScanner(resp.Body)
	for s.Scan() {
		if s.Text() != "event: collection" {
			continue
		}
		if err := refresh(ctx, base); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		shown.Add(1)
	}
	if ctx.Err() == nil {
		return fmt.Errorf("demo: the page's events ended: %w", cmp.Or(s.Err(), io.EOF))
	}
	return nil
}

// refresh fetches what the page shows by default: the last quarter of an hour.
func refresh(ctx context.Context, base string) error {
	const span = "?range=900"
	var o struct{ Timed, Numbers []struct{ ID string } }
	if err := getJSON(ctx, base+page+"api/overview"+span, &o); err != nil {
		return err
	}
	var anything any
	var paths []string
	if len(o.Timed) > 0 {
		id := "&id=" + url.QueryEscape(o.Timed[0].ID)
		paths = append(paths, "api/chart"+span+id, "api/heat"+span+id)
	}
	var ids strings.Builder
	for _, n := range o.Numbers[:min(len(o.Numbers), 32)] {
		ids.WriteString("&id=" + url.QueryEscape(n.ID))
	}
	if ids.Len() > 0 {
		paths = append(paths, "api/chart?columns=240&range=900"+ids.String())
	}
	for _, p := range paths {
		if err := getJSON(ctx, base+page+p, &anything); err != nil {
			return err
		}
	}
	return nil
}
