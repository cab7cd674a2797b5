package evidence_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelperf/otelperf-go/internal/evidence"
)

// within runs a goroutine that is within an operation from a moment on, for a
// time.
func within(t *testing.T, from, length time.Duration) {
	t.Helper()
	go func() {
		<-time.After(from)
		pprof.Do(context.Background(), pprof.Labels("operation", "search"), func(context.Context) { <-time.After(length) })
	}()
}

// searching is how many goroutines the folder's profile shows within searches.
func searching(t *testing.T, folder string) string {
	t.Helper()
	tags := goTool(t, "pprof", "-tags", filepath.Join(folder, "goroutine.pprof"))
	_, rest, found := strings.Cut(tags, "operation: Total ")
	if !found {
		return "0"
	}
	n, _, _ := strings.Cut(rest, " ")
	return n
}

// At the moment of the alert nobody searches: the files are of a moment soon
// after, at which most do.
func TestLooksForOperations(t *testing.T) {
	for _, tt := range []struct {
		name     string
		options  []evidence.Option
		stop     time.Duration // when the process shuts down
		want     string
		inText   bool
		earliest time.Duration
	}{
		{"most of ten moments", []evidence.Option{evidence.WithOperations()}, time.Minute, "2", true, 450 * time.Millisecond},
		{"shut down meanwhile", []evidence.Option{evidence.WithOperations()}, 220 * time.Millisecond, "1", true, 220 * time.Millisecond},
		{"one moment, without the option", nil, time.Minute, "0", false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var folder string
			synctest.Test(t, func(t *testing.T) {
				c := start(t, dir, tt.options...)
				within(t, 120*time.Millisecond, 100*time.Millisecond)
				within(t, 130*time.Millisecond, 10*time.Millisecond)  // between looks
				within(t, 290*time.Millisecond, 100*time.Millisecond) // together with the next
				within(t, 290*time.Millisecond, 30*time.Millisecond)
				synctest.Wait()
				began := time.Now()
				folder = c.Reserve(firing("search_ms"))
				synctest.Wait()
				go func() {
					<-time.After(tt.stop)
					if err := c.Stop(context.Background()); err != nil {
						t.Error(err)
					}
				}()
				for readIndex(t, folder).State == "gathering" {
					pass(10 * time.Millisecond)
				}
				if took := time.Since(began); took != tt.earliest {
					t.Errorf("the folder took %s, want %s", took, tt.earliest)
				}
				pass(time.Minute)
			})
			if got := searching(t, folder); got != tt.want {
				t.Errorf("%s goroutines are within searches, want %s", got, tt.want)
			}
			text, err := os.ReadFile(filepath.Join(folder, "goroutine.txt"))
			check(t, err)
			if got := strings.Contains(string(text), "evidence_test.within.func1.1("); got != tt.inText {
				t.Errorf("the text shows a search: %t, want %t", got, tt.inText)
			}
		})
	}
}

func TestInOperations(t *testing.T) {
	const text = `goroutine profile: total 12
7 @ 0x1 0x2
# labels: {"operation":"search"}
#	0x1	main.wait+0x1	/a @ b.go:1

2 @ 0x3
#	0x3	main.idle+0x1	/a.go:1

2 @ 0x4
# labels: {"tenant":"operation"}

1 @ 0x5
# labels: {"a":"b", "operation":"allocation"}
`
	if got := evidence.InOperations(text); got != 8 {
		t.Errorf("%d goroutines are within operations, want 8", got)
	}
}
