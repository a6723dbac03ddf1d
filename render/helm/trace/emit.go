package trace

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"
)

// An emitter writes the YAML of mappings and lists as toYaml does, and knows of each key and
// item where it begins and what it was made from. It writes what can be written in one way
// alone: what text needs more thought, it gives up, and toYaml writes it all.
type emitter struct {
	t     *tracer
	text  []byte
	marks []mark
}

// emit returns the YAML of a mapping or a list with its segments; ok is false where toYaml
// has to write it.
func (t *tracer) emit(v any) (text string, segs []Segment, ok bool) {
	e := emitter{t: t}
	if x, is := v.(chartutil.Values); is {
		v = map[string]any(x)
	}
	switch x := v.(type) {
	case map[string]any:
		if ok = x != nil; len(x) == 0 {
			e.text = append(e.text, "{}"...)
		} else {
			ok = e.mapping(x, t.origin(v), 0)
		}
	case []any:
		if ok = x != nil; len(x) == 0 {
			e.text = append(e.text, "[]"...)
		} else {
			ok = e.list(x, t.origin(v), 0)
		}
	}
	if !ok {
		return "", nil, false
	}
	text = Shared(e.text)
	return text, marked(e.marks, t.origin(v), text), true
}

func (e *emitter) line(indent int) {
	e.text = append(e.text, '\n')
	for range indent {
		e.text = append(e.text, ' ')
	}
}

// mapping writes the entries of a mapping in the order of yaml.v2.
func (e *emitter) mapping(m map[string]any, o *Origin, indent int) bool {
	keys := make([]string, 0, len(m))
	for k := range m {
		if !isPlain(k) || len(k) > 100 {
			return false
		}
		keys = append(keys, k)
	}
	sure := true
	slices.SortFunc(keys, func(a, b string) int {
		c, known := compareNames(a, b)
		sure = sure && known
		return c
	})
	if !sure {
		return false
	}
	for i, k := range keys {
		if i > 0 {
			e.line(indent)
		}
		at := len(e.text)
		e.text = append(append(e.text, k...), ':')
		v := m[k]
		own := e.mark(v, at, o, k)
		switch x := v.(type) {
		case map[string]any:
			if len(x) == 0 {
				e.text = append(e.text, " {}"...)
				continue
			}
			if e.line(indent + 2); !e.mapping(x, own, indent+2) {
				return false
			}
		case []any:
			if len(x) == 0 {
				e.text = append(e.text, " []"...)
				continue
			}
			if e.line(indent); !e.list(x, own, indent) {
				return false
			}
		default:
			e.text = append(e.text, ' ')
			if !e.scalar(v, own, indent+len(k)+2) {
				return false
			}
		}
	}
	return true
}

func (e *emitter) list(l []any, o *Origin, indent int) bool {
	for i, v := range l {
		if i > 0 {
			e.line(indent)
		}
		e.text = append(e.text, '-', ' ')
		own := e.mark(v, e.itemStart(), o, strconv.Itoa(i))
		switch x := v.(type) {
		case map[string]any:
			if len(x) == 0 {
				e.text = append(e.text, "{}"...)
			} else if !e.mapping(x, own, indent+2) {
				return false
			}
		case []any:
			if len(x) == 0 {
				e.text = append(e.text, "[]"...)
			} else if !e.list(x, own, indent+2) {
				return false
			}
		default:
			if !e.scalar(v, own, indent+2) {
				return false
			}
		}
	}
	return true
}

// itemStart returns where an item begins: with its line where nothing but a dash is ahead of it.
func (e *emitter) itemStart() int {
	at := len(e.text) - len("- ")
	for at > 0 && e.text[at-1] == ' ' {
		at--
	}
	if at == 0 || e.text[at-1] == '\n' {
		return at
	}
	return len(e.text)
}

// mark notes where the text of a value begins, and returns what the value was made from.
func (e *emitter) mark(v any, at int, parent *Origin, key string) *Origin {
	o := e.t.origin(v)
	if o == nil {
		o = e.t.element(parent, key)
	}
	if o == nil {
		e.marks = append(e.marks, mark{off: at, o: literal})
		return nil
	}
	m := mark{off: at, o: o}
	if _, ok := v.(string); ok {
		m.o = plain(o)
	}
	e.marks = append(e.marks, m)
	return o
}

// scalar writes a scalar that was made from o at a column.
func (e *emitter) scalar(v any, o *Origin, column int) bool {
	switch x := v.(type) {
	case nil:
		e.text = append(e.text, "null"...)
	case bool:
		e.text = strconv.AppendBool(e.text, x)
	case int:
		e.text = strconv.AppendInt(e.text, int64(x), 10)
	case int64:
		e.text = strconv.AppendInt(e.text, x, 10)
	case float64:
		if x != math.Trunc(x) || math.Abs(x) > 1e15 || x == 0 && math.Signbit(x) {
			return false
		}
		e.text = strconv.AppendInt(e.text, int64(x), 10)
	case string:
		quoted := x == "" || isDigits(x) || x == "true" || x == "false" || x == "null"
		if !quoted && (!isPlain(x) || column+len(x) > 70 && strings.Contains(x, " ")) {
			return false
		}
		if quoted {
			e.text = append(e.text, '"')
		}
		from := len(e.text)
		e.text = append(e.text, x...)
		if quoted {
			e.text = append(e.text, '"')
		}
		if o != nil {
			if segs := e.t.segments(x); len(segs) > 0 {
				e.marks[len(e.marks)-1].inner = shift(segs, from)
			}
		}
	default:
		return false
	}
	return true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// words are what YAML 1.1 takes for no text, in lower case.
var words = map[string]bool{"y": true, "yes": true, "n": true, "no": true, "on": true, "off": true, "true": true, "false": true, "null": true}

// isPlain reports whether a string is text without quotes in YAML, wherever it stands in a
// block: no more than what is sure, and quickly told.
func isPlain(s string) bool {
	if s == "" {
		return false
	}
	switch c := s[0]; {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '/':
		if len(s) <= len("false") && words[strings.ToLower(s)] {
			return false
		}
	case c >= '0' && c <= '9':
		if !isQuantity(s) {
			return false
		}
	case c == '_':
	case c == '-': // a flag
		if flag := strings.TrimPrefix(s[1:], "-"); flag == "" || !isLetter(flag[0]) {
			return false
		}
	default:
		return false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '_', c == '.', c == '/', c == '-', c == ',', c == '=', c == '@', c == '(', c == ')', c == '+', c == '*', c == '%', c == '$', c == ';':
		case c == ':':
			if i+1 == len(s) || s[i+1] == ' ' {
				return false
			}
		case c == ' ':
			if i+1 == len(s) || s[i+1] == ' ' {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isQuantity reports whether a string that begins with a digit is a quantity, a time or a
// version of three numbers.
func isQuantity(s string) bool {
	if number := strings.TrimRight(s, "kmKMGTishd%"); number != s {
		return isDigits(number)
	}
	parts := strings.Split(s, ".")
	return len(parts) == 3 && parts[0] != "" && parts[1] != "" && parts[2] != "" && isDigits(parts[0]) && isDigits(parts[1]) && isDigits(parts[2])
}

// compareNames orders keys as yaml.v2 does; known is false where numbers in them may decide.
func compareNames(a, b string) (c int, known bool) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	switch {
	case i == len(a) || i == len(b):
		return len(a) - len(b), true
	case isLetter(a[i]) && isLetter(b[i]):
		return int(a[i]) - int(b[i]), true
	case isLetter(a[i]):
		return 1, true
	case isLetter(b[i]):
		return -1, true
	case a[i] >= '0' && a[i] <= '9' || b[i] >= '0' && b[i] <= '9':
		return int(a[i]) - int(b[i]), false
	}
	return int(a[i]) - int(b[i]), true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// toYAML is [toYAML] where the emitter can write it, and gives the text its segments.
func (t *tracer) toYAML(v any) (string, bool) {
	text, segs, ok := t.emit(plainly(v))
	if ok {
		t.learn(text, segs)
	}
	return text, ok
}
