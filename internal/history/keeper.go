package history

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelperf/otelperf-go/views"
)

// maxEvents bounds the alerts that are remembered.
const maxEvents = 500

// A keeper turns collections into rows. It has no lock: one belongs to what is
// observed, another one to what is read back.
type keeper struct {
	store  *store
	intake *intake
	marks  map[key]mark // of the judged series
	events []Event      // oldest first
	last   int64        // end of the newest collection
	seq    uint64       // collections
}

// A mark is what was kept last of a judged series.
type mark struct {
	end   time.Time
	state views.State
	seq   uint64
}

func newKeeper(cfg settings) *keeper {
	return &keeper{
		store:  newStore(cfg.retention, cfg.memory, cfg.series),
		intake: newIntake(),
		marks:  make(map[key]mark),
	}
}

// observe keeps a collection; ok is false if it is of no time. What is returned
// is for the file, if record asks for it.
func (k *keeper) observe(rm *metricdata.ResourceMetrics, statuses []views.Status, record bool) (rec *recording, ok bool) {
	k.intake.take(rm)
	at, ok := k.time(statuses)
	if !ok {
		return nil, false
	}
	if k.last != 0 && k.last < at.end {
		at.start = k.last
	}
	if record {
		rec = newRecording(rm.Resource, at)
	}
	k.keep(at, statuses, rec, false)
	return rec, true
}

// replay keeps a collection that was read back. Its points begin where its
// interval began.
func (k *keeper) replay(rm *metricdata.ResourceMetrics) {
	judged := statuses(rm)
	k.intake.take(rm)
	if at, ok := k.time(judged); ok {
		k.keep(at, judged, nil, true)
	}
}

func (k *keeper) keep(at stamp, statuses []views.Status, rec *recording, replayed bool) {
	k.seq++
	k.last = at.end
	k.store.begin(at)
	k.intake.keep(k.store, at, rec)
	k.judged(statuses, rec, replayed)
	k.store.finish()
}

// time returns what the collection covers if nothing came before it.
func (k *keeper) time(statuses []views.Status) (at stamp, ok bool) {
	end := k.intake.end
	if end.IsZero() { // nothing that is kept, but perhaps something judged
		for _, s := range statuses {
			if s.End.After(end) {
				end = s.End
			}
		}
	}
	if end.IsZero() {
		return at, false
	}
	at = stamp{end.UnixNano(), end.UnixNano()}
	if start := k.intake.start; !start.IsZero() {
		at.start = min(at.end, start.UnixNano())
	}
	return at, true
}

// judged keeps the values and states that are new since the last collection.
func (k *keeper) judged(statuses []views.Status, rec *recording, replayed bool) {
	for _, s := range statuses {
		id := key{Judged, s.Name, s.Metric, s.Group.Equivalent()}
		m, known := k.marks[id]
		fresh := s.End.After(m.end)
		if !fresh && (!known || m.state == s.State) {
			if known {
				m.seq = k.seq
				k.marks[id] = m
			}
			continue
		}
		r := row{state: s.State, value: math.NaN()}
		if fresh {
			r.value, r.count = s.Value, s.Count
		}
		k.marks[id] = mark{s.End, s.State, k.seq}
		if at := k.store.place(Judged, s.Name, s.Metric, s.Unit, s.Group); at >= 0 {
			k.store.add(at, &r)
		}
		rec.judged(s, &r)
		if replayed {
			k.transition(m.state, s)
		}
	}
	for id, m := range k.marks {
		if m.seq+1000 < k.seq { // its group was forgotten long ago
			delete(k.marks, id)
		}
	}
}
