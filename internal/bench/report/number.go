package main

import (
	"sync/atomic"
	"time"

	"github.com/otelperf/otelperf-go/otelperf"
)

// A paddedNumber is what an active count would be without stripes. As what
// follows, it has its cache lines for itself, and is used ten times in a row:
// long enough to be done by several at once.
type paddedNumber struct {
	_ [64]byte
	n atomic.Int64
	_ [56]byte
}

func (p *paddedNumber) tenTimes() {
	for range 10 {
		p.n.Add(1)
		p.n.Add(-1)
	}
}

// A paddedCounter is a Counter.
type paddedCounter struct {
	_ [64]byte
	n otelperf.Counter
	_ [64]byte
}

func (p *paddedCounter) tenTimes() {
	for range 10 {
		p.n.Record(time.Microsecond)
	}
}

// paddedAdds are the least that a count and a total take.
type paddedAdds struct {
	_            [64]byte
	count, total atomic.Uint64
	_            [48]byte
}

func (p *paddedAdds) tenTimes() {
	for range 10 {
		p.count.Add(1)
		p.total.Add(uint64(time.Microsecond))
	}
}
