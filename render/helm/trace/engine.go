package trace

import (
	"cmp"
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
	root    *template.Template
	sources map[string]*Unit     // by Helm's name of the template
	done    map[*parse.Tree]bool // those that are rewritten
	raw     template.FuncMap     // the functions without provenance
	wrapped map[string]bool      // those that have got it
	sets    []*template.Template // the sets at work: the chart's, and a clone for each tpl

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
	return &Engine{tracer: newTracer(ctx, limit), done: map[*parse.Tree]bool{}, wrapped: map[string]bool{}}
}

// Render renders templates, by Helm's names of them. One that fails does not keep the
// others from rendering. Where the tracing itself may be what fails, the template is
// rendered again without it.
func (e *Engine) Render(templates map[string]*Unit) *Result {
	e.off = !addressesHold()
	r := e.render(maps.Clone(templates), func(string) bool { return true })
	failed := map[string]bool{}
	for _, f := range r.Failures {
		if mayBeOurs(f.Err) {
			failed[f.Name] = true
		}
	}
	if len(failed) == 0 || e.off || e.ctx.Err() != nil {
		return r
	}
	again := NewEngine(e.ctx, e.limit-e.written)
	again.off, again.Memory, again.MissingKey, again.Funcs = true, e.Memory, e.MissingKey, e.Funcs
	plain := again.render(maps.Clone(templates), func(name string) bool { return failed[name] })
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

// render renders those of the templates that are wanted.
func (e *Engine) render(templates map[string]*Unit, wanted func(name string) bool) *Result {
	r := &Result{}
	e.sources = templates
	e.root = template.New("gotpl").Option(cmp.Or(e.MissingKey, "missingkey=zero"))
	e.raw = e.functions()
	maps.Copy(e.raw, e.Funcs)
	e.raw["include"], e.raw["tpl"] = e.include(e.root), e.tpl(e.root)
	e.root.Funcs(e.raw)
	e.sets = append(e.sets, e.root)
	names := slices.SortedFunc(maps.Keys(e.sources), deepestFirst)
	for _, name := range names {
		err := nested(e.sources[name].Text)
		if err == nil {
			_, err = e.root.New(name).Parse(e.sources[name].Text)
		}
		if err != nil {
			r.Failures = append(r.Failures, Failure{name, err})
			delete(e.sources, name)
		}
	}
	e.root.Funcs(e.hooks())
	for _, name := range names {
		u := e.sources[name]
		if u == nil || strings.HasPrefix(path.Base(name), "_") || !wanted(name) {
			continue
		}
		if e.MissingKey == "" {
			u.Values["Template"] = chartutil.Values{"Name": name, "BasePath": u.BasePath}
		}
		w := &writer{t: e.tracer}
		if err := e.execute(w, name, u); err != nil {
			r.Failures = append(r.Failures, Failure{name, err})
			if errors.Is(err, ErrTooLarge) || errors.As(err, new(MemoryError)) || e.ctx.Err() != nil {
				return r
			}
			continue
		}
		if e.MissingKey == "" {
			w.dropNoValue()
		}
		r.Texts = append(r.Texts, &Text{name, string(w.buf), w.segs, u.File, e.off})
	}
	r.sort()
	return r
}

// execute renders one template into w.
func (e *Engine) execute(w *writer, name string, u *Unit) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicError{p}
		}
	}()
	e.reset()
	e.guard, e.out = u.Guard, w
	e.ready(e.root.Lookup(name))
	return e.root.ExecuteTemplate(w, name, u.Values)
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

// ready rewrites a template of the chart's files when it is used first: a library
// defines many that a chart never calls.
func (e *Engine) ready(t *template.Template) {
	if t == nil || t.Tree == nil || e.done[t.Tree] {
		return
	}
	if u := e.sources[t.Tree.ParseName]; u != nil && u.File != nil {
		o := e.textOf(u.File)
		e.readyFrom(t, func(off, n int) []Segment { return []Segment{{End: n, O: o, Off: off, Exact: true}} })
		return
	}
	e.readyFrom(t, func(int, int) []Segment { return nil })
}

// readyFrom rewrites a template, and what it calls by name.
func (e *Engine) readyFrom(t *template.Template, place placer) {
	e.done[t.Tree] = true
	r := &rewriter{t: e.tracer, tree: t.Tree, place: place}
	r.list(t.Tree.Root, 1)
	wrapped := template.FuncMap{}
	for name := range r.functions {
		if fn := e.raw[name]; fn != nil && !e.wrapped[name] {
			wrapped[name] = e.wrap(name, fn)
			e.wrapped[name] = true
		}
	}
	delete(wrapped, "include") // these know of provenance themselves, and belong to a set
	delete(wrapped, "tpl")
	if len(wrapped) > 0 {
		for _, set := range e.sets {
			set.Funcs(wrapped)
		}
	}
	for _, name := range r.calls {
		e.ready(t.Lookup(name))
	}
}

// include renders a named template, as Helm's include does.
func (e *Engine) include(set *template.Template) func(string, any) (string, error) {
	return func(name string, data any) (string, error) {
		e.ready(set.Lookup(name))
		w, err := e.capture(func(w *writer) error { return set.ExecuteTemplate(w, name, data) })
		if err != nil {
			return "", err
		}
		return w.text(), nil
	}
}

// tpl renders a string as a template, as Helm's tpl does.
func (e *Engine) tpl(parent *template.Template) func(string, any) (string, error) {
	return func(text string, data any) (string, error) {
		if !strings.Contains(text, "{{") && !strings.Contains(text, noValue) {
			return text, nil
		}
		if err := nested(text); err != nil {
			return "", &TplError{text, e.segments(text), err}
		}
		if len(e.sets) > maxTpl {
			return "", fmt.Errorf("tpl is called more than %d levels deep in tpl: %w", maxTpl, errCalls)
		}
		if err := e.charge(8 * len(text)); err != nil {
			return "", err
		}
		set, err := parent.Clone()
		if err != nil {
			return "", fmt.Errorf("clone the templates: %w", err)
		}
		set.Option("missingkey=zero") // Clone forgets it: https://github.com/golang/go/issues/43022
		set.Funcs(template.FuncMap{"include": e.include(set), "tpl": e.tpl(set)})
		t, err := set.New(parent.Name()).Parse(text)
		if err != nil {
			return "", &TplError{text, e.segments(text), err}
		}
		segs := e.segments(text)
		place := func(off, n int) []Segment { return Clip(segs, off, off+n) }
		e.sets = append(e.sets, set)
		defer func() { e.sets = e.sets[:len(e.sets)-1] }()
		if strings.Contains(text, "define") || strings.Contains(text, "block") {
			for _, own := range set.Templates() {
				if own.Tree != nil && !e.done[own.Tree] && own.Tree.ParseName == parent.Name() {
					e.readyFrom(own, place)
				}
			}
		}
		if !e.done[t.Tree] {
			e.readyFrom(t, place)
		}
		w, err := e.capture(func(w *writer) error { return t.Execute(w, data) })
		if err != nil {
			return "", &TplError{text, segs, err}
		}
		w.dropNoValue()
		return w.text(), nil
	}
}

// A TplError is an error inside a text that tpl renders.
type TplError struct {
	Text string
	Segs []Segment
	Err  error
}

func (e *TplError) Error() string { return "tpl: " + e.Err.Error() }
func (e *TplError) Unwrap() error { return e.Err }

// SplitGlued puts a line break behind a "---" that other text follows on its line. Helm
// ends a document there ("---apiVersion: v1" is what trimmed white space leaves); YAML
// does not.
func SplitGlued(s string, segs []Segment) (string, []Segment) {
	if !strings.Contains(s, "---") {
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
		if rest, ok := strings.CutPrefix(line, "---"); ok && rest != "" && !strings.ContainsRune(" \t\r\n-", rune(rest[0])) {
			out.WriteString("---\n")
			out.WriteString(rest)
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
