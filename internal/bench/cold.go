package main

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

func init() { suites = append(suites, coldComparisons) }

// coldComparisons are those of one request among much else, as a service has it:
// in a loop everything that measuring needs is in the nearest cache, and in a
// service little of it.
func coldComparisons() []comparison {
	return []comparison{
		serverComparison("server-cold", ourServer(), coldly),
		serverComparison("server-hot-cold", hotServer, coldly),
	}
}

// elsewhere is larger than the caches that a core has for itself, and smaller than
// the one that all share.
var elsewhere [2 << 20]byte

const cacheLine = 64

// coldly walks through elsewhere before each request. The median of the requests
// alone, with two readings of the clock, is the time.
func coldly(h http.Handler) (func(*testing.B), func()) {
	return func(b *testing.B) {
		w, r := newWriter(), newRequest()
		times := make([]time.Duration, 0, b.N)
		for range b.N {
			for i := 0; i < len(elsewhere); i += cacheLine {
				elsewhere[i]++
			}
			r.Pattern = "" // as a request comes from the server
			start := time.Since(clockEpoch)
			h.ServeHTTP(w, r)
			times = append(times, time.Since(clockEpoch)-start)
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2]), "ns/op")
	}, nil
}
