package demo

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// A Sink is an OTLP receiver over HTTP that takes everything.
type Sink struct {
	URL string

	server  *http.Server
	see     func([]*metrics.ResourceMetrics)
	mu      sync.Mutex
	batches int
	bytes   int64
	err     error
}

// NewSink returns a receiver on a free port of the loopback interface. see, if
// it is not nil, gets each batch, one at a time; without it nothing is decoded.
func NewSink(see func([]*metrics.ResourceMetrics)) (*Sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	s := &Sink{URL: "http://" + listener.Addr().String(), see: see}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }() // until Close
	return s, nil
}

// Close ends the receiver and returns the first error that it met.
func (s *Sink) Close() error {
	_ = s.server.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Received returns how many batches have come, and their bytes.
func (s *Sink) Received() (batches int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.batches, s.bytes
}

func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.take(r); err != nil {
		s.mu.Lock()
		if s.err == nil {
			s.err = err
		}
		s.mu.Unlock()
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty message is an empty body
}

func (s *Sink) take(r *http.Request) error {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		body = z
	}
	// Read before the lock: who sends may have been stopped in between, and nobody is
	// to wait for that.
	var data bytes.Buffer
	into := io.Discard
	if s.see != nil {
		into = &data
	}
	n, err := io.Copy(into, body)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	var m metrics.MetricsData // the same on the wire as a request to export
	if err := proto.Unmarshal(data.Bytes(), &m); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches++
	s.bytes += n
	if s.see != nil {
		s.see(m.ResourceMetrics)
	}
	return nil
}
