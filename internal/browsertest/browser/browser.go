// Package browser drives a headless Chromium.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// ErrNone says that there is no Chromium.
var ErrNone = errors.New("browser: no chromium found: apt-get install chromium")

// Find returns the path of a Chromium: that of the variable CHROMIUM, else one
// of the usual names.
func Find() (string, error) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNone
}

// A Browser is a running Chromium with a profile of its own.
type Browser struct {
	ctx    context.Context //nolint:containedctx // chromedp keeps the browser in it
	cancel func()
}

// Start starts Chromium. It ends with ctx or Close.
func Start(ctx context.Context) (*Browser, error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "chromium-profile")
	if err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	allocator, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.Headless, chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(2*time.Minute), // a first start is a cold one
	)
	browser, done := chromedp.NewContext(allocator)
	b := &Browser{ctx: browser, cancel: func() {
		_ = chromedp.Cancel(browser)
		done()
		stop()
		_ = os.RemoveAll(profile)
	}}
	if err := chromedp.Do(browser); err != nil {
		b.cancel()
		return nil, fmt.Errorf("browser: %w", err)
	}
	return b, nil
}

// Close ends Chromium.
func (b *Browser) Close() { b.cancel() }

// A Tab is one page and what it complained of.
type Tab struct {
	ctx    context.Context //nolint:containedctx // chromedp keeps the tab in it
	cancel func()

	mu       sync.Mutex
	troubles []string
	requests []string
}

// Tab opens an empty page of a size.
func (b *Browser) Tab(width, height int, dark bool) (*Tab, error) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	t := &Tab{ctx: ctx, cancel: cancel}
	if err := t.start(width, height, dark); err != nil {
		t.Close()
		return nil, fmt.Errorf("browser: %w", err)
	}
	return t, nil
}

func (t *Tab) start(width, height int, dark bool) error {
	if err := chromedp.Listen(t.ctx, t.listen); err != nil {
		return err
	}
	for _, enable := range []func() error{
		func() error { _, err := chromedp.Call(t.ctx, network.Enable, network.EnableParams{}); return err },
		func() error { _, err := chromedp.Call(t.ctx, cdplog.Enable, cdp.Empty{}); return err },
		func() error { _, err := chromedp.Call(t.ctx, runtime.Enable, cdp.Empty{}); return err },
		func() error { _, err := chromedp.Call(t.ctx, page.Enable, page.EnableParams{}); return err },
	} {
		if err := enable(); err != nil {
			return err
		}
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return errors.Join(err, t.Resize(width, height))
}

// Resize sets the size of what is seen of the page.
func (t *Tab) Resize(width, height int) error {
	_, err := chromedp.Call(t.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: int64(height), DeviceScaleFactor: 1,
	})
	return err
}

// listen notes what a page must not do: errors, dialogs, requests elsewhere.
func (t *Tab) listen(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		t.troubles = append(t.troubles, "exception: "+thrown(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			var text []string
			for _, a := range e.Args {
				text = append(text, string(a.Value))
			}
			t.troubles = append(t.troubles, "console: "+strings.Join(text, " "))
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			t.troubles = append(t.troubles, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		t.troubles = append(t.troubles, "dialog: "+e.Message)
	case *network.EventRequestWillBeSent:
		t.requests = append(t.requests, e.Request.URL)
	}
}

// Close closes the tab.
func (t *Tab) Close() { t.cancel() }

// Troubles returns what went wrong so far.
func (t *Tab) Troubles() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.troubles...)
}

// Requests returns the addresses that the page asked for.
func (t *Tab) Requests() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.requests...)
}

// Open loads the page and waits until it has drawn what it shows.
func (t *Tab) Open(url string) error {
	if err := chromedp.Do(t.ctx, chromedp.Navigate(url)); err != nil {
		return fmt.Errorf("browser: %w", err)
	}
	return t.Wait("document.body?.dataset.ready === 'true'")
}

// Patience is how long Wait waits.
const Patience = 30 * time.Second

// Wait waits until a JavaScript expression is true.
func (t *Tab) Wait(expression string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(Patience)
	defer late.Stop()
	for {
		if ok, err := Eval[bool](t, "Boolean("+expression+")"); err == nil && ok {
			return nil
		}
		select {
		case <-tick.C:
		case <-t.ctx.Done():
			return fmt.Errorf("browser: waiting for %s: %w", expression, t.ctx.Err())
		case <-late.C:
			return fmt.Errorf("browser: %s is not so after %s; %s", expression, Patience, strings.Join(t.Troubles(), "; "))
		}
	}
}

// Eval evaluates a JavaScript expression, and awaits a promise.
func Eval[T any](t *Tab, expression string) (T, error) {
	v, err := chromedp.Run(t.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		return v, fmt.Errorf("browser: %w", err)
	}
	return v, nil
}

// Press types keys into whatever has the focus.
func (t *Tab) Press(keys string) error {
	if err := chromedp.Do(t.ctx, chromedp.KeyEvent(keys)); err != nil {
		return fmt.Errorf("browser: %w", err)
	}
	return nil
}

// Picture returns the page as a PNG, at most so many pixels of its height.
func (b *Browser) Picture(url string, width, most int, dark bool) ([]byte, error) {
	t, err := b.Tab(width, 900, dark)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	if err := t.Open(url); err != nil {
		return nil, err
	}
	height, err := Eval[int](t, "document.documentElement.scrollHeight")
	if err != nil {
		return nil, err
	}
	// As high as all of it, so that everything counts as in view and is drawn.
	if err := t.Resize(width, height); err != nil {
		return nil, err
	}
	if err := t.Wait("[...document.querySelectorAll('.spark')].every(s => s.querySelector('canvas'))"); err != nil {
		return nil, err
	}
	if err := t.Resize(width, min(height, most)); err != nil {
		return nil, err
	}
	png, err := chromedp.Run(t.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	return png, nil
}

func thrown(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}
