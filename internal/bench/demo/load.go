package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

// A Load is what clients ask for, in turn.
type Load struct {
	Name    string
	targets []vegeta.Target
	codes   map[string]uint16 // by path and query: 200 where there is none
	alone   bool              // each request has a connection of its own
}

// questions are searched for.
var questions = []string{
	"json encoding", "http client timeout", "sort slice", "context deadline", "read file", "regular expression",
	"parse time", "mutex", "tls certificate", "random number", "string builder", "template",
}

// Loads asks the service what it has and returns the loads for it: a mix of
// three searches to one document, documents alone, and what a service in the open
// gets besides: paths, methods and queries that it does not have, by clients that
// close their connection after each.
func Loads(ctx context.Context, base string) (mix, documents, junk Load, err error) {
	mix, documents, junk = Load{Name: result.Mix}, Load{Name: result.Documents}, Load{Name: "junk", codes: make(map[string]uint16), alone: true}
	get := func(path string) vegeta.Target { return vegeta.Target{Method: http.MethodGet, URL: path} }
	var ids []string
	for _, q := range questions {
		found, err := search(ctx, base, q)
		if err != nil {
			return mix, documents, junk, err
		}
		ids = append(ids, found...)
	}
	if len(ids) == 0 {
		return mix, documents, junk, fmt.Errorf("demo: no search of %s finds anything", base)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	n := 0
	document := func() vegeta.Target {
		n++
		return get("/documents/" + (&url.URL{Path: ids[n%len(ids)]}).EscapedPath())
	}
	for i, q := range questions {
		mix.targets = append(mix.targets, get("/search?"+url.Values{"q": {q}}.Encode()))
		if i%3 == 2 {
			mix.targets = append(mix.targets, document())
		}
	}
	for range 32 {
		documents.targets = append(documents.targets, document())
	}
	for i := range 64 {
		junk.targets = append(junk.targets,
			get(fmt.Sprintf("/nowhere/%d.php?id=%d", i, i)),
			vegeta.Target{Method: fmt.Sprint("METHOD", i), URL: "/search"},
			get("/search?q="), get("/documents/none"))
		junk.codes[junk.targets[4*i].URL] = http.StatusNotFound
	}
	junk.codes["/search"] = http.StatusMethodNotAllowed
	junk.codes["/search?q="] = http.StatusBadRequest
	junk.codes["/documents/none"] = http.StatusNotFound
	return mix, documents, junk, nil
}

func search(ctx context.Context, base, q string) (ids []string, err error) {
	var found struct{ Hits []struct{ ID string } }
	if err := getJSON(ctx, base+"/search?"+url.Values{"q": {q}}.Encode(), &found); err != nil {
		return nil, err
	}
	for _, h := range found.Hits {
		ids = append(ids, h.ID)
	}
	return ids, nil
}

func getJSON(ctx context.Context, address string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("demo: %s: %s: %.200s", address, resp.Status, body)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("demo: %s: %w", address, err)
	}
	return nil
}

// A Result is what the generator saw.
type Result struct {
	Requests  int
	Length    time.Duration   // from the beginning to the last answer
	Latencies []time.Duration // rising
}

// Add joins two results.
func (r Result) Add(o Result) Result {
	all := slices.Concat(r.Latencies, o.Latencies)
	slices.Sort(all)
	return Result{Requests: r.Requests + o.Requests, Length: r.Length + o.Length, Latencies: all}
}

// Throughput is in requests a second.
func (r Result) Throughput() float64 {
	if r.Length <= 0 {
		return 0
	}
	return float64(r.Requests) / r.Length.Seconds()
}

// P returns a quantile of the latencies.
func (r Result) P(q float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	return r.Latencies[min(len(r.Latencies)-1, int(q*float64(len(r.Latencies))))]
}

// Clients send a load to one service. Their connections stay open between drives,
// and each drive goes on where the last one was in the load.
type Clients struct {
	load     Load
	base     string
	n        uint64
	client   *http.Client
	targets  vegeta.Targeter
	arrivals func() vegeta.Pacer // of one drive
}

// Clients returns so many of them for the service at base, each of which sends its next
// request when it has the answer to the last. Nothing is sent yet.
func (l Load) Clients(base string, n int) *Clients {
	// A rate of zero is no rate: as fast as the clients get answers.
	return l.clients(base, n, func() vegeta.Pacer { return vegeta.Rate{} })
}

// crowd is how many requests that arrive may be under way at once: so many that a service
// which keeps up never has them.
const crowd = 512

// Arriving returns clients that know nothing of each other: their requests arrive at
// random moments (a Poisson process), rate of them a second, whether or not others are
// answered. The same seed gives the same moments, from the beginning of each drive.
func (l Load) Arriving(base string, rate float64, seed uint64) *Clients {
	drives := uint64(0) // how many moments one has taken depends on the machine
	return l.clients(base, crowd, func() vegeta.Pacer {
		drives++
		return &poisson{random: rand.New(rand.NewPCG(seed, drives)), rate: rate}
	})
}

func (l Load) clients(base string, n int, arrivals func() vegeta.Pacer) *Clients {
	targets := slices.Clone(l.targets)
	for i := range targets {
		targets[i].URL = base + targets[i].URL
	}
	return &Clients{
		load: l, base: base, n: uint64(n), targets: vegeta.NewStaticTargeter(targets...), arrivals: arrivals,
		client: &http.Client{Timeout: vegeta.DefaultTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: n, DisableKeepAlives: l.alone}},
	}
}

// A poisson says when requests arrive. It is a [vegeta.Pacer], which is asked before each.
type poisson struct {
	random *rand.Rand
	rate   float64       // a second
	drawn  uint64        // arrivals so far
	last   time.Duration // when the last of them is
}

// Pace returns how long it is to the arrival after so many hits.
func (p *poisson) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	for ; p.drawn <= hits; p.drawn++ {
		p.last += time.Duration(p.random.ExpFloat64() / p.rate * float64(time.Second))
	}
	return max(0, p.last-elapsed), false
}

// Rate returns the mean.
func (p *poisson) Rate(time.Duration) float64 { return p.rate }

// A lasting pacer ends after length, but not before the first request: an attacker looks at
// the time before it sends anything, and a busy machine may have taken all of it by then.
type lasting struct {
	vegeta.Pacer
	length time.Duration
}

// Pace returns how long it is to the next request, and whether the drive is over before it.
func (l lasting) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	wait, stop := l.Pacer.Pace(elapsed, hits)
	return wait, stop || hits > 0 && elapsed+wait > l.length
}

// Drive sends the load for as long as length says, one request at least. It ends early,
// with an error, at an answer other than the expected and when ctx is done.
func (c *Clients) Drive(ctx context.Context, length time.Duration) (Result, error) {
	// An attacker attacks once.
	attack := vegeta.NewAttacker(vegeta.Workers(min(c.n, vegeta.DefaultWorkers)), vegeta.MaxWorkers(c.n), vegeta.Client(c.client), vegeta.MaxBody(0))
	defer context.AfterFunc(ctx, func() { attack.Stop() })()
	var out Result
	var failed error
	var last time.Time
	first := time.Now()
	for r := range attack.Attack(c.targets, lasting{c.arrivals(), length}, 0, c.load.Name) {
		want := uint16(http.StatusOK)
		if code, ok := c.load.codes[r.URL[len(c.base):]]; ok {
			want = code
		}
		if r.Code != want && failed == nil {
			failed = fmt.Errorf("demo: %s %s: %d %s, want %d", r.Method, r.URL, r.Code, r.Error, want)
			attack.Stop()
		}
		out.Requests++
		out.Latencies = append(out.Latencies, r.Latency)
		if end := r.Timestamp.Add(r.Latency); end.After(last) {
			last = end
		}
	}
	slices.Sort(out.Latencies)
	out.Length = last.Sub(first)
	if ctx.Err() != nil {
		failed = fmt.Errorf("demo: %w", ctx.Err())
	}
	return out, failed
}

// Close closes the connections.
func (c *Clients) Close() { c.client.CloseIdleConnections() }

// HangUp asks for a long list and leaves before the answer, until ctx is done. It
// returns how often.
func HangUp(ctx context.Context, base string) (n int) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		r, err := http.NewRequestWithContext(short, http.MethodGet, base+"/search?q=package&k=100", nil)
		if err == nil {
			var resp *http.Response
			if resp, err = client.Do(r); err == nil {
				_ = resp.Body.Close()
			}
		}
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			n++
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return n
}
