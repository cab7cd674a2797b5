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

// probe finds out how many of hz samples a second the kernel gives.
func probe(s sampler, hz int) (int, error) {
	if tick, ok := kernelTick(); ok {
		return min(hz, tick), nil
	}
	return try(s, hz)
}

// try compares the samples of a profile with the CPU time that the process used
// meanwhile. It costs a quarter of a second of one CPU, and gives too few rather
// than too many where the process has to wait for a CPU.
func try(s sampler, hz int) (int, error) {
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
	fieldValue  = 2 // of Sample: the first is the number of samples
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
	for len(data) > 0 {
		number, typ, value, rest, err := nextField(data)
		if err != nil {
			return 0, err
		}
		data = rest
		if number != fieldSample || typ != protowire.BytesType {
			continue
		}
		sample, _ := protowire.ConsumeBytes(value)
		n, err := sampleCount(sample)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// sampleCount returns the first value of a Sample. Values are packed or not,
// which is up to the encoder.
func sampleCount(sample []byte) (int64, error) {
	for len(sample) > 0 {
		number, typ, value, rest, err := nextField(sample)
		if err != nil {
			return 0, err
		}
		sample = rest
		if number != fieldValue {
			continue
		}
		if typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		n, length := protowire.ConsumeVarint(value)
		if length < 0 {
			return 0, errProfile
		}
		return int64(n), nil
	}
	return 0, errProfile
}

// nextField takes a message's first field off.
func nextField(message []byte) (number protowire.Number, typ protowire.Type, value, rest []byte, err error) {
	number, typ, n := protowire.ConsumeTag(message)
	if n < 0 {
		return 0, 0, nil, nil, errProfile
	}
	message = message[n:]
	n = protowire.ConsumeFieldValue(number, typ, message)
	if n < 0 {
		return 0, 0, nil, nil, errProfile
	}
	return number, typ, message[:n], message[n:], nil
}
