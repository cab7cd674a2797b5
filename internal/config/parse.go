package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxDepth is how many parts a key may have. The deepest real ones,
// [baseline.match] with dotted attribute names, have fewer than ten.
const maxDepth = 16

// maxKeys bounds the keys and tables of a file: enough for a thousand baselines,
// and little enough for the decoder, whose time grows with the square.
const maxKeys = 10_000

// An assignment is one `key = value` of a file, or one table header, with the
// full path. Inline tables are taken apart, so that it makes no difference how
// a table was written.
type assignment struct {
	path    []string
	at      position
	value   any  // bool, int64, float64, string, []any of those, or other
	header  bool // a table header or an inline table: value means nothing
	array   bool // header of [[…]]
	element int  // which [[baseline]] of the file this is in, -1: none
}

// other is a value of a type that no key takes, huge the text of a number that
// none can hold.
type (
	other string
	huge  string
)

// parse returns the assignments of a TOML document in their order. If all that
// is wrong is a huge number they come with the error: the key it was meant for
// has more to say.
func parse(file string, data []byte) ([]assignment, error) {
	s := scanner{file: file, data: data, element: -1}
	if len(data) > MaxFileSize {
		return nil, tooLarge(position{file: file}, int64(len(data)))
	}
	if !utf8.Valid(data) {
		return nil, s.notText()
	}
	// A byte order mark is what some editors begin a file with.
	s.data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(s.data)) == 0 {
		return nil, &Error{File: file, Message: "the file is empty: write at least one table, such as [monitoring], or leave the file out"}
	}
	if err := s.scan(); err != nil {
		return nil, err
	}
	// The parser's syntax tree knows where things are; what may stand beside
	// what (duplicates, redefinitions, numbers out of range) only decoding tells.
	if err := toml.Unmarshal(s.data, &map[string]any{}); err != nil {
		err := s.explain(err)
		if slices.ContainsFunc(s.found, func(a assignment) bool { _, ok := a.value.(huge); return ok }) {
			return s.found, err
		}
		return nil, err
	}
	return s.found, nil
}

type scanner struct {
	file    string
	data    []byte
	parser  unstable.Parser
	lines   []int // offset at which each line begins
	found   []assignment
	element int
}

// scan collects assignments up to the end or the first syntax error, which is
// left for decoding to report.
func (s *scanner) scan() error {
	s.lines = []int{0}
	for i, c := range s.data {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	s.parser.Reset(s.data)
	var prefix []string
	for s.parser.NextExpression() {
		e := s.parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, at, err := s.key(nil, e)
			if err != nil {
				return err
			}
			prefix = path
			array := e.Kind == unstable.ArrayTable
			if array && isBaseline(path) {
				s.element++
			}
			s.add(assignment{path: path, at: at, header: true, array: array})
		case unstable.KeyValue:
			if err := s.keyValue(prefix, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func isBaseline(path []string) bool { return len(path) == 1 && path[0] == "baseline" }

func (s *scanner) add(a assignment) {
	a.element = -1
	if a.path[0] == "baseline" {
		a.element = s.element
	}
	s.found = append(s.found, a)
}

func (s *scanner) keyValue(prefix []string, e *unstable.Node) error {
	path, at, err := s.key(prefix, e)
	if err != nil {
		return err
	}
	v := e.Value()
	switch {
	case v.Kind == unstable.InlineTable:
		return s.inline(path, at, v)
	case v.Kind == unstable.Array && isBaseline(path):
		for it := v.Children(); it.Next(); {
			n := it.Node()
			if n.Kind != unstable.InlineTable {
				s.add(assignment{path: path, at: at, value: value(n)})
				continue
			}
			s.element++
			if err := s.inline(path, s.position(n.Raw), n); err != nil {
				return err
			}
		}
	default:
		s.add(assignment{path: path, at: at, value: value(v)})
	}
	return nil
}

func (s *scanner) inline(path []string, at position, n *unstable.Node) error {
	s.add(assignment{path: path, at: at, header: true, array: isBaseline(path) && s.element >= 0})
	for it := n.Children(); it.Next(); {
		if err := s.keyValue(path, it.Node()); err != nil {
			return err
		}
	}
	return nil
}

// key returns the full path of a table header or assignment, and where its last
// part is not inherited from.
func (s *scanner) key(prefix []string, e *unstable.Node) ([]string, position, error) {
	path := slices.Clip(slices.Clone(prefix))
	var at position
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if at.line == 0 {
			at = s.position(n.Raw)
		}
		if len(s.found) == maxKeys {
			return nil, at, at.errorf("", "this is the %dth key: a file may have %d", maxKeys+1, maxKeys)
		}
		if path = append(path, string(n.Data)); len(path) > maxDepth {
			return nil, at, at.errorf(dotted(path[:2]), "the key %s… has more than %d parts: no key is nested that deep", dotted(path[:2]), maxDepth)
		}
	}
	return path, at, nil
}

func (s *scanner) position(r unstable.Range) position { return s.positionAt(int(r.Offset)) }

func (s *scanner) positionAt(offset int) position {
	line, exact := slices.BinarySearch(s.lines, offset)
	if !exact {
		line--
	}
	return position{s.file, line + 1, offset - s.lines[line] + 1}
}

// value converts a node.
func value(n *unstable.Node) any {
	text := string(n.Data)
	switch n.Kind {
	case unstable.String:
		return text
	case unstable.Bool:
		return text == "true"
	case unstable.Integer:
		i, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, 64)
		if err != nil {
			return huge(text)
		}
		return i
	case unstable.Float:
		f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
		if err != nil {
			return huge(text)
		}
		return f
	case unstable.InlineTable:
		return other("a table")
	case unstable.Array:
		list := []any{}
		for it := n.Children(); it.Next(); {
			if c := it.Node(); c.Kind == unstable.Array {
				list = append(list, other("an array"))
			} else {
				list = append(list, value(c))
			}
		}
		return list
	default:
		return other("a date or time")
	}
}

// notText reports the first byte that is not UTF-8.
func (s *scanner) notText() error {
	line, col := 1, 1
	for d := s.data; ; {
		r, size := utf8.DecodeRune(d)
		if r == utf8.RuneError && size == 1 {
			return position{s.file, line, col}.errorf("", "not a text file (byte 0x%02x is not UTF-8): save it as UTF-8 text", d[0])
		}
		if col += size; r == '\n' {
			line, col = line+1, 1
		}
		d = d[size:]
	}
}

// explain turns the decoder's error into ours, with the key and the fix.
func (s *scanner) explain(err error) error {
	var de *toml.DecodeError
	if !errors.As(err, &de) {
		return &Error{File: s.file, Message: oneLine(strings.TrimPrefix(err.Error(), "toml: "))}
	}
	line, col := de.Position()
	at := position{s.file, line, max(col, 1)}
	message := oneLine(strings.TrimPrefix(de.Error(), "toml: "))
	if strings.Contains(message, "value out of range") { // the standard library's words
		message = "the number is too large"
	}
	if strings.Contains(message, "already") || strings.Contains(message, "should be a table") {
		return s.duplicate(at, message)
	}
	if key := s.keyAt(at); key != "" {
		return at.errorf(key, "%s: %s: %s", key, message, syntaxFix(message))
	}
	return at.errorf("", "%s: %s", message, syntaxFix(message))
}

// duplicate names both places at which something is defined.
func (s *scanner) duplicate(at position, message string) error {
	second := -1
	for i, a := range s.found { // the last one at or before the decoder's position
		if a.at.line < at.line || a.at.line == at.line && a.at.col <= at.col {
			second = i
		}
	}
	if second < 0 {
		return at.errorf("", "%s: keep one of them", message)
	}
	defined := map[string]assignment{}
	for i, a := range s.found {
		id := fmt.Sprint(a.element, "\x00", strings.Join(a.path, "\x00"))
		first, ok := defined[id]
		if !ok {
			defined[id] = a
		}
		// An inline table is reported where it begins; the repeated key is inside.
		if i < second || a.at.line < at.line || !ok || first.array && a.array {
			continue
		}
		if a.at.line > at.line {
			break
		}
		switch name := dotted(a.path); {
		case a.header != first.header:
			return a.at.errorf(name, "%s is both a table and a value, first on line %d: keep one of them", name, first.at.line)
		case isBaseline(a.path):
			return a.at.errorf(name, "[baseline] stands beside [[baseline]] on line %d: write [[baseline]] for each", first.at.line)
		case a.header:
			return a.at.errorf(name, "table [%s] is defined twice, first on line %d: merge the two", name, first.at.line)
		default:
			return a.at.errorf(name, "key %s is set twice, first on line %d: keep one of them", name, first.at.line)
		}
	}
	name := dotted(s.found[second].path)
	if isBaseline(s.found[second].path) {
		return at.errorf(name, "[baseline] stands beside [[baseline]]: write [[baseline]] for each")
	}
	return at.errorf(name, "%s is defined twice: keep it in one place", name)
}

// keyAt returns the full key that is assigned at or before a position on the
// same line, read from the text where parsing did not get that far.
func (s *scanner) keyAt(at position) string {
	table := ""
	for _, a := range s.found {
		if a.at.line == at.line && !a.header && a.at.col <= at.col {
			return dotted(a.path)
		}
		if a.header && a.at.line < at.line {
			table = dotted(a.path)
		}
	}
	if at.line > len(s.lines) {
		return ""
	}
	text, _, _ := bytes.Cut(s.data[s.lines[at.line-1]:], []byte("\n"))
	key, _, ok := bytes.Cut(text, []byte("="))
	name := string(bytes.TrimSpace(key))
	if !ok || !bareKey(strings.ReplaceAll(name, ".", "")) {
		return ""
	}
	if name = cut(name, 2*maxShownValue); table != "" {
		return table + "." + name
	}
	return name
}

// syntaxFix says what most likely repairs a syntax error.
func syntaxFix(message string) string {
	for _, f := range []struct{ part, fix string }{
		{"too large", "write a smaller one"},
		{"nested more", "no key takes even two"},
		{"U+000A at start of value", "write a value after ="},
		{"at start of value", "write a number, true, false, or text in quotes"},
		{"expected keyword", "write a number, true, false, or text in quotes"},
		{"must be quoted", "write quotes around text; a number has no unit behind it"},
		{"U+002C", "a fraction begins with a point, and lists are in brackets"},
		{"leading zero", "drop the zeroes in front"},
		{"new lines", "close the quote on the same line"},
		{"terminated", "close the quote"},
		{"escape", "write a backslash twice, or use single quotes"},
		{"close table name", "close the bracket, as in [monitoring]"},
		{"array", "close the bracket"},
		{"after key", "write key = value"},
		{"expected newline", "one key = value on a line"},
		{"expected value", "write a value after ="},
		{"start of key", "keys are letters, digits, _ and -"},
	} {
		if strings.Contains(message, f.part) {
			return f.fix
		}
	}
	return "see https://toml.io for the syntax"
}
