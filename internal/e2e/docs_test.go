package e2e_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// A page is one of docs/backends, taken apart into its fenced blocks.
type page struct {
	t      *testing.T
	name   string
	text   string
	dir    string // where its files are written and its commands run
	blocks map[string][]string
}

func readPage(t *testing.T, name string) *page {
	t.Helper()
	text, err := os.ReadFile(lab.Repository("docs", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, name: name, text: string(text), dir: t.TempDir(), blocks: make(map[string][]string)}
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		p.blocks[m[1]] = append(p.blocks[m[1]], m[2])
	}
	return p
}

// lines are the lines of all blocks in a language.
func (p *page) lines(language string) []string {
	var all []string
	for _, b := range p.blocks[language] {
		all = append(all, strings.Split(strings.TrimSpace(b), "\n")...)
	}
	if len(all) == 0 {
		p.t.Fatalf("the page has no %s", language)
	}
	return all
}

// files writes the YAML blocks that begin with a file's name.
func (p *page) files() {
	for _, b := range p.blocks["yaml"] {
		if m := regexp.MustCompile(`^# (\S+\.yml)\n`).FindStringSubmatch(b); m != nil {
			lab.Write(p.t, p.dir, m[1], b)
		}
	}
}

// run runs the page's commands that are not servers, in the page's folder, with
// the components under the names that users know.
func (p *page) run(servers ...string) {
	p.t.Helper()
	bin := p.t.TempDir()
	for name, component := range map[string]string{"otelperf": "otelperf", "promtool": "promtool", "otelcol-contrib": "otelcol"} {
		if err := os.Symlink(lab.Binary(p.t, component), filepath.Join(bin, name)); err != nil {
			p.t.Fatal(err)
		}
	}
	lab.Write(p.t, p.dir, "monitoring.toml", "[baseline_targets]\nsearch_ms = 100\nmemory_mb = 1024\n")
	for _, line := range p.lines("sh") {
		if p.server(line, servers) {
			continue
		}
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = p.dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			p.t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}

func (p *page) server(line string, servers []string) bool {
	for _, s := range servers {
		if strings.HasPrefix(line, s) {
			return true
		}
	}
	return false
}

// arguments are those of the page's line that starts a server.
func (p *page) arguments(server string) []string {
	p.t.Helper()
	for _, line := range p.lines("sh") {
		if strings.HasPrefix(line, server) {
			return strings.Fields(line)[1:]
		}
	}
	p.t.Fatalf("the page does not start %s", server)
	return nil
}

// variables are those that the page sets, such as NAME=value or
// NAME='[a, b]', in text or blocks; replace changes their values.
func (p *page) variables(prefix string, replace ...string) []string {
	p.t.Helper()
	var all []string
	for _, m := range regexp.MustCompile(`\b(`+prefix+`[A-Z_]+)=('[^']*'|[^\s`+"`"+`]+)`).FindAllStringSubmatch(p.text, -1) {
		all = append(all, m[1]+"="+strings.NewReplacer(replace...).Replace(strings.Trim(m[2], "'")))
	}
	if len(all) == 0 {
		p.t.Fatalf("the page sets no %s variables", prefix)
	}
	return all
}

// demoSends runs the demo with the variables, until something of the resource
// arrives at the Collector.
func demoSends(t *testing.T, c *lab.Collector, env []string, resource ...string) {
	t.Helper()
	startDemoWith(t, append([]string{"OTEL_METRIC_EXPORT_INTERVAL=500"}, env...), "[baseline_targets]\nsearch_ms = 1000\n")
	lab.Eventually(t, 20*time.Second, func() error {
		var seen map[string]string
		for _, point := range c.Metrics() {
			if seen = point.Resource; point.Name == "process.uptime" && (lab.Point{Attributes: seen}).Of(resource...) {
				return nil
			}
		}
		return fmt.Errorf("nothing of %q arrived, but %v", resource, seen)
	})
}

// service starts a service by the page's TOML, with addresses replaced, and has
// it export twice. Its baseline is breached.
func (p *page) service(replace ...string) {
	p.t.Helper()
	toml := strings.NewReplacer(replace...).Replace(p.blocks["toml"][0])
	s := startService(p.t, "[monitoring]\ninterval_seconds = 0.5\n[baseline_targets]\nsearch_ms = 0.001\n"+toml)
	for range 3 {
		s.record(50, time.Millisecond)
		if err := s.ForceFlush(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
		timer := time.NewTimer(600 * time.Millisecond)
		<-timer.C
	}
}

// answers runs the page's queries: each has to find something.
func (p *page) answers(db *lab.Database) {
	p.t.Helper()
	for _, q := range p.lines("promql") {
		lab.Eventually(p.t, 20*time.Second, func() error {
			all, err := db.Query(q)
			if err == nil && len(all) == 0 {
				err = fmt.Errorf("%s finds nothing", q)
			}
			return err
		})
	}
}

// TestPages runs what the pages about backends say, line by line.
func TestPages(t *testing.T) {
	t.Parallel()
	t.Run("collector", func(t *testing.T) {
		t.Parallel()
		p := readPage(t, "backends/collector.md")
		config, err := os.ReadFile(lab.Repository("collector-config.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		lab.Write(t, p.dir, "collector-config.yaml", string(config))
		const server = "otelcol-contrib --config"
		p.run(server)
		c := lab.RunCollector(t, p.dir, p.arguments(server))
		p.service("http://localhost:4318", c.Endpoint())
		wantTotal(t, c, 150)
		lab.Eventually(t, 20*time.Second, func() error {
			if !strings.Contains(c.Alerts(), `"search_ms"`) {
				return fmt.Errorf("no alert arrived as a log event")
			}
			return nil
		})
		for _, m := range regexp.MustCompile("`(otelperf-data/\\S+)`").FindAllStringSubmatch(p.text, -1) {
			if _, err := os.Stat(filepath.Join(p.dir, m[1])); err != nil {
				t.Error(err)
			}
		}
		demoSends(t, c, p.variables("OTEL_", "http://localhost:4318", c.Endpoint()), "service.name=httpdemo")
		demoSends(t, c, []string{"OTEL_SERVICE_NAME=rpc", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
			fmt.Sprintf("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%d", c.GRPC)}, "service.name=rpc")
	})
	t.Run("prometheus", func(t *testing.T) {
		t.Parallel()
		p := readPage(t, "backends/prometheus.md")
		p.files()
		p.run("prometheus ")
		if out, err := promtool(t, p.dir, "check", "config", "scraping.yml"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		db := lab.RunPrometheus(t, p.dir, p.arguments("prometheus")...)
		p.service("http://localhost:9090", db.URL)
		p.answers(db)
	})
	t.Run("victoriametrics", func(t *testing.T) {
		t.Parallel()
		p := readPage(t, "backends/victoriametrics.md")
		p.run("victoria-metrics")
		db := lab.RunVictoriaMetrics(t, p.dir, append(p.arguments("victoria-metrics"), "-search.latencyOffset=0s")...)
		p.service("http://localhost:8428", db.URL)
		p.answers(db)
	})
	t.Run("otlp", func(t *testing.T) {
		t.Parallel()
		p := readPage(t, "backends/otlp.md")
		certificates(t, p.dir)
		lab.Write(t, p.dir, "token", "s3cret")
		// What the Collector's page says of TLS and a token.
		collector := readPage(t, "backends/collector.md").variables("OTELPERF_",
			"…/tls.crt", filepath.Join(p.dir, "server.crt"), "…/tls.key", filepath.Join(p.dir, "server.key"), "…/token", filepath.Join(p.dir, "token"))
		c := lab.StartCollector(t, collector...)
		endpoint := fmt.Sprintf("127.0.0.1:%d", c.HTTP)
		p.service("localhost:4318", endpoint, `"ca.crt"`, fmt.Sprintf("%q", filepath.Join(p.dir, "ca.crt")))
		wantTotal(t, c, 150)
		demoSends(t, c, append(p.variables("OTEL_", "otlp.example.com", endpoint),
			"OTEL_EXPORTER_OTLP_CERTIFICATE="+filepath.Join(p.dir, "ca.crt")), "service.name=httpdemo")
	})
	t.Run("kubernetes", func(t *testing.T) {
		t.Parallel()
		p := readPage(t, "kubernetes.md")
		manifests := strings.Split(p.blocks["yaml"][0], "\n---\n")
		if len(manifests) != 2 {
			t.Fatalf("%d manifests, want a Deployment and a ConfigMap", len(manifests))
		}
		var deployment struct {
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Env []struct{ Name, Value string }
						}
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(manifests[0]), &deployment); err != nil {
			t.Error(err)
		}
		c := lab.StartCollector(t)
		// What Kubernetes makes of the container's variables, on a quicker clock.
		kubernetes := strings.NewReplacer("$(NODE_IP)", "127.0.0.1", "$(POD_NAME)", "shop-1", "$(POD_NAMESPACE)", "trade",
			":4318", fmt.Sprintf(":%d", c.HTTP), "60000", "500")
		var env []string
		for _, container := range deployment.Spec.Template.Spec.Containers {
			for _, v := range container.Env {
				if v.Value != "" {
					env = append(env, v.Name+"="+kubernetes.Replace(v.Value))
				}
			}
		}
		demoSends(t, c, env, "service.name=shop", "service.instance.id=shop-1", "service.namespace=trade",
			"service.version=1.4.2", "k8s.pod.name=shop-1")
		var files struct{ Data map[string]string }
		if err := yaml.Unmarshal([]byte(manifests[1]), &files); err != nil {
			t.Error(err)
		}
		generate(t, "check", lab.Write(t, p.dir, "monitoring.toml", files.Data["monitoring.toml"]))
	})
}

// TestPagesNameWhatIsThere: variables that a page sets are ones that the
// Collector's configurations read, with values that they take; and the tests that
// a page names exist.
func TestPagesNameWhatIsThere(t *testing.T) {
	t.Parallel()
	configurations := make(map[string]string)
	for _, file := range []string{"collector-config.yaml", "collector-gateway.yaml"} {
		text, err := os.ReadFile(lab.Repository(file))
		if err != nil {
			t.Fatal(err)
		}
		configurations[file] = string(text)
	}
	for _, name := range []string{"backends/collector.md", "backends/prometheus.md", "backends/victoriametrics.md", "backends/mimir.md",
		"backends/otlp.md", "kubernetes.md", "fleet.md", "faults.md"} {
		p := readPage(t, name)
		for _, v := range regexp.MustCompile(`\bOTELPERF_[A-Z_]+`).FindAllString(p.text, -1) {
			if !strings.Contains(configurations["collector-config.yaml"]+configurations["collector-gateway.yaml"], "${env:"+v) {
				t.Errorf("%s: no configuration reads %s", name, v)
			}
		}
		for _, test := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(p.text, -1) {
			if !testExists(t, test[1]) {
				t.Errorf("%s: there is no %s", name, test[1])
			}
		}
		if !strings.Contains(p.text, "OTELPERF_STORES=") {
			continue
		}
		cmd := exec.Command(lab.Binary(t, "otelcol"), "validate", "--config", lab.Repository("collector-gateway.yaml"))
		cmd.Env = append(os.Environ(), p.variables("OTELPERF_")...)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: the gateway with %q: %v\n%s", name, p.variables("OTELPERF_"), err, out)
		}
	}
}

// testExists looks for a test in the repository's files.
func testExists(t *testing.T, name string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(lab.Repository(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != lab.Repository() {
			return fs.SkipDir
		}
		if err != nil || found || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		found = strings.Contains(string(text), "func "+name+"(t ")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestMimir sends a service's metrics to Mimir, as its page says. It is not part
// of make e2e, because Mimir takes long to build.
func TestMimir(t *testing.T) {
	if os.Getenv("OTELPERF_E2E_MIMIR") == "" {
		t.Skip("run it by make e2e-mimir")
	}
	p := readPage(t, "backends/mimir.md")
	db := lab.RunMimir(t, p.dir)
	p.service("http://localhost:9009", db.URL)
	db.Header, db.Prefix = map[string]string{"X-Scope-OrgID": "otelperf"}, "/prometheus"
	p.answers(db)
	db.Want(`sum(otelperf_operation_duration_seconds_count{job="shop"})`, 150)
}
