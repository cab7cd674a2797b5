package history

import "time"

type settings struct {
	retention time.Duration
	interval  time.Duration
	memory    int
	series    int
	path      string
	fileBytes int64
	report    func(error)
	clock     func() time.Time
}

func newSettings(opts []Option) settings {
	s := settings{
		retention: DefaultRetention, interval: DefaultInterval, memory: DefaultMemory, series: DefaultSeries,
		fileBytes: DefaultFileBytes,
		report:    func(error) {}, clock: time.Now,
	}
	for _, o := range opts {
		if o != nil {
			o(&s)
		}
	}
	return s
}

// An Option configures [Open].
type Option func(*settings)

// WithRetention sets for how long rows are kept, in memory and in the file.
// The default is [DefaultRetention].
func WithRetention(d time.Duration) Option { return func(s *settings) { s.retention = d } }

// WithInterval tells how often collections come. Rates of collections that
// cover less than half of it, as forced ones may, are left out. The default is
// [DefaultInterval].
func WithInterval(d time.Duration) Option { return func(s *settings) { s.interval = d } }

// WithMemory sets how many bytes the rows may take. Beyond it the oldest go
// before their time. The default is [DefaultMemory].
func WithMemory(bytes int) Option { return func(s *settings) { s.memory = bytes } }

// WithSeries sets how many series are kept at the most. The default is
// [DefaultSeries].
func WithSeries(n int) Option { return func(s *settings) { s.series = n } }

// WithFile keeps what is observed in a file too, and reads it back at the
// start. The default, and "", is no file.
func WithFile(path string) Option { return func(s *settings) { s.path = path } }

// WithFileBytes sets how many bytes the file and those rotated from it may
// take together, about. Beyond it the oldest go before their time. The default
// is [DefaultFileBytes].
func WithFileBytes(n int64) Option { return func(s *settings) { s.fileBytes = n } }

// WithErrorHandler sets who is told of trouble with the file: at its first
// occurrence and once more for each hour that it lasts. It must not block. The
// default tells nobody.
func WithErrorHandler(f func(error)) Option {
	return func(s *settings) {
		if f != nil {
			s.report = f
		}
	}
}

// WithClock sets the time that decides what is too old for the file. The
// default, and nil, is time.Now.
func WithClock(now func() time.Time) Option {
	return func(s *settings) {
		if now != nil {
			s.clock = now
		}
	}
}
