package profiling

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
)

var (
	// ErrBusy means that somebody else in this process is taking a CPU profile.
	ErrBusy = errors.New("monitor: cpu profiling: somebody else is profiling this process")

	// ErrStopped means that the Profiler was stopped.
	ErrStopped = errors.New("monitor: cpu profiling: stopped")
)

// A NoticeError is told to the error handler for what is worth knowing and no
// fault: that somebody else is profiling, and that the kernel does not give the
// sample rate that was asked for.
type NoticeError struct{ err error }

func (n *NoticeError) Error() string { return n.err.Error() }

func (n *NoticeError) Unwrap() error { return n.err }

// A Profile is one CPU profile.
type Profile struct {
	Start, End time.Time
	SampleRate int    // Hz
	Whole      bool   // false: Stop cut the window short
	Data       []byte // as go tool pprof reads it; shared, not to be changed
}

// A Profiler takes the CPU profiles of this process. [Start] makes one, and
// [Profiler.Stop] ends it. All methods may be called concurrently, on a nil
// Profiler too, which has been stopped.
type Profiler struct {
	window   time.Duration
	wanted   int
	sampler  sampler
	probe    func(sampler, int) (int, error)
	store    *store // nil: profiles on demand only
	requests chan chan<- Profile
	busy     reporter
	trouble  reporter

	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}

	reached atomic.Int64 // Hz, 0 before the first profile
	counts  [len(outcomes)]atomic.Int64
	last    atomic.Pointer[Profile]

	unregister func() error // of the counter; once
}

// Start begins to take profiles. The first window begins at once. The error
// says which setting cannot work, or that the counter could not be made.
func Start(opts ...Option) (*Profiler, error) {
	c := config{
		keepBytes: DefaultKeepBytes, keepAge: DefaultKeepAge,
		handle: otel.Handle, sampler: runtimeSampler{}, probe: probe,
	}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	p := &Profiler{
		window: c.window, wanted: c.wanted, sampler: c.sampler, probe: c.probe,
		requests: make(chan chan<- Profile),
		busy:     reporter{handle: c.handle},
		trouble:  reporter{handle: c.handle},
		stop:     make(chan struct{}), done: make(chan struct{}),
	}
	if c.path != "" {
		path, err := filepath.Abs(c.path) // the program may change its directory
		if err != nil {
			return nil, fmt.Errorf("monitor: cpu profiling: %w", err)
		}
		p.store = &store{path: path, keepBytes: c.keepBytes, keepAge: c.keepAge}
		if err := p.store.check(); err != nil {
			return nil, fmt.Errorf("monitor: cpu profiling: %w", err)
		}
	}
	if err := p.register(c.provider); err != nil {
		return nil, err
	}
	go p.run()
	return p, nil
}

// run is the Profiler's goroutine.
func (p *Profiler) run() {
	defer close(p.done)
	next := time.NewTimer(0)
	defer next.Stop()
	if p.store == nil {
		next.Stop()
	}
	for {
		var waiting []chan<- Profile
		select {
		case <-p.stop:
			return
		case <-next.C:
		case answer := <-p.requests:
			waiting = append(waiting, answer)
		}
		p.take(waiting)
		if p.store != nil {
			next.Reset(p.window) // from now on: the gap is never shorter than a window
		}
	}
}

// take takes one profile, for those who are waiting and those who come while
// it is under way. An answer channel that is closed without a profile says that
// the process is being profiled already.
func (p *Profiler) take(waiting []chan<- Profile) {
	var buf bytes.Buffer
	start, hz, err := p.begin(&buf)
	if err != nil {
		p.counts[busy].Add(1)
		p.busy.report(&NoticeError{err})
		for _, answer := range waiting {
			close(answer)
		}
		return
	}
	end := time.NewTimer(p.window)
	defer end.Stop()
	whole := false
	for under := true; under; {
		select {
		case <-end.C:
			whole, under = true, false
		case <-p.stop:
			under = false
		case answer := <-p.requests:
			waiting = append(waiting, answer)
		}
	}
	p.sampler.stop()
	profile := Profile{Start: start, End: time.Now(), SampleRate: hz, Whole: whole, Data: bytes.Clone(buf.Bytes())}
	for _, answer := range waiting {
		answer <- profile
	}
	if whole {
		p.keep(profile)
	}
}

// begin starts a profile at the rate that the kernel gives.
func (p *Profiler) begin(buf *bytes.Buffer) (time.Time, int, error) {
	hz, err := p.sampleRate()
	if err != nil {
		return time.Time{}, 0, err
	}
	start := time.Now()
	return start, hz, p.sampler.start(buf, hz)
}

// sampleRate is the rate that was asked for, or what the kernel makes of it.
// It can fail only by ErrBusy.
func (p *Profiler) sampleRate() (int, error) {
	if hz := int(p.reached.Load()); hz > 0 {
		return hz, nil
	}
	hz := p.wanted
	if hz > DefaultSampleRate {
		got, err := p.probe(p.sampler, hz)
		switch {
		case errors.Is(err, ErrBusy):
			return 0, err
		case err != nil:
			hz = DefaultSampleRate
			p.trouble.report(fmt.Errorf("monitor: cpu profiling: what becomes of a sample rate of %d Hz cannot be told, profiles are taken at %d Hz: %w", p.wanted, hz, err))
		case got < hz:
			hz = got
			p.trouble.handle(&NoticeError{fmt.Errorf("monitor: cpu profiling: of a sample rate of %d Hz this kernel gives %d Hz, at which profiles are taken", p.wanted, hz)})
		}
	}
	p.reached.Store(int64(hz))
	return hz, nil
}

// keep makes a whole profile the last one.
func (p *Profiler) keep(profile Profile) {
	p.last.Store(&profile)
	p.counts[taken].Add(1)
	if p.store == nil {
		return
	}
	written, err := p.store.save(profile.Data)
	if !written {
		p.counts[writeFailed].Add(1)
	}
	if err != nil {
		p.trouble.report(fmt.Errorf("monitor: cpu profiling: %w", err))
	}
}

// Capture returns a profile of now: of the window that is under way, or else of
// one that it begins, so that it takes up to a window's time. The profile is cut
// short if the Profiler is stopped meanwhile. The error is [ErrBusy],
// [ErrStopped] or that of ctx.
func (p *Profiler) Capture(ctx context.Context) (Profile, error) {
	if p == nil {
		return Profile{}, ErrStopped
	}
	answer := make(chan Profile, 1)
	select {
	case p.requests <- answer:
	case <-p.done:
		return Profile{}, ErrStopped
	case <-ctx.Done():
		return Profile{}, ctx.Err()
	}
	select { // who was taken in is answered
	case profile, ok := <-answer:
		return answered(profile, ok)
	case <-ctx.Done():
		select {
		case profile, ok := <-answer: // both: the profile is there
			return answered(profile, ok)
		default:
			return Profile{}, ctx.Err()
		}
	}
}

func answered(profile Profile, ok bool) (Profile, error) {
	if !ok {
		return Profile{}, ErrBusy
	}
	return profile, nil
}

// Last returns the last whole profile, and false if there is none yet.
func (p *Profiler) Last() (Profile, bool) {
	if p == nil {
		return Profile{}, false
	}
	if last := p.last.Load(); last != nil {
		return *last, true
	}
	return Profile{}, false
}

// SampleRate returns the samples per second that profiles are taken with: what
// was asked for, or what the kernel gives of it. It is 0 before the first
// profile.
func (p *Profiler) SampleRate() int {
	if p == nil {
		return 0
	}
	return int(p.reached.Load())
}

// Stop ends the Profiler. A window that is under way is cut short: it goes to
// those who asked for it, and not into the file. Stop waits until no profile is
// being taken or written, or until ctx ends. It may be called more than once.
func (p *Profiler) Stop(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.stopOnce.Do(func() { close(p.stop) })
	select {
	case <-p.done:
	case <-ctx.Done():
		select {
		case <-p.done: // both: it has ended
		default:
			return fmt.Errorf("monitor: cpu profiling: stopping: %w", ctx.Err())
		}
	}
	return p.unregister()
}
