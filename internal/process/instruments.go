package process

import (
	"runtime"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// A maker makes instruments and collects the errors.
type maker struct {
	meter metric.Meter
	errs  []error
}

func (m *maker) counter(name, unit, description string) metric.Int64ObservableCounter {
	c, err := m.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return c
}

func (m *maker) seconds(name, description string) metric.Float64ObservableCounter {
	c, err := m.meter.Float64ObservableCounter(name, metric.WithUnit("s"), metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return c
}

func (m *maker) upDown(name, unit, description string) metric.Int64ObservableUpDownCounter {
	c, err := m.meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return c
}

func (m *maker) gauge(name, unit, description string) metric.Float64ObservableGauge {
	g, err := m.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return g
}

// with returns the attributes of one series, made once.
func with(attributes ...attribute.KeyValue) []metric.ObserveOption {
	return []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(attributes...))}
}

var (
	modeUser      = with(attribute.String("cpu.mode", "user"))
	modeSystem    = with(attribute.String("cpu.mode", "system"))
	faultMinor    = with(attribute.String("system.paging.fault.type", "minor"))
	faultMajor    = with(attribute.String("system.paging.fault.type", "major"))
	voluntarily   = with(attribute.String("process.context_switch.type", "voluntary"))
	involuntarily = with(attribute.String("process.context_switch.type", "involuntary"))
)

func (i *Instruments) usage(m *maker) *part {
	cpu := m.seconds("process.cpu.time", "Total CPU seconds broken down by different CPU modes.")
	// The constructor of the conventions' package makes an integer of it.
	utilization := m.gauge("process.cpu.utilization", "1",
		"Difference in process.cpu.time since the last measurement, divided by the elapsed time and number of CPUs available to the process.")
	faults := m.counter("process.paging.faults", "{fault}", "Number of page faults the process has made.")
	switches := m.counter("process.context_switches", "{context_switch}", "Number of times the process has been context switched.")

	var u usage
	var user, system float64
	var known bool
	return &part{
		name:        "CPU time",
		instruments: []metric.Observable{cpu, utilization, faults, switches},
		read: func(now time.Time) (err error) {
			if u, err = i.source.usage(); err == nil {
				user, system, known = i.utilization(now, u)
			}
			return err
		},
		observe: func(o metric.Observer) {
			o.ObserveFloat64(cpu, u.user, modeUser...)
			o.ObserveFloat64(cpu, u.system, modeSystem...)
			if known {
				o.ObserveFloat64(utilization, user, modeUser...)
				o.ObserveFloat64(utilization, system, modeSystem...)
			}
			count := func(c metric.Int64ObservableCounter, n int64, options ...metric.ObserveOption) {
				if n >= 0 {
					o.ObserveInt64(c, n, options...)
				}
			}
			count(faults, u.minor, faultMinor...)
			count(faults, u.major, faultMajor...)
			count(faults, u.faults)
			count(switches, u.voluntary, voluntarily...)
			count(switches, u.involuntary, involuntarily...)
		},
	}
}

// utilization takes a sample. Without the number of CPUs there is none.
func (i *Instruments) utilization(now time.Time, u usage) (user, system float64, known bool) {
	cpus, err := i.source.cpus()
	if err != nil {
		cpus = float64(runtime.NumCPU())
	}
	return i.window.add(sample{now, u.user, u.system}, cpus)
}

func (i *Instruments) memory(m *maker) *part {
	resident := m.upDown("process.memory.usage", "By", "The amount of physical memory in use.")
	virtual := m.upDown("process.memory.virtual", "By", "The amount of committed virtual memory.")
	var r, v int64
	return &part{
		name:        "memory",
		instruments: []metric.Observable{resident, virtual},
		read:        func(time.Time) (err error) { r, v, err = i.source.memory(); return err },
		observe: func(o metric.Observer) {
			o.ObserveInt64(resident, r)
			o.ObserveInt64(virtual, v)
		},
	}
}

func (i *Instruments) threads(m *maker) *part {
	c := m.upDown("process.thread.count", "{thread}", "Process threads count.")
	return figure("threads", c, i.source.threads)
}

func (i *Instruments) descriptors(m *maker) *part {
	if runtime.GOOS == "windows" {
		c := m.upDown("process.windows.handle.count", "{handle}", "Number of handles held by the process.")
		return figure("handles", c, i.source.descriptors)
	}
	c := m.upDown("process.unix.file_descriptor.count", "{file_descriptor}",
		"Number of unix file descriptors in use by the process.")
	return figure("file descriptors", c, i.source.descriptors)
}

func (i *Instruments) descriptorLimit(m *maker) *part {
	c := m.upDown("process.unix.file_descriptor.limit", "{file_descriptor}",
		"Number of unix file descriptors that the process may have in use.")
	return figure("limit of file descriptors", c, i.source.descriptorLimit)
}

func (i *Instruments) uptime(m *maker) *part {
	g := m.gauge("process.uptime", "s", "The time the process has been running.")
	var d time.Duration
	return &part{
		name:        "uptime",
		instruments: []metric.Observable{g},
		read:        func(time.Time) (err error) { d, err = i.source.uptime(); return err },
		observe:     func(o metric.Observer) { o.ObserveFloat64(g, d.Seconds()) },
	}
}

// figure is a part of one number without attributes.
func figure(name string, c metric.Int64Observable, get func() (int64, error)) *part {
	var n int64
	return &part{
		name:        name,
		instruments: []metric.Observable{c},
		read:        func(time.Time) (err error) { n, err = get(); return err },
		observe:     func(o metric.Observer) { o.ObserveInt64(c, n) },
	}
}
