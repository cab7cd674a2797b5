package demo

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const page = "/debug/otelperf/"

// Look does what a browser with the page open does, until ctx is done: it holds
// the event stream, and for each collection that it hears of it fetches the
// overview, the charts of an operation and of the runtime, and the heat map. It
// returns how many collections it has shown.
func Look(ctx context.Context, base string) (shown int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+page+"api/events", nil)
	if err != nil {
		return 0, fmt.Errorf("demo: %w", err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil
		}
		return 0, fmt.Errorf("demo: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("demo: the page's events: %s", resp.Status)
	}
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		if s.Text() != "event: collection" {
			continue
		}
		if err := refresh(ctx, base); err != nil {
			if ctx.Err() != nil {
				return shown, nil
			}
			return shown, err
		}
		shown++
	}
	return shown, nil
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
