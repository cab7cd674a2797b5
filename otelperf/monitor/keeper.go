package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/views"
)

// A stateFile is what survives a restart: who this instance is, and how its
// alerts stand.
type stateFile struct {
	Version    int             `json:"version"`
	InstanceID string          `json:"service_instance_id,omitempty"`
	Alerts     json.RawMessage `json:"alerts,omitempty"`
}

const stateVersion = 1

// readState returns what the file at path holds, nothing if there is no file.
func readState(path string) (stateFile, error) {
	var s stateFile
	if path == "" {
		return s, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("monitor: alerting.state_file: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return stateFile{}, fmt.Errorf("monitor: alerting.state_file: %s holds no state: %w", path, err)
	}
	if s.Version != stateVersion {
		return stateFile{}, fmt.Errorf("monitor: alerting.state_file: %s has the version %d, not %d", path, s.Version, stateVersion)
	}
	return s, nil
}

// A keeper writes the state file after each evaluation that changed something,
// and says when evaluations do not happen any more. It owns one goroutine.
type keeper struct {
	path      string // "": nothing is written
	instance  string
	processor *views.Processor
	interval  time.Duration
	report    func(error)

	evaluated chan struct{} // one is waiting at the most
	stop      chan struct{}
	done      chan struct{}
	once      sync.Once

	overdue bool
}

func startKeeper(k *keeper) *keeper {
	k.evaluated, k.stop, k.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go k.run()
	return k
}

// saw is told of each evaluation, and does not block.
func (k *keeper) saw() {
	if k == nil {
		return
	}
	select {
	case k.evaluated <- struct{}{}:
	default: // one that has not been seen to yet will do for both
	}
}

func (k *keeper) run() {
	defer close(k.done)
	watch := time.NewTicker(k.interval)
	defer watch.Stop()
	for {
		select {
		case <-k.evaluated:
			k.save()
		case now := <-watch.C:
			k.watch(now)
		case <-k.stop:
			k.save()
			return
		}
	}
}

// watch says once that nothing has been evaluated for three intervals, and once
// that it is again.
func (k *keeper) watch(now time.Time) {
	since, overdue := k.processor.Overdue(now)
	switch {
	case overdue && !k.overdue:
		k.report(fmt.Errorf("monitor: nothing has been judged for %s, three intervals and more: collections fail or hang", since.Round(time.Millisecond)))
	case !overdue && k.overdue:
		k.report(errors.New("monitor: collections are judged again"))
	}
	k.overdue = overdue
}

// save writes the state if it changed, beside the file and then in its place.
func (k *keeper) save() {
	if k.path == "" {
		return
	}
	var alerts bytes.Buffer
	err := k.processor.SaveState(&alerts)
	var data []byte
	if err == nil {
		data, err = json.Marshal(stateFile{Version: stateVersion, InstanceID: k.instance, Alerts: alerts.Bytes()})
	}
	if err == nil {
		err = replaceFile(k.path, append(data, '\n'))
	}
	if err != nil {
		k.report(fmt.Errorf("monitor: alerting.state_file: %w", err))
	}
}

// replaceFile gives the file at path new content, whole or not at all.
func replaceFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// shutdown saves for the last time and ends the goroutine.
func (k *keeper) shutdown(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.once.Do(func() { close(k.stop) })
	select {
	case <-k.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("monitor: alerting.state_file: %w", ctx.Err())
	}
}

// resumed returns the alerts that fire already when the Monitor starts, for
// receivers that have to be reminded of them.
func resumed(cfg *config.Config, s *settings, status []views.Status, res *resource.Resource) []views.Alert {
	baselines, err := cfg.Baselines()
	if err != nil {
		return nil // Start has said so
	}
	baselines = append(baselines, s.baselines...)
	var alerts []views.Alert
	for _, st := range status {
		if st.State != views.Firing {
			continue
		}
		a := views.Alert{
			Name: st.Name, Metric: st.Metric, Statistic: st.Statistic, State: views.Firing,
			Value: math.NaN(), Excess: math.NaN(), Target: st.Target, Threshold: st.Threshold, Unit: st.Unit,
			Direction: st.Direction, Group: st.Group, Since: st.Since, Start: st.Since, End: st.Since, Resource: res,
			Reason: "firing since before a restart",
		}
		for _, b := range baselines {
			if b.Name == st.Name && b.Metric == st.Metric {
				a.Severity, a.Labels, a.Annotations = b.Severity, b.Labels, b.Annotations
			}
		}
		alerts = append(alerts, a)
	}
	return alerts
}
