package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Repository returns the path of a file of the repository.
func Repository(path ...string) string {
	dir, err := os.Getwd()
	if err != nil {
		return filepath.Join(path...)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "collector-config.yaml")); err == nil {
			return filepath.Join(append([]string{dir}, path...)...)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return filepath.Join(path...)
		}
		dir = parent
	}
}

// A Collector runs the repository's collector-config.yaml, or the gateway's.
type Collector struct {
	*Process
	GRPC, HTTP, Scrape, Telemetry int // ports
	Dir                           string
	t                             testing.TB
	env                           []string
	cwd                           string   // where it runs
	args                          []string // of its command line
	health                        int
}

// StartCollector runs collector-config.yaml with the further variables env.
func StartCollector(t testing.TB, env ...string) *Collector {
	t.Helper()
	c := NewCollector(t, env...)
	c.Start()
	return c
}

// RunCollector runs the Collector in dir as the arguments say, with its data
// where the configuration has them, but on free ports.
func RunCollector(t testing.TB, dir string, args []string, env ...string) *Collector {
	t.Helper()
	c := NewCollector(t, env...)
	c.env = slices.DeleteFunc(c.env, func(v string) bool { return strings.HasPrefix(v, "OTELPERF_DATA=") })
	c.cwd, c.args, c.Dir = dir, args, filepath.Join(dir, "otelperf-data")
	c.Start()
	return c
}

// NewCollector chooses ports and a folder, and runs nothing yet.
func NewCollector(t testing.TB, env ...string) *Collector {
	t.Helper()
	c := &Collector{
		GRPC: Port(t), HTTP: Port(t), Scrape: Port(t), Telemetry: Port(t), health: Port(t),
		Dir: t.TempDir(), t: t, args: []string{"--config", Repository("collector-config.yaml")},
	}
	c.cwd = c.Dir
	c.env = append([]string{
		"OTELPERF_GRPC_PORT=" + strconv.Itoa(c.GRPC), "OTELPERF_HTTP_PORT=" + strconv.Itoa(c.HTTP),
		"OTELPERF_SCRAPE_PORT=" + strconv.Itoa(c.Scrape), "OTELPERF_TELEMETRY_PORT=" + strconv.Itoa(c.Telemetry),
		"OTELPERF_HEALTH_PORT=" + strconv.Itoa(c.health), "OTELPERF_DATA=" + c.Dir,
		// Unless a test says otherwise, nothing but files and the page to scrape.
		"OTELPERF_EXPORTERS=[file/metrics]", "OTELPERF_PROM_EXPORTERS=[prometheus]", "OTELPERF_LOG_EXPORTERS=[file/alerts]",
	}, env...)
	return c
}

// StartGateway runs collector-gateway.yaml with the further variables env.
func StartGateway(t testing.TB, env ...string) *Collector {
	t.Helper()
	c := &Collector{
		GRPC: Port(t), Telemetry: Port(t), health: Port(t),
		Dir: t.TempDir(), t: t, args: []string{"--config", Repository("collector-gateway.yaml")},
	}
	c.cwd = c.Dir
	c.env = append([]string{
		"OTELPERF_GATEWAY_GRPC_PORT=" + strconv.Itoa(c.GRPC), "OTELPERF_GATEWAY_DATA=" + c.Dir,
		"OTELPERF_GATEWAY_TELEMETRY_PORT=" + strconv.Itoa(c.Telemetry), "OTELPERF_GATEWAY_HEALTH_PORT=" + strconv.Itoa(c.health),
	}, env...)
	c.Start()
	return c
}

// Start runs the Collector, again after it has ended, and waits until it is
// ready.
func (c *Collector) Start() {
	c.t.Helper()
	c.mend()
	c.Process = Run(c.t, "otelcol", c.cwd, c.env, c.args...)
	c.ready(fmt.Sprintf("http://127.0.0.1:%d/", c.health))
}

// mend ends the last line of the file of metrics if a Collector that was killed has
// not: it writes a line and then its end. The next one would go on in that line.
func (c *Collector) mend() {
	c.t.Helper()
	path := filepath.Join(c.Dir, "metrics.jsonl")
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	switch last := data[whole:]; {
	case err != nil || len(last) == 0:
	case json.Valid(last):
		err = os.WriteFile(path, append(data, '\n'), 0o600)
	default: // nobody has been told that it is there
		err = os.Truncate(path, int64(whole))
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// Endpoint is the OTLP endpoint for HTTP.
func (c *Collector) Endpoint() string { return fmt.Sprintf("http://127.0.0.1:%d", c.HTTP) }

// Metrics are all points in the Collector's file. A line that it has not written
// to the end is not there yet.
func (c *Collector) Metrics() []Point {
	c.t.Helper()
	path := filepath.Join(c.Dir, "metrics.jsonl")
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	points, err := parsePoints(data[:bytes.LastIndexByte(data, '\n')+1])
	if err != nil {
		c.t.Fatalf("%s: %v", path, err)
	}
	return points
}

// Alerts are the lines of the Collector's file of log events.
func (c *Collector) Alerts() string {
	data, _ := os.ReadFile(filepath.Join(c.Dir, "alerts.jsonl"))
	return string(data)
}

// A Point is one data point of a file of OTLP JSON lines.
type Point struct {
	Resource, Attributes map[string]string
	Scope, Name, Unit    string
	Kind                 string // sum, gauge, histogram, exponentialHistogram
	Temporality          int    // 1 delta, 2 cumulative
	Monotonic            bool
	Value, Sum           float64
	Count                uint64
	Bounds               []float64 // upper ones of a histogram's buckets, but the last
	Buckets              []uint64  // how many measurements are in each
	Start, Time          time.Time
}

// Of reports whether the point has all these attributes, given as name=value.
func (p Point) Of(attributes ...string) bool {
	for _, a := range attributes {
		k, v, _ := strings.Cut(a, "=")
		if p.Attributes[k] != v {
			return false
		}
	}
	return true
}

type jsonAttributes []struct {
	Key   string
	Value map[string]any
}

func (a jsonAttributes) table() map[string]string {
	m := make(map[string]string, len(a))
	for _, kv := range a {
		for _, v := range kv.Value {
			m[kv.Key] = fmt.Sprint(v)
		}
	}
	return m
}

type jsonData struct {
	AggregationTemporality int
	IsMonotonic            bool
	DataPoints             []struct {
		Attributes        jsonAttributes
		StartTimeUnixNano string
		TimeUnixNano      string
		AsDouble          *float64
		AsInt             string
		Count             string
		Sum               float64
		ExplicitBounds    []float64
		BucketCounts      []string
	}
}

// ReadPoints reads a file of OTLP JSON lines. A file that is not there has no
// points; a line that is not whole is an error.
func ReadPoints(path string) ([]Point, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	points, err := parsePoints(data)
	if err != nil {
		return points, fmt.Errorf("%s: %w", path, err)
	}
	return points, nil
}

func parsePoints(data []byte) ([]Point, error) {
	var all []Point
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var batch struct {
			ResourceMetrics []struct {
				Resource     struct{ Attributes jsonAttributes }
				ScopeMetrics []struct {
					Scope   struct{ Name string }
					Metrics []map[string]json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &batch); err != nil {
			return all, err
		}
		for _, rm := range batch.ResourceMetrics {
			for _, sm := range rm.ScopeMetrics {
				for _, m := range sm.Metrics {
					p := Point{Resource: rm.Resource.Attributes.table(), Scope: sm.Scope.Name}
					_ = json.Unmarshal(m["name"], &p.Name)
					if u, ok := m["unit"]; ok {
						_ = json.Unmarshal(u, &p.Unit)
					}
					all = append(all, p.read(m)...)
				}
			}
		}
	}
	return all, lines.Err()
}

func (p Point) read(m map[string]json.RawMessage) []Point {
	var all []Point
	for _, kind := range []string{"sum", "gauge", "histogram", "exponentialHistogram"} {
		raw, ok := m[kind]
		if !ok {
			continue
		}
		var d jsonData
		if err := json.Unmarshal(raw, &d); err != nil {
			continue
		}
		for _, dp := range d.DataPoints {
			q := p
			q.Kind, q.Temporality, q.Monotonic = kind, d.AggregationTemporality, d.IsMonotonic
			q.Attributes, q.Sum = dp.Attributes.table(), dp.Sum
			q.Count, _ = strconv.ParseUint(dp.Count, 10, 64)
			q.Bounds = dp.ExplicitBounds
			for _, c := range dp.BucketCounts {
				n, _ := strconv.ParseUint(c, 10, 64)
				q.Buckets = append(q.Buckets, n)
			}
			q.Value, _ = strconv.ParseFloat(dp.AsInt, 64)
			if dp.AsDouble != nil {
				q.Value = *dp.AsDouble
			}
			q.Start, q.Time = nanoTime(dp.StartTimeUnixNano), nanoTime(dp.TimeUnixNano)
			all = append(all, q)
		}
	}
	return all
}

func nanoTime(s string) time.Time {
	n, _ := strconv.ParseInt(s, 10, 64)
	return time.Unix(0, n)
}

// A Database answers PromQL: Prometheus, or VictoriaMetrics.
type Database struct {
	*Process
	URL    string
	Prefix string            // of the path of its API
	Header map[string]string // of every request
	t      testing.TB
}

// StartPrometheus runs Prometheus with an OTLP receiver and the further
// configuration.
func StartPrometheus(t testing.TB, config string, args ...string) *Database {
	t.Helper()
	return StartPrometheusAt(t, Port(t), config, args...)
}

// StartPrometheusAt is StartPrometheus on a port that others know already.
func StartPrometheusAt(t testing.TB, port int, config string, args ...string) *Database {
	t.Helper()
	dir := t.TempDir()
	file := Write(t, dir, "prometheus.yml", "storage:\n  tsdb:\n    out_of_order_time_window: 30m\n"+config)
	db := &Database{URL: fmt.Sprintf("http://127.0.0.1:%d", port), t: t}
	db.Process = Run(t, "prometheus", dir, nil, append([]string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:" + strconv.Itoa(port),
		"--web.enable-otlp-receiver", "--rules.alert.resend-delay=1s",
	}, args...)...)
	db.ready(db.URL + "/-/ready")
	return db
}

// RunPrometheus runs Prometheus in dir as the arguments say, but on a free port.
func RunPrometheus(t testing.TB, dir string, args ...string) *Database {
	t.Helper()
	port := Port(t)
	db := &Database{URL: fmt.Sprintf("http://127.0.0.1:%d", port), t: t}
	db.Process = Run(t, "prometheus", dir, nil, append(args, "--web.listen-address=127.0.0.1:"+strconv.Itoa(port))...)
	db.ready(db.URL + "/-/ready")
	return db
}

// RunMimir runs Mimir in dir, all of it in one process.
func RunMimir(t testing.TB, dir string) *Database {
	t.Helper()
	port, rpc, gossip := Port(t), Port(t), Port(t)
	db := &Database{URL: fmt.Sprintf("http://127.0.0.1:%d", port), t: t}
	store := func(name string) string { return filepath.Join(dir, name) }
	config := Write(t, dir, "mimir.yaml", fmt.Sprintf(`
multitenancy_enabled: true
common: {storage: {backend: filesystem, filesystem: {dir: %q}}}
blocks_storage:
  storage_prefix: blocks
  filesystem: {dir: %q}
  tsdb: {dir: %q}
  bucket_store: {sync_dir: %q}
ruler_storage: {backend: filesystem, filesystem: {dir: %q}}
alertmanager_storage: {backend: filesystem, filesystem: {dir: %q}}
alertmanager: {data_dir: %q, sharding_ring: {instance_addr: 127.0.0.1}}
compactor: {data_dir: %q, sharding_ring: {kvstore: {store: memberlist}, instance_addr: 127.0.0.1}}
distributor: {ring: {instance_addr: 127.0.0.1, kvstore: {store: memberlist}}}
ingester: {ring: {instance_addr: 127.0.0.1, kvstore: {store: memberlist}, replication_factor: 1}}
store_gateway: {sharding_ring: {replication_factor: 1, instance_addr: 127.0.0.1}}
memberlist: {bind_addr: [127.0.0.1], bind_port: %d, advertise_addr: 127.0.0.1}
server: {http_listen_address: 127.0.0.1, http_listen_port: %d, grpc_listen_address: 127.0.0.1, grpc_listen_port: %d}
frontend: {address: 127.0.0.1}
ruler: {rule_path: %q, ring: {instance_addr: 127.0.0.1}}
usage_stats: {enabled: false}
limits: {out_of_order_time_window: 30m, otel_metric_suffixes_enabled: true}
activity_tracker: {filepath: %q}
`, store("common"), store("blocks"), store("tsdb"), store("sync"), store("rules"), store("alertmanager"),
		store("amdata"), store("compact"), gossip, port, rpc, store("rulepath"), store("activity.log")))
	db.Process = Run(t, "mimir", dir, nil, "-config.file="+config, "-target=all")
	Eventually(t, 2*time.Minute, func() error {
		if !db.Running() {
			t.Fatalf("mimir has ended:\n%s", tail(db.Output(), 4000))
		}
		_, err := Get(db.URL + "/ready")
		return err
	})
	return db
}

// StartVictoriaMetrics runs VictoriaMetrics with Prometheus' names.
func StartVictoriaMetrics(t testing.TB) *Database {
	t.Helper()
	return RunVictoriaMetrics(t, t.TempDir(), "-opentelemetry.usePrometheusNaming", "-search.latencyOffset=0s", "-search.disableCache")
}

// RunVictoriaMetrics runs VictoriaMetrics in dir as the arguments say, but on a
// free port.
func RunVictoriaMetrics(t testing.TB, dir string, args ...string) *Database {
	t.Helper()
	port := Port(t)
	db := &Database{URL: fmt.Sprintf("http://127.0.0.1:%d", port), t: t}
	db.Process = Run(t, "victoria-metrics", dir, nil, append(args,
		"-storageDataPath="+filepath.Join(dir, "data"), "-httpListenAddr=127.0.0.1:"+strconv.Itoa(port))...)
	db.ready(db.URL + "/health")
	return db
}

// A Sample is one element of an instant vector.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query returns an instant vector, now.
func (db *Database) Query(expr string) ([]Sample, error) {
	body, err := get(db.URL+db.Prefix+"/api/v1/query?query="+url.QueryEscape(expr), db.Header)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", expr, err, body)
	}
	var all []Sample
	for _, r := range answer.Data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		all = append(all, Sample{r.Metric, v})
	}
	return all, nil
}

// Scalar returns the value of an expression with one element.
func (db *Database) Scalar(expr string) (float64, error) {
	all, err := db.Query(expr)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%s has %d results, want one", expr, len(all))
	}
	if err != nil {
		return math.NaN(), err
	}
	return all[0].Value, nil
}

// Want waits until an expression has the value.
func (db *Database) Want(expr string, want float64) {
	db.t.Helper()
	Eventually(db.t, 30*time.Second, func() error {
		got, err := db.Scalar(expr)
		if err == nil && got != want {
			err = fmt.Errorf("%s = %v, want %v", expr, got, want)
		}
		return err
	})
}

// An Alertmanager sends what it says to a webhook of the test's.
type Alertmanager struct {
	*Process
	URL string

	mu            sync.Mutex
	notifications []Notification
}

// A Notification is what Alertmanager sends to a webhook about one group.
type Notification struct {
	Status      string // firing, or resolved once all of them are
	GroupLabels map[string]string
	Alerts      []struct {
		Status string
		Labels map[string]string
	}
}

// StartAlertmanager runs an Alertmanager that groups by alertname and service.
func StartAlertmanager(t testing.TB) *Alertmanager {
	t.Helper()
	am := &Alertmanager{}
	webhook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n Notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		am.mu.Lock()
		defer am.mu.Unlock()
		am.notifications = append(am.notifications, n)
	}))
	t.Cleanup(webhook.Close)
	dir := t.TempDir()
	file := Write(t, dir, "alertmanager.yml", "route:\n  receiver: test\n  group_by: [alertname, service_name]\n"+
		"  group_wait: 1s\n  group_interval: 1s\nreceivers:\n  - name: test\n    webhook_configs: [{url: \""+webhook.URL+"\", send_resolved: true}]\n")
	port := Port(t)
	am.URL = fmt.Sprintf("http://127.0.0.1:%d", port)
	am.Process = Run(t, "alertmanager", dir, nil, "--config.file="+file, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:"+strconv.Itoa(port), "--cluster.listen-address=")
	am.ready(am.URL + "/-/ready")
	return am
}

// Notifications are all that it sent so far, in order.
func (am *Alertmanager) Notifications() []Notification {
	am.mu.Lock()
	defer am.mu.Unlock()
	return slices.Clone(am.notifications)
}

// An AlertGroup is one of Alertmanager's.
type AlertGroup struct {
	Labels map[string]string
	Alerts []struct {
		Labels, Annotations map[string]string
		StartsAt, EndsAt    time.Time
		Fingerprint         string
		Status              struct{ State string }
	}
}

// Groups are the groups of alerts that fire.
func (am *Alertmanager) Groups() ([]AlertGroup, error) {
	body, err := Get(am.URL + "/api/v2/alerts/groups")
	if err != nil {
		return nil, err
	}
	var groups []AlertGroup
	return groups, json.Unmarshal(body, &groups)
}
