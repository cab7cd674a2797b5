package history

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/views"
)

// A Kind says what a series is about.
type Kind uint8

const (
	// Judged: the values of one baseline and group.
	Judged Kind = iota
	// Operation: the calls of one operation of package otelperf.
	Operation
	// Route: the requests served on one HTTP route.
	Route
	// Client: the requests sent to one host.
	Client
	// Spread: a distribution of the runtime, such as the pauses of its
	// garbage collector.
	Spread
	// Number: a level, or the rate of a count, of the process and the runtime,
	// and how many calls are in flight.
	Number
)

var kindNames = [...]string{"baseline", "operation", "route", "client", "spread", "number"}

// String returns "baseline", "operation", "route", "client", "spread" or
// "number".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", k)
}

// MarshalText returns k.String().
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText accepts what MarshalText writes.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("history: unknown kind %q", text)
}

// timed reports whether the rows of such a series are distributions.
func (k Kind) timed() bool { return k >= Operation && k <= Spread }

// A Series says what a line of history is of. It is plain data.
type Series struct {
	// ID is the same for the same series in every process and at any time,
	// and safe in a URL.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`

	// Name is the baseline's, the operation's, the route or the host; else the
	// metric's.
	Name string `json:"name"`

	// Metric is what the values were computed from, Unit their unit. That of a
	// Number that is a rate ends in "/s".
	Metric string `json:"metric"`
	Unit   string `json:"unit"`

	// Group holds the attributes that tell series of one name apart.
	Group attribute.Set `json:"-"`
}

// MarshalJSON writes the group as an object of strings.
func (s Series) MarshalJSON() ([]byte, error) {
	type plain Series
	return json.Marshal(struct {
		plain
		Group map[string]string `json:"group,omitempty"`
	}{plain(s), GroupMap(s.Group)})
}

// GroupMap returns the attributes as text, nil if there are none.
func GroupMap(set attribute.Set) map[string]string {
	if set.Len() == 0 {
		return nil
	}
	m := make(map[string]string, set.Len())
	for _, kv := range set.ToSlice() {
		m[string(kv.Key)] = kv.Value.String()
	}
	return m
}

// StatusID returns the ID of the series that holds the values of a status.
func StatusID(s views.Status) string {
	return identify(Judged, s.Name, s.Metric, s.Group)
}

// identify hashes what makes a series the one it is.
func identify(k Kind, name, metric string, group attribute.Set) string {
	var b strings.Builder
	b.WriteString(k.String())
	for _, s := range []string{name, metric} {
		fmt.Fprintf(&b, "\x00%d\x00%s", len(s), s)
	}
	for _, kv := range group.ToSlice() {
		fmt.Fprintf(&b, "\x00%q\x00%q", string(kv.Key), kv.Value.String())
	}
	h := fnv.New128a()
	_, _ = h.Write([]byte(b.String())) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))
}

// A key finds a series without making its ID.
type key struct {
	kind         Kind
	name, metric string
	group        attribute.Distinct
}
