package deps_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/otelperf/otelperf-go"

// TestImportsRunOneWay holds the design's import rules: what each package may
// know, by what it depends on, directly or not.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	const sdk = "go.opentelemetry.io/otel/sdk"
	rules := []struct {
		pkg, why  string
		forbidden []string // prefixes of import paths
	}{
		{
			"/otelperf", "timing wrappers know the OpenTelemetry API only",
			[]string{sdk, "go.opentelemetry.io/otel/exporters", module + "/middleware", module + "/views", module + "/otelperf/", module + "/internal/config"},
		},
		{
			"/middleware", "HTTP instrumentation knows the OpenTelemetry API only",
			[]string{sdk, "go.opentelemetry.io/otel/exporters", module + "/otelperf", module + "/views", module + "/internal/config"},
		},
		{
			"/views", "judging knows the SDK, and nothing of who records, exports or is told",
			[]string{module + "/otelperf", module + "/middleware", module + "/views/notify", module + "/internal/config", "go.opentelemetry.io/otel/exporters"},
		},
		{
			"/hotroad", "the hot road knows the SDK, and nothing of who records or judges",
			[]string{module + "/otelperf", module + "/middleware", module + "/views", module + "/internal/config", "go.opentelemetry.io/otel/exporters"},
		},
		{
			"/views/notify", "where alerts go knows alerts only",
			[]string{module + "/otelperf", module + "/middleware", module + "/internal/config", "go.opentelemetry.io/otel/exporters"},
		},
		{
			"/internal/config", "configuration is read without what it configures",
			[]string{module + "/otelperf", module + "/middleware", module + "/views/notify", "go.opentelemetry.io/otel/exporters"},
		},
	}
	for _, r := range rules {
		t.Run(strings.TrimPrefix(r.pkg, "/"), func(t *testing.T) {
			t.Parallel()
			for _, dep := range deps(t, module+r.pkg) {
				if dep == module+r.pkg {
					continue
				}
				if i := slices.IndexFunc(r.forbidden, func(p string) bool { return strings.HasPrefix(dep, p) }); i >= 0 {
					t.Errorf("%s depends on %s, but %s", module+r.pkg, dep, r.why)
				}
			}
		})
	}
}

// TestOnlyMonitorKnowsAll: nothing but the assembling package, and what is
// built on it, reaches every other.
func TestOnlyMonitorKnowsAll(t *testing.T) {
	got := deps(t, module+"/otelperf/monitor")
	for _, p := range []string{"/otelperf", "/views", "/views/notify", "/internal/config"} {
		if !slices.Contains(got, module+p) {
			t.Errorf("monitor does not depend on %s: is the rule above still about the right packages?", module+p)
		}
	}
}

func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}
