package trace

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// passThrough are the functions that hand on an argument or an element of one, which
// keeps its address, or give a bool.
var passThrough = map[string]bool{"include": true, "tpl": true, "required": true, "fail": true, "lookup": true,
	"default": true, "coalesce": true, "ternary": true, "dict": true, "list": true, "tuple": true, "get": true, "unset": true,
	"hasKey": true, "pick": true, "omit": true, "pluck": true, "merge": true, "mergeOverwrite": true, "mustMerge": true, "mustMergeOverwrite": true,
	"dig": true, "first": true, "mustFirst": true, "last": true, "mustLast": true, "rest": true, "mustRest": true, "initial": true, "mustInitial": true,
	"append": true, "mustAppend": true, "push": true, "prepend": true, "mustPrepend": true, "concat": true, "reverse": true, "mustReverse": true,
	"uniq": true, "mustUniq": true, "compact": true, "mustCompact": true, "slice": true, "chunk": true,
	"without": true, "values": true, "keys": true, "until": true, "untilStep": true}

// handedOn are those of them that make nothing and look into nothing.
var handedOn = map[string]bool{"include": true, "tpl": true, "required": true, "fail": true, "lookup": true, "default": true, "coalesce": true, "ternary": true,
	"get": true, "hasKey": true, "unset": true, "dig": true, "first": true, "mustFirst": true, "last": true, "mustLast": true, "eq": true, "ne": true}

// reformats are the functions whose result is still the value: another notation of it.
var reformats = map[string]bool{"quote": true, "squote": true, "toString": true, "int": true, "int64": true, "float64": true, "atoi": true,
	"toYaml": true, "toYamlPretty": true, "toJson": true, "toPrettyJson": true, "toRawJson": true, "mustToJson": true, "toToml": true,
	"trim": true, "trimAll": true, "trimSuffix": true, "trimPrefix": true, "trunc": true, "lower": true, "upper": true, "title": true,
	"print": true, "printf": true, "b64enc": true, "b64dec": true, "replace": true, "indent": true, "nindent": true}

// merges are the functions that put what one mapping holds into another.
var merges = map[string]bool{"merge": true, "mergeOverwrite": true, "mustMerge": true, "mustMergeOverwrite": true}

var anyType = reflect.TypeFor[any]()

// transferred returns a copy of r = f(args) with its segments, if it has any.
func (t *tracer) transferred(f *function, args []any, r string) string {
	if r == "" || t.segments(r) != nil {
		return r
	}
	segs := t.transfer(f, args, r)
	if len(segs) == 0 {
		return r
	}
	r = strings.Clone(r) // it may lie where others lie too: Go shares constants
	t.learn(r, segs)
	return r
}

// container gives what a function returned in an interface, a map or a slice its origins.
func (t *tracer) container(f *function, args []any, v any) any {
	switch f.name {
	case "fromYaml", "fromJson", "fromYamlArray", "fromJsonArray", "mustFromJson":
		t.parsed(args[0].(string), v)
		return v
	case "fromToml":
		if o := whole(t.segments(args[0].(string))); o != nil {
			t.hold(v, o)
		}
		return v
	case "deepCopy", "mustDeepCopy":
		t.copied(args[0], v)
		return v
	case "set":
		if m, ok := v.(map[string]any); ok {
			key := args[1].(string)
			t.foreign(m, false)
			m[key] = t.owe(m[key], guardPaths(t.guard))
		}
		return v
	}
	switch x := v.(type) {
	case string:
		return t.transferred(f, args, x)
	case []string:
		for i, s := range x {
			x[i] = t.transferred(f, args, s)
		}
	case map[string]string:
		for k, s := range x {
			x[k] = t.transferred(f, args, s)
		}
	}
	return v
}

// An input is an argument, or a part of one, that has an origin.
type input struct {
	s    string // "" for containers
	segs []Segment
	o    *Origin
}

func (in input) paths() (paths, also []string, random bool) {
	if in.o != nil {
		paths, also, random = union(nil, in.o.Paths), union(nil, in.o.Also), in.o.Random
	}
	for _, g := range in.segs {
		if g.O.Kind == FromGap {
			also = union(also, g.O.Paths)
			continue
		}
		paths = union(paths, g.O.Paths)
		also = union(union(also, g.O.Also), guardPaths(g.Guard))
		random = random || g.O.Random
	}
	return paths, also, random
}

// inputs returns the parts of arguments that have an origin.
func (t *tracer) inputs(f *function, args []any) []input {
	var ins []input
	for i, a := range args {
		switch x := a.(type) {
		case nil:
		case string:
			if segs := t.segments(x); len(segs) > 0 {
				ins = append(ins, input{s: x, segs: segs})
			}
		case bool, int, int64, float64, int32, uint64:
			if f.open(i) {
				t.collectScalar(x, &ins)
			}
		default:
			t.collect(valueOf(x), 0, &ins)
		}
	}
	return ins
}

// maxInputs bounds how many parts of arguments are examined.
const maxInputs = 2000

func (t *tracer) collectScalar(x any, ins *[]input) {
	if o := t.origin(x); o != nil {
		s := fmt.Sprint(x)
		*ins = append(*ins, input{s, []Segment{{End: len(s), O: o}}, o})
	}
}

func (t *tracer) collect(v reflect.Value, depth int, ins *[]input) {
	for v.Kind() == reflect.Interface {
		if v.IsNil() {
			return
		}
		switch x := v.Interface().(type) {
		case bool, int, int64, float64, int32, uint64:
			t.collectScalar(x, ins)
			return
		}
		v = v.Elem()
	}
	if len(*ins) > maxInputs {
		return
	}
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		if segs := t.segments(s); len(segs) > 0 {
			*ins = append(*ins, input{s: s, segs: segs})
		}
	case reflect.Slice, reflect.Array:
		if k := v.Type().Elem().Kind(); depth > 3 || k != reflect.Interface && k != reflect.String && k != reflect.Map {
			return
		}
		n := len(*ins)
		for i := range min(v.Len(), maxInputs) {
			t.collect(v.Index(i), depth+1, ins)
		}
		t.collectWhole(v, n, ins)
	case reflect.Map:
		n := len(*ins)
		if depth <= 3 && v.Len() < 200 && v.Type().Key().Kind() == reflect.String {
			keys := v.MapKeys()
			slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
			for _, k := range keys {
				switch k.String() {
				case "Values", "Template", "Capabilities", "Files", "Subcharts", "context":
					continue // the context that templates hand on is no data
				}
				t.collect(v.MapIndex(k), depth+1, ins)
			}
		}
		t.collectWhole(v, n, ins)
	}
}

// collectWhole takes a container itself where none of its elements had an origin.
func (t *tracer) collectWhole(v reflect.Value, n int, ins *[]input) {
	if len(*ins) == n && v.CanInterface() && !v.IsNil() {
		if o := t.origin(v.Interface()); o != nil && !(len(o.Paths) == 1 && o.Paths[0] == "") {
			*ins = append(*ins, input{o: o})
		}
	}
}

// derive returns the origin of something computed from inputs, or nil.
func (t *tracer) derive(name string, ins []input) *Origin {
	if len(ins) == 0 {
		return nil
	}
	o := &Origin{Kind: FromDerived}
	for _, in := range ins {
		paths, also, random := in.paths()
		o.Paths, o.Also, o.Random = union(o.Paths, paths), union(o.Also, also), o.Random || random
	}
	o.Paths, o.Also = bounded(o.Paths), bounded(o.Also)
	switch {
	case o.Random:
		o.Kind = FromGenerated
	case len(ins) == 1 && ins[0].o != nil && reformats[name]:
		same := *ins[0].o
		return &same
	case len(ins) == 1 && len(ins[0].segs) > 0:
		if first := whole(ins[0].segs); first != nil {
			o.Via, o.Fixed, o.At, o.File, o.Namespace = first.Via, first.Fixed, first.At, first.File, first.Namespace
			if reformats[name] || len(o.Paths) == 0 {
				o.Kind = first.Kind
			}
		}
	}
	if len(o.Paths) == 1 && o.Kind == FromDerived && reformats[name] {
		o.Kind = FromValue
	}
	return o
}

// transfer returns the segments of the string r = f(args).
func (t *tracer) transfer(f *function, args []any, r string) []Segment {
	name := f.name
	switch name {
	case "toYaml", "toYamlPretty", "toJson", "toPrettyJson", "toRawJson", "mustToJson", "mustToPrettyJson", "mustToRawJson":
		return t.emitted(valueOf(args[0]), r)
	case "indent", "nindent":
		lead := 0
		if name == "nindent" {
			lead = 1
		}
		text := args[1].(string)
		return indented(t.segments(text), text, args[0].(int), lead)
	}
	ins := t.inputs(f, args)
	if len(ins) == 0 {
		return nil
	}
	// A substring lies inside its argument.
	at := textAddress(r)
	for _, in := range ins {
		if in.s == "" {
			continue
		}
		if from := textAddress(in.s); at >= from && at+uintptr(len(r)) <= from+uintptr(len(in.s)) {
			return Clip(in.segs, int(at-from), int(at-from)+len(r))
		}
	}
	// printf, join, quote: the arguments one after the other.
	var out []Segment
	pos, missed := 0, false
	for _, in := range ins {
		i := -1
		if in.s != "" {
			i = strings.Index(r[pos:], in.s)
		}
		if i < 0 {
			missed = true
			continue
		}
		out = append(out, shift(in.segs, pos+i)...)
		pos += i + len(in.s)
	}
	if !missed {
		return out
	}
	if len(out) == 0 && len(ins) == 1 && ins[0].s != "" {
		if len(ins[0].s) == len(r) && name != "b64enc" && name != "b64dec" { // lower, upper, replace
			return ins[0].segs
		}
		if segs := alignLines(ins[0].s, ins[0].segs, r); segs != nil {
			return segs
		}
	}
	o := t.derive(name, ins)
	return []Segment{{End: len(r), O: o}}
}

// indented returns the segments of s with each line moved n columns to the right and
// lead bytes in front.
func indented(segs []Segment, s string, n, lead int) []Segment {
	if len(segs) == 0 {
		return nil
	}
	out := make([]Segment, 0, len(segs)+strings.Count(s, "\n"))
	next, start, pos := 0, 0, lead
	for {
		end, last := len(s), true
		if i := strings.IndexByte(s[start:], '\n'); i >= 0 {
			end, last = start+i+1, false
		}
		pos += n
		for next < len(segs) && (segs[next].End < start || segs[next].End == start && segs[next].Start < start) {
			next++
		}
		for k := next; k < len(segs); k++ {
			g := segs[k]
			if g.Start >= end && !(last && g.Start == end && g.End == end) {
				break
			}
			if g.Start < start && g.End <= start {
				continue
			}
			if g.Start < start {
				g.Off += start - g.Start
				g.Start = start
			}
			g.End = min(g.End, end)
			g.Start, g.End, g.Indent = pos+g.Start-start, pos+g.End-start, g.Indent+n
			out = append(out, g)
		}
		pos += end - start
		if last {
			return out
		}
		start = end
	}
}

// maxLooked bounds the bytes that alignLines searches: all lines for each that is not found.
const maxLooked = 64 << 20

// alignLines finds the lines of r in s: for trimming, and for removing lines.
func alignLines(s string, segs []Segment, r string) []Segment {
	lines := strings.SplitAfter(s, "\n")
	offsets := make([]int, len(lines))
	for i, at := 0, 0; i < len(lines); i++ {
		offsets[i] = at
		at += len(lines[i])
	}
	var out []Segment
	from, at, found, total := 0, 0, 0, 0
	looked := 0
	for _, line := range strings.SplitAfter(r, "\n") {
		if text := strings.TrimSpace(line); text != "" {
			total++
			for k := from; k < len(lines); k++ {
				if looked += len(lines[k]); looked > maxLooked {
					return nil
				}
				if i := strings.Index(lines[k], text); i >= 0 {
					out = append(out, shift(Clip(segs, offsets[k]+i, offsets[k]+i+len(text)), at+strings.Index(line, text))...)
					from = k + 1
					found++
					break
				}
			}
		}
		at += len(line)
	}
	if total == 0 || found*2 < total {
		return nil
	}
	return out
}

// emitted returns the segments of r, the YAML or JSON of a value: for each key and item
// the value under it.
func (t *tracer) emitted(arg reflect.Value, r string) []Segment {
	for arg.Kind() == reflect.Interface && !arg.IsNil() {
		if k := arg.Elem().Kind(); k != reflect.Map && k != reflect.Slice && k != reflect.String {
			break
		}
		arg = arg.Elem()
	}
	if !arg.IsValid() || !arg.CanInterface() {
		return nil
	}
	v := arg.Interface()
	own := t.origin(v)
	switch arg.Kind() {
	case reflect.String:
		segs := t.segments(arg.String())
		if len(segs) == 0 {
			return nil
		}
		if i := strings.Index(r, arg.String()); i >= 0 {
			return shift(segs, i)
		}
		if strings.HasPrefix(r, "|") {
			if lines := alignLines(arg.String(), segs, r); lines != nil {
				return fill(lines, len(r), plain(own))
			}
		}
		return []Segment{{End: len(r), O: plain(own)}}
	case reflect.Map, reflect.Slice:
	default:
		if own == nil {
			return nil
		}
		return []Segment{{End: len(r), O: own}}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(r), &doc); err != nil || len(doc.Content) == 0 {
		if own == nil {
			return nil
		}
		return []Segment{{End: len(r), O: own}}
	}
	e := emission{t: t, text: r, lines: lineStarts(r)}
	e.walk(doc.Content[0], arg, nil, -1)
	return marked(e.marks, own, r)
}

// marked returns the segments of r between marks; what is ahead of them is of own.
func marked(marks []mark, own *Origin, r string) []Segment {
	out := make([]Segment, 0, len(marks)+1)
	if own != nil && (len(marks) == 0 || marks[0].off > 0) {
		end := len(r)
		if len(marks) > 0 {
			end = marks[0].off
		}
		out = append(out, Segment{End: end, O: own})
	}
	for i, m := range marks {
		end := len(r)
		if i+1 < len(marks) {
			end = marks[i+1].off
		}
		if end <= m.off {
			continue
		}
		from := m.off
		for _, g := range m.inner { // the text of a string, where it is as it is
			if g.Start < from || g.End > end {
				continue
			}
			if g.Start > from {
				out = append(out, Segment{Start: from, End: g.Start, O: m.o})
			}
			out = append(out, g)
			from = g.End
		}
		if from < end {
			out = append(out, Segment{Start: from, End: end, O: m.o})
		}
	}
	return out
}

// plain returns o without the place inside its text.
func plain(o *Origin) *Origin {
	if o == nil || !o.Fixed || o.Kind != FromValue {
		return o
	}
	r := *o
	r.Fixed, r.At = false, 0
	return &r
}

// An emission matches emitted YAML with the value that it was made from.
type emission struct {
	t     *tracer
	text  string
	lines []int
	marks []mark
}

// A mark is where the text of a value begins, its key included.
type mark struct {
	off   int
	o     *Origin
	inner []Segment
}

// offset turns a line and a column (in code points) into an offset.
func (e *emission) offset(n *yaml.Node) int {
	at := e.lines[n.Line-1]
	for c := 1; c < n.Column && at < len(e.text); c++ {
		at++
		for at < len(e.text) && e.text[at]&0xC0 == 0x80 {
			at++
		}
	}
	return at
}

func (e *emission) walk(n *yaml.Node, v reflect.Value, parent *Origin, at int) {
	for v.IsValid() && v.Kind() == reflect.Interface {
		if v.IsNil() {
			v = reflect.Value{}
			break
		}
		if k := v.Elem().Kind(); k != reflect.Map && k != reflect.Slice {
			break
		}
		v = v.Elem()
	}
	var o *Origin
	if v.IsValid() && v.CanInterface() {
		o = e.t.origin(v.Interface())
	}
	if o == nil {
		o = parent
	}
	if o == nil && at >= 0 {
		e.marks = append(e.marks, mark{off: at, o: literal}) // no part of what is before it
	}
	if at >= 0 && o != nil {
		m := mark{off: at, o: o}
		if v.IsValid() && n.Kind == yaml.ScalarNode {
			if s, ok := v.Interface().(string); ok {
				m.o = plain(o)
				m.inner = e.inner(n, s)
			}
		}
		e.marks = append(e.marks, m)
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			var element reflect.Value
			if v.IsValid() && v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String {
				element = v.MapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()))
			}
			e.walk(value, element, e.t.element(o, key.Value), e.offset(key))
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			var element reflect.Value
			if v.IsValid() && v.Kind() == reflect.Slice && i < v.Len() {
				element = v.Index(i)
			}
			start := e.offset(item)
			if line := strings.LastIndexByte(e.text[:start], '\n') + 1; strings.Trim(e.text[line:start], " ") == "-" {
				start = line
			}
			e.walk(item, element, e.t.element(o, strconv.Itoa(i)), start)
		}
	}
}

// inner returns the segments of a string where the YAML shows it as it is.
func (e *emission) inner(n *yaml.Node, s string) []Segment {
	segs := e.t.segments(s)
	if len(segs) == 0 {
		return nil
	}
	start := e.offset(n)
	switch n.Style {
	case 0:
		if strings.HasPrefix(e.text[start:], s) {
			return shift(segs, start)
		}
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		if strings.HasPrefix(e.text[start+1:], s) {
			return shift(segs, start+1)
		}
	case yaml.LiteralStyle:
		var out []Segment
		line, from := n.Line, 0
		for _, text := range strings.SplitAfter(s, "\n") {
			if line >= len(e.lines) {
				break
			}
			row := e.text[e.lines[line]:]
			if i := strings.IndexByte(row, '\n'); i >= 0 {
				row = row[:i+1]
			}
			if i := strings.Index(row, strings.TrimSuffix(text, "\n")); i >= 0 && strings.TrimSpace(text) != "" {
				length := len(strings.TrimSuffix(text, "\n"))
				out = append(out, shift(Clip(segs, from, from+length), e.lines[line]+i)...)
			}
			from += len(text)
			line++
		}
		return out
	}
	return nil
}

// element returns the origin of an element of a value that has lost its own: a scalar
// that was boxed again.
func (t *tracer) element(o *Origin, key string) *Origin {
	if o == nil || len(o.Paths) == 0 {
		return nil
	}
	if p := Child(o.Paths[0], key); o.Kind == FromValue && t.paths[p] {
		return &Origin{Kind: FromValue, Paths: []string{p}, Also: o.Also, Via: o.Via}
	}
	if o.Kind != FromValue {
		return o
	}
	return &Origin{Kind: FromDerived, Paths: o.Paths, Also: o.Also, Via: o.Via}
}

func lineStarts(s string) []int {
	starts := []int{0}
	for i := range len(s) {
		if s[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// parsed gives the parts of v, parsed from text, the origins of the text.
func (t *tracer) parsed(text string, v any) {
	segs := t.segments(text)
	if segs == nil {
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 {
		return
	}
	e := emission{t: t, text: text, lines: lineStarts(text)}
	var walk func(n *yaml.Node, v any, set func(any), key int)
	walk = func(n *yaml.Node, v any, set func(any), key int) {
		for n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		at := e.offset(n)
		own := Clip(segs, at, at+max(1, len(n.Value)))
		if whole(own) == nil && key >= 0 {
			own = Clip(segs, key, key+1)
		}
		place := own
		if key > 0 { // containers are at their key
			if c := Clip(segs, key, key+1); whole(c) != nil {
				place = c
			}
		}
		switch x := v.(type) {
		case map[string]any:
			if o := whole(place); o != nil {
				t.hold(x, o)
			}
			if n.Kind == yaml.MappingNode {
				for i := 0; i+1 < len(n.Content); i += 2 {
					name := n.Content[i].Value
					if element, ok := x[name]; ok {
						walk(n.Content[i+1], element, func(v any) { x[name] = v }, e.offset(n.Content[i]))
					}
				}
			}
		case []any:
			if o := whole(place); o != nil && len(x) > 0 {
				t.hold(x, o)
			}
			if n.Kind == yaml.SequenceNode {
				for i, item := range n.Content {
					if i < len(x) {
						walk(item, x[i], func(v any) { x[i] = v }, -1)
					}
				}
			}
		case string:
			o := whole(own)
			if x == "" || o == nil {
				return
			}
			s := strings.Clone(x)
			if strings.HasPrefix(text[at:], s) {
				t.learn(s, Clip(segs, at, at+len(s)))
			} else if strings.HasPrefix(text[min(len(text), at+1):], s) {
				t.learn(s, Clip(segs, at+1, at+1+len(s)))
			} else {
				t.learn(s, []Segment{{End: len(s), O: o}})
			}
			set(s)
		case bool, float64, int64, int:
			if o := whole(own); o != nil {
				b := boxed(x)
				t.hold(b, o)
				set(b)
			}
		}
	}
	walk(doc.Content[0], v, func(any) {}, 0)
}

// copied gives a deep copy the origins of what it was copied from.
func (t *tracer) copied(from, to any) {
	scalar := func(src, dst any) any {
		switch dst.(type) {
		case bool, float64, int64, int:
			if o := t.origin(src); o != nil {
				b := boxed(dst)
				t.hold(b, o)
				return b
			}
		case string, json.Number, nil:
		default:
			t.copied(src, dst)
		}
		return dst
	}
	switch dst := to.(type) {
	case map[string]any:
		src, ok := from.(map[string]any)
		if !ok {
			return
		}
		if o := t.origin(src); o != nil {
			t.hold(dst, o)
		}
		for k, v := range dst {
			dst[k] = scalar(src[k], v)
		}
	case []any:
		src, ok := from.([]any)
		if !ok || len(src) != len(dst) {
			return
		}
		if o := t.origin(src); o != nil && len(dst) > 0 {
			t.hold(dst, o)
		}
		for i, v := range dst {
			dst[i] = scalar(src[i], v)
		}
	}
}
