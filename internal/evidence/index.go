package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/otelperf/otelperf-go/views"
)

const indexVersion = 1

// The states of a folder.
const (
	stateGathering = "gathering"
	stateComplete  = "complete"
	statePartial   = "partial"
)

// index is index.json. Names and meaning are part of the API: programs read
// them.
type index struct {
	Version int           `json:"version"`
	State   string        `json:"state"`
	Started time.Time     `json:"started"`
	Ended   time.Time     `json:"ended,omitzero"`
	Process int           `json:"pid"`
	Go      string        `json:"go"`
	Alerts  []views.Alert `json:"alerts"`
	LeftOut int           `json:"alerts_left_out,omitempty"`
	Files   []indexed     `json:"files"`
}

// An indexed file.
type indexed struct {
	Name  string `json:"name"`
	About string `json:"about"`
	Open  string `json:"open"`
	Bytes int64  `json:"bytes"`
	Error string `json:"error,omitempty"` // why there is none
}

func (x *index) finish(now time.Time) {
	x.Ended, x.State = now, stateComplete
	for _, f := range x.Files {
		if f.Error != "" {
			x.State = statePartial
		}
	}
}

// any reports whether any file came off.
func (x *index) any() bool {
	return slices.ContainsFunc(x.Files, func(f indexed) bool { return f.Error == "" })
}

// has reports whether the file came off.
func (x *index) has(name string) bool {
	return slices.ContainsFunc(x.Files, func(f indexed) bool { return f.Name == name && f.Error == "" })
}

// save replaces the index, so that there is a whole one at every moment.
func (x *index) save(folder *os.Root, alerts []views.Alert, leftOut int) error {
	y := *x
	y.Alerts, y.LeftOut = alerts, leftOut
	if y.Files == nil {
		y.Files = []indexed{}
	}
	data, err := json.MarshalIndent(y, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	err = folder.WriteFile(indexNew, append(data, '\n'), 0o600)
	if err == nil {
		err = folder.Rename(indexNew, indexFile)
	}
	if err != nil {
		if e := folder.Remove(indexNew); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	return nil
}

// readme writes what a person wants to know first.
func (x *index) readme(w io.Writer, alerts []views.Alert) error {
	b := fmt.Appendf(nil, "Gathered from %s to %s, because of\n\n",
		x.Started.UTC().Format(time.RFC3339), x.Ended.UTC().Format(time.RFC3339))
	for i, a := range alerts {
		if i == 10 {
			b = fmt.Appendf(b, "  and %d more, see %s\n", len(alerts)-i, indexFile)
			break
		}
		a.Evidence = ""
		b = fmt.Appendf(b, "  %s\n", a)
	}
	b = append(b, "\nfile\topen with\tto see\n"...)
	for _, f := range x.Files {
		if f.Error != "" {
			b = fmt.Appendf(b, "%s\t(missing)\t%s\n", f.Name, f.Error)
			continue
		}
		b = fmt.Appendf(b, "%s\t%s\t%s\n", f.Name, f.Open, f.About)
	}
	b = fmt.Appendf(b, "%s\tless %s\tall of this, for programs\n", indexFile, indexFile)
	b = append(b, "\nOf the profiles, go tool pprof -tags lists the operations, and with"+
		"\n-tagfocus=operation=NAME it shows one of them alone, -traces with whole stacks.\n"...)
	if x.has(traceFile) {
		b = append(b, "\nWhere goroutines waited during the trace, without a browser:"+
			"\n  go tool trace -pprof=sync trace.out > waits.pprof"+
			"\n  go tool pprof -top -cum waits.pprof\n"...)
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := columns.Write(b)
	return errors.Join(err, columns.Flush())
}
