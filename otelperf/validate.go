package otelperf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// The bounds of what an Operation is given.
const (
	maxNameLength  = 128 // bytes, of names and of attribute keys
	maxAttributes  = 16
	maxValueLength = 256 // bytes, as a value is written out
)

func validateName(name string) error {
	if err := validateText(name); err != nil {
		return fmt.Errorf("otelperf: operation name %s %w", quote(name), err)
	}
	return nil
}

// validateText says what is wrong with a name or a key, as a phrase that
// follows it.
func validateText(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > maxNameLength:
		return fmt.Errorf("has %d bytes, more than %d", len(s), maxNameLength)
	case !utf8.ValidString(s):
		return errors.New("is not valid UTF-8")
	case strings.TrimSpace(s) != s:
		return errors.New("begins or ends with white space")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("holds the unprintable character %U", r)
		}
	}
	return nil
}

func validateAttributes(name string, attrs []attribute.KeyValue) error {
	if len(attrs) > maxAttributes {
		return fmt.Errorf("otelperf: operation %s has %d attributes, more than %d", quote(name), len(attrs), maxAttributes)
	}
	for i, kv := range attrs {
		err := validateText(string(kv.Key))
		if err == nil {
			err = validateKey(kv.Key, attrs[:i])
		}
		if err == nil {
			err = validateValue(kv.Value)
		}
		if err != nil {
			return fmt.Errorf("otelperf: operation %s: attribute %s %w", quote(name), quote(string(kv.Key)), err)
		}
	}
	return nil
}

func validateKey(key attribute.Key, before []attribute.KeyValue) error {
	if key == errorTypeKey || strings.HasPrefix(string(key), "otel.") || strings.HasPrefix(string(key), "otelperf.") {
		return errors.New("is reserved")
	}
	for _, kv := range before {
		if kv.Key == key {
			return errors.New("is given twice")
		}
	}
	return nil
}

func validateValue(v attribute.Value) error {
	switch v.Type() {
	case attribute.BOOL, attribute.INT64, attribute.BOOLSLICE, attribute.INT64SLICE:
	case attribute.FLOAT64:
		if math.IsNaN(v.AsFloat64()) {
			return errors.New("is not a number")
		}
	case attribute.FLOAT64SLICE:
		for _, f := range v.AsFloat64Slice() {
			if math.IsNaN(f) {
				return errors.New("holds what is not a number")
			}
		}
	case attribute.STRING:
		if !utf8.ValidString(v.AsString()) {
			return errors.New("is not valid UTF-8")
		}
	case attribute.STRINGSLICE:
		for _, s := range v.AsStringSlice() {
			if !utf8.ValidString(s) {
				return errors.New("is not valid UTF-8")
			}
		}
	case attribute.EMPTY:
		return errors.New("has no value")
	default:
		return fmt.Errorf("is of type %s, which is no dimension of a metric", v.Type())
	}
	if n := len(v.String()); n > maxValueLength {
		return fmt.Errorf("has a value of %d bytes, more than %d", n, maxValueLength)
	}
	return nil
}

// quote returns s quoted, and cut so that an error stays readable.
func quote(s string) string {
	const longest = 40
	if len(s) <= longest {
		return strconv.Quote(s)
	}
	return strconv.Quote(cut(s, longest) + "…")
}

// cut returns the first n bytes of s or a few less, to not split a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
