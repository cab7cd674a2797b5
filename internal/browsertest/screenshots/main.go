// Screenshots makes the pictures of the page that the documentation shows:
//
//	go run -C internal/browsertest ./screenshots
//	go run -C internal/browsertest ./screenshots -url http://localhost:8080/debug/otelperf/
//
// The second takes those of a service that runs.
//
// It needs Chromium.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/otelperf/otelperf-go/internal/browsertest/browser"
	"github.com/otelperf/otelperf-go/internal/browsertest/scene"
	"github.com/otelperf/otelperf-go/internal/history"
)

func main() {
	out := flag.String("out", filepath.Join("..", "..", "docs", "images"), "`folder` of the pictures")
	url := flag.String("url", "", "`address` of a page that is there, instead of made-up measurements")
	flag.Parse()
	if err := run(*out, *url); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

var pictures = []struct {
	name     string
	width    int
	most     int // of its height
	dark     bool
	fragment string
	show     string // name of the operation or route that is selected
}{
	{"page-light.png", 1280, 4000, false, "#range=3600", ""},
	{"page-dark.png", 1280, 4000, true, "#range=21600", "search"},
	{"page-narrow.png", 390, 1500, false, "#range=3600", ""},
}

func run(out, url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	show := func(string) string { return "" }
	if url == "" {
		evidence, err := os.MkdirTemp("", "evidence")
		if err != nil {
			return err
		}
		defer os.RemoveAll(evidence) //nolint:errcheck // it is temporary
		s, err := madeUp(evidence)
		if err != nil {
			return err
		}
		server := httptest.NewServer(s.Page)
		defer server.Close()
		url = server.URL + "/"
		show = func(name string) string {
			for _, l := range s.History.History(name, time.Now()) {
				return "&show=" + l.ID
			}
			return ""
		}
	}
	b, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	for _, p := range pictures {
		png, err := b.Picture(url+p.fragment+show(p.show), p.width, p.most, p.dark)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		path := filepath.Join(out, p.name)
		if err := os.WriteFile(path, png, 0o644); err != nil { //nolint:gosec // pictures are for everybody
			return err
		}
		fmt.Println(path)
	}
	return nil
}

// madeUp is a service that has run for a day.
func madeUp(evidence string) (*scene.Service, error) {
	if err := scene.Evidence(evidence); err != nil {
		return nil, err
	}
	s, err := scene.New(time.Minute, evidence, nil, history.WithRetention(24*time.Hour))
	if err != nil {
		return nil, err
	}
	return s, s.Day(time.Now(), time.Minute, 24*time.Hour)
}
