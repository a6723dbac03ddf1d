package trace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"text/template"
)

// What one rendering may do. The largest chart in use that was measured takes less than
// a tenth of each.
const (
	// MaxMemory bounds the bytes that the functions of one rendering return and that are
	// kept to follow them, unless [Engine.Memory] says otherwise.
	MaxMemory = 256 << 20
	// maxText bounds the bytes of what one function returns, or is given to walk.
	maxText = 16 << 20
	// maxItems bounds the lists that until, untilStep and seq make.
	maxItems = 1 << 20
	// maxCompared bounds how many pairs uniq, has and without compare.
	maxCompared = 50_000_000
	// maxValueDepth bounds how deep the mappings and lists are nested that functions walk.
	maxValueDepth = 500
	// maxCalls bounds how deep templates call one another, by template, include and tpl,
	// and maxTpl how deep tpl is in tpl, each with a set of templates of its own.
	maxCalls = 1000
	maxTpl   = 50
	// maxNested bounds how deep blocks are nested in one template.
	maxNested = 500
)

var (
	// ErrTooLarge is of a rendering that writes more than its limit.
	ErrTooLarge = errors.New("the chart writes more than the limit")

	// errCall is of a function whose arguments request more than one call may have. It
	// fails the template that calls it, no other.
	errCall  = errors.New("requests more text or items than a rendering may create")
	errCycle = errors.New("a dict or list contains itself")
	errDeep  = fmt.Errorf("a dict or list is nested deeper than %d levels", maxValueDepth)
	errCalls = fmt.Errorf("templates call one another more than %d levels deep", maxCalls)
)

// limited reports whether an error is of a limit, which holds however a template is rendered.
func limited(err error) bool {
	for _, limit := range []error{ErrTooLarge, errCall, errCycle, errDeep, errCalls, errNested, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, limit) {
			return true
		}
	}
	return errors.As(err, new(MemoryError))
}

// A MemoryError is of a rendering that takes more memory than it may.
type MemoryError struct{ Limit int }

func (e MemoryError) Error() string {
	return fmt.Sprintf("rendering takes more memory than the limit, %d bytes", e.Limit)
}

// charge counts bytes that the rendering takes.
func (t *tracer) charge(n int) error {
	if t.spent += n; t.spent > t.Memory {
		return MemoryError{t.Memory}
	}
	return nil
}

// stopped returns why the rendering is to end, nil where it may go on.
func (t *tracer) stopped() error {
	if t.spent > t.Memory {
		return MemoryError{t.Memory}
	}
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	return nil
}

// finite returns an error for a value that cannot be printed: one that contains itself,
// which would overflow the stack and end the process, that is nested too deeply, or that
// is too large, as a dict is that holds another twice, and that another twice.
func finite(v any) error {
	_, err := measure(v)
	return err
}

// measure returns about how many bytes it takes to print a value.
func measure(v any) (int, error) {
	switch x := v.(type) {
	case nil, bool, int, int64, float64:
		return 8, nil
	case string:
		return len(x), nil
	case json.Number:
		return len(x), nil
	}
	m := measuring{open: map[uintptr]bool{}}
	err := m.walk(reflect.ValueOf(v), 0)
	return m.size, err
}

type measuring struct {
	open map[uintptr]bool
	size int
}

func (m *measuring) walk(v reflect.Value, depth int) error {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	m.size += 8
	switch v.Kind() {
	case reflect.String:
		m.size += v.Len()
	case reflect.Map, reflect.Slice:
		switch k := v.Type().Elem().Kind(); {
		case v.Len() == 0:
			return nil
		case v.Kind() == reflect.Slice && k != reflect.Interface && k != reflect.Map && k != reflect.Slice && k != reflect.String:
			m.size += v.Len() * 8
		case m.open[v.Pointer()]:
			return errCycle
		case depth >= maxValueDepth:
			return errDeep
		default:
			m.open[v.Pointer()] = true
			err := m.elements(v, depth+1)
			delete(m.open, v.Pointer())
			if err != nil {
				return err
			}
		}
	}
	if m.size > maxText {
		return errCall
	}
	return nil
}

func (m *measuring) elements(v reflect.Value, depth int) error {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if err := m.walk(v.Index(i), depth); err != nil {
				return err
			}
		}
		return nil
	}
	for it := v.MapRange(); it.Next(); {
		if it.Key().Kind() == reflect.String {
			m.size += it.Key().Len()
		}
		if err := m.walk(it.Value(), depth); err != nil {
			return err
		}
	}
	return nil
}

// shallow are the functions that do not look into the mappings and lists that they are
// given, but at their first level.
var shallow = map[string]bool{"include": true, "tpl": true, "required": true, "fail": true, "lookup": true, "default": true, "coalesce": true,
	"ternary": true, "dict": true, "list": true, "tuple": true, "get": true, "set": true, "unset": true, "hasKey": true, "pick": true, "omit": true,
	"pluck": true, "dig": true, "first": true, "mustFirst": true, "last": true, "mustLast": true, "rest": true, "mustRest": true, "initial": true,
	"mustInitial": true, "append": true, "mustAppend": true, "push": true, "mustPush": true, "prepend": true, "mustPrepend": true, "concat": true,
	"reverse": true, "mustReverse": true, "compact": true, "mustCompact": true, "slice": true, "mustSlice": true, "chunk": true, "mustChunk": true,
	"values": true, "keys": true, "kindOf": true, "kindIs": true, "typeOf": true, "typeIs": true, "typeIsLike": true, "empty": true, "all": true, "any": true}

// before returns an error where a function must not be called with these arguments: the
// rendering is to end, they have no end, or the result would be too large.
func (t *tracer) before(f *function, args []any) error {
	if err := t.stopped(); err != nil {
		return err
	}
	if shallow[f.name] {
		return nil
	}
	sum := 0
	for _, a := range args {
		switch x := a.(type) {
		case string:
			sum += len(x)
		default:
			size, err := measure(plainly(a))
			if err != nil {
				return err
			}
			sum += size
		}
	}
	size := estimate(f.name, args, sum)
	switch {
	case size > maxText:
		return errCall
	case t.spent+size > t.Memory:
		t.spent += size
		return MemoryError{t.Memory}
	}
	return nil
}

// after counts what a function has returned.
func (t *tracer) after(v any) error {
	switch x := v.(type) {
	case nil, bool, int, int64, float64:
		return nil
	case string:
		return t.charge(len(x))
	case map[string]any:
		return t.charge(48 * len(x))
	case []any:
		return t.charge(16 * len(x))
	}
	switch r := valueOf(v); r.Kind() {
	case reflect.String:
		return t.charge(r.Len())
	case reflect.Slice:
		return t.charge(16 * r.Len())
	case reflect.Map:
		return t.charge(48 * r.Len())
	}
	return nil
}

var formatWidth = regexp.MustCompile(`\d+`)

// estimate returns how large the result of a function may be, whose arguments are of a
// size, or what else it takes: more than maxText where it is not to be called.
func estimate(name string, args []any, sum int) int {
	text := func(i int) string {
		if i < len(args) {
			s, _ := args[i].(string)
			return s
		}
		return ""
	}
	length := func(i int) int {
		v := valueOf(args[i])
		if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
			return v.Len()
		}
		return 0
	}
	switch name {
	case "printf":
		return formatted(text(0), args[1], sum)
	case "join":
		return sum + length(1)*len(text(0))
	case "replace":
		return sum + strings.Count(text(2), text(0))*len(text(1))
	case "regexReplaceAll", "mustRegexReplaceAll", "regexReplaceAllLiteral", "mustRegexReplaceAllLiteral":
		s, by := text(1), text(2)
		refs := strings.Count(by, "$")
		if size := (len(s)+1)*len(by) + (refs+1)*len(s); size <= maxText {
			return size
		}
		expr, err := regexp.Compile(text(0))
		if err != nil {
			return 0
		}
		return len(expr.FindAllStringIndex(s, maxText/max(1, len(by))+1))*len(by) + (refs+1)*len(s)
	case "wrapWith":
		return sum + (len(text(2))/max(1, args[0].(int))+1)*len(text(1))
	case "split", "splitList", "splitn":
		s, sep := text(len(args)-1), text(0)
		return 64 * (strings.Count(s, sep) + 1)
	case "regexFindAll", "mustRegexFindAll", "regexSplit", "mustRegexSplit":
		return 16 * (len(text(1)) + 1)
	case "uniq", "mustUniq":
		return compared(length(0), length(0)/2)
	case "without", "mustWithout":
		return compared(length(0), length(1))
	case "has", "mustHas":
		return compared(1, length(1))
	case "fromYaml", "fromJson", "fromYamlArray", "fromJsonArray", "mustFromJson", "fromToml":
		return 4 * sum
	case "deepCopy", "mustDeepCopy", "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite", "quote", "squote", "toYaml", "toYamlPretty", "toPrettyJson", "mustToPrettyJson":
		return 2 * sum
	}
	return sum
}

// compared returns more than maxText where too many pairs would be compared.
func compared(n, m int) int {
	if m > 0 && n > maxCompared/m {
		return maxText + 1
	}
	return n
}

// formatted returns how long a text may be that is made by a format.
func formatted(format string, args any, sum int) int {
	verbs, width := strings.Count(format, "%"), 0
	for _, digits := range formatWidth.FindAllString(format, -1) {
		n := maxText
		if len(digits) < 8 {
			_, _ = fmt.Sscan(digits, &n)
		}
		width += min(n, 1_000_000) // fmt takes no more
	}
	if strings.Contains(format, "*") {
		list, _ := args.([]any)
		for _, arg := range list {
			if n, ok := arg.(int); ok {
				width += min(max(n, -n), 1_000_000) * strings.Count(format, "*")
			}
		}
	}
	if verbs > 0 && sum > maxText/verbs {
		return maxText + 1
	}
	return len(format) + verbs*sum + width
}

var errNested = fmt.Errorf("blocks are nested deeper than %d levels", maxNested)

// nested returns an error for a template whose blocks are nested so deeply that parsing
// it would overflow the stack. An else if nests what follows, too.
func nested(text string) error {
	if strings.Count(text, "{{") <= maxNested {
		return nil
	}
	var open []int // by block: how many levels it takes
	depth := 0
	for {
		i := strings.Index(text, "{{")
		if i < 0 {
			return nil
		}
		text = text[i+len("{{"):]
		word, rest := firstWord(strings.TrimPrefix(text, "-"))
		switch word {
		case "end":
			if n := len(open) - 1; n >= 0 {
				depth -= open[n]
				open = open[:n]
			}
		case "else":
			if word, _ = firstWord(rest); word == "if" || word == "with" {
				if n := len(open) - 1; n >= 0 {
					open[n]++
					depth++
				}
			}
		case "if", "with", "range", "define", "block":
			open = append(open, 1)
			depth++
		}
		if depth > maxNested {
			return errNested
		}
	}
}

// firstWord returns the word that a text begins with, behind white space, and the rest.
func firstWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t\r\n")
	end := 0
	for end < len(text) && text[end] >= 'a' && text[end] <= 'z' {
		end++
	}
	return text[:end], text[end:]
}

// tooNested reports whether the brackets, or the dotted keys, of a text in TOML nest
// deeper than a decoder without a limit should follow.
func tooNested(text string) bool {
	depth := 0
	for line := range strings.Lines(text) {
		if strings.Count(line, ".") > maxValueDepth {
			return true
		}
		for i := range len(line) {
			switch line[i] {
			case '[', '{':
				if depth++; depth > maxValueDepth {
					return true
				}
			case ']', '}':
				depth = max(0, depth-1)
			}
		}
	}
	return false
}

// bound replaces the functions that a number in a template could make fill the memory
// or overflow the stack.
func (t *tracer) bound(f template.FuncMap) {
	for name, fn := range map[string]any{"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper} {
		f[name] = fn // text/template has them itself; here they are wrapped as the others are
	}
	f["eq"], f["ne"] = equal, unequal
	repeat := f["repeat"].(func(int, string) string)
	f["repeat"] = func(count int, s string) (string, error) {
		if count < 0 {
			return "", errors.New("negative repeat count")
		}
		if count > 0 && len(s) > maxText/count {
			return "", errCall
		}
		return repeat(count, s), nil
	}
	for _, name := range []string{"indent", "nindent"} {
		indent := f[name].(func(int, string) string)
		f[name] = func(spaces int, s string) (string, error) {
			if spaces < 0 {
				return "", fmt.Errorf("negative indentation %d", spaces)
			}
			if lines := strings.Count(s, "\n") + 1; spaces > maxText/lines {
				return "", errCall
			}
			return indent(spaces, s), nil
		}
	}
	until := f["until"].(func(int) []int)
	f["until"] = func(n int) ([]int, error) {
		if n > maxItems || n < -maxItems {
			return nil, errCall
		}
		return until(n), nil
	}
	step := f["untilStep"].(func(int, int, int) []int)
	f["untilStep"] = func(start, stop, by int) ([]int, error) {
		if by != 0 && math.Abs((float64(stop)-float64(start))/float64(by)) > maxItems ||
			by > 0 && stop > math.MaxInt-by || by < 0 && stop < math.MinInt-by { // sprig's counter would wrap around
			return nil, errCall
		}
		return step(start, stop, by), nil
	}
	seq := f["seq"].(func(...int) string)
	f["seq"] = func(params ...int) (string, error) {
		for _, n := range params {
			if n > maxItems || n < -maxItems {
				return "", errCall
			}
		}
		return seq(params...), nil
	}
}

// equal is text/template's eq, which prints the mappings and lists that it refuses to
// compare, whatever they contain.
func equal(first reflect.Value, others ...reflect.Value) (bool, error) {
	if len(others) == 0 {
		return false, errors.New("missing argument for comparison")
	}
	for _, other := range others {
		if same, err := same(inner(first), inner(other)); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func unequal(a, b reflect.Value) (bool, error) {
	same, err := equal(a, b)
	return !same, err
}

func inner(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v
}

func same(a, b reflect.Value) (bool, error) {
	switch {
	case !a.IsValid() || !b.IsValid():
		return absent(a) && absent(b), nil
	case a.CanInt() && b.CanInt():
		return a.Int() == b.Int(), nil
	case a.CanUint() && b.CanUint():
		return a.Uint() == b.Uint(), nil
	case a.CanInt() && b.CanUint():
		return a.Int() >= 0 && uint64(a.Int()) == b.Uint(), nil
	case a.CanUint() && b.CanInt():
		return b.Int() >= 0 && uint64(b.Int()) == a.Uint(), nil
	case a.CanFloat() && b.CanFloat():
		return a.Float() == b.Float(), nil
	case !a.Comparable() || !b.Comparable():
		if absent(a) || absent(b) {
			return absent(a) && absent(b), nil
		}
		return false, fmt.Errorf("mappings and lists are not compared by eq and ne, but by deepEqual: got %s and %s", a.Type(), b.Type())
	case a.Kind() != b.Kind():
		return false, fmt.Errorf("incompatible types for comparison: %s and %s", a.Type(), b.Type())
	case a.Kind() == reflect.String:
		return a.String() == b.String(), nil
	case a.Kind() == reflect.Bool:
		return a.Bool() == b.Bool(), nil
	}
	return a.Type() == b.Type() && a.Interface() == b.Interface(), nil
}

// absent reports whether a value is nothing, or a nil mapping or list.
func absent(v reflect.Value) bool {
	if !v.IsValid() {
		return true
	}
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.Pointer, reflect.Func, reflect.Chan:
		return v.IsNil()
	}
	return false
}
