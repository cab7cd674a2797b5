package otelperf_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/otelperf"
)

func TestOperationNames(t *testing.T) {
	k := newKit(t)
	good := []string{"search", "a", "Suche nach Wörtern", "検索", "a/b.c-d_e:f", strings.Repeat("x", 128)}
	for _, name := range good {
		if op, err := k.rec.Operation(name); op == nil || err != nil {
			t.Errorf("Operation(%q) = %v, %v", name, op, err)
		}
	}
	bad := map[string]string{
		"":                            `otelperf: operation name "" is empty`,
		" search":                     `otelperf: operation name " search" begins or ends with white space`,
		"search\n":                    `otelperf: operation name "search\n" begins or ends with white space`,
		"a\x00b":                      `otelperf: operation name "a\x00b" holds the unprintable character U+0000`,
		"a\tb":                        `otelperf: operation name "a\tb" holds the unprintable character U+0009`,
		"a\u200bb":                    `otelperf: operation name "a\u200bb" holds the unprintable character U+200B`,
		"a\xffb":                      `otelperf: operation name "a\xffb" is not valid UTF-8`,
		strings.Repeat("x", 129):      `otelperf: operation name "` + strings.Repeat("x", 40) + `…" has 129 bytes, more than 128`,
		"x" + strings.Repeat("ö", 99): `otelperf: operation name "x` + strings.Repeat("ö", 19) + `…" has 199 bytes, more than 128`,
	}
	for name, want := range bad {
		op, err := k.rec.Operation(name)
		if err == nil || err.Error() != want {
			t.Errorf("Operation(%q): %v\nwant %s", name, err, want)
		}
		if op != nil {
			t.Errorf("Operation(%q) gave an operation with its error", name)
		}
		if _, err := otelperf.New(otelperf.WithoutOperations("search", name)); err == nil || err.Error() != want {
			t.Errorf("WithoutOperations(%q): %v\nwant %s", name, err, want)
		}
	}
}

func TestOperationAttributes(t *testing.T) {
	k := newKit(t)
	many := func(n int) (attrs []attribute.KeyValue) {
		for i := range n {
			attrs = append(attrs, attribute.Int("a"+strconv.Itoa(i), i))
		}
		return attrs
	}
	good := [][]attribute.KeyValue{
		nil,
		many(16),
		{attribute.String("s", ""), attribute.Bool("b", true), attribute.Int64("i", math.MinInt64), attribute.Float64("f", math.Inf(1))},
		{attribute.StringSlice("s", []string{"a", "b"}), attribute.BoolSlice("b", nil), attribute.Int64Slice("i", []int64{1}), attribute.Float64Slice("f", []float64{1})},
		{attribute.String("long", strings.Repeat("x", 256))},
	}
	for _, attrs := range good {
		if _, err := k.rec.Operation("search", attrs...); err != nil {
			t.Errorf("Operation with %v: %v", attrs, err)
		}
	}
	bad := []struct {
		attrs []attribute.KeyValue
		want  string
	}{
		{many(17), `has 17 attributes, more than 16`},
		{[]attribute.KeyValue{{}}, `attribute "" is empty`},
		{[]attribute.KeyValue{{Key: "x"}}, `attribute "x" has no value`},
		{[]attribute.KeyValue{attribute.Int(" x", 1)}, `attribute " x" begins or ends with white space`},
		{[]attribute.KeyValue{attribute.Int(strings.Repeat("x", 129), 1)}, `has 129 bytes, more than 128`},
		{[]attribute.KeyValue{attribute.Int("x", 1), attribute.Int("y", 1), attribute.Int("x", 1)}, `attribute "x" is given twice`},
		{[]attribute.KeyValue{attribute.String("error.type", "x")}, `attribute "error.type" is reserved`},
		{[]attribute.KeyValue{attribute.String("otelperf.operation.name", "x")}, `attribute "otelperf.operation.name" is reserved`},
		{[]attribute.KeyValue{attribute.String("otelperf.source", "x")}, `attribute "otelperf.source" is reserved`},
		{[]attribute.KeyValue{attribute.Bool("otel.metric.overflow", true)}, `attribute "otel.metric.overflow" is reserved`},
		{[]attribute.KeyValue{attribute.String("x", strings.Repeat("x", 257))}, `attribute "x" has a value of 257 bytes, more than 256`},
		{[]attribute.KeyValue{attribute.Int64Slice("x", make([]int64, 200))}, `attribute "x" has a value of`},
		{[]attribute.KeyValue{attribute.String("x", "\xff")}, `attribute "x" is not valid UTF-8`},
		{[]attribute.KeyValue{attribute.StringSlice("x", []string{"a", "\xff"})}, `attribute "x" is not valid UTF-8`},
		{[]attribute.KeyValue{attribute.Float64("x", math.NaN())}, `attribute "x" is not a number`},
		{[]attribute.KeyValue{attribute.Float64Slice("x", []float64{1, math.NaN()})}, `attribute "x" holds what is not a number`},
		{[]attribute.KeyValue{attribute.ByteSlice("x", []byte{1})}, `attribute "x" is of type BYTESLICE, which is no dimension of a metric`},
	}
	for _, c := range bad {
		op, err := k.rec.Operation("search", c.attrs...)
		if op != nil || err == nil || !strings.HasPrefix(err.Error(), `otelperf: operation "search"`) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Operation with %v = %v, %v\nwant %s", c.attrs, op, err, c.want)
		}
	}
}

func FuzzOperationName(f *testing.F) {
	for _, seed := range []string{"", "search", " x", "a\x00", "\xff", "検索", strings.Repeat("x", 129), "\u2028", "a\u00a0"} {
		f.Add(seed, "key", "value")
		f.Add("search", seed, seed)
	}
	k := newKit(f)
	f.Fuzz(func(t *testing.T, name, key, value string) {
		rec, err := otelperf.New(otelperf.WithMeterProvider(k.provider))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rec.Close() }()
		op, err := rec.Operation(name, attribute.String(key, value))
		if (op == nil) != (err != nil) {
			t.Fatalf("Operation = %v, %v", op, err)
		}
		if err != nil {
			if msg := err.Error(); !strings.HasPrefix(msg, "otelperf: ") || strings.ContainsFunc(msg, unicode.IsControl) || len(msg) > 500 {
				t.Errorf("error %q", msg)
			}
			return
		}
		for _, s := range []string{name, key} {
			if s == "" || len(s) > 128 || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%q was accepted", s)
			}
		}
		if !utf8.ValidString(name + key + value) {
			t.Errorf("invalid UTF-8 was accepted")
		}
		if err := op.Do(t.Context(), nothing); err != nil {
			t.Error(err)
		}
	})
}
