package otlp

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// An encoder appends fields of protobuf messages to b. Methods whose names begin with
// set write the field whatever its value is, as those of a oneof and optional ones need
// it; the others leave out what is zero.
type encoder struct {
	b   []byte
	err error // of what was left out
}

func (e *encoder) tag(field int, t protowire.Type) {
	e.b = protowire.AppendTag(e.b, protowire.Number(field), t)
}

// open begins a message in a field. What it returns is for close.
func (e *encoder) open(field int) (start int) {
	e.tag(field, protowire.BytesType)
	e.b = append(e.b, 0) // its length; most are below 128
	return len(e.b)
}

// close ends the message that begins at start: it writes its length before it, and
// moves it for that where the length takes more than a byte.
func (e *encoder) close(start int) {
	n := len(e.b) - start
	if more := protowire.SizeVarint(uint64(n)) - 1; more > 0 {
		var room [binary.MaxVarintLen64]byte
		e.b = append(e.b, room[:more]...)
		copy(e.b[start+more:], e.b[start:start+n])
	}
	binary.PutUvarint(e.b[start-1:], uint64(n))
}

func (e *encoder) text(field int, s string) {
	if s != "" {
		e.setText(field, s)
	}
}

func (e *encoder) setText(field int, s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	e.tag(field, protowire.BytesType)
	e.b = protowire.AppendString(e.b, s)
}

func (e *encoder) bytes(field int, b []byte) {
	if len(b) > 0 {
		e.setBytes(field, b)
	}
}

func (e *encoder) setBytes(field int, b []byte) {
	e.tag(field, protowire.BytesType)
	e.b = protowire.AppendBytes(e.b, b)
}

func (e *encoder) varint(field int, v uint64) {
	if v != 0 {
		e.setVarint(field, v)
	}
}

func (e *encoder) setVarint(field int, v uint64) {
	e.tag(field, protowire.VarintType)
	e.b = protowire.AppendVarint(e.b, v)
}

// setBool writes an AnyValue's bool_value.
func (e *encoder) setBool(v bool) { e.setVarint(2, protowire.EncodeBool(v)) }

func (e *encoder) zigzag(field int, v int32) { e.varint(field, protowire.EncodeZigZag(int64(v))) }

func (e *encoder) fixed(field int, v uint64) {
	if v != 0 {
		e.setFixed(field, v)
	}
}

func (e *encoder) setFixed(field int, v uint64) {
	e.tag(field, protowire.Fixed64Type)
	e.b = protowire.AppendFixed64(e.b, v)
}

// double leaves out 0, and not −0.
func (e *encoder) double(field int, v float64) { e.fixed(field, math.Float64bits(v)) }

func (e *encoder) setDouble(field int, v float64) { e.setFixed(field, math.Float64bits(v)) }

// fixeds writes a packed list of fixed64.
func (e *encoder) fixeds(field int, all []uint64) {
	if len(all) == 0 {
		return
	}
	e.tag(field, protowire.BytesType)
	e.b = protowire.AppendVarint(e.b, uint64(8*len(all)))
	for _, v := range all {
		e.b = protowire.AppendFixed64(e.b, v)
	}
}

// doubles writes a packed list of double.
func (e *encoder) doubles(field int, all []float64) {
	if len(all) == 0 {
		return
	}
	e.tag(field, protowire.BytesType)
	e.b = protowire.AppendVarint(e.b, uint64(8*len(all)))
	for _, v := range all {
		e.b = protowire.AppendFixed64(e.b, math.Float64bits(v))
	}
}

// varints writes a packed list of uint64.
func (e *encoder) varints(field int, all []uint64) {
	if len(all) == 0 {
		return
	}
	packed := e.open(field)
	for _, v := range all {
		e.b = protowire.AppendVarint(e.b, v)
	}
	e.close(packed)
}
