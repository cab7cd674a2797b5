package middleware

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// phaseKey is the attribute that tells the phases of a request apart.
const phaseKey = attribute.Key("otelperf.http.client.phase")

// phase is a part of a request's time.
type phase uint8

const (
	phaseDNS phase = iota
	phaseConnect
	phaseTLS
	phaseFirstByte

	phases
)

var phaseNames = [phases]string{"dns", "connect", "tls", "first_byte"}

// phaseSeries finds the options of a host's phases.
type phaseSeries struct {
	mu   sync.RWMutex
	opts map[*host]*[phases][]metric.RecordOption
}

func (t *phaseSeries) find(h *host) *[phases][]metric.RecordOption {
	t.mu.RLock()
	o := t.opts[h]
	t.mu.RUnlock()
	if o != nil {
		return o
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if o = t.opts[h]; o != nil {
		return o
	}
	o = new([phases][]metric.RecordOption)
	for p, name := range phaseNames {
		set := attribute.NewSet(h.appendTo([]attribute.KeyValue{phaseKey.String(name)})...)
		o[p] = []metric.RecordOption{metric.WithAttributeSet(set)}
	}
	if t.opts == nil {
		t.opts = make(map[*host]*[phases][]metric.RecordOption)
	}
	t.opts[h] = o
	return o
}

// phaseTimer takes the times of one request's phases. The transport calls it
// from several goroutines at once (it dials two families of addresses), and
// after RoundTrip has returned (a dial that lost goes on), so it locks.
type phaseTimer struct {
	t    *Transport
	ctx  context.Context
	host *host

	mu    sync.Mutex
	start [phases]time.Duration
	done  [phases]bool
}

// trace returns req with a context that reports its phases to a phaseTimer,
// besides whatever trace it had.
func (c *call) trace(req *http.Request) *http.Request {
	p := &phaseTimer{t: c.t, ctx: req.Context(), host: c.host}
	p.start[phaseFirstByte] = c.start
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { p.begin(phaseDNS) },
		DNSDone:              func(i httptrace.DNSDoneInfo) { p.end(phaseDNS, i.Err) },
		ConnectStart:         func(_, _ string) { p.begin(phaseConnect) },
		ConnectDone:          func(_, _ string, err error) { p.end(phaseConnect, err) },
		TLSHandshakeStart:    func() { p.begin(phaseTLS) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { p.end(phaseTLS, err) },
		GotFirstResponseByte: func() { p.end(phaseFirstByte, nil) },
	}))
}

// begin starts a phase. Of several dials at once the first one counts.
func (p *phaseTimer) begin(ph phase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.start[ph] == 0 {
		p.start[ph] = now()
	}
}

// end records a phase that came to its end. One that failed is not recorded: the
// request's error.type says what happened.
func (p *phaseTimer) end(ph phase, err error) {
	at := now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || p.done[ph] || p.start[ph] == 0 {
		return
	}
	p.done[ph] = true
	in := &p.t.instruments
	in.phase.Record(p.ctx, seconds(at-p.start[ph]), in.phaseSeries.find(p.host)[ph]...)
}
