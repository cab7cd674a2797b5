// Screenshots makes the pictures of the page that the documentation shows:
//
//	go run -C internal/browsertest ./screenshots
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
	flag.Parse()
	if err := run(*out); err != nil {
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

func run(out string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	evidence, err := os.MkdirTemp("", "evidence")
	if err != nil {
		return err
	}
	defer os.RemoveAll(evidence) //nolint:errcheck // it is temporary
	if err := scene.Evidence(evidence); err != nil {
		return err
	}
	s, err := scene.New(time.Minute, evidence, nil, history.WithRetention(24*time.Hour))
	if err != nil {
		return err
	}
	if err := s.Day(time.Now(), time.Minute, 24*time.Hour); err != nil {
		return err
	}
	server := httptest.NewServer(s.Page)
	defer server.Close()
	b, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	for _, p := range pictures {
		if lines := s.History.History(p.show, time.Now()); p.show != "" && len(lines) > 0 {
			p.fragment += "&show=" + lines[0].ID
		}
		png, err := b.Picture(server.URL+"/"+p.fragment, p.width, p.most, p.dark)
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
