package process

import (
	"errors"
	"time"
)

// errAbsent says that the operating system does not tell, now or ever.
var errAbsent = errors.New("the operating system does not say")

// A source reads this process's figures from the operating system. Each
// method reads afresh and may fail on its own; an error that is errAbsent
// takes what depends on it out of the metrics for good.
type source interface {
	usage() (usage, error)
	memory() (resident, virtual int64, err error) // bytes
	threads() (int64, error)
	descriptors() (int64, error)     // open files, or handles on Windows
	descriptorLimit() (int64, error) // errAbsent while there is none
	uptime() (time.Duration, error)
	cpus() (float64, error) // that this process may use at most
}

// usage is what the process has used since it began. Counts are negative
// where the operating system does not say.
type usage struct {
	user, system           float64 // seconds of CPU time
	minor, major, faults   int64   // faults: all, where the kinds are not told apart
	voluntary, involuntary int64   // context switches
}
