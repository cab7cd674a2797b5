package main

import (
	"runtime"
)

// A memory is bytes of heap for each series, of a histogram of 22 boundaries to
// which one goroutine has recorded.
type memory struct{ usual, hot float64 }

func measureMemory() (m memory, err error) {
	for _, hot := range []bool{false, true} {
		const series = 2000
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r, err := newRoad(series, hot)
		if err != nil {
			return m, err
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(r)
		got := float64(after.HeapAlloc-before.HeapAlloc) / series
		if hot {
			m.hot = got
		} else {
			m.usual = got
		}
	}
	return m, nil
}
