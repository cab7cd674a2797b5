package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelperf/otelperf-go/internal/nearest"
)

// A field is one key of a T: how it is documented, and how its value gets in.
type field[T any] struct {
	Key

	// set takes the value of the key itself; it returns what is wrong, to be
	// read after the key's name, or "".
	set func(t *T, v any) string

	// put takes one entry of a table of free keys. Keys that are not such a
	// table have none.
	put func(t *T, name string, v any) string

	// show writes the value in TOML, "" where there is none.
	show func(t *T) string
}

// Bounds on text, in bytes, and on tables of free keys and lists, in entries.
// Real ones stay far below; what is beyond is a mistake.
const (
	maxName    = 128
	maxText    = 4096
	maxEntries = 128
)

// is says what a value is where something else was wanted.
func is(v any) string {
	switch v := v.(type) {
	case nil:
		return "is a table"
	case bool:
		return fmt.Sprintf("= %t is a boolean", v)
	case int64:
		return fmt.Sprintf("= %d is an integer", v)
	case float64:
		return fmt.Sprintf("= %s is a float", number(v))
	case string:
		return fmt.Sprintf("= %s is a string", quote(v))
	case huge:
		return "= " + cut(string(v), maxShownValue) + " is too large a number"
	case []any:
		return "is an array"
	default:
		return fmt.Sprintf("is %v", v)
	}
}

func number(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+")
}

func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func boolean[T any](name, meaning string, at func(*T) *bool) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "boolean", Meaning: meaning},
		set: func(t *T, v any) string {
			b, ok := v.(bool)
			if !ok {
				return is(v) + ": want true or false"
			}
			*at(t) = b
			return ""
		},
		show: func(t *T) string { return strconv.FormatBool(*at(t)) },
	}
}

// limits is a range of numbers. Above: lo itself is outside.
type limits struct {
	lo, hi float64
	above  bool
}

func (l limits) String() string {
	if l.above {
		return "above " + number(l.lo) + " up to " + number(l.hi)
	}
	return "from " + number(l.lo) + " to " + number(l.hi)
}

// has is false for NaN.
func (l limits) has(f float64) bool { return f >= l.lo && f <= l.hi && !(l.above && f == l.lo) }

// check returns the number that v is, or what is wrong with it.
func (l limits) check(v any, unit string) (float64, string) {
	if unit != "" {
		unit = " (" + unit + ")"
	}
	switch f, ok := asNumber(v); {
	case !ok:
		return 0, fmt.Sprintf("%s: want a number %v%s", is(v), l, unit)
	case !l.has(f):
		return 0, fmt.Sprintf("= %s is out of range: want a number %v%s", number(f), l, unit)
	default:
		return f, ""
	}
}

// decimal is a number of any kind: 1024 and 5.0 both do.
func decimal[T any](name, unit string, l limits, meaning string, at func(*T) *float64) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "number", Unit: unit, Range: l.String(), Meaning: meaning},
		set: func(t *T, v any) string {
			f, wrong := l.check(v, unit)
			if wrong == "" {
				*at(t) = f
			}
			return wrong
		},
		show: func(t *T) string {
			if f := *at(t); f != 0 && !math.IsNaN(f) {
				return number(f)
			}
			return ""
		},
	}
}

// span is a duration that is written as a number of some unit.
func span[T any](name, unit string, one time.Duration, l limits, meaning string, at func(*T) *time.Duration) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "number", Unit: unit, Range: l.String(), Meaning: meaning},
		set: func(t *T, v any) string {
			f, wrong := l.check(v, unit)
			if wrong == "" {
				*at(t) = time.Duration(math.Round(f * float64(one)))
			}
			return wrong
		},
		show: func(t *T) string {
			if d := *at(t); d != 0 {
				return number(float64(d) / float64(one))
			}
			return ""
		},
	}
}

// duration is written as Go writes it: "1m30s".
func duration[T any](name string, hi time.Duration, meaning string, at func(*T) *time.Duration) field[T] {
	want := fmt.Sprintf("want a duration from 0s to %gh, such as \"90s\" or \"5m\"", hi.Hours())
	return field[T]{
		Key: Key{Name: name, Type: "duration", Range: fmt.Sprintf("from 0s to %gh", hi.Hours()), Meaning: meaning},
		set: func(t *T, v any) string {
			s, ok := v.(string)
			if !ok {
				return is(v) + ": " + want
			}
			d, err := time.ParseDuration(s)
			if err != nil || d < 0 || d > hi {
				return "= " + quote(s) + ": " + want
			}
			*at(t) = d
			return ""
		},
		show: func(t *T) string {
			if d := *at(t); d != 0 {
				return strconv.Quote(d.String())
			}
			return ""
		},
	}
}

// whole is a number without a fraction; 100.0 is one.
func whole[T any, N int | uint64](name, unit string, l limits, meaning string, at func(*T) *N) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "integer", Unit: unit, Range: l.String(), Meaning: meaning},
		set: func(t *T, v any) string {
			f, wrong := l.check(v, unit)
			if wrong != "" {
				return strings.Replace(wrong, "want a number", "want a whole number", 1)
			}
			if f != math.Trunc(f) {
				return fmt.Sprintf("= %s has a fraction: want a whole number %v", number(f), l)
			}
			*at(t) = N(f)
			return ""
		},
		show: func(t *T) string {
			if n := *at(t); n != 0 {
				return fmt.Sprint(n)
			}
			return ""
		},
	}
}

// checkText returns what is wrong with a text, or "".
func checkText(s string, most int) string {
	switch {
	case len(s) > most:
		return fmt.Sprintf("has %d bytes: want at most %d", len(s), most)
	case !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0:
		return "= " + quote(s) + " has a control character: want plain text on one line"
	}
	return ""
}

func text[T any](name string, most int, meaning string, at func(*T) *string) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "string", Range: fmt.Sprintf("at most %d bytes", most), Meaning: meaning},
		set: func(t *T, v any) string {
			s, ok := v.(string)
			if !ok {
				return is(v) + ": want text in quotes"
			}
			wrong := checkText(s, most)
			if wrong == "" {
				*at(t) = s
			}
			return wrong
		},
		show: func(t *T) string {
			if s := *at(t); s != "" {
				return strconv.Quote(s)
			}
			return ""
		},
	}
}

// required makes a text that may not be empty or blank.
func required[T any](f field[T]) field[T] {
	set := f.set
	f.set = func(t *T, v any) string {
		if s, ok := v.(string); ok && strings.TrimSpace(s) == "" {
			return "is empty: fill it in, or leave the key out"
		}
		return set(t, v)
	}
	return f
}

func path[T any](name, meaning string, at func(*T) *string) field[T] {
	f := text(name, maxText, meaning, at)
	f.Type, f.Range = "path", ""
	return f
}

// quoted lists choices for a message.
func quoted(choices []string) string {
	all := make([]string, len(choices))
	for i, c := range choices {
		all[i] = strconv.Quote(c)
	}
	if n := len(all) - 1; n > 0 {
		return strings.Join(all[:n], ", ") + " or " + all[n]
	}
	return strings.Join(all, "")
}

// unknown says that s is none of the choices, and which it may have meant.
func unknown(s string, choices []string) string {
	if near := nearest.To(s, choices); near != "" {
		return fmt.Sprintf("= %s is unknown, did you mean %q? want %s", quote(s), near, quoted(choices))
	}
	return fmt.Sprintf("= %s is unknown: want %s", quote(s), quoted(choices))
}

// inUnit documents a unit that is another key's value.
func inUnit[T any](unit string, f field[T]) field[T] {
	f.Unit = unit
	return f
}

// choice is one of a few words; get and put convert between them and the field.
func choice[T any](name string, choices []string, meaning string, get func(*T) string, put func(*T, string)) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "string", Range: quoted(choices), Meaning: meaning},
		set: func(t *T, v any) string {
			s, ok := v.(string)
			if !ok {
				return is(v) + ": want " + quoted(choices)
			}
			if !slices.Contains(choices, s) {
				return unknown(s, choices)
			}
			put(t, s)
			return ""
		},
		show: func(t *T) string {
			if s := get(t); s != "" {
				return strconv.Quote(s)
			}
			return ""
		},
	}
}

// word is a choice that is kept as it is.
func word[T any](name string, choices []string, meaning string, at func(*T) *string) field[T] {
	return choice(name, choices, meaning, func(t *T) string { return *at(t) }, func(t *T, s string) { *at(t) = s })
}

// list is an array of distinct strings; entry says what is wrong with one.
func list[T any](name, rng, meaning string, entry func(string) string, put func(*T, []string)) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "array of strings", Range: rng, Meaning: meaning},
		set: func(t *T, v any) string {
			values, ok := v.([]any)
			if !ok {
				return is(v) + ": want an array of strings, as in [\"a\", \"b\"]"
			}
			if len(values) > maxEntries {
				return fmt.Sprintf("has %d entries: want at most %d", len(values), maxEntries)
			}
			names := make([]string, 0, len(values))
			for _, v := range values {
				s, ok := v.(string)
				if !ok {
					return "has an entry that is not a string: want an array of strings, as in [\"a\", \"b\"]"
				}
				if wrong := entry(s); wrong != "" {
					return "entry " + strings.TrimPrefix(wrong, "= ")
				}
				if slices.Contains(names, s) {
					return fmt.Sprintf("names %s twice: name it once", quote(s))
				}
				names = append(names, s)
			}
			put(t, names)
			return ""
		},
		show: func(*T) string { return "" },
	}
}

// texts is a table of free keys with strings. Secret: values are never shown.
func texts[T any](name, meaning string, secret bool, at func(*T) *map[string]string) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "table of strings", Meaning: meaning},
		set: func(_ *T, v any) string { return notTable(v, secret) },
		put: func(t *T, name string, v any) string {
			s, ok := v.(string)
			switch wrong := checkText(s, maxText); {
			case secret && (!ok || wrong != ""):
				return fmt.Sprintf("is not plain text: want a string of at most %d bytes without control characters", maxText)
			case !ok:
				return is(v) + ": want text in quotes"
			case wrong != "":
				return wrong
			}
			if *at(t) == nil {
				*at(t) = map[string]string{}
			}
			if _, ok := (*at(t))[name]; !ok && len(*at(t)) == maxEntries {
				return tooMany
			}
			(*at(t))[name] = s
			return ""
		},
		show: func(*T) string { return "" },
	}
}

// attributes is a table of free keys with strings, numbers and booleans.
func attributes[T any](name, meaning string, at func(*T) *[]attribute.KeyValue) field[T] {
	return field[T]{
		Key: Key{Name: name, Type: "table", Range: "strings, integers, floats, booleans", Meaning: meaning},
		set: func(_ *T, v any) string { return notTable(v, false) },
		put: func(t *T, name string, v any) string {
			var value attribute.Value
			switch v := v.(type) {
			case string:
				if wrong := checkText(v, maxText); wrong != "" {
					return wrong
				}
				value = attribute.StringValue(v)
			case bool:
				value = attribute.BoolValue(v)
			case int64:
				value = attribute.Int64Value(v)
			case float64:
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return fmt.Sprintf("= %s is no value that can be compared: want a finite number", number(v))
				}
				value = attribute.Float64Value(v)
			default:
				return is(v) + ": want a string, integer, float or boolean"
			}
			kvs := withAttribute(*at(t), attribute.KeyValue{Key: attribute.Key(name), Value: value})
			if len(kvs) > maxEntries {
				return tooMany
			}
			*at(t) = kvs
			return ""
		},
		show: func(*T) string { return "" },
	}
}

// withAttribute returns kvs with kv added, or instead of the one of its key. It
// never writes into kvs' array.
func withAttribute(kvs []attribute.KeyValue, kv attribute.KeyValue) []attribute.KeyValue {
	kvs = slices.Clone(kvs)
	for i := range kvs {
		if kvs[i].Key == kv.Key {
			kvs[i] = kv
			return kvs
		}
	}
	return append(kvs, kv)
}

var tooMany = fmt.Sprintf("is one too many: a table may have %d entries", maxEntries)

func notTable(v any, secret bool) string {
	const want = ": want a table, as in { name = \"value\" }"
	if secret {
		return "is no table" + want
	}
	return is(v) + want
}
