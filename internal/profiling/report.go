package profiling

import (
	"fmt"
	"time"
)

// reportEvery is how far apart errors of one kind are told.
const reportEvery = 10 * time.Minute

// A reporter passes on the first error of its kind, and then at most one in
// ten minutes with the number of those it kept to itself. It belongs to one
// goroutine.
type reporter struct {
	handle func(error)
	told   bool
	last   time.Time
	silent int
}

func (r *reporter) report(err error) {
	now := time.Now()
	since := now.Sub(r.last)
	if r.told && since < reportEvery {
		r.silent++
		return
	}
	if r.silent > 0 {
		err = fmt.Errorf("%w (and %d more like it in %s)", err, r.silent, since.Round(time.Second))
	}
	r.told, r.last, r.silent = true, now, 0
	r.handle(err)
}
