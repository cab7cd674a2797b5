// Command report measures the project and writes down what it found, with the
// command, the machine, and what was aimed for and not reached.
//
//	go run -C internal/bench ./report
//
// writes docs/PERFORMANCE.md and docs/images/growth.svg. It takes some minutes,
// and more rounds on a busy machine. What comes of the rounds, the document says.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/otelperf/otelperf-go/internal/bench/result"
)

func main() {
	docs := flag.String("docs", filepath.Join("..", "..", "docs"), "the directory to write to")
	rounds := flag.Int("rounds", 40, "how many rounds")
	length := flag.String("time", "10ms", "how long to measure each contender in each round")
	only := flag.String("run", "", "compare only what matches this regular expression")
	cached := func(names ...string) string {
		for i, name := range names {
			names[i] = filepath.Join("..", "..", ".cache", name)
		}
		return strings.Join(names, ",")
	}
	const several = ", several with commas between; left out where there is no such file"
	service := flag.String("service", cached("service.json", "service-long.json", "service-heap.json", "service-gogc100.json", "service-half.json", "service-next.json"), "what ./service -json wrote"+several)
	soak := flag.String("soak", cached("soak.json", "soak-sdk.json"), "what ./soak -json wrote"+several)
	flag.Parse()
	if err := run(*docs, *rounds, *length, *only, strings.Split(*service, ","), strings.Split(*soak, ",")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(docs string, rounds int, length, only string, services, soaks []string) error {
	r := report{rounds: rounds, length: length, machine: result.Machine()}
	if err := r.readResults(services, soaks); err != nil { // before all that takes long
		return err
	}
	lines, err := compare(rounds, length, only)
	if err != nil {
		return err
	}
	p, err := measureParts(rounds)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	all, err := measureGrowth(max(3, rounds/8))
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	memory, err := measureMemory()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := drawGrowth(filepath.Join(docs, "images", "growth.svg"), all); err != nil {
		return err
	}
	var out bytes.Buffer
	r.lines, r.parts, r.growth, r.memory = lines, p, all, memory
	write(&out, r)
	if err := os.WriteFile(filepath.Join(docs, "PERFORMANCE.md"), out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// A line is one comparison.
type line struct {
	what, peer        string
	ours, theirs      float64
	paired            result.Ratio // of times in the same round
	allocs, theirMany int
}

var lineOf = regexp.MustCompile(`^compare (\S+) ours_ns=(\S+) peer=(\S+) peer_ns=(\S+) ratio=\S+ ours_allocs=(\d+) peer_allocs=(\d+) paired=(\S+) low=(\S+) high=(\S+)$`)

// compare runs the benchmarks of the directory above and reads their lines.
func compare(rounds int, length, only string) ([]line, error) {
	cmd := exec.Command("go", "run", ".", "-rounds", strconv.Itoa(rounds), "-time", length, "-run", only)
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, os.Stderr)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("report: the comparisons: %w", err)
	}
	var lines []line
	for s := bufio.NewScanner(&out); s.Scan(); {
		m := lineOf.FindStringSubmatch(s.Text())
		if m == nil {
			continue
		}
		var l line
		var errs [7]error
		l.what, l.peer = m[1], m[3]
		l.ours, errs[0] = strconv.ParseFloat(m[2], 64)
		l.theirs, errs[1] = strconv.ParseFloat(m[4], 64)
		l.allocs, errs[2] = strconv.Atoi(m[5])
		l.theirMany, errs[3] = strconv.Atoi(m[6])
		l.paired.Middle, errs[4] = strconv.ParseFloat(m[7], 64)
		l.paired.Low, errs[5] = strconv.ParseFloat(m[8], 64)
		l.paired.High, errs[6] = strconv.ParseFloat(m[9], 64)
		for _, err := range errs {
			if err != nil {
				return nil, fmt.Errorf("report: %q: %w", s.Text(), err)
			}
		}
		lines = append(lines, l)
	}
	return lines, nil
}
