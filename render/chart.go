package render

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm"
)

// chartAt returns the chart that a plain file lies in, "" for none: one that a walk
// found on its way, or the one that holds the input.
func (l *loader) chartAt(file string) string {
	dir := filepath.Dir(file)
	if chart, known := l.charts[dir]; known {
		return chart
	}
	chart := ""
	if up := filepath.Dir(dir); slices.Contains(l.found, dir) {
		chart = dir
	} else if slices.ContainsFunc(l.found, func(chart string) bool { return within(chart, dir) }) {
		chart = l.chartAt(up + string(filepath.Separator))
	} else {
		chart = chartOf(l.files, file, l.boundsOf(dir))
	}
	l.charts[dir] = chart
	return chart
}

// boundsOf returns the jail of the input that a directory was found in. Its own may
// be wider, as that of an overlay is, and to look into that was not requested.
func (l *loader) boundsOf(dir string) string {
	for _, bounds := range l.bounds {
		if within(bounds, dir) {
			return bounds
		}
	}
	return jail(l.files, dir)
}

// manifestsOf returns the files of paths that are for no chart to make something of.
// In a chart's directory these are the ones that hold an object, unless the templates read
// them as data or they are written as templates themselves.
func (l *loader) manifestsOf(paths []string) []string {
	looked := l.files.Record() // a file that is only examined is none that was linted
	return slices.DeleteFunc(paths, func(path string) bool {
		chart := l.chartAt(path)
		if chart == "" {
			return false
		}
		src, err := looked.Open(path)
		if err != nil {
			return false
		}
		p := l.parse(src)
		switch {
		case !p.object:
			if isValuesName(path) {
				l.beside = append(l.beside, path)
			}
			return true
		case l.dataOf(chart)[path]:
		case len(p.errs) > 0 && strings.Contains(string(src.Data), "{{"):
			l.note("%s looks like a template, but Helm renders no templates there; it is not linted", src.Path)
		default:
			return false
		}
		l.used[path] = true // as far as it goes
		return true
	})
}

// dataOf returns the files that a chart's templates read as data.
func (l *loader) dataOf(chart string) map[string]bool {
	if chart != "" && l.data[chart] == nil {
		l.data[chart] = helm.DataFiles(chart, l.in(chart).Record())
	}
	return l.data[chart]
}

// readsBelow reports whether a chart's templates read a file below a directory.
func (l *loader) readsBelow(chart, dir string) bool {
	for path := range l.dataOf(chart) {
		if within(dir, path) {
			return true
		}
	}
	return false
}

// valuesName is how values files are called: values-prod.yaml, prod.values.yaml.
var valuesName = lint.Regexp(`(?i)(^|[-_.])values([-_.].*)?\.ya?ml$`)

func isValuesName(path string) bool { return valuesName().MatchString(filepath.Base(path)) }

// isValuesOf reports whether a file in a chart's directory is one of the chart's values
// files: by its name, or because the chart knows all of its keys.
func (l *loader) isValuesOf(chart, path string) bool {
	if rel, err := filepath.Rel(chart, path); err != nil || strings.HasPrefix(filepath.ToSlash(rel), "charts/") {
		return false // a subchart sees its values under its name
	}
	src, err := l.files.Open(path)
	if err != nil {
		return false
	}
	docs, errs := lint.ParseYAML(src)
	if len(docs) != 1 || len(errs) > 0 {
		return isValuesName(path) && (len(errs) > 0 || len(docs) == 0) // what is wrong with it is to be said; an empty one stands for the defaults
	}
	fields := lint.NewNode(docs[0]).Fields()
	has := func(name string) bool {
		return slices.ContainsFunc(fields, func(f *lint.Node) bool { return f.Name() == name })
	}
	if len(fields) == 0 || has("apiVersion") && has("kind") {
		return false
	}
	if isValuesName(path) {
		return true
	}
	known := helm.ValueKeys(chart, l.in(chart).Record())
	return !slices.ContainsFunc(fields, func(f *lint.Node) bool { return !known[f.Name()] })
}

// rendersWith reports whether a values file is one that a chart, "" for any, is
// rendered with anyway.
func (l *loader) rendersWith(chart, path string) bool {
	for _, file := range l.ValueFiles {
		if l.files.Abs(file) == path {
			return true
		}
	}
	if ok, _ := filepath.Match(filepath.Join(chart, "ci", "*-values.yaml"), path); ok && l.CIValues {
		return true
	}
	return slices.ContainsFunc(l.Variants, func(v config.Variant) bool {
		return (v.Chart == "" || chart == "" || l.configured(v.Chart) == chart) &&
			slices.ContainsFunc(v.Values, func(file string) bool { return l.configured(file) == path })
	})
}

// explain says why nothing was found in a file that was named, where that is because
// no rendering holds it. chart is the one that it lies in, "" for none.
func (l *loader) explain(path, chart string) []lint.Note {
	shown := l.files.Display(path)
	say := func(format string, args ...any) []lint.Note {
		return []lint.Note{{Message: shown + " " + fmt.Sprintf(format, args...)}}
	}
	about := l.about(path)
	if about.failed {
		return nil // what is wrong with it is said
	}
	asked := slices.ContainsFunc(l.asked[chart], func(files []string) bool { return files[0] == path })
	switch {
	case l.isTemplate(chart, path):
		if why := l.unwritten(about); why != "" {
			return say("%s", why)
		}
	case l.used[path] || l.linted[path] || l.values[path] || asked || l.rendersWith(chart, path) || owned(l.files, chart, path) || !isManifestName(path) || l.dataOf(chart)[path]:
	case isValuesName(path):
		return say("looks like a values file, and no rendering uses it; name it under helm: variants: in %s, or pass --values", config.Name)
	case chart != "":
		return say("holds no Kubernetes object, and no rendering uses it")
	}
	return nil
}

// unusedValues says which files next to the charts that were found are called as values
// files are and are used by no rendering: what they set is not linted.
func (l *loader) unusedValues() []lint.Note {
	unused := map[string][]string{}
	for _, path := range l.beside {
		chart := l.chartAt(path)
		if chart != "" && !l.values[path] && !l.used[path] && !slices.Contains(l.named, path) && !l.dataOf(chart)[path] &&
			!strings.HasPrefix(path, filepath.Join(chart, "ci")+string(filepath.Separator)) {
			unused[chart] = append(unused[chart], path)
		}
	}
	var notes []lint.Note
	for _, chart := range slices.Sorted(maps.Keys(unused)) {
		paths := unused[chart]
		slices.Sort(paths)
		const few = 3
		rest := ""
		if n := len(paths) - few; n > 0 {
			paths, rest = paths[:few], fmt.Sprintf(" and %d more", n)
		}
		for i, path := range paths {
			paths[i] = l.files.Display(path)
		}
		verb := "looks like a values file, and no rendering uses it; name it"
		if len(unused[chart]) > 1 {
			verb = "look like values files, and no rendering uses them; name them"
		}
		notes = append(notes, lint.Note{Message: fmt.Sprintf("%s%s %s under helm: variants: in %s, or pass --values", strings.Join(paths, ", "), rest, verb, config.Name)})
	}
	return notes
}

// linked reports of a path whether a chart has it as one of its own files, by a link that
// leaves the chart: it is linted as what the chart makes of it.
func (l *loader) linked(charts []string) func(path string) bool {
	targets := map[string]bool{}
	for _, chart := range charts {
		t := l.looking(l.jails[chart])
		seen := map[string]bool{}
		var walk func(dir string)
		walk = func(dir string) {
			real, err := t.EvalSymlinks(dir)
			if err != nil || seen[real] {
				return
			}
			seen[real] = true
			entries, _ := t.ReadDir(dir)
			for _, e := range entries {
				at := filepath.Join(dir, e.Name())
				switch {
				case e.IsDir():
					walk(at)
				case e.Type()&fs.ModeSymlink != 0:
					if real, err := t.EvalSymlinks(at); err == nil && !isChart(t, real) {
						targets[real] = true
					}
				}
			}
		}
		for _, dir := range ownedByChart {
			walk(filepath.Join(chart, dir))
		}
	}
	return func(path string) bool {
		if len(targets) == 0 {
			return false
		}
		real, err := l.files.EvalSymlinks(path)
		for dir := real; err == nil; dir = filepath.Dir(dir) {
			if targets[dir] {
				return true
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
		return false
	}
}

// strayPatch reports whether a file below an overlay is a patch that no overlay uses: it is
// no manifest, since what it leaves out is in what it was to patch.
func (l *loader) strayPatch(p parsed, overlays []place) bool {
	if !strings.Contains(strings.ToLower(filepath.Base(filepath.Dir(p.source.File))+"/"+filepath.Base(p.source.File)), "patch") || len(p.resources) == 0 ||
		!slices.ContainsFunc(overlays, func(o place) bool { return within(o.dir, p.source.File) }) || !slices.ContainsFunc(p.resources, isPart) {
		return false
	}
	return true
}

// isPart reports whether an object does not have what its kind cannot do without, as a patch of it does.
func isPart(r *lint.Resource) bool {
	for _, pod := range r.PodSpecs() {
		if len(pod.Containers()) == 0 {
			return true
		}
		for _, c := range pod.Containers() {
			if c.Get("image").Value() == "" {
				return true
			}
		}
	}
	return r.Group == "apps" && !r.Get("spec", "selector").Exists()
}

// isTemplate reports whether a file of a chart is a template that is to write objects.
func (l *loader) isTemplate(chart, path string) bool {
	return owned(l.files, chart, path) && strings.Contains(filepath.ToSlash(path), "/templates/") &&
		!strings.HasPrefix(filepath.Base(path), "_") && isManifestName(path)
}

// A fact is what a rendering shows of a file that was named.
type fact struct {
	failed     bool // there is an error in it
	rendered   bool // its chart renders
	wrote      bool // an object comes from it
	read       bool // its chart has it
	conditions []string
}

// observe takes down what the bundles of a unit show of the files that were named, before
// they are let go of.
func (l *loader) observe(u *Unit, bundles []*lint.Bundle) {
	facts := map[string]*fact{}
	shown := map[string]*fact{} // by path as reports print it
	templates := false
	for _, path := range l.named {
		f := &fact{read: u.files.Has(path)}
		facts[path], shown[l.files.Display(path)] = f, f
		templates = templates || l.isTemplate(l.owner[path], path)
	}
	for _, b := range bundles {
		for _, e := range b.Errors {
			if e.Span.IsValid() && shown[e.Span.Path()] != nil {
				shown[e.Span.Path()].failed = true
			}
		}
		if b.Rendering.Kind != "helm" || !templates {
			continue
		}
		for path, f := range facts {
			if l.files.Display(l.owner[path]) == b.Rendering.Root {
				f.rendered = f.rendered || len(b.Errors) == 0
			}
		}
		for _, r := range b.Resources {
			place := r.Root.Locate()
			if f := shown[place.Span.Path()]; f != nil {
				f.wrote = true
			}
			for _, related := range place.Related {
				if f := shown[related.Span.Path()]; f != nil {
					f.wrote = true
				}
			}
		}
		for _, left := range b.LeftOut {
			f := shown[left.Template.Path()]
			if f == nil {
				continue
			}
			why := fmt.Sprintf("the condition on line %d skips its %s", left.Template.Start.Line, left.Kind)
			if left.Wish != "" {
				why = fmt.Sprintf("its %s is for when %s", left.Kind, left.Wish)
			}
			if left.Value.IsValid() {
				why += fmt.Sprintf(" (%s:%d)", left.Value.Path(), left.Value.Start.Line)
			}
			f.conditions = append(f.conditions, why)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts[u] = facts
	l.order = append(l.order, u)
}

// about joins what all units show of a file, in the order of the units.
func (l *loader) about(path string) fact {
	position := map[*Unit]int{}
	for i, u := range l.plan.Units {
		position[u] = i - len(l.plan.Units) // those that were requested come behind
	}
	slices.SortFunc(l.order, func(a, b *Unit) int {
		return cmp.Or(cmp.Compare(position[a], position[b]), strings.Compare(a.Key, b.Key))
	})
	var all fact
	for _, u := range l.order {
		f := l.facts[u][path]
		all.failed, all.rendered = all.failed || f.failed, all.rendered || f.rendered
		all.wrote, all.read = all.wrote || f.wrote, all.read || f.read
		for _, why := range f.conditions {
			if !slices.Contains(all.conditions, why) {
				all.conditions = append(all.conditions, why)
			}
		}
	}
	return all
}

// unwritten says why a template wrote no object in any rendering of its chart; "" where
// it wrote one, or where the chart did not render.
func (l *loader) unwritten(about fact) string {
	conditions := about.conditions
	switch {
	case about.wrote:
		return ""
	case !about.read:
		return "is not part of the chart: .helmignore excludes it"
	case !about.rendered:
		return ""
	case len(conditions) == 0:
		return "renders no object with these values; pass --set or --values, or name a variant in " + config.Name + ", to lint it"
	}
	const few = 3
	if n := len(conditions) - few; n > 0 {
		conditions = append(conditions[:few:few], fmt.Sprintf("and %d more", n))
	}
	return "writes no object: " + strings.Join(conditions, ", ") + "; pass --set or --values, or name a variant in " + config.Name + ", to lint it"
}
