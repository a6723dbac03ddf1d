package trace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"helm.sh/helm/v3/pkg/chartutil"
)

// An Engine renders a chart's templates as helm.sh/helm/v3/pkg/engine does, and
// traces them.
type Engine struct {
	*tracer
	sources map[string]*Unit     // by Helm's name of the template
	raw     template.FuncMap     // the functions without provenance
	known   map[string]*function // those that were called
	stack   []any                // the arguments of the calls at work

	// Parsed, if not nil, holds templates that were parsed for an earlier rendering.
	Parsed *Parsed
	// MissingKey is what text/template does of a key that is not there, as missingkey=error, for
	// templates that are no chart's: their data is theirs alone, and "<no value>" is kept. As in
	// Helm when "".
	MissingKey string
	// Funcs are functions that such templates have besides Helm's.
	Funcs template.FuncMap
}

// A Unit is one template with the values that it sees.
type Unit struct {
	File     any // what the caller knows it by
	Text     string
	Values   chartutil.Values
	BasePath string
	Guard    *Guard // what enables the subchart that it belongs to
}

// A Text is what one template rendered to.
type Text struct {
	Name string // as Helm names templates: chart/templates/web.yaml
	Text string
	Segs []Segment
	File any // of its template
	// Plain says that nothing is known of the text but its template, because it could
	// only be rendered without being traced.
	Plain bool
}

// A Failure is a template that did not parse or did not render.
type Failure struct {
	Name string
	Err  error
}

// A Result is what one rendering gave.
type Result struct {
	Texts    []*Text
	Failures []Failure
}

// NewEngine returns an engine that follows the values and texts that it is told of; its
// rendering ends with ctx, or when more than limit bytes are written.
func NewEngine(ctx context.Context, limit int) *Engine {
	return &Engine{tracer: newTracer(ctx, limit), known: map[string]*function{}}
}

// Render renders templates, by Helm's names of them. One that fails does not keep the
// others from rendering. Where the tracing itself may be what fails, the template is
// rendered again without it, by text/template.
func (e *Engine) Render(templates map[string]*Unit) *Result {
	if !addressesHold() {
		return e.plain(templates, func(string) bool { return true })
	}
	r := e.render(maps.Clone(templates))
	failed := map[string]bool{}
	for _, f := range r.Failures {
		if mayBeOurs(f.Err) {
			failed[f.Name] = true
		}
	}
	if len(failed) == 0 || e.ctx.Err() != nil {
		return r
	}
	again := NewEngine(e.ctx, e.limit-e.written)
	again.Memory, again.MissingKey, again.Funcs = e.Memory, e.MissingKey, e.Funcs
	plain := again.plain(templates, func(name string) bool { return failed[name] })
	for _, text := range plain.Texts {
		r.Failures = slices.DeleteFunc(r.Failures, func(f Failure) bool { return f.Name == text.Name })
	}
	r.Texts = append(r.Texts, plain.Texts...)
	r.sort()
	return r
}

// mayBeOurs reports whether the error of a template may come from following it, rather
// than from what it requests.
func mayBeOurs(err error) bool {
	var refused Refusal
	var run template.ExecError
	var panicked panicError
	return errors.As(err, &panicked) || errors.As(err, &run) && !errors.As(err, &refused) && !limited(err)
}

// A panicError is what rendering a template panicked with.
type panicError struct{ what any }

func (e panicError) Error() string { return fmt.Sprintf("rendering panicked: %v", e.what) }

func (r *Result) sort() {
	slices.SortFunc(r.Texts, func(a, b *Text) int { return strings.Compare(a.Name, b.Name) })
}

// render renders the templates.
func (e *Engine) render(templates map[string]*Unit) *Result {
	r := &Result{}
	e.sources = templates
	e.useFunctions()
	e.branches = map[*parse.BranchNode]*block{}
	if p := e.Parsed; p != nil {
		if p.branches == nil {
			p.branches = e.branches
		}
		e.branches = p.branches
	}
	root := &set{own: map[string]*definition{}}
	names := slices.SortedFunc(maps.Keys(e.sources), deepestFirst)
	for _, name := range names {
		u := e.sources[name]
		trees, err := e.parsed(name, u.Text)
		if err != nil {
			r.Failures = append(r.Failures, Failure{name, err})
			delete(e.sources, name)
			continue
		}
		var o *Origin
		if u.File != nil {
			o = e.textOf(u.File)
		}
		for defined, tree := range trees {
			root.add(&definition{name: defined, tree: tree, file: o})
		}
	}
	for _, name := range names {
		u := e.sources[name]
		if u == nil || strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		if e.MissingKey == "" {
			u.Values["Template"] = chartutil.Values{"Name": name, "BasePath": u.BasePath}
		}
		w := e.writer()
		if err := e.execute(root, w, name, u); err != nil {
			r.Failures = append(r.Failures, Failure{name, err})
			if errors.Is(err, ErrTooLarge) || errors.As(err, new(MemoryError)) || e.ctx.Err() != nil {
				return r
			}
			continue
		}
		if e.MissingKey == "" {
			w.dropNoValue()
		}
		text, segs := w.taken()
		r.Texts = append(r.Texts, &Text{name, text, segs, u.File, false})
	}
	r.sort()
	return r
}

// useFunctions settles what functions there are.
func (e *Engine) useFunctions() {
	e.raw = e.functions()
	maps.Copy(e.raw, e.Funcs)
}

// execute renders one template into w.
func (e *Engine) execute(root *set, w *writer, name string, u *Unit) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicError{p}
		}
	}()
	e.reset()
	e.stack = e.stack[:0]
	e.guard, e.out = u.Guard, w
	return e.start(root, root.lookup(name), w, u.Values)
}

// deepestFirst is the order in which Helm parses and renders templates: a chart's
// definitions replace those of its subcharts.
func deepestFirst(a, b string) int {
	if c := strings.Count(b, "/") - strings.Count(a, "/"); c != 0 {
		return c
	}
	return strings.Compare(b, a)
}

// Context returns the values that the root chart's templates see, tagged.
func (e *Engine) Context(values chartutil.Values) chartutil.Values {
	out := chartutil.Values{}
	for k, v := range values {
		out[k] = v
	}
	out["Values"] = e.tag(values["Values"], "")
	if release, ok := values["Release"].(map[string]any); ok {
		tagged := map[string]any{}
		for k, v := range release {
			if s, ok := v.(string); ok {
				v = e.Text(s, &Origin{Kind: FromRelease, Namespace: k == "Namespace"})
			}
			tagged[k] = v
		}
		out["Release"] = tagged
	}
	return out
}

// include renders a named template, as Helm's include does.
func (e *Engine) include(s *set, name string, data any) (string, error) {
	d := s.lookup(name)
	if d == nil {
		return "", fmt.Errorf("template: no template %q associated with template %q", name, rootName)
	}
	w, err := e.capture(func(w *writer) error { return e.start(s, d, w, data) })
	if err != nil {
		return "", err
	}
	return w.text(), nil
}

// tpl renders a string as a template, as Helm's tpl does.
func (e *Engine) tpl(parent *set, text string, data any) (string, error) {
	if !strings.Contains(text, "{{") && !strings.Contains(text, noValue) {
		return text, nil
	}
	segs := e.segments(text)
	if err := nested(text); err != nil {
		return "", &TplError{text, segs, err}
	}
	if parent.depth >= maxTpl {
		return "", fmt.Errorf("tpl is called more than %d levels deep in tpl: %w", maxTpl, errCalls)
	}
	if err := e.charge(8 * len(text)); err != nil {
		return "", err
	}
	trees, err := parse.Parse(rootName, text, "", "", e.raw, builtins)
	if err != nil {
		return "", &TplError{text, segs, err}
	}
	s := &set{parent: parent, depth: parent.depth + 1, own: map[string]*definition{}}
	for name, tree := range trees {
		s.add(&definition{name: name, tree: tree, text: segs})
	}
	main := &definition{name: rootName, tree: trees[rootName], text: segs}
	w, err := e.capture(func(w *writer) error { return e.start(s, main, w, data) })
	if err != nil {
		return "", &TplError{text, segs, err}
	}
	w.dropNoValue()
	return w.text(), nil
}

// A TplError is an error inside a text that tpl renders.
type TplError struct {
	Text string
	Segs []Segment
	Err  error
}

func (e *TplError) Error() string { return "tpl: " + e.Err.Error() }
func (e *TplError) Unwrap() error { return e.Err }

// isGlued reports whether a text begins with a "---" that other text follows.
func isGlued(line string) bool {
	return len(line) > 3 && line[:3] == "---" && !strings.ContainsRune(" \t\r\n-", rune(line[3]))
}

func hasGlued(s string) bool {
	for !isGlued(s) {
		i := strings.Index(s, "\n---")
		if i < 0 {
			return false
		}
		s = s[i+1:]
	}
	return true
}

// SplitGlued puts a line break behind a "---" that other text follows on its line. Helm
// ends a document there ("---apiVersion: v1" is what trimmed white space leaves); YAML
// does not.
func SplitGlued(s string, segs []Segment) (string, []Segment) {
	if !hasGlued(s) {
		return s, segs
	}
	var out strings.Builder
	var added []int
	for start := 0; start < len(s); {
		end := len(s)
		if i := strings.IndexByte(s[start:], '\n'); i >= 0 {
			end = start + i + 1
		}
		line := s[start:end]
		if isGlued(line) {
			out.WriteString("---\n")
			out.WriteString(line[len("---"):])
			added = append(added, start+3)
		} else {
			out.WriteString(line)
		}
		start = end
	}
	if len(added) == 0 {
		return s, segs
	}
	moved := slices.Clone(segs)
	for i := range moved {
		g := &moved[i]
		from, to := g.Start, g.End
		for _, at := range added {
			if from >= at {
				g.Start++
			}
			if to > at || to == at && from == to {
				g.End++
			}
		}
		g.Exact = g.Exact && g.End-g.Start == to-from
	}
	return out.String(), moved
}
