package render

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
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
		chart = chartOf(l.files, file, jail(l.files, dir))
	}
	l.charts[dir] = chart
	return chart
}

// manifestsOf returns the files of paths that are for no chart to make something of.
// In a chart's folder these are the ones that hold an object, unless the templates read
// them as data or they are written as templates themselves.
func (l *loader) manifestsOf(paths []string) []string {
	looked := l.files.Record() // a file that is only looked at is none that was linted
	return slices.DeleteFunc(paths, func(path string) bool {
		chart := l.chartAt(path)
		if chart == "" {
			return false
		}
		src, err := looked.Open(path)
		if err != nil {
			return false
		}
		p := parse(src)
		switch {
		case !p.object:
			if isValuesName(path) {
				l.beside = append(l.beside, path)
			}
			return true
		case l.dataOf(chart)[path]:
		case len(p.errs) > 0 && strings.Contains(string(src.Data), "{{"):
			l.res.Notes = append(l.res.Notes, src.Path+" looks like a template where Helm renders none; it is not linted")
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

// readsBelow reports whether a chart's templates read a file below a folder.
func (l *loader) readsBelow(chart, dir string) bool {
	for path := range l.dataOf(chart) {
		if within(dir, path) {
			return true
		}
	}
	return false
}

// valuesName is how values files are called: values-prod.yaml, prod.values.yaml.
var valuesName = regexp.MustCompile(`(?i)(^|[-_.])values([-_.].*)?\.ya?ml$`)

func isValuesName(path string) bool { return valuesName.MatchString(filepath.Base(path)) }

// isValuesOf reports whether a file in a chart's folder is one of the chart's values
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
	known := helm.ValueKeys(chart, l.in(chart))
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
func (l *loader) explain(path, chart string) {
	shown := l.files.Display(path)
	for _, b := range l.res.Focused {
		if slices.ContainsFunc(b.Errors, func(e *lint.InputError) bool { return e.Span.IsValid() && e.Span.Path() == shown }) {
			return // what is wrong with it is said
		}
	}
	asked := slices.ContainsFunc(l.asked[chart], func(files []string) bool { return files[0] == path })
	switch {
	case l.isTemplate(chart, path):
		if why := l.unwritten(shown, path, l.files.Display(chart)); why != "" {
			l.res.Notes = append(l.res.Notes, shown+" "+why)
		}
	case l.used[path] || asked || l.rendersWith(chart, path) || owned(l.files, chart, path) || !isManifestName(path) || l.dataOf(chart)[path]:
	case isValuesName(path):
		l.res.Notes = append(l.res.Notes, fmt.Sprintf("%s looks like a values file, and no rendering uses it; name it under helm: variants: in %s, or pass --values", shown, config.Name))
	case chart != "":
		l.res.Notes = append(l.res.Notes, shown+" holds no Kubernetes object, and no rendering uses it")
	}
}

// unusedValues says which files beside the charts that were found are called as values
// files are and are used by no rendering: what they set is not linted.
func (l *loader) unusedValues() {
	unused := map[string][]string{}
	for _, path := range l.beside {
		chart := l.chartAt(path)
		if chart != "" && !l.values[path] && !l.used[path] && !l.dataOf(chart)[path] && !strings.HasPrefix(path, filepath.Join(chart, "ci")+string(filepath.Separator)) {
			unused[chart] = append(unused[chart], path)
		}
	}
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
		l.res.Notes = append(l.res.Notes, fmt.Sprintf("%s%s %s under helm: variants: in %s, or pass --values", strings.Join(paths, ", "), rest, verb, config.Name))
	}
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
// no manifest, since what it leaves out stands in what it was to patch. It says so.
func (l *loader) strayPatch(p parsed, overlays []place) bool {
	if !strings.Contains(strings.ToLower(filepath.Base(filepath.Dir(p.source.File))+"/"+filepath.Base(p.source.File)), "patch") || len(p.resources) == 0 ||
		!slices.ContainsFunc(overlays, func(o place) bool { return within(o.dir, p.source.File) }) || !slices.ContainsFunc(p.resources, isPart) {
		return false
	}
	l.res.Notes = append(l.res.Notes, p.source.Path+" looks like a patch, and no overlay uses it; it is not linted")
	return true
}

// isPart reports whether an object lacks what its kind cannot do without, as a patch of it does.
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

// unwritten says why a template wrote no object in any rendering of its chart; "" where
// it wrote one, or where the chart did not render.
func (l *loader) unwritten(shown, path, chart string) string {
	var conditions []string
	rendered := false
	for _, b := range l.res.Focused {
		if b.Rendering.Kind != "helm" || b.Rendering.Root != chart {
			continue
		}
		rendered = rendered || len(b.Errors) == 0
		for _, r := range b.Resources {
			place := r.Root.Locate()
			if place.Span.Path() == shown || slices.ContainsFunc(place.Related, func(r lint.Related) bool { return r.Span.Path() == shown }) {
				return ""
			}
		}
		for _, left := range b.LeftOut {
			if left.Template.Path() != shown {
				continue
			}
			why := fmt.Sprintf("the condition on line %d leaves out its %s", left.Template.Start.Line, left.Kind)
			if left.Wish != "" {
				why = fmt.Sprintf("its %s is for when %s", left.Kind, left.Wish)
			}
			if left.Value.IsValid() {
				why += fmt.Sprintf(" (%s:%d)", left.Value.Path(), left.Value.Start.Line)
			}
			if !slices.Contains(conditions, why) {
				conditions = append(conditions, why)
			}
		}
	}
	switch {
	case !l.files.Has(path):
		return "is no part of the chart: .helmignore leaves it out"
	case !rendered:
		return ""
	case len(conditions) == 0:
		return "writes no object with these values; pass --set or --values, or name a variant in " + config.Name + ", to lint it"
	}
	const few = 3
	if n := len(conditions) - few; n > 0 {
		conditions = append(conditions[:few], fmt.Sprintf("and %d more", n))
	}
	return "writes no object: " + strings.Join(conditions, ", ") + "; pass --set or --values, or name a variant in " + config.Name + ", to lint it"
}
