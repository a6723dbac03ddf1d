package helm

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/manilint/manilint/lint"
)

// An engine renders a chart's templates as helm.sh/helm/v3/pkg/engine does, and
// traces them.
type engine struct {
	*tracer
	tree     *tree
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
	file     *file
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
	file *file
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
	files    map[string]*file // by Helm's names of the templates
	err      error            // of the rendering as a whole
}

// maxIncludes is how deep a template may include itself, as in Helm.
const maxIncludes = 1000

// execute renders every template of the chart. One that fails does not keep the others
// from rendering.
func (t *tree) execute(ctx context.Context, c *chart.Chart, values chartutil.Values, limit int) (r *result) {
	r = &result{files: map[string]*file{}}
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("rendering panicked: %v", p)
		}
	}()
	e := &engine{tracer: newTracer(ctx, limit), tree: t, sources: map[string]*unit{}, included: map[string]int{}, done: map[*parse.Tree]bool{}, wrapped: map[string]bool{}}
	e.addBlocks(e.fileBlocks(c))
	e.units(c, e.context(values), "", nil)
	e.root = template.New("gotpl").Option("missingkey=zero")
	e.raw = e.functions()
	e.raw["include"], e.raw["tpl"] = e.include(e.root), e.tpl(e.root)
	e.root.Funcs(e.raw)
	e.sets = append(e.sets, e.root)
	names := make([]string, 0, len(e.sources))
	for name, u := range e.sources {
		names = append(names, name)
		r.files[name] = u.file
	}
	slices.SortFunc(names, deepestFirst)
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
			if errors.Is(err, errTooLarge) || ctx.Err() != nil {
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

// enabledBy returns the guard of a subchart: the values of its condition and tags. prefix
// is the path of its parent's values.
func enabledBy(parent *chart.Chart, name, prefix string, outer *guard) *guard {
	for _, d := range parent.Metadata.Dependencies {
		if d == nil || d.Name != name {
			continue
		}
		var paths []string
		for _, condition := range strings.Split(d.Condition, ",") {
			if condition = strings.TrimSpace(condition); condition != "" {
				paths = append(paths, descendant(prefix, strings.Split(condition, ".")))
			}
		}
		for _, tag := range d.Tags {
			paths = append(paths, "tags\x00"+tag)
		}
		if len(paths) > 0 { // the first that is set decides
			asked := condition{op: asksAll}
			for _, path := range paths {
				asked.args = append(asked.args, condition{op: asksSet, operand: path})
			}
			return &guard{decision: decision{asked: &asked}, paths: paths, depth: -1, next: outer}
		}
	}
	return outer
}

func descendant(prefix string, fields []string) string {
	for _, field := range fields {
		prefix = child(prefix, field)
	}
	return prefix
}

// units collects the templates of a chart and its subcharts, as Helm does. prefix is the
// path of the chart's values.
func (e *engine) units(c *chart.Chart, values chartutil.Values, prefix string, enabled *guard) map[string]any {
	subcharts := map[string]any{}
	meta := struct {
		chart.Metadata
		IsRoot bool
	}{*c.Metadata, c.IsRoot()}
	e.describe(c, &meta.Metadata)
	next := chartutil.Values{
		"Chart": meta, "Files": newFiles(c.Files), "Release": values["Release"], "Capabilities": values["Capabilities"],
		"Values": make(chartutil.Values), "Subcharts": subcharts,
	}
	if c.IsRoot() {
		next["Values"] = values["Values"]
	} else if own, err := values.Table("Values." + c.Name()); err == nil {
		next["Values"] = own
	}
	for _, sub := range c.Dependencies() {
		subcharts[sub.Name()] = e.units(sub, next, child(prefix, sub.Name()), enabledBy(c, sub.Name(), prefix, enabled))
	}
	for _, t := range c.Templates {
		if t == nil || strings.EqualFold(c.Metadata.Type, "library") && !strings.HasPrefix(path.Base(t.Name), "_") {
			continue
		}
		u := &unit{text: string(t.Data), values: next, guard: enabled, basePath: path.Join(c.ChartFullPath(), "templates")}
		if len(t.Data) > 0 {
			u.file = e.tree.byRef[&t.Data[0]]
		}
		e.sources[path.Join(c.ChartFullPath(), t.Name)] = u
	}
	return next
}

// describe makes what templates print of Chart.yaml known.
func (e *engine) describe(c *chart.Chart, m *chart.Metadata) {
	f := e.tree.named[e.tree.dirOf(c)+"Chart.yaml"]
	if f == nil {
		return
	}
	docs, _ := lint.ParseYAML(f.src)
	if len(docs) == 0 {
		return
	}
	root := lint.NewNode(docs[0])
	for key, field := range map[string]*string{"name": &m.Name, "version": &m.Version, "appVersion": &m.AppVersion} {
		if n := root.Get(key); n.IsScalar() && *field != "" {
			at := lint.NodeSpan(f.src, n.YAML()).Start.Offset - f.skip
			*field = e.text(*field, &origin{kind: fromFile, file: f, fixed: true, at: at})
		}
	}
}

// fileBlocks returns the content of the files that templates may read.
func (e *engine) fileBlocks(c *chart.Chart) []known {
	var blocks []known
	for _, f := range c.Files {
		if len(f.Data) == 0 {
			continue
		}
		if rec := e.tree.byRef[&f.Data[0]]; rec != nil {
			s := shared(f.Data)
			blocks = append(blocks, known{s, []segment{{end: len(s), o: &origin{kind: fromFile, file: rec}, exact: true}}})
		}
	}
	for _, sub := range c.Dependencies() {
		blocks = append(blocks, e.fileBlocks(sub)...)
	}
	return blocks
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
