package evidence

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

const (
	// maxGoroutines is how many goroutines are written as text: the process
	// stands still meanwhile, up to a tenth of a second for so many.
	maxGoroutines = 10_000

	// maxLooked is how many goroutines are looked at more than once, and
	// kept in memory meanwhile.
	maxLooked = 1000

	looks     = 10
	lookEvery = 50 * time.Millisecond

	// operationLabel is how the label of otelperf.WithProfileLabels stands in
	// a profile that is written as text.
	operationLabel = `"operation":`
)

// A look is where every goroutine was at one moment, in the forms of two files.
type look struct {
	inOperations  int
	profile, text []byte
	err           error
}

// look returns the one of some looks that shows most goroutines within
// operations: at a single moment all of them may rest, those that are slow
// too. It takes half a second at most, and ends at once with the Collector.
func (c *Collector) look() look {
	best := takeLook()
	for range looks - 1 {
		timer := time.NewTimer(lookEvery)
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			timer.Stop()
			return best
		}
		if runtime.NumGoroutine() > maxLooked {
			return best
		}
		if goroutinesInOperations() > best.inOperations {
			best = takeLook()
		}
	}
	return best
}

func takeLook() look {
	var p, t bytes.Buffer
	l := look{inOperations: goroutinesInOperations()}
	if l.err = profile("goroutine", 0)(&p); l.err == nil {
		l.err = profile("goroutine", 2)(&t)
	}
	l.profile, l.text = p.Bytes(), t.Bytes()
	return l
}

func goroutinesInOperations() int {
	var b bytes.Buffer
	if err := profile("goroutine", 1)(&b); err != nil {
		return 0 // and the files say why
	}
	return inOperations(b.String())
}

// inOperations counts the goroutines of a profile as text that are within an
// operation. Each stack begins with its number of goroutines, and a line of
// labels may follow.
func inOperations(profile string) (total int) {
	n := 0
	for line := range strings.Lines(profile) {
		if strings.HasPrefix(line, "# labels: ") {
			if strings.Contains(line, operationLabel) {
				total += n
			}
		} else if strings.Contains(line, " @ ") {
			n = 0
			_, _ = fmt.Sscan(line, &n) // 0 if it is something else
		}
	}
	return total
}

// goroutinePieces are two files about one moment, or two close to each other
// where there are more goroutines than one keeps.
func (c *Collector) goroutinePieces() []piece {
	writeProfile, writeText := profile("goroutine", 0), writeGoroutines
	if c.looking && runtime.NumGoroutine() <= maxLooked {
		var l look
		writeProfile = func(w io.Writer) error {
			if l = c.look(); l.err != nil {
				return l.err
			}
			_, err := w.Write(l.profile)
			return err
		}
		writeText = func(w io.Writer) error {
			if l.err != nil {
				return l.err
			}
			_, err := w.Write(l.text)
			return err
		}
	}
	return []piece{
		{
			goroutineFile, "where every goroutine was, those that wait too",
			"go tool pprof -top -cum goroutine.pprof", writeProfile,
		},
		{
			goroutineText, "the same as text, with how long each has waited",
			"less goroutine.txt", writeText,
		},
	}
}

func writeGoroutines(w io.Writer) error {
	if n := runtime.NumGoroutine(); n > maxGoroutines {
		return fmt.Errorf("%d goroutines as text would be %w", n, errTooLarge)
	}
	return profile("goroutine", 2)(w)
}
