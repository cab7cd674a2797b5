package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/browsertest/browser"
	"github.com/otelperf/otelperf-go/internal/browsertest/scene"
)

// contrasts computes, of everything on the page that has text of its own, the
// contrast of its colour with what is behind it, by WCAG 2.2, and returns what
// is below AA: 4.5, or 3 for large text. Below them are the colours of charts,
// whose axes are text and whose lines, as graphical objects, need 3.
const contrasts = `(() => {
	const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
	const rgba = colour => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
		return [r, g, b, a / 255];
	};
	const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
	const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, f, i) => {
		const v = c[i] / 255;
		return sum + f * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
	}, 0);
	const ratio = (a, b) => { const [x, y] = [light(a), light(b)]; return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
	const behind = e => {
		const layers = [];
		for (let n = e; n; n = n.parentElement) layers.push(rgba(getComputedStyle(n).backgroundColor));
		return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
	};
	const low = [];
	let looked = 0;
	const look = (what, colour, ground, least) => {
		looked++;
		const r = ratio(over(rgba(colour), ground), ground);
		if (r < least) low.push(what + ' ' + r.toFixed(2) + ' < ' + least);
	};
	for (const e of document.querySelectorAll('body *')) {
		const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
		if (e.matches('input[type=search]')) look('the placeholder', getComputedStyle(e, '::placeholder').color, behind(e), 4.5);
		if (!own || !e.checkVisibility() || e.matches('script, style, noscript *')) continue;
		const s = getComputedStyle(e), size = parseFloat(s.fontSize);
		look(e.tagName + '.' + e.className + ' ' + JSON.stringify(e.textContent.slice(0, 30)), s.color, behind(e),
			size >= 24 || size >= 18.66 && s.fontWeight >= 700 ? 3 : 4.5);
	}
	const root = getComputedStyle(document.documentElement), card = behind(document.querySelector('section'));
	const named = name => root.getPropertyValue('--' + name);
	look('axes', named('muted'), card, 4.5);
	for (const name of ['line', 'p50', 'p95', 'p99', 'amber', 'target', 'threshold', 'bad']) look('line --' + name, named(name), card, 3);
	return { low, looked };
})()`

// TestContrast: AA in both colour schemes, on wide and narrow screens, with
// every state that a baseline can have.
func TestContrast(t *testing.T) {
	s := service(t, time.Minute, nil)
	must(t, s.Day(time.Now(), time.Minute, 3*time.Hour))
	url := serve(t, s)
	for _, dark := range []bool{false, true} {
		for _, width := range []int{1280, 360} {
			b := tab(t, width, dark)
			must(t, b.Open(url))
			must(t, b.Wait("document.querySelectorAll('#detail canvas').length == 3"))
			check := func(state string) {
				t.Helper()
				got := eval[struct {
					Low    []string
					Looked int
				}](t, b, contrasts)
				if len(got.Low) > 0 || got.Looked < 150 {
					t.Errorf("dark %t, %d pixels, %s: of %d colours too pale are\n%s", dark, width, state, got.Looked, strings.Join(got.Low, "\n"))
				}
			}
			check("as it is")
			// The states that this scene has not are put on.
			for _, state := range []string{"pending", "incomplete", "resolved", "firing", "ok", "no_data"} {
				eval[bool](t, b, "document.querySelectorAll('#baseline-table tbody tr').forEach(tr => tr.dataset.state = '"+state+"'), true")
				check(state)
			}
			for _, kind := range []string{"good", "warn", "none", "bad"} {
				eval[bool](t, b, "document.getElementById('verdict').dataset.kind = document.getElementById('live').dataset.kind = '"+kind+"', true")
				check("verdict " + kind)
			}
			quiet(t, b, url)
		}
	}
}

// TestChangesOfStateAreSaid: a screen reader hears the verdict at first, then
// each baseline whose state changes, and not every new value.
func TestChangesOfStateAreSaid(t *testing.T) {
	const interval = time.Minute
	s := service(t, interval, nil)
	now := time.Now().Add(-time.Hour)
	collect := func(b *browser.Tab, slow float64) {
		t.Helper()
		now = now.Add(interval)
		must(t, s.Collect(now, scene.Calls(slow)))
		if b != nil {
			must(t, b.Wait("document.getElementById('newest').dateTime == '"+now.UTC().Format("2006-01-02T15:04:05.000Z")+"'"))
		}
	}
	for range 5 {
		collect(nil, 1)
	}
	url := serve(t, s)
	b := tab(t, 1280, false)
	must(t, b.Open(url))
	said := func() string {
		t.Helper()
		return eval[string](t, b, "document.querySelector('#said[role=status]').textContent")
	}
	verdict := func() string { t.Helper(); return eval[string](t, b, "document.getElementById('verdict').textContent") }
	if got := said(); got != verdict() || got == "" {
		t.Errorf("at first is said %q", got)
	}
	eval[bool](t, b, `window.spoken = [], new MutationObserver(() => spoken.push(document.getElementById('said').textContent)).observe(document.getElementById('said'), { childList: true, characterData: true, subtree: true }), true`)
	collect(b, 1)
	collect(b, 6)
	collect(b, 6.5)
	firing := verdict()
	collect(b, 7)
	if verdict() == firing {
		t.Errorf("the verdict does not follow the value: %q", firing)
	}
	collect(b, 1)
	collect(b, 1)
	spoken := eval[[]string](t, b, "spoken")
	if len(spoken) != 2 || !strings.Contains(spoken[0], "search_ms: Alert, ") || !strings.Contains(spoken[1], "search_ms: Resolved") && !strings.Contains(spoken[1], "search_ms: OK") {
		t.Errorf("said is %q", spoken)
	}
	if n := eval[int](t, b, "document.querySelectorAll('[role=status], [role=alert], [aria-live]').length"); n != 2 {
		t.Errorf("%d places are read aloud by themselves, want the states and the connection", n)
	}
	quiet(t, b, url)
}
