package config

import (
	"math"
	"slices"
	"strings"

	"github.com/otelperf/otelperf-go/internal/nearest"
)

// A schema is what keys and tables there are. It is made for each file and let go
// with it: a program reads its configuration once, and would keep the texts of the
// documentation for as long as it runs.
type schema struct {
	fields         map[string]field[Config]
	baselineFields map[string]field[Table]

	// All keys, and all tables that keys are in, in the order of the
	// documentation and without patterns.
	keys, tables []string
}

func newSchema() *schema {
	s := &schema{fields: index(fields()), baselineFields: index(tableFields())}
	for _, k := range Keys() {
		if strings.Contains(k.Name, "<") {
			continue
		}
		s.keys = append(s.keys, k.Name)
		if table := k.Name[:strings.LastIndexByte(k.Name, '.')]; !slices.Contains(s.tables, table) {
			s.tables = append(s.tables, table)
		}
		if strings.HasPrefix(k.Type, "table") {
			s.tables = append(s.tables, k.Name)
		}
	}
	return s
}

// index finds fields by name.
func index[T any](fields []field[T]) map[string]field[T] {
	m := make(map[string]field[T], len(fields))
	for _, f := range fields {
		m[f.Name] = f
	}
	return m
}

// apply overrides c by one file.
func (c *Config) apply(file string, data []byte) error {
	assigned, broken := parse(file, data)
	if assigned == nil {
		return broken
	}
	c.files = append(c.files, file)
	tables, err := c.tables(assigned)
	if err != nil {
		return err
	}
	known := newSchema()
	for _, a := range assigned {
		if err := c.assign(known, a, tables); err != nil {
			return err
		}
	}
	return broken
}

// maxBaselines bounds the [[baseline]] tables of a file, and [baseline_targets].
const maxBaselines = 1000

// tables returns the index in c.Tables for each [[baseline]] of a file: that of
// an earlier file's table that it changes, or a new one.
func (c *Config) tables(assigned []assignment) ([]int, error) {
	type table struct {
		at           position
		name, metric string
	}
	var found []table
	for _, a := range assigned {
		if a.element < 0 {
			continue
		}
		if a.element >= maxBaselines {
			return nil, a.at.errorf("baseline", "this is the %dth [[baseline]]: a file may have %d", a.element+1, maxBaselines)
		}
		for a.element >= len(found) {
			found = append(found, table{at: a.at})
		}
		if len(a.path) == 2 {
			switch s, _ := a.value.(string); a.path[1] {
			case "name":
				found[a.element].name = s
			case "metric":
				found[a.element].metric = s
			}
		}
	}
	indexes := make([]int, 0, len(found))
	earlier := len(c.Tables)
	for i, t := range found {
		for j, u := range found[:i] {
			if t.name != "" && t.name == u.name && (t.metric == "" || u.metric == "" || t.metric == u.metric) {
				return nil, t.at.errorf("baseline.name", "baseline %s is defined twice, first on line %d: give one of them another name", quote(t.name), found[j].at.line)
			}
		}
		var same []int
		for j, u := range c.Tables[:earlier] {
			if t.name != "" && u.Name == t.name && (t.metric == "" || u.Metric == t.metric) {
				same = append(same, j)
			}
		}
		switch len(same) {
		case 0:
			same = []int{len(c.Tables)}
			c.Tables = append(c.Tables, Table{keys: map[string]position{}})
			c.Tables[same[0]].Target = math.NaN()
		case 1:
		default:
			return nil, t.at.errorf("baseline.metric", "there are several baselines %s: add metric = \"…\" to say which one this changes", quote(t.name))
		}
		c.Tables[same[0]].at = t.at
		indexes = append(indexes, same[0])
	}
	return indexes, nil
}

// assign puts one assignment where it belongs.
func (c *Config) assign(known *schema, a assignment, tables []int) error {
	var wrong *Error
	key := ""
	switch {
	case a.array && !isBaseline(a.path) && a.path[0] != "baseline":
		name := dotted(a.path)
		if !known.isTable(a.path) {
			wrong = known.unknownTable(a)
		} else {
			wrong = a.at.errorf(name, "%s is one table, not a list: write [%s]", name, name)
		}
	case a.path[0] == "baseline":
		return c.assignTable(known, a, tables)
	case a.path[0] == "baseline_targets":
		key, wrong = c.assignTarget(known, a)
	default:
		key, wrong = setField(known, c, known.fields, "", a.path, a)
	}
	if wrong != nil {
		return wrong
	}
	if key != "" {
		c.at[key] = a.at
	}
	return nil
}

func (c *Config) assignTable(known *schema, a assignment, tables []int) error {
	switch {
	case len(a.path) == 1 && !a.header:
		return a.at.errorf("baseline", "baseline %s: want [[baseline]] tables", is(a.value))
	case a.element < 0:
		return a.at.errorf("baseline", "[baseline] is a list of tables: write [[baseline]]")
	case len(a.path) == 1:
		return nil
	case a.array:
		name := dotted(a.path)
		return a.at.errorf(name, "%s is one table, not a list: write [%s]", name, name)
	}
	t := &c.Tables[tables[a.element]]
	key, wrong := setField(known, t, known.baselineFields, "baseline.", a.path[1:], a)
	if wrong != nil {
		return wrong
	}
	if key != "" {
		t.keys[strings.TrimPrefix(key, "baseline.")] = a.at
	}
	return nil
}

// assignTarget takes a key of [baseline_targets].
func (c *Config) assignTarget(known *schema, a assignment) (string, *Error) {
	if len(a.path) == 1 {
		if a.header {
			return "", nil
		}
		return "", a.at.errorf("baseline_targets", "baseline_targets %s: want a table, as in [baseline_targets]", is(a.value))
	}
	if a.header { // a dotted operation's name: its keys follow
		return "", nil
	}
	name, key := strings.Join(a.path[1:], "."), dotted(a.path)
	if _, limit := known.fields["thresholds."+name]; limit {
		return "", a.at.errorf(key, "unknown key %q, did you mean \"thresholds.%s\"?", key, name)
	}
	s, ok := parseShort(name)
	if !ok {
		if near := nearest.To(name, standardNames); near != "" {
			return "", a.at.errorf(key, "unknown key %q, did you mean %q?", key, near)
		}
		return "", a.at.errorf(key, "unknown key %q: want <operation>_ms, <operation>_qps, <operation>_error_percent, memory_mb, cpu_percent or throughput_qps", key)
	}
	if wrong := checkText(name, maxName); wrong != "" {
		return "", a.at.errorf(key, "%s %s", key, wrong)
	}
	f, wrong := s.target.check(a.value, s.unitName)
	if wrong != "" {
		return "", a.at.errorf(key, "%s %s", key, wrong)
	}
	if _, ok := c.Targets[name]; !ok && len(c.Targets) == maxBaselines {
		return "", a.at.errorf(key, "%s is one too many: [baseline_targets] may have %d keys", key, maxBaselines)
	}
	c.Targets[name] = f
	return "baseline_targets." + name, nil
}

// setField finds the field that a path belongs to and gives it the value. It
// returns the field's full key, "" for a table's header.
func setField[T any](known *schema, t *T, fields map[string]field[T], prefix string, path []string, a assignment) (string, *Error) {
	for n := len(path); n > 0; n-- {
		if slices.ContainsFunc(path[:n], func(p string) bool { return !bareKey(p) }) {
			continue // a quoted part could spell a dotted name
		}
		name := strings.Join(path[:n], ".")
		f, ok := fields[name]
		if !ok {
			continue
		}
		var wrong string
		key := prefix + name
		switch rest := strings.Join(path[n:], "."); {
		case f.put == nil && (a.header || n < len(path)):
			wrong = f.set(t, nil)
		case a.header: // keys follow
			return "", nil
		case n == len(path):
			wrong = f.set(t, a.value)
		case strings.TrimSpace(rest) == "":
			return "", a.at.errorf(key, "%s has an entry without a name: give it one", key)
		default:
			if wrong = checkText(rest, 255); wrong == "" {
				wrong = f.put(t, rest, a.value)
			}
			if wrong != "" {
				full := prefix + dotted(path)
				return "", a.at.errorf(full, "%s %s", full, wrong)
			}
			return key, nil
		}
		if wrong != "" {
			return "", a.at.errorf(key, "%s %s", key, wrong)
		}
		return key, nil
	}
	switch {
	case a.header && known.isTable(a.path):
		return "", nil
	case a.header:
		return "", known.unknownTable(a)
	case known.isTable(a.path):
		name := dotted(a.path)
		return "", a.at.errorf(name, "%s %s: want a table, as in [%s]", name, is(a.value), name)
	}
	return "", known.unknownKey(a)
}

// isTable reports whether a path is a table with keys in it.
func (known *schema) isTable(path []string) bool {
	return !slices.ContainsFunc(path, func(p string) bool { return !bareKey(p) }) &&
		slices.Contains(known.tables, strings.Join(path, "."))
}

func (known *schema) unknownTable(a assignment) *Error {
	name := dotted(a.path)
	brackets := func(t string) string {
		if t == "baseline" {
			return "[[baseline]]"
		}
		return "[" + t + "]"
	}
	if near := nearest.To(name, known.tables); near != "" {
		return a.at.errorf(name, "unknown table [%s], did you mean %s?", name, brackets(near))
	}
	var top []string
	for _, t := range known.tables {
		if !strings.Contains(t, ".") {
			top = append(top, brackets(t))
		}
	}
	return a.at.errorf(name, "unknown table [%s]: want one of %s", name, strings.Join(top, ", "))
}

// unknownKey suggests what was meant: a key of the same table, else the same key
// of another table, best of one that is spelt alike, else a key that is.
func (known *schema) unknownKey(a assignment) *Error {
	name := dotted(a.path)
	table, last := "", a.path[len(a.path)-1]
	if i := len(a.path) - 1; i > 0 {
		table = dotted(a.path[:i]) + "."
	}
	var siblings, elsewhere []string
	for _, k := range known.keys {
		i := strings.LastIndexByte(k, '.') + 1
		if k[:i] == table {
			siblings = append(siblings, k[i:])
		} else if k[i:] == last {
			elsewhere = append(elsewhere, k)
		}
	}
	near := nearest.To(last, siblings)
	if near == "" {
		near = nearest.To(name, elsewhere)
	}
	if near == "" && len(elsewhere) > 0 {
		near = elsewhere[0]
	}
	if s, ok := parseShort(last); near == "" && ok && s.standard() {
		near = "baseline_targets." + last
	}
	if near == "" {
		near = nearest.To(name, known.keys)
	}
	if near == "" && table == "" {
		near = nearestIn(last, known.keys)
	}
	switch {
	case near != "":
		return a.at.errorf(name, "unknown key %q, did you mean %q?", name, near)
	case len(siblings) > 0:
		return a.at.errorf(name, "unknown key %q: [%s] has %s", name, strings.TrimSuffix(table, "."), strings.Join(siblings, ", "))
	default:
		return a.at.errorf(name, "unknown key %q: every key is in a table, such as [%s]", name, known.tables[0])
	}
}

// nearestIn compares only the last part of the candidates.
func nearestIn(last string, candidates []string) string {
	var parts []string
	for _, c := range candidates {
		parts = append(parts, c[strings.LastIndexByte(c, '.')+1:])
	}
	if near := nearest.To(last, parts); near != "" {
		return candidates[slices.Index(parts, near)]
	}
	return ""
}
