package profiling

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// The trial keeps a CPU busy for trialCPU, and gives up after trialWall
	// where the process is not given that much.
	trialCPU  = 250 * time.Millisecond
	trialWall = 5 * time.Second
)

// probe tries what hz samples a second come to, by comparing the samples of a
// profile with the CPU time that the process used meanwhile. It costs a quarter
// of a second of one CPU.
func probe(s sampler, hz int) (int, error) {
	if _, err := cpuTime(); err != nil {
		return 0, err
	}
	var buf bytes.Buffer
	if err := s.start(&buf, hz); err != nil {
		return 0, err
	}
	used, err := spend(trialCPU, trialWall)
	s.stop()
	if err != nil {
		return 0, err
	}
	samples, err := countSamples(&buf)
	if err != nil {
		return 0, err
	}
	return reachable(hz, samples, used)
}

// spend keeps a CPU busy until the process used so much CPU time, and returns
// how much it was.
func spend(cpu, wall time.Duration) (time.Duration, error) {
	begin, err := cpuTime()
	if err != nil {
		return 0, err
	}
	for start := time.Now(); ; {
		now, err := cpuTime()
		if err != nil {
			return 0, err
		}
		if used := now - begin; used >= cpu || time.Since(start) >= wall {
			return used, nil
		}
	}
}

// reachable judges a trial. A tenth less than what was asked for is within what
// can be told from so few samples; beyond that the rate is what was counted, to
// two digits, as kernels have 100, 250, 300 or 1000 ticks a second.
func reachable(hz int, samples int64, used time.Duration) (int, error) {
	if used < trialCPU/5 {
		return 0, fmt.Errorf("the process was given only %s of CPU time", used)
	}
	if samples == 0 {
		return 0, errors.New("no sample was taken")
	}
	got := float64(samples) / used.Seconds()
	if got >= 0.9*float64(hz) {
		return hz, nil
	}
	digit := math.Pow(10, math.Floor(math.Log10(got))-1)
	return max(1, int(math.Round(math.Round(got/digit)*digit))), nil
}

// The fields of a profile that hold its samples, by profile.proto.
const (
	fieldSample = 2 // of Profile: a Sample
	fieldValue  = 2 // of Sample: packed, the first is the number of samples
)

var errProfile = errors.New("the profile cannot be read")

// countSamples returns how many samples a CPU profile has.
func countSamples(r io.Reader) (int64, error) {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errProfile, err)
	}
	data, err := io.ReadAll(zr)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errProfile, err)
	}
	var total int64
	err = eachBytes(data, fieldSample, func(sample []byte) error {
		return eachBytes(sample, fieldValue, func(values []byte) error {
			n, length := protowire.ConsumeVarint(values)
			if length < 0 {
				return errProfile
			}
			total += int64(n)
			return nil
		})
	})
	return total, err
}

// eachBytes visits the fields of a message that have this number and are bytes.
func eachBytes(message []byte, number protowire.Number, visit func([]byte) error) error {
	for len(message) > 0 {
		num, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errProfile
		}
		message = message[n:]
		n = protowire.ConsumeFieldValue(num, typ, message)
		if n < 0 {
			return errProfile
		}
		if num == number && typ == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if err := visit(value); err != nil {
				return err
			}
		}
		message = message[n:]
	}
	return nil
}
