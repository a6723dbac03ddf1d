package trace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"helm.sh/helm/v3/pkg/chartutil"
)

// A tracer follows values and text through one rendering of a chart. Nothing is added
// to the text: strings, maps, slices and boxed scalars are known by the address of
// their data, which it keeps alive. It is used by one goroutine.
type tracer struct {
	// off says that nothing is followed: templates are rendered as they are, within the
	// same bounds.
	off      bool
	ctx      context.Context
	strings  map[uintptr]known   // by the address of the first byte
	values   map[uintptr]holding // maps and slices by their data, scalars by their box
	actions  map[parse.Node]*action
	branches map[*parse.BranchNode]*block // of files
	wrapped  map[wrapKey]*Origin
	sources  map[any]*Origin
	paths    map[string]bool // of all values
	blocks   []known         // the chart's files, by address once they are sorted
	unsorted bool

	reads   []string // the values read, oldest first
	began   int      // how many there were before the pipeline at work
	guard   *Guard
	base    int // added to the depth of guards: nested templates
	saved   []context2
	outers  map[[2]*Guard]*Guard
	out     *writer
	idle    []*writer // those that are written to no more
	written int
	spent   int // bytes, see MaxMemory
	Memory  int // the most of them
	limit   int
	dummy   int // counts what was generated
}

// known is a string with its segments.
type known struct {
	text string
	segs []Segment
}

// holding is a value with its origin; v keeps it alive.
type holding struct {
	v any
	o *Origin
}

// An action is an action of a template, or the pipeline of an if, with or range.
type action struct {
	in       *Origin
	off      int
	list     *parse.ListNode // what it decides about
	block    *block
	chosen   []string // the values that its pipeline read last
	value    string   // the path of the value that its pipeline gave last; "" of anything else
	constant any      // that it puts into a mapping or a list, with an address of its own
	// of is the first origin that came through it, and through what became of that.
	of, through *Origin
}

// printed is the value that an action hands to the writer.
type printed struct {
	act   *action
	v     any
	reads []string
}

type wrapKey struct {
	o   *Origin
	act *action
}

type context2 struct {
	base  int
	guard *Guard
}

func newTracer(ctx context.Context, limit int) *tracer {
	return &tracer{ctx: ctx, limit: limit, Memory: MaxMemory, strings: make(map[uintptr]known, 100), values: make(map[uintptr]holding, 50), actions: make(map[parse.Node]*action, 100),
		wrapped: map[wrapKey]*Origin{}, sources: map[any]*Origin{}, outers: map[[2]*Guard]*Guard{}, paths: map[string]bool{}}
}

// textOf returns the origin of a template file's text.
func (t *tracer) textOf(f any) *Origin {
	o := t.sources[f]
	if o == nil {
		o = &Origin{Kind: FromText, File: f}
		t.sources[f] = o
	}
	return o
}

// reset forgets what a template that failed left behind.
func (t *tracer) reset() {
	t.reads, t.guard, t.base, t.saved, t.out = t.reads[:0], nil, 0, t.saved[:0], nil
}

// A joined path names a value.

// Child returns the joined path of a key of the value at a path.
func Child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "\x00" + key
}

// Split returns the keys of a joined path; none for that of all values.
func Split(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "\x00")
}

// tag returns a deep copy of values in which everything lies at an address of its
// own, and remembers the paths.
func (t *tracer) tag(v any, path string) any {
	o := &Origin{Kind: FromValue, Paths: []string{path}}
	t.paths[path] = true
	switch x := v.(type) {
	case chartutil.Values:
		return chartutil.Values(t.tag(map[string]any(x), path).(map[string]any))
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			key, p := strings.Clone(k), Child(path, k)
			t.learn(key, []Segment{{End: len(key), O: &Origin{Kind: FromValue, Paths: []string{p}, Key: true}}})
			m[key] = t.tag(e, p)
		}
		t.hold(m, o)
		return m
	case []any:
		list := make([]any, len(x), len(x)+1) // an empty list would have no address of its own
		for i, e := range x {
			list[i] = t.tag(e, Child(path, strconv.Itoa(i)))
		}
		t.hold(list, o)
		return list
	case string:
		s := strings.Clone(x)
		t.hold(s, o)
		return s
	case json.Number:
		n := json.Number(strings.Clone(string(x)))
		t.hold(n, o)
		return n
	case bool, int, int64, float64:
		if t.off {
			return x
		}
		b := boxed(x)
		t.hold(b, o)
		return b
	}
	return v
}

// Text returns a copy of s that is known to come from o.
func (t *tracer) Text(s string, o *Origin) string {
	s = strings.Clone(s)
	t.hold(s, o)
	return s
}

// learn remembers the segments of a string that nobody else holds.
func (t *tracer) learn(s string, segs []Segment) {
	if s != "" && len(segs) > 0 && !t.off {
		t.spent += len(s) + 96*len(segs)
		t.strings[textAddress(s)] = known{s, segs}
	}
}

// hold remembers the origin of a whole value.
func (t *tracer) hold(v any, o *Origin) {
	if t.off {
		return
	}
	switch x := v.(type) {
	case nil:
		return
	case string:
		t.learn(x, []Segment{{End: len(x), O: o, Exact: o.Kind == FromValue}})
		return
	case json.Number:
		t.learn(string(x), []Segment{{End: len(x), O: o, Exact: o.Kind == FromValue}})
		return
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Map, reflect.Slice:
		if rv.Pointer() != 0 {
			t.values[rv.Pointer()] = holding{v, o}
		}
	case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64, reflect.Float64:
		t.values[boxAddress(v)] = holding{v, o}
	}
}

// segments returns what is known of a string, or of the beginning of one.
func (t *tracer) segments(s string) []Segment {
	if s == "" || t.off {
		return nil
	}
	at := textAddress(s)
	k, ok := t.strings[at]
	switch {
	case !ok:
		return t.inBlock(at, len(s))
	case len(s) > len(k.text):
		return nil
	case len(s) < len(k.text):
		return Clip(k.segs, 0, len(s))
	}
	return k.segs
}

// AddFile remembers the bytes of a file that the caller knows as something else: texts that
// templates are given lie in them.
func (t *tracer) AddFile(data []byte, as any) {
	text := Shared(data)
	t.blocks = append(t.blocks, known{text, []Segment{{End: len(text), O: &Origin{Kind: FromFile, File: as}, Exact: true}}})
	t.unsorted = true
}

// inBlock returns the segments of a part of a block.
func (t *tracer) inBlock(at uintptr, n int) []Segment {
	if t.unsorted {
		slices.SortFunc(t.blocks, func(a, b known) int { return cmp.Compare(textAddress(a.text), textAddress(b.text)) })
		t.unsorted = false
	}
	i, found := slices.BinarySearchFunc(t.blocks, at, func(k known, at uintptr) int { return cmp.Compare(textAddress(k.text), at) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	from := int(at - textAddress(t.blocks[i].text))
	if from+n > len(t.blocks[i].text) {
		return nil
	}
	return Clip(t.blocks[i].segs, from, from+n)
}

// origin returns where a value came from, or nil.
func (t *tracer) origin(v any) *Origin {
	if t.off {
		return nil
	}
	switch x := v.(type) {
	case nil:
		return nil
	case string:
		return whole(t.segments(x))
	case json.Number:
		return whole(t.segments(string(x)))
	case bool, int, int64, float64, int32, uint64:
		if h, ok := t.values[boxAddress(v)]; ok && h.v == v {
			return h.o
		}
		return nil
	case map[string]any:
		return t.values[reflect.ValueOf(v).Pointer()].o
	case []any:
		return t.values[reflect.ValueOf(v).Pointer()].o
	}
	rv := reflect.ValueOf(v)
	if k := rv.Kind(); k == reflect.Map || k == reflect.Slice {
		return t.values[rv.Pointer()].o
	}
	return nil
}

// single is origin for what came from one place as a whole.
func (t *tracer) single(v any) *Origin {
	s, ok := v.(string)
	if !ok {
		return t.origin(v)
	}
	if segs := t.segments(s); len(segs) == 1 {
		return segs[0].O
	}
	return nil
}

// whole returns one origin for text of several segments.
func whole(segs []Segment) *Origin {
	first := -1
	single := true
	for i, g := range segs {
		if g.O.Kind == FromGap || g.Start == g.End {
			continue
		}
		if first >= 0 {
			single = false
			break
		}
		first = i
	}
	if first < 0 {
		return nil
	}
	f := segs[first]
	o := *f.O
	o.Also = union(slices.Clone(o.Also), guardPaths(f.Guard))
	if single {
		if !o.Fixed && (o.Kind == FromText || o.Kind == FromFile || f.Exact && f.Off > 0) {
			o.Fixed, o.At = true, f.Off
		}
		return &o
	}
	o.Paths = nil
	for _, g := range segs {
		if g.O.Kind == FromGap {
			o.Also = union(o.Also, g.O.Paths)
			continue
		}
		o.Paths = union(o.Paths, g.O.Paths)
		o.Also = union(union(o.Also, g.O.Also), guardPaths(g.Guard))
		o.Random = o.Random || g.O.Random
	}
	o.Paths, o.Also = bounded(o.Paths), bounded(o.Also)
	if !o.Fixed && (o.Kind == FromText || o.Kind == FromFile) {
		o.Fixed, o.At = true, f.Off
	}
	if len(o.Paths) > 0 && o.Kind != FromText && o.Kind != FromFile {
		o.Kind = FromDerived
	}
	return &o
}

func guardPaths(g *Guard) []string {
	var paths []string
	for ; g != nil && len(paths) < maxPaths; g = g.Next {
		paths = union(paths, g.Paths)
	}
	return paths
}

// Names returns every value that text depends on.
func Names(segs []Segment) []string {
	var paths []string
	for _, g := range segs {
		paths = union(paths, g.O.Paths)
		paths = union(paths, g.O.Also)
		for w := g.Guard; w != nil; w = w.Next {
			paths = union(paths, w.Paths)
		}
	}
	return paths
}

// A writer takes the output of a template and keeps its segments.
type writer struct {
	t    *tracer
	buf  []byte
	segs []Segment
}

var literal = &Origin{Kind: FromLiteral}

// Write takes text of which nothing is known.
func (w *writer) Write(b []byte) (int, error) {
	if err := w.charge(len(b)); err != nil {
		return 0, err
	}
	w.buf = append(w.buf, b...)
	return len(b), nil
}

// charge counts what is about to be written.
func (w *writer) charge(n int) error {
	t := w.t
	if t.written += n; t.written > t.limit {
		return ErrTooLarge
	}
	return t.charge(n + 96)
}

// template takes the text of a template.
func (w *writer) template(d *definition, x *parse.TextNode) error {
	n := len(x.Text)
	if err := w.charge(n); err != nil {
		return err
	}
	base := len(w.buf)
	w.buf = append(w.buf, x.Text...)
	switch {
	case n == 0:
	case d.file != nil:
		w.segs = append(w.segs, Segment{Start: base, End: base + n, O: d.file, Off: int(x.Pos), Exact: true, Guard: w.t.guard})
	default:
		for _, g := range d.place(int(x.Pos), n) {
			g.Start, g.End, g.Guard = g.Start+base, g.End+base, w.t.guard
			w.segs = append(w.segs, g)
		}
	}
	return nil
}

var errUnprintable = errors.New("a channel or a function is not printed")

// print takes what an action prints, as text/template does.
func (w *writer) print(p *printed) error {
	t := w.t
	base := len(w.buf)
	switch x := p.v.(type) {
	case string:
		w.buf = append(w.buf, x...)
	case nil:
		w.buf = append(w.buf, noValue...)
	case bool:
		w.buf = strconv.AppendBool(w.buf, x)
	case int:
		w.buf = strconv.AppendInt(w.buf, int64(x), 10)
	case int64:
		w.buf = strconv.AppendInt(w.buf, x, 10)
	default:
		v, err := printable(p.v)
		if err != nil {
			return err
		}
		w.buf = fmt.Append(w.buf, v)
	}
	n := len(w.buf) - base
	if err := w.charge(n); err != nil {
		return err
	}
	if n == 0 {
		if len(p.reads) > 0 {
			o := t.through(&Origin{Kind: FromGap, Also: p.reads, Paths: p.reads}, p.act, nil)
			w.segs = append(w.segs, Segment{Start: base, End: base, O: o, Guard: t.guard})
		}
		return nil
	}
	var segs []Segment
	switch x := p.v.(type) {
	case string:
		segs = t.segments(x)
	case json.Number:
		segs = t.segments(string(x))
	default:
		if o := t.origin(plainly(p.v)); o != nil {
			segs = []Segment{{End: n, O: o}}
		}
	}
	if len(segs) == 1 && segs[0].End == n { // the common case
		g := segs[0]
		g.Start, g.End, g.O, g.Guard = base, base+n, t.through(g.O, p.act, p.reads), t.outer(g.Guard)
		w.segs = append(w.segs, g)
		return nil
	}
	rest := literal
	if len(p.reads) > 0 {
		rest = &Origin{Kind: FromReads, Paths: p.reads}
	}
	for _, g := range fill(segs, n, rest) {
		g.Start, g.End, g.O, g.Guard = base+g.Start, base+g.End, t.through(g.O, p.act, p.reads), t.outer(g.Guard)
		w.segs = append(w.segs, g)
	}
	return nil
}

// printable returns what fmt prints for a value in a template.
func printable(value any) (any, error) {
	v := valueOf(value)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if !v.IsValid() {
		return noValue, nil
	}
	if !v.Type().Implements(reflect.TypeFor[error]()) && !v.Type().Implements(reflect.TypeFor[fmt.Stringer]()) {
		p := reflect.PointerTo(v.Type())
		if v.CanAddr() && (p.Implements(reflect.TypeFor[error]()) || p.Implements(reflect.TypeFor[fmt.Stringer]())) {
			v = v.Addr()
		} else if k := v.Kind(); k == reflect.Chan || k == reflect.Func {
			return nil, errUnprintable
		}
	}
	return v.Interface(), nil
}

// text returns what was written, known to the tracer, and ends the use of the writer.
func (w *writer) text() string {
	s, segs := w.taken()
	w.t.learn(s, segs)
	return s
}

// writer returns a writer that holds nothing. Those that were used are used again, so that
// they seldom have to grow.
func (t *tracer) writer() *writer {
	if last := len(t.idle) - 1; last >= 0 {
		w := t.idle[last]
		t.idle = t.idle[:last]
		return w
	}
	return &writer{t: t}
}

// taken returns what was written, and ends the use of the writer.
func (w *writer) taken() (string, []Segment) {
	s, segs := string(w.buf), slices.Clone(w.segs)
	clear(w.segs)
	w.buf, w.segs = w.buf[:0], w.segs[:0]
	w.t.idle = append(w.t.idle, w)
	return s, segs
}

// noValue is what text/template prints for nothing; Helm takes it out of its output.
const noValue = "<no value>"

// dropNoValue takes noValue out of what was written.
func (w *writer) dropNoValue() {
	s := Shared(w.buf)
	var ranges [][2]int
	for at := 0; ; {
		i := strings.Index(s[at:], noValue)
		if i < 0 {
			break
		}
		ranges = append(ranges, [2]int{at + i, at + i + len(noValue)})
		at += i + len(noValue)
	}
	if len(ranges) > 0 {
		w.buf = []byte(strings.ReplaceAll(s, noValue, ""))
		w.segs = cut(w.segs, ranges)
	}
}

// through returns o with an action around it and, where the action read values that
// o is not made from, those next to it.
func (t *tracer) through(o *Origin, act *action, reads []string) *Origin {
	k := wrapKey{o, act}
	if o.constant {
		reads = nil
	}
	first := act.of == nil || act.of == o // most actions are of one origin
	r := act.through
	if !first {
		r = t.wrapped[k]
	}
	if r != nil && covers(r, reads) {
		return r
	}
	own := *o
	own.Via = appendFrame(o.Via, &Frame{In: act.in, Off: act.off})
	if !covers(&own, reads) {
		own.Also = bounded(union(slices.Clone(own.Also), reads))
	}
	if first {
		act.of, act.through = o, &own
	} else {
		t.wrapped[k] = &own
	}
	return &own
}

func covers(o *Origin, reads []string) bool {
	for _, p := range reads {
		if !slices.Contains(o.Paths, p) && !slices.Contains(o.Also, p) {
			return len(o.Also) >= maxPaths
		}
	}
	return true
}

func appendFrame(f, last *Frame) *Frame {
	if f == nil {
		return last
	}
	return &Frame{f.In, f.Off, appendFrame(f.Next, last)}
}

// outer returns the guards of text that was rendered under inner ones (by an include)
// and is now written under the present ones.
func (t *tracer) outer(inner *Guard) *Guard {
	if inner == nil || t.guard == nil {
		if inner == nil {
			return t.guard
		}
		return inner
	}
	k := [2]*Guard{inner, t.guard}
	if g := t.outers[k]; g != nil {
		return g
	}
	var chain func(g *Guard) *Guard
	chain = func(g *Guard) *Guard {
		if g == nil {
			return t.guard
		}
		return &Guard{Decision: g.Decision, Other: g.Other, Paths: g.Paths, Next: chain(g.Next)}
	}
	t.outers[k] = chain(inner)
	return t.outers[k]
}

// What follows is called where a template is executed.

// begin marks where the evaluation of a pipeline starts, and ends a rendering that
// has used up its time.
func (t *tracer) begin() (int, error) {
	if err := t.stopped(); err != nil {
		return 0, err
	}
	t.began = len(t.reads)
	return t.began, nil
}

// since takes the values read since begin.
func (t *tracer) since(begin int) []string {
	if begin >= len(t.reads) {
		return nil
	}
	paths := bounded(union(nil, t.reads[begin:]))
	t.reads = t.reads[:begin]
	return paths
}

// field notes that fields of base were read and gave v.
func (t *tracer) field(path []string, base, v any) any {
	before := len(t.reads)
	t.read(v)
	if len(t.reads) == before {
		switch o := t.origin(plainly(base)); {
		case o == nil || len(o.Paths) != 1:
		case o.Kind == FromValue:
			t.reads = append(t.reads, Child(o.Paths[0], strings.Join(path, "\x00")))
		case o.Paths[0] == cluster:
			t.reads = append(t.reads, cluster)
		}
	}
	return v
}

// read notes that v was read.
func (t *tracer) read(v any) any {
	if t.off {
		return v
	}
	switch x := v.(type) {
	case string:
		for _, g := range t.segments(x) {
			t.note(g.O, guardPaths(g.Guard))
			if len(t.reads) > 1<<16 {
				break
			}
		}
	default:
		if o := t.origin(plainly(v)); o != nil {
			t.note(o, nil)
		}
	}
	return v
}

func (t *tracer) note(o *Origin, guards []string) {
	for _, p := range o.Paths {
		if p != "" { // all values: the root context
			t.reads = append(t.reads, p)
		}
	}
	t.reads = append(append(t.reads, o.Also...), guards...)
}

// decide notes what decided an if, with or range.
func (t *tracer) decide(a *action, begin int, v any) {
	paths := t.since(begin)
	a.chosen, a.value = paths, ""
	if o := t.single(plainly(v)); o != nil && o.Kind == FromValue && len(o.Paths) == 1 && !o.Key {
		a.value = o.Paths[0]
	}
	if truth, _ := isTrue(v); !truth && t.out != nil {
		if !a.block.known {
			a.block.body, a.block.known = bodyText(a.list), true
		}
		left := &gap{Decision{&a.block.asked, a.value}, a.block.body}
		o := &Origin{Kind: FromGap, Paths: paths, Via: &Frame{In: a.in, Off: a.off}, Gap: left}
		n := len(t.out.buf)
		t.out.segs = append(t.out.segs, Segment{Start: n, End: n, O: o, Guard: t.guard})
	}
	t.reads = append(t.reads, paths...) // they count for what encloses this action too
}

// constant gives a constant that a template puts into a mapping or a list an origin: the
// action that it is reported in.
func (t *tracer) constant(a *action, v any) any {
	if a.constant == nil {
		o := &Origin{Kind: FromLiteral, Via: &Frame{In: a.in, Off: a.off}, constant: true}
		switch x := v.(type) {
		case string:
			a.constant = t.Text(x, o)
		case bool, int, float64:
			a.constant = boxed(x)
			t.hold(a.constant, o)
		default:
			a.constant = v
		}
	}
	return a.constant
}

// foreign gives what a mapping of the values has got from elsewhere, from a dict that
// was merged into it say, an origin that is not the mapping's; and what is below it, too,
// where that was merged.
func (t *tracer) foreign(m map[string]any, below bool) {
	if t.origin(m) == nil {
		return
	}
	for k, v := range m {
		switch x := v.(type) {
		case map[string]any:
			if t.origin(x) == nil {
				t.hold(x, literal)
			} else if below {
				t.foreign(x, true)
			}
		case []any:
			if len(x) > 0 && t.origin(x) == nil {
				t.hold(x, literal)
			}
		case string:
			if x != "" && t.segments(x) == nil {
				m[k] = t.Text(x, literal)
			}
		case bool, int, int64, float64:
			if t.origin(x) == nil {
				b := boxed(x)
				t.hold(b, literal)
				m[k] = b
			}
		}
	}
}

// keep gives a computed constant that is assigned to a variable an origin: what was
// read for it, and what guards the assignment.
func (t *tracer) keep(begin int, v any) any {
	reads := t.since(begin)
	return t.owe(v, union(reads, guardPaths(t.guard)))
}

// owe returns v, if it is a scalar a copy of it, that depends on paths too.
func (t *tracer) owe(v any, paths []string) any {
	if len(paths) == 0 || t.off {
		return v
	}
	switch x := v.(type) {
	case string:
		if x == "" {
			return v
		}
		segs := slices.Clone(fill(t.segments(x), len(x), literal))
		for i := range segs {
			o := *segs[i].O
			if covers(&o, paths) {
				continue
			}
			if o.Kind == FromLiteral {
				o.Kind = FromReads
			}
			o.Also = bounded(union(slices.Clone(o.Also), paths))
			segs[i].O = &o
		}
		s := strings.Clone(x)
		t.learn(s, segs)
		return s
	case bool, int, int64, float64:
		o := Origin{Kind: FromReads}
		if was := t.origin(v); was != nil {
			o = *was
		}
		if covers(&o, paths) && o.Kind != FromReads {
			return v
		}
		o.Also = bounded(union(slices.Clone(o.Also), paths))
		b := boxed(v)
		t.hold(b, &o)
		return b
	}
	return v
}

// enterGuard notes that a branch of a block begins.
func (t *tracer) enterGuard(a *action, other bool, depth int) error {
	if err := t.stopped(); err != nil {
		return err
	}
	depth += t.base
	t.leaveTo(depth)
	t.guard = &Guard{Decision{&a.block.asked, a.value}, other, a.chosen, depth, t.guard}
	return nil
}

func (t *tracer) leaveTo(depth int) {
	for t.guard != nil && t.guard.Depth >= depth {
		t.guard = t.guard.Next
	}
}

// maxDepth is more than the blocks of one template are nested.
const maxDepth = 1 << 16

// enterTemplate notes that another template begins at this place.
func (t *tracer) enterTemplate() error {
	if len(t.saved) >= maxCalls {
		return errCalls
	}
	t.saved = append(t.saved, context2{t.base, t.guard})
	t.base += maxDepth
	return nil
}

// leaveTemplate notes that it has ended.
func (t *tracer) leaveTemplate() {
	last := len(t.saved) - 1
	t.base, t.guard = t.saved[last].base, t.saved[last].guard
	t.saved = t.saved[:last]
}

// capture runs a template into a writer of its own, for include and tpl.
func (t *tracer) capture(run func(*writer) error) (*writer, error) {
	w := t.writer()
	out, begin, began := t.out, len(t.reads), t.began
	if err := t.enterTemplate(); err != nil {
		return nil, err
	}
	t.guard, t.out = nil, w
	err := run(w)
	t.out, t.began = out, began
	t.leaveTemplate()
	if err == nil && len(w.buf) > 0 {
		t.reads = t.reads[:min(begin, len(t.reads))] // the segments tell it better
	}
	return w, err
}
