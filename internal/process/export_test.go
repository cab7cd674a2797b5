package process

import (
	"io/fs"
	"time"
)

// A Fake stands in for the operating system. What is not set does not exist.
type Fake struct {
	User, System float64
	CPUs         float64
	Resident     int64
	Threads      int64
	Uptime       time.Duration
	Err          error // if set, every reading fails with it
}

func (f *Fake) usage() (usage, error) {
	return usage{user: f.User, system: f.System, minor: -1, major: -1, faults: 7, voluntary: -1, involuntary: -1}, f.Err
}

func (f *Fake) memory() (int64, int64, error) {
	return f.Resident, 2 * f.Resident, f.missing(f.Resident == 0)
}
func (f *Fake) threads() (int64, error)         { return f.Threads, f.missing(f.Threads == 0) }
func (f *Fake) descriptors() (int64, error)     { return 0, f.missing(true) }
func (f *Fake) descriptorLimit() (int64, error) { return 0, f.missing(true) }
func (f *Fake) uptime() (time.Duration, error)  { return f.Uptime, f.missing(f.Uptime == 0) }
func (f *Fake) cpus() (float64, error)          { return f.CPUs, f.missing(f.CPUs == 0) }

func (f *Fake) missing(yes bool) error {
	if yes {
		return errAbsent
	}
	return f.Err
}

func WithFake(f *Fake) Option {
	return func(c *config) { c.source = func() (source, error) { return f, nil } }
}

func WithoutSource(err error) Option {
	return func(c *config) { c.source = func() (source, error) { return nil, err } }
}

// CPUs is how many CPUs the operating system lets this process use.
func CPUs() (float64, error) {
	s, err := newSource()
	if err != nil {
		return 0, err
	}
	return s.cpus()
}

// Window is a utilization's.
type Window = window

func NewWindow(length time.Duration) *Window { return &window{length: length} }

func (w *window) Add(at time.Time, user, system, cpus float64) (float64, float64, bool) {
	return w.add(sample{at, user, system}, cpus)
}

func (w *window) Len() int { return len(w.samples) }

func Quota(root fs.FS) (float64, bool, error) { return QuotaOf(root)() }

func QuotaOf(root fs.FS) func() (float64, bool, error) { return (&quota{root: root}).cpus }

func CPUClasses() []string {
	var classes []string
	for _, c := range cpuClasses {
		classes = append(classes, c.class)
	}
	return classes
}

func Merge(edges []float64) (bounds []float64, index []int) {
	m := merge(edges)
	return m.bounds, m.index
}
