package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
)

// pause is how long a client rests after an answer.
const pause = 20 * time.Millisecond

// A driver is the load of -drive: clients that behave as real ones do, over
// real HTTP.
type driver struct {
	base      string // http://host:port
	clients   int
	documents []corpus.Document // whose words are asked for; at least one
	timeout   time.Duration     // of one request
	grace     time.Duration     // for the requests in flight when the time is over
}

// A result is what the clients saw.
type result struct {
	requests, failed int
	elapsed          time.Duration
	failure          error // one of those that failed, nil if none did
}

// run drives the service for a time, or until ctx is done, and returns when
// the last client has its last answer.
func (d *driver) run(ctx context.Context, duration time.Duration) result {
	start := time.Now()
	over, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	inFlight, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	context.AfterFunc(over, func() { time.AfterFunc(d.grace, abandon) })

	transport := &http.Transport{MaxIdleConnsPerHost: d.clients}
	defer transport.CloseIdleConnections()
	results := make([]result, d.clients)
	var clients sync.WaitGroup
	for i := range d.clients {
		c := &client{
			driver: d,
			http:   &http.Client{Transport: transport, Timeout: d.timeout},
			random: rand.New(rand.NewPCG(1, uint64(i))), // the same load each time
		}
		clients.Go(func() {
			for over.Err() == nil {
				err := c.request(inFlight)
				if err != nil && inFlight.Err() != nil {
					err = fmt.Errorf("no answer %v after the end", d.grace)
				}
				results[i].requests++
				if err != nil {
					results[i].failed++
					results[i].failure = err
				}
				select {
				case <-time.After(pause):
				case <-over.Done():
				}
			}
		})
	}
	clients.Wait()
	total := result{elapsed: time.Since(start)}
	for _, r := range results {
		total.requests += r.requests
		total.failed += r.failed
		if r.failure != nil {
			total.failure = r.failure
		}
	}
	return total
}

// A client sends one request after the other.
type client struct {
	*driver
	http   *http.Client
	random *rand.Rand
	found  []string // IDs that the last search answered with
}

// request sends one request: three quarters are searches, the rest new
// documents and documents that a search has found.
func (c *client) request(ctx context.Context) error {
	switch n := c.random.IntN(20); {
	case n < 3:
		return c.create(ctx)
	case n < 5 && len(c.found) > 0:
		id := c.found[c.random.IntN(len(c.found))]
		var got corpus.Document
		if err := c.do(ctx, http.MethodGet, "/documents/"+id, nil, http.StatusOK, &got); err != nil {
			return err
		}
		if got.ID != id {
			return fmt.Errorf("asked for document %q, got %q", id, got.ID)
		}
		return nil
	default:
		return c.search(ctx)
	}
}

func (c *client) search(ctx context.Context) error {
	var got searchReply
	query := url.Values{"q": {c.words()}}
	if c.random.IntN(4) == 0 {
		query.Set("k", "25")
	}
	if err := c.do(ctx, http.MethodGet, "/search?"+query.Encode(), nil, http.StatusOK, &got); err != nil {
		return err
	}
	c.found = c.found[:0]
	for _, h := range got.Hits {
		c.found = append(c.found, h.ID)
	}
	return nil
}

func (c *client) create(ctx context.Context) error {
	var text strings.Builder
	for range 3 + c.random.IntN(10) {
		d := c.any()
		text.WriteString(d.Title + "\n" + index.Summary(d) + "\n")
	}
	body, err := json.Marshal(createRequest{Title: c.words(), Text: text.String()})
	if err != nil {
		return err
	}
	var got createReply
	return c.do(ctx, http.MethodPost, "/documents", body, http.StatusCreated, &got)
}

func (c *client) any() corpus.Document { return c.documents[c.random.IntN(len(c.documents))] }

// words returns a few words that stand together in a document, as somebody who
// half remembers it would type them.
func (c *client) words() string {
	for range 10 {
		d := c.any()
		text := index.Summary(d)
		if c.random.IntN(3) == 0 || text == "" {
			text = d.Title
		}
		words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if len(words) == 0 {
			continue
		}
		n := min(1+c.random.IntN(4), len(words))
		from := c.random.IntN(len(words) - n + 1)
		return corpus.Cut(strings.Join(words[from:from+n], " "), maxTitle)
	}
	return "documentation" // a corpus without words
}

// do sends a request, checks its status and reads the JSON of its answer.
func (c *client) do(ctx context.Context, method, path string, body []byte, status int, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != status {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(data))
	}
	return json.Unmarshal(data, answer)
}
