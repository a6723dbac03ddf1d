package helmfile

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/helm"
)

// The bounds of one helmfile.
const (
	deepest   = 10  // helmfiles in helmfiles, bases of bases
	mostFiles = 200 // in one environment
	mostEnvs  = 30

	mostReleases = 1000 // in all environments
	wantedTime   = 30 * time.Second
)

var topField = lint.Regexp(`(?m)^(?:releases|helmfiles|bases|environments|helmDefaults|repositories)\s*:`)

// Is reports whether a file is a helmfile: by its name, or as one of a directory helmfile.d, and
// by the fields that it has.
func Is(path string, text []byte) bool {
	name := strings.TrimSuffix(filepath.Base(path), ".gotmpl")
	ext := filepath.Ext(name)
	if ext != ".yaml" && ext != ".yml" || name != "helmfile"+ext && filepath.Base(filepath.Dir(path)) != "helmfile.d" {
		return false
	}
	return topField().Match(text)
}

// Wants is what a helmfile deploys.
type Wants struct {
	source.Wanted
	// Files are those that it was made of, absolute: helmfiles, and what values are of.
	Files []string
}

// Wanted returns what a helmfile deploys in each environment that it names.
func Wanted(ctx context.Context, file string, c *source.Checkout) *Wants {
	ctx, cancel := limits.Unit(ctx, wantedTime, func(took time.Duration) error { return fmt.Errorf("it is not rendered within %v", took) })
	defer cancel()
	w := &wanting{ctx: ctx, checkout: c, out: &Wants{}, noted: map[string]bool{}}
	w.env = "default"
	first := w.load(file, nil, 0)
	envs := slices.Sorted(maps.Keys(first.environments))
	if len(envs) > 0 { // what was said is said of those that are named
		w.out.Errors, w.out.Notes, w.noted = nil, nil, map[string]bool{}
	}
	if len(envs) > mostEnvs {
		w.note(first.src.LineSpan(1), "", "it has %d environments, of which the first %d are rendered", len(envs), mostEnvs)
		envs = envs[:mostEnvs]
	}
	if len(envs) == 0 {
		w.deploy(first)
	}
	for _, env := range envs {
		w.env, w.named, w.files = env, true, 0
		w.deploy(w.load(file, nil, 0))
		if w.ended() != nil {
			break
		}
	}
	if err := w.ended(); err != nil {
		w.out.Errors = append(w.out.Errors, &lint.InputError{Message: fmt.Sprintf("%v; the rest of its releases is not rendered", err), Span: first.src.LineSpan(1)})
	}
	slices.Sort(w.out.Files)
	w.out.Files = slices.Compact(w.out.Files)
	return w.out
}

// A wanting is one call of [Wanted].
type wanting struct {
	ctx      context.Context
	checkout *source.Checkout
	out      *Wants
	env      string
	named    bool // the helmfile names environments
	files    int
	releases int
	within   []string // the helmfiles that lead to the one that is read
	noted    map[string]bool
}

// ended returns why nothing more is read or rendered; nil where more may be.
func (w *wanting) ended() error {
	switch {
	case w.ctx.Err() != nil:
		return context.Cause(w.ctx)
	case w.files > mostFiles:
		return fmt.Errorf("it names more than %d helmfiles in one environment, the limit", mostFiles)
	case w.releases > mostReleases:
		return fmt.Errorf("it has more than %d releases in its environments, the limit", mostReleases)
	}
	return nil
}

// A state is what a helmfile says in one environment, its bases and parts put together.
type state struct {
	src          *lint.Source
	dir          string
	values       map[string]any
	environments map[string]*lint.Node
	defaults     []*lint.Node // helmDefaults, the last first
	templates    []*lint.Node
	releases     []*lint.Node
	inner        []*state // helmfiles
}

func (w *wanting) note(at lint.Span, lacks, format string, args ...any) {
	n := lint.Note{Message: fmt.Sprintf(format, args...), Span: at, Lacks: lacks}
	if key := n.String(); !w.noted[key] {
		w.noted[key] = true
		w.out.Notes = append(w.out.Notes, n)
	}
}

// once notes what is not judged, at the first place of the helmfile where it is.
func (w *wanting) once(what string, at lint.Span, format string, args ...any) {
	if !w.noted[what] {
		w.noted[what] = true
		w.note(at, "", format, args...)
	}
}

func (w *wanting) templater(src *lint.Source) *templater {
	return &templater{
		ctx: w.ctx, checkout: w.checkout, dir: filepath.Dir(src.File),
		read: func(path string) { w.out.Files = append(w.out.Files, path) },
		env: func(name string) {
			line := 1
			if i := strings.Index(string(src.Data), `"`+name+`"`); i >= 0 {
				line = src.Position(i).Line
			}
			w.once("env "+name, src.LineSpan(line), "the environment variable %s is not read: what it sets stays ${%s}", name, name)
		},
	}
}

// data is what templates of helmfiles and of values see.
func (w *wanting) data(values map[string]any) map[string]any {
	return map[string]any{"Values": values, "StateValues": values, "Environment": map[string]any{"Name": w.env, "Values": values, "KubeContext": ""}, "Namespace": ""}
}

// load reads a helmfile with its bases. given are the values that another helmfile gives it.
func (w *wanting) load(file string, given map[string]any, depth int) *state {
	s := &state{src: lint.NewSource(file, nil), dir: filepath.Dir(file), values: map[string]any{}, environments: map[string]*lint.Node{}}
	merge(s.values, given)
	src, err := w.checkout.Files.Open(file)
	if w.files++; err != nil || depth > deepest || w.ended() != nil || slices.Contains(w.within, file) {
		return s
	}
	w.within = append(w.within, file)
	defer func() { w.within = w.within[:len(w.within)-1] }()
	w.out.Files = append(w.out.Files, file)
	s.src = src
	text := string(src.Data)
	if !strings.Contains(text, "{{") {
		docs, errs := lint.ParseYAML(src)
		w.out.Errors = append(w.out.Errors, errs...)
		for _, doc := range docs {
			w.part(s, lint.NewKustomization(doc, lint.FileLocator{Source: src}).Root, given, depth)
		}
		return s
	}
	for at := 0; at <= len(text); {
		end, next := len(text), len(text)+1
		if i := strings.Index(text[at:], "\n---\n"); i >= 0 {
			end, next = at+i+1, at+i+5
		}
		rendered, l, err := w.templater(src).render(src, text[at:end], at, w.data(s.values))
		if err != nil {
			w.once("template "+file, src.LineSpan(src.Position(min(at, len(text))).Line), "it is not judged from here on: %v", err)
			return s
		}
		var root *lint.Node
		var wrong *lint.InputError
		if l == nil {
			root, wrong = read(src, &locator{rendered: lint.NewSource(src.Path, []byte(rendered)), src: src, first: at})
		} else {
			root, wrong = read(src, l)
		}
		if wrong != nil {
			w.once("text "+file, src.LineSpan(src.Position(min(at, len(text))).Line), "it is not judged from here on: it renders to %s", wrong.Message)
			return s
		}
		w.part(s, root, given, depth)
		at = next
	}
	return s
}

// part adds one part of a helmfile to what the parts before it say.
func (w *wanting) part(s *state, root *lint.Node, given map[string]any, depth int) {
	for _, base := range root.Get("bases").Items() {
		at, ok := w.find(s.dir, base)
		if !ok {
			continue
		}
		b := w.load(at, nil, depth+1)
		merge(s.values, b.values)
		maps.Copy(s.environments, b.environments)
		s.defaults, s.templates, s.releases = append(b.defaults, s.defaults...), append(b.templates, s.templates...), append(s.releases, b.releases...)
	}
	w.values(s, root.Get("values"))
	for _, f := range root.Get("environments").Fields() {
		s.environments[f.Name()] = f
	}
	if own := root.Get("environments", w.env); own.Exists() {
		w.values(s, own.Get("values"))
		if secrets := own.Get("secrets"); len(secrets.Items()) > 0 {
			w.once("secrets", secrets.Locate().Span, "secrets are encrypted, and their values are not applied")
		}
	}
	merge(s.values, given)
	if n := root.Get("helmDefaults"); n.IsMapping() {
		s.defaults = append([]*lint.Node{n}, s.defaults...)
	}
	if n := root.Get("templates"); n.IsMapping() {
		s.templates = append([]*lint.Node{n}, s.templates...)
	}
	s.releases = append(s.releases, root.Get("releases").Items()...)
	for _, inner := range root.Get("helmfiles").Items() {
		path := inner
		values := map[string]any{}
		if inner.IsMapping() {
			path = inner.Get("path")
			given := &state{dir: s.dir, values: values, src: s.src}
			w.values(given, inner.Get("values"))
		}
		for _, at := range w.matches(s.dir, path) {
			s.inner = append(s.inner, w.load(at, values, depth+1))
		}
	}
}

// matches returns the files that a path of helmfiles names.
func (w *wanting) matches(dir string, path *lint.Node) []string {
	if !strings.ContainsAny(path.Value(), "*?[{") {
		if at, ok := w.find(dir, path); ok {
			return []string{at}
		}
		return nil
	}
	found, err := w.checkout.Match(dir, path.Value(), source.Components)
	if err != nil || len(found) == 0 {
		w.note(path.Locate().Span, path.Value(), "%s is not in this tree", path.Value())
	}
	return found
}

var remotePath = lint.Regexp(`^[a-z0-9+]+::|://`)

// find returns the file of the tree that a node names.
func (w *wanting) find(dir string, n *lint.Node) (string, bool) {
	path := n.Value()
	switch {
	case path == "":
		return "", false
	case remotePath().MatchString(path):
		w.note(n.Locate().Span, path, "%s is not fetched, manilint works offline: it is not judged", path)
		return "", false
	}
	at := filepath.Join(dir, filepath.FromSlash(path))
	if w.checkout.Files.IsFile(at) {
		return at, true
	}
	w.note(n.Locate().Span, path, "%s is not in this tree: it is not judged", path)
	return "", false
}

// values adds values to those of a state: files, templates of files, and mappings.
func (w *wanting) values(s *state, list *lint.Node) {
	for _, n := range list.Items() {
		if w.ended() != nil {
			return
		}
		var more map[string]any
		switch {
		case n.IsMapping():
			more = plain(n)
		case n.IsScalar():
			at, ok := w.find(s.dir, n)
			if !ok {
				continue
			}
			root, ok := w.open(at, n, w.data(s.values))
			if !ok {
				continue
			}
			more = plain(root)
		}
		merge(s.values, more)
	}
}

// open reads a values file, rendered with data where it is a template.
func (w *wanting) open(file string, by *lint.Node, data map[string]any) (*lint.Node, bool) {
	src, err := w.checkout.Files.Open(file)
	if err != nil {
		w.note(by.Locate().Span, by.Value(), "%s cannot be read: it is not applied", by.Value())
		return nil, false
	}
	w.out.Files = append(w.out.Files, file)
	var l lint.Locator
	if strings.HasSuffix(file, ".gotmpl") {
		if _, l, err = w.templater(src).render(src, string(src.Data), 0, data); err != nil {
			w.note(by.Locate().Span, by.Value(), "%s is not rendered: %v", by.Value(), err)
			return nil, false
		}
	}
	root, wrong := read(src, l)
	if wrong != nil || !root.IsMapping() {
		w.note(by.Locate().Span, by.Value(), "%s is no mapping of values: it is not applied", by.Value())
		return nil, false
	}
	return root, true
}

// plain returns a node as Go has it; nil for what is no mapping.
func plain(n *lint.Node) map[string]any {
	all, _ := toAny(n).(map[string]any)
	return all
}

// merge adds values to others: mappings are merged, the rest is replaced.
func merge(into, more map[string]any) {
	for k, v := range more {
		have, both := into[k].(map[string]any)
		m, ok := v.(map[string]any)
		if both && ok {
			merge(have, m)
			continue
		}
		if ok { // what is merged into it later is no one else's
			own := map[string]any{}
			merge(own, m)
			v = own
		}
		into[k] = v
	}
}

// toAny returns a node as Go has it.
func toAny(n *lint.Node) any {
	if !n.Exists() {
		return nil
	}
	var v any
	if n.YAML().Decode(&v) != nil {
		return nil
	}
	return v
}

// deploy adds the charts that the releases of a helmfile deploy.
func (w *wanting) deploy(s *state) {
	for _, r := range s.releases {
		if w.releases++; w.ended() != nil {
			return
		}
		w.release(&release{Node: r, state: s})
	}
	for _, inner := range s.inner {
		w.deploy(inner)
	}
}

// A release is one of a helmfile, with the templates that it inherits from.
type release struct {
	*lint.Node
	*state
}

// field returns a field of a release, else of what it inherits, else of the defaults.
func (r *release) field(name string) *lint.Node {
	if n := r.Node.Get(name); n.Exists() {
		return n
	}
	for _, from := range r.Node.Get("inherit").Items() {
		if slices.Contains(from.Get("except").Strings(), name) {
			continue
		}
		for _, t := range r.templates {
			if n := t.Get(from.Get("template").Value(), name); n.Exists() {
				return n
			}
		}
	}
	for _, d := range r.defaults {
		if n := d.Get(name); n.Exists() {
			return n
		}
	}
	return r.Node.Get(name)
}

// notApplied are fields that programs are run for.
var notApplied = []string{"strategicMergePatches", "jsonPatches", "transformers", "dependencies", "postRenderer"}

func (w *wanting) release(r *release) {
	data := w.data(r.values)
	text := func(name string) string { return w.text(r, r.field(name), data) }
	name := r.Node.Get("name").Value()
	labels, _ := toAny(r.Node.Get("labels")).(map[string]any)
	data["Release"] = map[string]any{"Name": name, "Namespace": r.field("namespace").Value(), "Labels": labels, "Chart": r.field("chart").Value()}
	if r.field("installed").IsFalse() {
		return
	}
	if condition := r.field("condition").Value(); condition != "" {
		if v, ok := lookUp(r.values, condition); !ok || v != true {
			return
		}
	}
	chart := r.field("chart")
	path := text("chart")
	dir := filepath.Join(r.dir, filepath.FromSlash(path))
	at := chart.Locate().Span
	if i := slices.Index(w.checkout.Charts, dir); path == "" || i < 0 {
		if path != "" {
			local := strings.HasPrefix(path, ".") || filepath.IsAbs(path)
			switch {
			case local && !w.checkout.Files.IsFile(filepath.Join(dir, "Chart.yaml")):
				w.note(at, path, "release %q: there is no chart %s in this tree", name, path)
			case !local:
				w.note(at, path, "release %q: chart %s is not fetched, manilint works offline: what it deploys is not linted", name, path)
			}
		}
		return
	}
	by := "release " + name
	if w.named {
		by += " of " + w.env
	}
	d := &helm.Deployment{By: by, Chart: dir, ReleaseName: name, Namespace: text("namespace"), KubeVersion: text("kubeVersion")}
	d.APIVersions = r.field("apiVersions").Strings()
	d.NoSchema = r.field("disableValidation").IsTrue() || r.field("skipSchemaValidation").IsTrue()
	for _, field := range notApplied {
		if n := r.field(field); n.Exists() && !n.IsNull() {
			w.once(field, n.Locate().Span, "%s of a release is not applied: helmfile runs a program for it", field)
		}
	}
	if secrets := r.field("secrets"); len(secrets.Items()) > 0 {
		w.once("secrets", secrets.Locate().Span, "secrets are encrypted, and their values are not applied")
	}
	for _, n := range slices.Concat(r.field("values").Items(), r.field("valuesTemplate").Items()) {
		if w.ended() != nil || !w.addValues(d, r, n, data) {
			return
		}
	}
	for _, field := range []string{"set", "setString", "setTemplate"} {
		for _, n := range r.field(field).Items() {
			value, key := n.Get("value"), w.text(r, n.Get("name"), data)
			switch {
			case n.Get("file").IsScalar():
				if file, ok := w.find(r.dir, n.Get("file")); ok {
					d.SetFile(n.Get("file"), key, relative(dir, file), false)
				}
			case len(n.Get("values").Items()) > 0:
				d.Set(n.Get("values"), key, "{"+strings.Join(n.Get("values").Strings(), ",")+"}", false)
			case value.IsScalar():
				d.Set(value, key, w.text(r, value, data), field == "setString")
			}
		}
	}
	w.out.Charts = append(w.out.Charts, &source.Chart{Deployment: d})
}

// addValues adds one entry of a release's values, in their order, and reports whether the release can be
// rendered: with values that are not known nothing is said of it.
func (w *wanting) addValues(d *helm.Deployment, r *release, n *lint.Node, data map[string]any) bool {
	if n.IsMapping() {
		d.AddNode(n)
		return true
	}
	path := w.text(r, n, data)
	if path == "" {
		return true
	}
	if remotePath().MatchString(path) {
		w.note(n.Locate().Span, path, "%s is not fetched, manilint works offline: release %q is not linted with it", path, d.ReleaseName)
		return false
	}
	file := filepath.Join(r.dir, filepath.FromSlash(path))
	switch handler := r.field("missingFileHandler").Value(); {
	case !w.checkout.Files.IsFile(file) && (handler == "" || handler == "Error"):
		w.note(n.Locate().Span, path, "%s is not in this tree: release %q is not linted with it", path, d.ReleaseName)
		return false
	case !w.checkout.Files.IsFile(file):
		return true
	}
	root, ok := w.open(file, n, data)
	if ok {
		d.AddNode(root)
	}
	return ok
}

// text returns the text of a node, rendered where it is a template of the release.
func (w *wanting) text(r *release, n *lint.Node, data map[string]any) string {
	if !n.IsScalar() || !strings.Contains(n.Value(), "{{") {
		return n.Value()
	}
	rendered, _, err := w.templater(r.src).render(r.src, n.Value(), 0, data)
	if err != nil {
		w.note(n.Locate().Span, "", "%s is not rendered: %v", n.Path(), err)
		return ""
	}
	return rendered
}

// relative returns a file as it is named from a chart.
func relative(chart, file string) string {
	rel, err := filepath.Rel(chart, file)
	if err != nil {
		return file
	}
	return filepath.ToSlash(rel)
}
