package lab_test

import (
	"os"
	"testing"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
)

// TestUnfinishedLine: a Collector that is started again does not go on in the last line
// of one that was killed before the line's end, or within it.
func TestUnfinishedLine(t *testing.T) {
	const line = `{"resourceMetrics":[]}`
	for left, want := range map[string]string{
		line + "\n":                line + "\n",
		line + "\n" + line:         line + "\n" + line + "\n",
		line + "\n" + line[:9]:     line + "\n",
		line[:len(line)-1]:         "",
		line + "\n" + line + "\n{": line + "\n" + line + "\n",
	} {
		c := lab.NewCollector(t)
		path := lab.Write(t, c.Dir, "metrics.jsonl", left)
		c.Start()
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("of %q there is %q, %v, want %q", left, got, err, want)
		}
		c.Stop()
	}
}
