package e2e_test

import (
	"fmt"
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
	dir    string // where its files are written and its commands run
	blocks map[string][]string
}

func readPage(t *testing.T, name string) *page {
	t.Helper()
	text, err := os.ReadFile(lab.Repository("docs", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, dir: t.TempDir(), blocks: make(map[string][]string)}
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
		if words := strings.Fields(line); words[0] == server {
			return words[1:]
		}
	}
	p.t.Fatalf("the page does not start %s", server)
	return nil
}

// service starts a service by the page's TOML, with addresses replaced, and has
// it export twice.
func (p *page) service(replace ...string) {
	p.t.Helper()
	toml := strings.NewReplacer(replace...).Replace(p.blocks["toml"][0])
	s := startService(p.t, "[monitoring]\ninterval_seconds = 0.5\n[baseline_targets]\nsearch_ms = 1000\n"+toml)
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
		p.run("otelcol-contrib --config") // which lab.StartCollector runs
		c := lab.StartCollector(t)
		p.service("http://localhost:4318", c.Endpoint())
		wantTotal(t, c, 150)
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
		c := lab.StartCollector(t,
			"OTELPERF_RECEIVERS=[otlp/secure]", "OTELPERF_EXTENSIONS=[health_check, file_storage, bearertokenauth]",
			"OTELPERF_CERT="+filepath.Join(p.dir, "server.crt"), "OTELPERF_KEY="+filepath.Join(p.dir, "server.key"),
			"OTELPERF_TOKEN_FILE="+lab.Write(t, p.dir, "token", "s3cret"))
		p.service("localhost:4318", fmt.Sprintf("127.0.0.1:%d", c.HTTP), `"ca.crt"`, fmt.Sprintf("%q", filepath.Join(p.dir, "ca.crt")))
		wantTotal(t, c, 150)
	})
	t.Run("kubernetes", func(t *testing.T) {
		t.Parallel()
		p := readPage(t, "kubernetes.md")
		manifests := strings.Split(p.blocks["yaml"][0], "\n---\n")
		if len(manifests) != 2 {
			t.Fatalf("%d manifests, want a Deployment and a ConfigMap", len(manifests))
		}
		var deployment map[string]any
		if err := yaml.Unmarshal([]byte(manifests[0]), &deployment); err != nil {
			t.Error(err)
		}
		var files struct{ Data map[string]string }
		if err := yaml.Unmarshal([]byte(manifests[1]), &files); err != nil {
			t.Error(err)
		}
		generate(t, "check", lab.Write(t, p.dir, "monitoring.toml", files.Data["monitoring.toml"]))
	})
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
