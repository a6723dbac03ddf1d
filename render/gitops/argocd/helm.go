package argocd

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/helm"
)

// chart adds a chart with the values of the Application. Of these, parameters outrank
// valuesObject, that outranks values, which then count for nothing, and these outrank
// valueFiles:
// https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#helm-value-precedence
func (a *application) chart(s *lint.Node, dir string) {
	with := s.Get("helm")
	if !a.has(dir, "Chart.yaml") {
		a.note(s.Get("path"), s.Get("repoURL").Value(), quoted(s.Get("path").Value())+" holds no chart, so Argo CD does not render it")
		return
	}
	d := &helm.Deployment{
		By: a.by, Path: s.Get("path").Value(), ReleaseName: cmp.Or(with.Get("releaseName").Value(), a.Name),
		Namespace: cmp.Or(with.Get("namespace").Value(), a.namespace()), KubeVersion: with.Get("kubeVersion").Value(), APIVersions: with.Get("apiVersions").Strings(),
		NoCRDs: with.Get("skipCrds").IsTrue(), NoTests: with.Get("skipTests").IsTrue(), NoSchema: with.Get("skipSchemaValidation").IsTrue(),
	}
	if slices.Contains(a.checkout.Charts, dir) {
		d.Chart = dir
	}
	a.valueFiles(d, s, dir)
	if object := with.Get("valuesObject"); object.IsMapping() {
		d.AddNode(object)
		if text := with.Get("values"); text.IsScalar() {
			d.Note(text, "Argo CD ignores values where valuesObject is set")
		}
	} else {
		d.AddText(with.Get("values"), with.Get("values").Value())
		if with.Get("values").Value() == "" {
			d.Room(s, "helm", "valuesObject")
		}
	}
	parameters := with.Get("parameters").Items()
	for _, isText := range []bool{false, true} { // helm ranks --set-string over --set
		for _, p := range parameters {
			if p.Get("forceString").IsTrue() == isText {
				d.Set(p.Get("value"), p.Get("name").Value(), commas(a.expand(s, p.Get("value").Value())), isText)
			}
		}
	}
	for _, p := range with.Get("fileParameters").Items() {
		at := p.Get("path")
		path, wrong, referred := a.referred(s, at.Value())
		switch {
		case at.Value() == "":
		case wrong != "":
			d.Note(at, "%s", wrong)
			d.Lacks(at.Value())
		case referred:
			d.SetFile(at, p.Get("name").Value(), path, true)
		default:
			path = a.expand(s, at.Value())
			d.SetFile(at, p.Get("name").Value(), path, strings.HasPrefix(path, "/"))
		}
	}
	a.out.Charts = append(a.out.Charts, &source.Chart{Deployment: d, From: a.from, Limits: a.limits})
}

// A listed entry of valueFiles names a file from the chart or, with fromRoot, from the root of
// the repository.
type listed struct {
	at       *lint.Node
	path     string
	fromRoot bool
}

// valueFiles adds the values files. A glob stands for the files that it matches, in order; one
// that is named on its own counts where it is named.
func (a *application) valueFiles(d *helm.Deployment, s *lint.Node, dir string) {
	optional := s.Get("helm", "ignoreMissingValueFiles").IsTrue()
	root := strings.TrimSuffix(filepath.ToSlash(dir), strings.Trim(filepath.ToSlash(filepath.Clean("/"+d.Path)), "/"))
	base := func(f listed) string {
		if f.fromRoot {
			return filepath.FromSlash(root)
		}
		return dir
	}
	var files []listed
	named := map[string]bool{}
	for _, item := range s.Get("helm", "valueFiles").Items() {
		f := listed{at: item}
		path, wrong, referred := a.referred(s, item.Value())
		switch {
		case !item.IsScalar() || item.Value() == "":
			continue
		case wrong != "":
			d.Note(item, "%s", wrong)
			d.Lacks(item.Value())
			continue
		case referred:
			f.path, f.fromRoot = path, true
		default:
			f.path = a.expand(s, item.Value())
			f.fromRoot = strings.HasPrefix(f.path, "/")
		}
		if strings.Contains(f.path, "://") {
			d.Note(item, "the values file is on the network and is not applied; only files of this tree are read")
			d.Lacks(f.path)
			continue
		}
		if !isGlob(f.path) {
			named[filepath.Join(base(f), filepath.FromSlash(f.path))] = true
		}
		files = append(files, f)
	}
	for _, f := range files {
		if !isGlob(f.path) {
			d.AddFile(f.path, f.fromRoot, f.at, optional)
			continue
		}
		from := base(f)
		pattern := strings.TrimPrefix(f.path, "/")
		for rest, up := strings.CutPrefix(pattern, "../"); up; rest, up = strings.CutPrefix(pattern, "../") {
			pattern, from = rest, filepath.Dir(from)
		}
		found, err := a.checkout.Match(from, strings.TrimPrefix(pattern, "./"), source.Components)
		switch {
		case err != nil:
			d.Fail(f.at, "the pattern %s is not expanded: %v", f.path, err)
		case len(found) == 0 && !optional:
			d.Missing(f.at, f.path, "the pattern %s matches no values file; correct it, or set ignoreMissingValueFiles", f.path)
		}
		for _, path := range found {
			if rel, err := filepath.Rel(base(f), path); err == nil && !named[path] {
				named[path] = true
				d.AddFile(filepath.ToSlash(rel), f.fromRoot, f.at, false)
			}
		}
	}
}

func isGlob(path string) bool { return strings.ContainsAny(path, "*?[") }

// commas escapes the commas of a parameter, but for Helm's notation of a list, as Argo
// CD does before it hands it to Helm.
func commas(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	var out strings.Builder
	before := rune(0)
	for _, c := range value {
		if c == ',' && before != '\\' {
			out.WriteByte('\\')
		}
		out.WriteRune(c)
		before = c
	}
	return out.String()
}
