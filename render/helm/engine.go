package helm

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

// An engine renders a chart's templates as helm.sh/helm/v3/pkg/engine does, and
// traces them.
type engine struct {
	*tracer
	root     *template.Template
	sources  map[string]*unit // by Helm's name of the template
	included map[string]int
	done     map[*parse.Tree]bool // those that are rewritten
	raw      template.FuncMap     // the functions without provenance
	wrapped  map[string]bool      // those that have got it
	sets     []*template.Template // the sets at work: the chart's, and a clone for each tpl
}

// A unit is one template with the values that it sees.
type unit struct {
	file     any // what the caller knows it by
	text     string
	values   chartutil.Values
	basePath string
	guard    *guard // what enables the subchart that it belongs to
}

// A text is what one template rendered to.
type text struct {
	name string // as Helm names templates: chart/templates/web.yaml
	text string
	segs []segment
	file any // of its template
}

// A failure is a template that did not parse or did not render.
type failure struct {
	name string
	err  error
}

// A result is what one rendering gave.
type result struct {
	texts    []*text
	failures []failure
}

// maxIncludes is how deep a template may include itself, as in Helm.
const maxIncludes = 1000

// newEngine returns an engine that follows the values and texts that it is told of; its
// rendering ends with ctx, or when more than limit bytes are written.
func newEngine(ctx context.Context, limit int) *engine {
	return &engine{tracer: newTracer(ctx, limit), included: map[string]int{}, done: map[*parse.Tree]bool{}, wrapped: map[string]bool{}}
}

// render renders templates, by Helm's names of them. One that fails does not keep the
// others from rendering.
func (e *engine) render(templates map[string]*unit) *result {
	r := &result{}
	e.sources = templates
	e.root = template.New("gotpl").Option("missingkey=zero")
	e.raw = e.functions()
	e.raw["include"], e.raw["tpl"] = e.include(e.root), e.tpl(e.root)
	e.root.Funcs(e.raw)
	e.sets = append(e.sets, e.root)
	names := slices.SortedFunc(maps.Keys(e.sources), deepestFirst)
	for _, name := range names {
		if _, err := e.root.New(name).Parse(e.sources[name].text); err != nil {
			r.failures = append(r.failures, failure{name, err})
			delete(e.sources, name)
		}
	}
	e.root.Funcs(e.hooks())
	for _, name := range names {
		u := e.sources[name]
		if u == nil || strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		u.values["Template"] = chartutil.Values{"Name": name, "BasePath": u.basePath}
		e.reset()
		e.guard = u.guard
		e.ready(e.root.Lookup(name))
		w := &writer{t: e.tracer}
		e.out = w
		if err := e.root.ExecuteTemplate(w, name, u.values); err != nil {
			r.failures = append(r.failures, failure{name, err})
			if errors.Is(err, errTooLarge) || e.ctx.Err() != nil {
				return r
			}
			continue
		}
		w.dropNoValue()
		r.texts = append(r.texts, &text{name, string(w.buf), w.segs, u.file})
	}
	slices.SortFunc(r.texts, func(a, b *text) int { return strings.Compare(a.name, b.name) })
	return r
}

// deepestFirst is the order in which Helm parses and renders templates: a chart's
// definitions replace those of its subcharts.
func deepestFirst(a, b string) int {
	if c := strings.Count(b, "/") - strings.Count(a, "/"); c != 0 {
		return c
	}
	return strings.Compare(b, a)
}

// context returns the values that the root chart's templates see, tagged.
func (e *engine) context(values chartutil.Values) chartutil.Values {
	out := chartutil.Values{}
	for k, v := range values {
		out[k] = v
	}
	out["Values"] = e.tag(values["Values"], "")
	if release, ok := values["Release"].(map[string]any); ok {
		tagged := map[string]any{}
		for k, v := range release {
			if s, ok := v.(string); ok {
				v = e.text(s, &origin{kind: fromRelease, namespace: k == "Namespace"})
			}
			tagged[k] = v
		}
		out["Release"] = tagged
	}
	return out
}

// ready rewrites a template of the chart's files when it is used first: a library
// defines many that a chart never calls.
func (e *engine) ready(t *template.Template) {
	if t == nil || t.Tree == nil || e.done[t.Tree] {
		return
	}
	if u := e.sources[t.Tree.ParseName]; u != nil && u.file != nil {
		o := e.textOf(u.file)
		e.readyFrom(t, func(off, n int) []segment { return []segment{{end: n, o: o, off: off, exact: true}} })
		return
	}
	e.readyFrom(t, func(int, int) []segment { return nil })
}

// readyFrom rewrites a template, and what it calls by name.
func (e *engine) readyFrom(t *template.Template, place placer) {
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
func (e *engine) include(set *template.Template) func(string, any) (string, error) {
	return func(name string, data any) (string, error) {
		if e.included[name] > maxIncludes {
			return "", fmt.Errorf("template %q includes itself too deeply", name)
		}
		e.included[name]++
		e.ready(set.Lookup(name))
		w, err := e.capture(func(w *writer) error { return set.ExecuteTemplate(w, name, data) })
		e.included[name]--
		if err != nil {
			return "", err
		}
		return w.text(), nil
	}
}

// tpl renders a string as a template, as Helm's tpl does.
func (e *engine) tpl(parent *template.Template) func(string, any) (string, error) {
	return func(text string, data any) (string, error) {
		if !strings.Contains(text, "{{") && !strings.Contains(text, noValue) {
			return text, nil
		}
		set, err := parent.Clone()
		if err != nil {
			return "", fmt.Errorf("clone the templates: %w", err)
		}
		set.Option("missingkey=zero") // Clone forgets it: https://github.com/golang/go/issues/43022
		set.Funcs(template.FuncMap{"include": e.include(set), "tpl": e.tpl(set)})
		t, err := set.New(parent.Name()).Parse(text)
		if err != nil {
			return "", &tplError{text, e.segments(text), err}
		}
		segs := e.segments(text)
		place := func(off, n int) []segment { return clip(segs, off, off+n) }
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
			return "", &tplError{text, segs, err}
		}
		w.dropNoValue()
		return w.text(), nil
	}
}

// A tplError is an error inside a text that tpl renders.
type tplError struct {
	text string
	segs []segment
	err  error
}

func (e *tplError) Error() string { return "tpl: " + e.err.Error() }
func (e *tplError) Unwrap() error { return e.err }

// splitGlued puts a line break behind a "---" that other text follows on its line. Helm
// ends a document there ("---apiVersion: v1" is what trimmed white space leaves); YAML
// does not.
func splitGlued(s string, segs []segment) (string, []segment) {
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
		from, to := g.start, g.end
		for _, at := range added {
			if from >= at {
				g.start++
			}
			if to > at || to == at && from == to {
				g.end++
			}
		}
		g.exact = g.exact && g.end-g.start == to-from
	}
	return out.String(), moved
}
