package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelperf/otelperf-go/views"
)

const (
	// DefaultRepeatEvery is how often an Alertmanager is told again what
	// fires.
	DefaultRepeatEvery = time.Minute

	// firingFor is for how many repetitions an alert fires without news from
	// us: three may be lost.
	firingFor = 4

	// resolvedFor is how long a resolve is repeated, so that it arrives after
	// a restart of an Alertmanager too, or where its clock is behind ours.
	resolvedFor = 15 * time.Minute

	// maxRepeated bounds the alerts that are remembered, maxBatch those in
	// one request.
	maxRepeated = 4096
	maxBatch    = 256
)

// An AlertmanagerConfig says where and how an [Alertmanager] sends alerts.
type AlertmanagerConfig struct {
	// URLs are the addresses of the instances, without /api/v2/alerts, such as
	// "http://alertmanager:9093". At least one. All get every alert, as
	// Alertmanager itself asks for; they must not stand behind a load balancer.
	URLs []string

	// RepeatEvery is how often a firing alert is sent again. Its endsAt is
	// four times as far away: then it ends by itself if the process is gone.
	// 0: [DefaultRepeatEvery]; otherwise at least one second.
	RepeatEvery time.Duration

	// GeneratorURL is a [text/template] for the link that leads from the alert
	// to its source, executed as [WebhookConfig.Body] is:
	// https://grafana/d/shop?var-service={{attr . "service.name" | urlquery}}.
	// Empty: no link. What is no http or https URL is left out.
	GeneratorURL string

	// Labels are added to each alert where it has none of that name.
	Labels map[string]string

	// Client says how to talk to the servers.
	Client ClientConfig

	// ErrorHandler is told, at most once a minute, of instances that failed
	// while another one accepted, which is no error of Notify. It may be called
	// concurrently with anything. Nil: [otel.Handle].
	ErrorHandler func(error)
}

// An Alertmanager is a sink that keeps Prometheus Alertmanagers (API v2)
// informed. Use it through [Alertmanager.Target], as firing alerts end there
// unless they are repeated.
//
// The labels are an alert's identity: alertname, service_name,
// service_instance_id, the group's attributes, then severity, the alert's
// labels and the configured ones; the first of a name counts. Characters that
// labels may not have become underscores. startsAt is when the alert began to
// fire, endsAt of a resolve the end of the interval that cleared it. The
// annotations are summary (the alert's line), value, target, threshold, unit,
// excess, reason, evidence, trace_id and span_id (of the slowest sampled call)
// as far as they exist, and the alert's own, which replace those.
//
// It remembers at most 4,096 alerts that fire or ended within 15 minutes;
// others are sent and not repeated. It is safe for concurrent use.
type Alertmanager struct {
	client    *client
	instances []*instance
	every     time.Duration
	generator *text
	labels    map[string]string
	partial   reporter

	mu    sync.Mutex
	known map[string]known // by alert ID
}

// What is known of one alert.
type known struct {
	posted   postable
	resolved bool
	until    time.Time // of a resolved one: repeated until then
}

// A postable is an alert as the API takes it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// NewAlertmanager checks all of the configuration. It sends nothing yet.
func NewAlertmanager(c AlertmanagerConfig) (*Alertmanager, error) {
	am := &Alertmanager{
		every:  cmp.Or(c.RepeatEvery, DefaultRepeatEvery),
		labels: maps.Clone(c.Labels), known: make(map[string]known),
		partial: reporter{handle: c.ErrorHandler, every: time.Minute},
	}
	if am.partial.handle == nil {
		am.partial.handle = otel.Handle
	}
	var errs []error
	if len(c.URLs) == 0 {
		errs = append(errs, errors.New("notify: alertmanager: there is no address"))
	}
	for _, s := range c.URLs {
		u, err := parseURL(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		am.instances = append(am.instances, &instance{url: u.JoinPath("api", "v2", "alerts")})
	}
	if am.every < time.Second {
		errs = append(errs, fmt.Errorf("notify: alertmanager: RepeatEvery is %s, less than a second", am.every))
	}
	for name := range am.labels {
		if name != labelName(name) {
			errs = append(errs, fmt.Errorf("notify: alertmanager: %q cannot be the name of a label", name))
		}
	}
	if c.GeneratorURL != "" {
		t, err := parseText("generatorURL", c.GeneratorURL)
		for _, a := range samples() {
			if err == nil {
				_, err = t.execute(a)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("notify: alertmanager: %w", err))
		}
		am.generator = &t
	}
	var err error
	am.client, err = newClient(c.Client)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return am, nil
}

// Target is what a [Dispatcher] needs to send, and to repeat what fires.
func (am *Alertmanager) Target(name string) Target {
	return Target{Name: name, Send: am.Notify, Repeat: am.Repeat, RepeatEvery: am.every}
}

// Notify sends one alert to every instance. It is a [Sink], and fails only if
// all of them failed; those that did are counted, see [Alertmanager.Failures],
// and hear of it by the next repetition. Once one has accepted, the others get
// two seconds more, and one that failed the last time none.
func (am *Alertmanager) Notify(ctx context.Context, a views.Alert) error {
	p, err := json.Marshal([]postable{am.remember(a, time.Now())})
	if err != nil {
		return Permanent(fmt.Errorf("notify: alertmanager: %w", err))
	}
	return am.toAll(ctx, p, false)
}

// Resume takes up alerts that were firing already when this process began, as
// those of a state file: they are repeated from now on, without being sent at
// once. What is not firing is ignored.
func (am *Alertmanager) Resume(alerts ...views.Alert) {
	for _, a := range alerts {
		if a.State == views.Firing {
			am.remember(a, time.Now())
		}
	}
}

// Repeat sends again everything that fires, with a new endsAt, and what ended
// within the last 15 minutes, at most 256 in one request. It does nothing if
// there is nothing.
func (am *Alertmanager) Repeat(ctx context.Context) error {
	var errs []error
	for batch := range slices.Chunk(am.toRepeat(time.Now()), maxBatch) {
		p, err := json.Marshal(batch)
		if err == nil {
			err = am.toAll(ctx, p, true)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Failures returns how many requests to each instance failed, in the order of
// the addresses.
func (am *Alertmanager) Failures() []uint64 {
	n := make([]uint64, len(am.instances))
	for i, in := range am.instances {
		in.mu.Lock()
		n[i] = in.failures
		in.mu.Unlock()
	}
	return n
}

// Close ends the connections that are kept for the next request. The
// Alertmanager stays usable.
func (am *Alertmanager) Close() error {
	am.client.close()
	return nil
}

// remember notes what Repeat will say, and returns what is to be said now.
func (am *Alertmanager) remember(a views.Alert, now time.Time) postable {
	p := am.postable(a)
	k := known{posted: p}
	id := a.ID()
	am.mu.Lock()
	defer am.mu.Unlock()
	was, ok := am.known[id]
	if a.State == views.Resolved {
		if ok && !was.resolved {
			// It must end under the very labels it fires under.
			p.Labels = was.posted.Labels
		}
		p.EndsAt = a.End
		if p.EndsAt.IsZero() || p.EndsAt.After(now) {
			p.EndsAt = now // an end in the future would not be one yet
		}
		if p.StartsAt.After(p.EndsAt) { // refused otherwise
			p.StartsAt = p.EndsAt
		}
		k = known{posted: p, resolved: true, until: now.Add(resolvedFor)}
	} else {
		p = am.fires(p, now)
		k.posted = p
	}
	if ok || am.makeRoom(now) {
		am.known[id] = k
	}
	return p
}

// fires says of p that it fires at now. It may not begin later than that, as it
// would once our clock was set back: an Alertmanager refuses what ends before
// it begins.
func (am *Alertmanager) fires(p postable, now time.Time) postable {
	p.EndsAt = now.Add(firingFor * am.every)
	if p.StartsAt.After(now) {
		p.StartsAt = now
	}
	return p
}

// makeRoom reports whether one more alert may be remembered, after forgetting
// what has ended if need be.
func (am *Alertmanager) makeRoom(now time.Time) bool {
	if len(am.known) < maxRepeated {
		return true
	}
	maps.DeleteFunc(am.known, func(_ string, k known) bool { return k.resolved && now.After(k.until) })
	if len(am.known) >= maxRepeated {
		maps.DeleteFunc(am.known, func(_ string, k known) bool { return k.resolved })
	}
	return len(am.known) < maxRepeated
}

func (am *Alertmanager) toRepeat(now time.Time) []postable {
	am.mu.Lock()
	defer am.mu.Unlock()
	var list []postable
	for _, id := range slices.Sorted(maps.Keys(am.known)) {
		k := am.known[id]
		switch {
		case !k.resolved:
			k.posted = am.fires(k.posted, now)
		case now.After(k.until):
			delete(am.known, id)
			continue
		}
		list = append(list, k.posted)
	}
	return list
}

func (am *Alertmanager) postable(a views.Alert) postable {
	p := postable{Labels: labels(a, am.labels), Annotations: annotations(a), StartsAt: a.Since}
	if p.StartsAt.IsZero() {
		p.StartsAt = a.End
	}
	if am.generator != nil {
		if b, err := am.generator.execute(a); err == nil {
			if u, err := parseURL(strings.TrimSpace(string(b))); err == nil {
				p.GeneratorURL = u.String()
			}
		}
	}
	return p
}
