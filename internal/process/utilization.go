package process

import "time"

// A window turns CPU times into a utilization over at least a given length of
// time, whoever asks how often.
//
// Two readers ask at moments of their own. If each answer covered the time
// since the last question, they would shorten each other's windows, and a
// flush just after a collection would measure a millisecond. So old samples
// are kept, and an answer covers the time since the one of them whose age is
// closest to the length, and not much less.
type window struct {
	length  time.Duration
	samples []sample // the oldest first
}

type sample struct {
	at           time.Time
	user, system float64 // seconds of CPU time
}

const (
	// tolerance is how much of the length is enough, as tickers jitter.
	tolerance = 0.9
	// resolution is how many samples are kept of one length.
	resolution = 16
	// shortest is enough, if it is half the length, when a process begins.
	shortest = time.Second
)

// add notes s and returns the utilization, as shares of cpus, up to s. ok is
// false while too little time has passed since the first sample.
func (w *window) add(s sample, cpus float64) (user, system float64, ok bool) {
	age := func(i int) time.Duration { return s.at.Sub(w.samples[i].at) }
	for len(w.samples) > 1 && age(1) >= w.length {
		w.samples = append(w.samples[:0], w.samples[1:]...)
	}
	if len(w.samples) > 0 && cpus > 0 {
		from, enough := 0, time.Duration(float64(w.length)*tolerance)
		for i := 1; i < len(w.samples) && age(i) >= enough; i++ {
			if w.length-age(i) < age(from)-w.length {
				from = i
			}
		}
		if d := age(from); d > 0 && d >= min(shortest, w.length/2) {
			f := w.samples[from]
			user, system = max(s.user-f.user, 0), max(s.system-f.system, 0)
			available := max(d.Seconds()*cpus, user+system) // a group may exceed its quota for a moment
			user, system = user/available, system/available
			ok = true
		}
	}
	if n := len(w.samples); n == 0 || s.at.Sub(w.samples[n-1].at) >= w.length/resolution {
		w.samples = append(w.samples, s)
	}
	return user, system, ok
}
