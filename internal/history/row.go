package history

import (
	"encoding/binary"
	"math"

	"github.com/otelperf/otelperf-go/views"
)

// A row is what one collection says about one series, in memory as bytes:
//
//	judged  state, count as varint, value in 8 bytes unless it is none
//	timed   count as varint; unless it is zero: failures as varint, mean, p50,
//	        p95 and p99 in 3 bytes each, the number of the bounds, the first
//	        band that holds something, how many follow, one byte for each
//	number  value in 4 bytes
//
// Three bytes hold five digits of a number, and a band's byte its count to 5 %.
type row struct {
	state views.State
	value float64

	count, failed       uint64
	mean, p50, p95, p99 float64
	bounds              int // of the store's table; 0: no buckets
	first               int
	bands               []byte
}

const noValue = 0x80 // beside the state: there is no value

func (r *row) append(b []byte, k Kind) []byte {
	switch {
	case k == Judged:
		if math.IsNaN(r.value) {
			return binary.AppendUvarint(append(b, byte(r.state)|noValue), r.count)
		}
		b = binary.AppendUvarint(append(b, byte(r.state)), r.count)
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(r.value))
	case k.timed():
		b = binary.AppendUvarint(b, r.count)
		if r.count == 0 {
			return b
		}
		b = binary.AppendUvarint(b, r.failed)
		for _, v := range [...]float64{r.mean, r.p50, r.p95, r.p99} {
			b = appendShort(b, v)
		}
		b = binary.AppendUvarint(b, uint64(r.bounds))
		if r.bounds == 0 {
			return b
		}
		b = append(b, byte(r.first), byte(len(r.bands)))
		return append(b, r.bands...)
	default:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(r.value)))
	}
}

// read sets r from the beginning of b, which append wrote, and returns the
// rest. The bands stay b's.
func (r *row) read(b []byte, k Kind) []byte {
	*r = row{value: math.NaN(), mean: math.NaN(), p50: math.NaN(), p95: math.NaN(), p99: math.NaN()}
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	switch {
	case k == Judged:
		state := b[0]
		b = b[1:]
		r.state = views.State(state &^ noValue)
		r.count = number()
		if state&noValue == 0 {
			r.value = math.Float64frombits(binary.LittleEndian.Uint64(b))
			b = b[8:]
		}
	case k.timed():
		if r.count = number(); r.count == 0 {
			return b
		}
		r.failed = number()
		for _, v := range [...]*float64{&r.mean, &r.p50, &r.p95, &r.p99} {
			*v = short(b)
			b = b[3:]
		}
		if r.bounds = int(number()); r.bounds == 0 {
			return b
		}
		n := int(b[1])
		r.first, r.bands = int(b[0]), b[2:2+n]
		b = b[2+n:]
	default:
		r.value = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		b = b[4:]
	}
	return b
}

// appendShort writes the upper 24 bits of a float32, rounded.
func appendShort(b []byte, v float64) []byte {
	u := math.Float32bits(float32(v))
	if u&0x7f800000 != 0x7f800000 { // neither infinite nor NaN
		u += 0x80
	}
	return append(b, byte(u>>8), byte(u>>16), byte(u>>24))
}

func short(b []byte) float64 {
	return float64(math.Float32frombits(uint32(b[0])<<8 | uint32(b[1])<<16 | uint32(b[2])<<24))
}

// squeeze writes a count as eight times its logarithm.
func squeeze(n uint64) byte {
	if n == 0 {
		return 0
	}
	return byte(min(255, 1+math.Round(8*math.Log2(float64(n)))))
}

func expand(b byte) float64 {
	if b == 0 {
		return 0
	}
	return math.Exp2(float64(b-1) / 8)
}
