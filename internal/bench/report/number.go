package main

import "sync/atomic"

// A paddedNumber is what an active count would be without stripes.
type paddedNumber struct {
	_ [64]byte
	n atomic.Int64
	_ [56]byte
}

func (p *paddedNumber) both() {
	p.n.Add(1)
	p.n.Add(-1)
}

// tenTimes takes long enough to be done by several at once.
func (p *paddedNumber) tenTimes() {
	for range 10 {
		p.both()
	}
}
