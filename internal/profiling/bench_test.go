package profiling_test

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelperf/otelperf-go/internal/profiling"
)

// What profiling costs a program, at pprof's own rate and at the most that the
// kernel gives. cpu-ns/op is the CPU time of the whole process for one piece of
// work, which other programs on the machine hardly change. Run them with
//
//	go test -run '^$' -bench . -count 5 ./internal/profiling

// work is a piece of what services do.
func work() {
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(io.Discard).Encode(document); err != nil {
		panic(err)
	}
}

var text = []byte(`{"query":"json encoding","hits":[{"id":1,"score":0.93,"text":"func Marshal(v any) ([]byte, error)"},` +
	`{"id":2,"score":0.81,"text":"func Unmarshal(data []byte, v any) error"}],"took":12.5,"next":null}`)

func BenchmarkCost(b *testing.B) {
	most, err := profiling.Probe(10_000)
	check(b, err)
	for _, bb := range []struct {
		name string
		hz   int
	}{{"off", 0}, {"100Hz", 100}, {"cap", most}} {
		b.Run(bb.name, func(b *testing.B) {
			if bb.hz > 0 {
				check(b, profiling.Begin(io.Discard, bb.hz))
				defer profiling.End()
			}
			before, err := profiling.CPUTime()
			check(b, err)
			for b.Loop() {
				work()
			}
			after, err := profiling.CPUTime()
			check(b, err)
			b.ReportMetric(float64(after-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(bb.hz), "Hz")
		})
	}
}

// BenchmarkEnd is the end of a window with 25 samples, as end-ns/op: the
// profile is put together and compressed.
func BenchmarkEnd(b *testing.B) {
	var buf bytes.Buffer
	var total time.Duration
	for b.Loop() {
		buf.Reset()
		check(b, profiling.Begin(&buf, 100))
		for end := time.Now().Add(250 * time.Millisecond); time.Now().Before(end); {
			work()
		}
		start := time.Now()
		profiling.End()
		total += time.Since(start)
	}
	b.ReportMetric(float64(total)/float64(b.N), "end-ns/op")
	b.ReportMetric(float64(buf.Len()), "B/profile")
}

// BenchmarkSave is the file: written, synced, the one before put aside.
func BenchmarkSave(b *testing.B) {
	s := profiling.NewStore(filepath.Join(b.TempDir(), "cpu.prof"))
	data := make([]byte, 64<<10)
	for b.Loop() {
		check(b, s(data))
	}
}
