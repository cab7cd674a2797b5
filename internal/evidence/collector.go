package evidence

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

const (
	// maxListed bounds the alerts that one index names.
	maxListed = 100

	// maxRemembered bounds the alerts whose folder is remembered for reminders.
	maxRemembered = 1000
)

// A Collector gathers evidence. [New] makes one, and [Collector.Stop] ends it.
// All methods may be called concurrently, on a nil Collector too, which gathers
// nothing.
type Collector struct {
	dir      string
	limits   Limits
	profiler Profiler
	recorder recorder // nil: no traces
	heap     bool
	looking  bool
	sources  []Source
	handle   func(error)

	mu       sync.Mutex
	current  *gathering // reserved or under way
	made     int        // folders reserved so far
	bucket   bucket
	firing   map[string]string // alerts to folders
	stopping bool

	wake   chan struct{} // the current gathering was reserved
	stop   chan struct{}
	done   chan struct{}
	ctx    context.Context // of what takes time; ends with Stop
	cancel context.CancelFunc

	dropped    [len(reasons)]atomic.Int64
	folders    atomic.Int64
	unregister func() error
}

// A gathering is one folder and the alerts that it is for.
type gathering struct {
	name    string
	path    string
	at      time.Time
	alerts  []views.Alert
	leftOut int // alerts beyond maxListed
}

// New returns a Collector that gathers into folders of dir, and starts the
// runtime's flight recorder. There is one in a process: if it is taken, that is
// said to the error handler, and there are no traces until it is free. The
// error says which setting cannot work, or that a counter could not be made.
// dir itself is made when there is something to gather.
func New(dir string, opts ...Option) (*Collector, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		return nil, errors.New("monitor: evidence: there is no directory")
	}
	if dir, err = filepath.Abs(dir); err != nil { // the program may change its directory
		return nil, fmt.Errorf("monitor: evidence: %w", err)
	}
	c := &Collector{
		dir: dir, limits: cfg.limits, profiler: cfg.profiler, recorder: cfg.recorder,
		heap: !cfg.noHeap, looking: cfg.looking, sources: cfg.sources, handle: cfg.handle,
		bucket: newBucket(cfg.limits), firing: make(map[string]string),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if err := c.register(cfg.provider); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if c.recorder != nil {
		if err := c.recorder.Start(); err != nil {
			c.handle(fmt.Errorf("monitor: evidence: no traces for now: %w", err))
		}
	}
	go c.run()
	return c, nil
}

// Reserve returns the folder in which evidence for a is gathered, beginning
// now, as an absolute path; "" if none is. It takes no time and does no I/O, so
// that the folder may come to nothing yet. An alert that has resolved gets
// none.
func (c *Collector) Reserve(a views.Alert) string {
	if c == nil {
		return ""
	}
	id := a.ID()
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.State == views.Firing && a.Reminder {
		return c.firing[id]
	}
	delete(c.firing, id)
	if a.State != views.Firing {
		return ""
	}
	if c.stopping {
		c.drop(stopped)
		return ""
	}
	if c.current == nil {
		now := time.Now()
		if !c.bucket.take(id, now) {
			c.drop(rateLimited)
			return ""
		}
		c.made++
		c.current = &gathering{name: folderName(now, a.Name, c.made), at: now}
		c.current.path = filepath.Join(c.dir, c.current.name)
		c.wake <- struct{}{} // has room: its last one was taken out before current became nil
	}
	g := c.current
	a.Evidence = g.path
	if len(g.alerts) < maxListed {
		g.alerts = append(g.alerts, a)
	} else {
		g.leftOut++
	}
	if len(c.firing) < maxRemembered {
		c.firing[id] = g.path
	}
	return g.path
}

// known returns the alerts of g so far.
func (c *Collector) known(g *gathering) []views.Alert {
	c.mu.Lock()
	defer c.mu.Unlock()
	return g.alerts[:len(g.alerts):len(g.alerts)]
}

// close ends the time in which alerts share g.
func (c *Collector) close(g *gathering) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == g {
		c.current = nil
	}
}

func (c *Collector) drop(reason int) { c.dropped[reason].Add(1) }

// run is the Collector's goroutine.
func (c *Collector) run() {
	defer close(c.done)
	if c.recorder != nil {
		defer c.recorder.Stop()
	}
	for {
		select {
		case <-c.wake:
			c.gatherCurrent()
		case <-c.stop:
			select {
			case <-c.wake: // the last alerts of a process deserve what can be had at once
				c.gatherCurrent()
			default:
			}
			return
		}
	}
}

func (c *Collector) gatherCurrent() {
	c.mu.Lock()
	g := c.current
	c.mu.Unlock()
	if err := c.gather(g); err != nil {
		c.handle(fmt.Errorf("monitor: evidence: %s: %w", g.path, err))
	}
}

// Stop ends the Collector. What is being gathered is finished but for a CPU
// profile that has not come yet, which the [profiling.Profiler] cuts short if it
// is stopped first. Stop waits for it, or until ctx ends. It may be called more
// than once.
func (c *Collector) Stop(ctx context.Context) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	if !c.stopping {
		c.stopping = true
		close(c.stop)
	}
	c.mu.Unlock()
	c.cancel()
	select {
	case <-c.done:
	case <-ctx.Done():
		select {
		case <-c.done: // both: it has ended
		default:
			return fmt.Errorf("monitor: evidence: stopping: %w", ctx.Err())
		}
	}
	return c.unregister()
}
