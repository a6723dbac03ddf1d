package render

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/render/gitops/flux"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/kustomize"
	"github.com/manilint/manilint/render/tree"
)

// maxApplied is how many Kustomizations may apply one another: more is one that applies
// itself and is another each time.
const maxApplied = 16

// An awaited directory is one that a Kustomization of Flux changes as it applies it: it is not
// linted as it lies, but as it is applied.
type awaited struct {
	dir string
	by  []*lint.Resource // as they are written: others may change them before they are applied
}

// applying finds the Kustomizations of Flux among objects as they are written, and the
// directories that they change. What it returns reports of an overlay or a plain file whether it
// is not to be rendered as it lies; the directory as which it is applied is requested then.
func (l *loader) applying(p *part, u *units, pointers []*lint.Resource, paths []string) (leave func(path string) bool) {
	if p.focused { // what applies files that were named lies anywhere
		paths = u.deployers
		pointers = l.pointers(paths)
	} else if more := l.besideInputs(paths); len(more) > 0 { // and so does what applies a directory
		paths, pointers = slices.Concat(paths, more), slices.Concat(pointers, l.pointers(more))
	}
	p.written, p.asked = pointers, map[string]bool{}
	p.sources = l.variablesOf(pointers, paths)
	gone := l.appliedOf(p, pointers, u.overlays, paths)
	return func(path string) bool {
		dir, left := gone[path]
		p.asked[dir] = p.asked[dir] || left
		return left
	}
}

// besideInputs returns the manifests of the trees around directories that were named, but for
// some; none where there are too many.
func (l *loader) besideInputs(paths []string) []string {
	known := map[string]bool{}
	for _, path := range paths {
		known[path] = true
	}
	var more []string
	for _, found := range l.walks {
		if len(found.plain) > maxDeployers {
			continue
		}
		for _, path := range found.plain {
			if !known[path] {
				known[path] = true
				more = append(more, path)
			}
		}
	}
	slices.Sort(more)
	return more
}

// appliedOf returns what Kustomizations change, overlays and plain files, each with the
// directory as which it is applied.
func (l *loader) appliedOf(p *part, pointers []*lint.Resource, overlays []place, plain []string) (gone map[string]string) {
	type applier struct {
		k     *lint.Resource
		files *tree.Tree
		dir   string
	}
	var all []applier
	names := map[string]bool{}
	for _, r := range pointers {
		if !flux.IsKustomization(r) {
			continue
		}
		names[r.Name] = true
		if files, dir, ok := l.appliedBy(p, r); ok {
			all = append(all, applier{r, files, dir})
		} else if !p.focused && len(l.walks) == 0 && l.lacksPath(p, r) {
			path := r.Get("spec", "path")
			l.plan.Notes = append(l.plan.Notes, lint.Note{Message: fmt.Sprintf("%s: path: there is no directory %s in this tree", by(r), path.Value()), Span: path.Locate().Span, Lacks: path.Value()})
		}
	}
	for _, r := range pointers {
		if flux.IsKustomization(r) && !p.focused && len(l.walks) == 0 {
			l.plan.Notes = append(l.plan.Notes, flux.Missing(by(r), r, func(name string) bool { return names[name] || kube.IsTemplated(name) })...)
		}
	}
	isOverlay := map[string]bool{}
	for _, o := range overlays {
		isOverlay[o.dir] = true
	}
	gone = map[string]string{}
	for _, a := range all {
		patched := func(other applier) bool {
			return other.k != a.k && flux.Patches(other.k) && within(other.dir, l.fileOf(a.k))
		}
		if !flux.Changes(a.k) && !slices.ContainsFunc(all, patched) {
			continue
		}
		if i := slices.IndexFunc(p.awaited, func(w *awaited) bool { return w.dir == a.dir }); i >= 0 {
			p.awaited[i].by = append(p.awaited[i].by, a.k)
			continue
		}
		p.awaited = append(p.awaited, &awaited{a.dir, []*lint.Resource{a.k}})
		gone[a.dir] = a.dir
		if hasKustomization(a.files, a.dir) {
			continue
		}
		for _, o := range overlays {
			if within(a.dir, o.dir) && !isIn(isOverlay, a.dir, o.dir) {
				gone[o.dir] = a.dir
			}
		}
		for _, path := range plain {
			if ext := filepath.Ext(path); within(a.dir, path) && (ext == ".yaml" || ext == ".yml") && !isIn(isOverlay, a.dir, path) {
				gone[path] = a.dir
			}
		}
	}
	return gone
}

// keep drops the directories that are not requested, except those of which a file that
// was named sets variables.
func (p *part) keep(l *loader, named []string) {
	p.awaited = slices.DeleteFunc(p.awaited, func(a *awaited) bool {
		return !p.asked[a.dir] && !slices.ContainsFunc(a.by, func(k *lint.Resource) bool {
			return slices.ContainsFunc(k.Get("spec", "postBuild", "substituteFrom").Items(), func(from *lint.Node) bool {
				source := l.sourceOf(p, k, from.Get("kind").Value(), from.Get("name").Value(), nil)
				return source != nil && slices.Contains(named, l.fileOf(source))
			})
		})
	})
}

// by returns an object as reports name it.
func by(r *lint.Resource) string {
	return r.Kind + " " + strings.TrimPrefix(r.Namespace+"/"+r.Name, "/")
}

// fileOf returns the file that an object is written in, "" for none.
func (l *loader) fileOf(r *lint.Resource) string {
	src := r.Root.Locate().Span.Start.Source
	if src == nil || src.File == "" {
		return ""
	}
	return src.File
}

// appliedBy returns the directory that a Kustomization applies, and the view to read it
// through: that of the checkout which holds the object. ok is false where it is in none, or in
// another repository.
func (l *loader) appliedBy(p *part, k *lint.Resource) (files *tree.Tree, dir string, ok bool) {
	path, ok := flux.PathOf(k)
	c := l.checkout(p, l.files, k)
	if !ok || c == nil {
		return nil, "", false
	}
	if url := flux.AddressOf(k, p.written); url != "" && c.Is(url) == source.No {
		return nil, "", false
	}
	dir, _, ok = c.Dir(path, k.Get("spec", "path").Locate().Span)
	if ok {
		real, err := c.Files.EvalSymlinks(dir)
		dir, ok = real, err == nil
	}
	return c.Files, dir, ok
}

// lacksPath reports whether a Kustomization of this repository applies a directory that is not
// there.
func (l *loader) lacksPath(p *part, k *lint.Resource) bool {
	path, ok := flux.PathOf(k)
	c := l.checkout(p, l.files, k)
	if !ok || c == nil || strings.Contains(path, "${") || c.Is(flux.AddressOf(k, p.written)) != source.Yes {
		return false
	}
	_, _, there := c.Dir(path, k.Get("spec", "path").Locate().Span)
	return !there
}

func hasKustomization(files *tree.Tree, dir string) bool {
	return slices.ContainsFunc(KustomizationNames, func(name string) bool {
		return files.IsFile(filepath.Join(dir, name)) && isKustomization(files, filepath.Join(dir, name))
	})
}

// applied plans what Kustomizations of Flux among some objects make of the directories
// that they change.
func (l *loader) applied(p *part, objects []*lint.Resource, wave int) []*Unit {
	var units []*Unit
	for _, k := range objects {
		if flux.IsKustomization(k) && flux.Changes(k) && wave < maxApplied {
			if u := l.apply(p, k, objects); u != nil {
				units = append(units, u)
			}
		}
	}
	return units
}

// apply plans what a Kustomization makes of the directory that it applies; nil where that is
// not in the tree.
func (l *loader) apply(p *part, k *lint.Resource, objects []*lint.Resource) *Unit {
	files, dir, ok := l.appliedBy(p, k)
	if !ok {
		return nil
	}
	look := files.Record()
	a := flux.Apply(by(k), k,
		func(k *lint.Resource, kind, name string) *lint.Resource { return l.sourceOf(p, k, kind, name, objects) },
		func(path string) bool {
			_, err := look.Stat(filepath.Join(dir, filepath.FromSlash(path)))
			return err == nil
		})
	if !hasKustomization(look, dir) {
		resources := l.generated(look, dir, dir, 0)
		at := k.Get("spec", "path")
		if len(resources) == 0 || at.Locate().Span.Start.Source == nil {
			return nil
		}
		a.Change.Generate(resources, at)
	}
	root := kustomize.Changed(dir, a.Change, kustomize.Options{Files: files.Record(), KubeVersion: l.KubeVersion, Late: l.late})
	if root == nil {
		return nil
	}
	u := l.overlay(p, root, Applied, files)
	build := u.render
	u.render = func(ctx context.Context, u *Unit) *Rendered {
		r := build(ctx, u)
		for _, b := range r.Bundles {
			b.Notes = append(b.Notes, a.Notes...)
		}
		return r
	}
	u.Key = fmt.Sprintf("%s\x00%s", u.Key, a.Key())
	if p.focused {
		u.Key += "\x00named"
	}
	u.scope, u.applies = nil, dir
	l.mu.Lock()
	defer l.mu.Unlock()
	p.covered[dir] = true
	return u
}

// generated lists what Flux makes the resources of a directory without a kustomization: the
// manifests below it, and the directories with a kustomization instead of what is in them.
func (l *loader) generated(files *tree.Tree, root, dir string, depth int) []string {
	const deepest = 50
	entries, err := files.ReadDir(dir)
	if err != nil || depth > deepest {
		return nil
	}
	var all []string
	for _, e := range entries {
		at := filepath.Join(dir, e.Name())
		rel, err := filepath.Rel(root, at)
		if err != nil || l.Exclude(at) {
			continue
		}
		switch {
		case e.IsDir() && (e.Name() == ".git" || e.Name() == ".github" || isChart(files, at)): // Flux fails on templates of charts
		case e.IsDir() && hasKustomization(files, at):
			all = append(all, "./"+filepath.ToSlash(rel))
		case e.IsDir():
			all = append(all, l.generated(files, root, at, depth+1)...)
		case e.Type()&fs.ModeSymlink == 0 && !e.Type().IsRegular():
		case filepath.Ext(at) == ".yaml" || filepath.Ext(at) == ".yml":
			if data, err := files.ReadFile(at); err == nil && namesObject(data) { // Flux fails on others
				all = append(all, "./"+filepath.ToSlash(rel))
			}
		}
	}
	return all
}

// sourceOf returns the ConfigMap or Secret of a name that a Kustomization takes variables from:
// one that is rendered with it, else the one that is written nearest to it.
func (l *loader) sourceOf(p *part, k *lint.Resource, kind, name string, objects []*lint.Resource) *lint.Resource {
	is := func(r *lint.Resource) bool {
		return r.Group == "" && r.Kind == kind && r.Name == name && (r.Namespace == k.Namespace || r.Namespace == "" || k.Namespace == "")
	}
	for _, all := range [][]*lint.Resource{objects, p.sources} {
		var candidates []*lint.Resource
		for _, r := range all {
			if is(r) {
				candidates = append(candidates, r)
			}
		}
		if found := flux.Nearest(k, candidates); found != nil {
			return found
		}
	}
	return nil
}

// variablesOf returns the ConfigMaps and Secrets that Kustomizations may take variables from,
// and HelmReleases values, as they are written, and the GitRepositories.
func (l *loader) variablesOf(pointers []*lint.Resource, paths []string) []*lint.Resource {
	names := map[string]bool{}
	var found []*lint.Resource
	for _, r := range pointers {
		if r.Is("source.toolkit.fluxcd.io", "GitRepository") {
			found = append(found, r)
		}
		from := []*lint.Node{r.Get("spec", "postBuild", "substituteFrom"), r.Get("spec", "valuesFrom")}
		for _, p := range r.Get("spec", "patches").Items() { // which add it to others
			if text := p.Get("patch"); strings.Contains(text.Value(), "substituteFrom") {
				docs, _ := lint.ParseYAML(lint.NewSource("", []byte(text.Value())))
				for _, doc := range docs {
					from = append(from, lint.NewNode(doc).Get("spec", "postBuild", "substituteFrom"))
				}
			}
		}
		for _, list := range from {
			for _, f := range list.Items() {
				names[f.Get("name").Value()] = true
			}
		}
	}
	if len(names) == 0 {
		return found
	}
	looked := l.files.Record()
	for _, path := range paths {
		src, err := looked.Open(path)
		if err != nil || !bytes.Contains(src.Data, []byte("ConfigMap")) && !bytes.Contains(src.Data, []byte("Secret")) {
			continue
		}
		for _, r := range l.parse(src).resources {
			if r.Group == "" && (r.Kind == "ConfigMap" || r.Kind == "Secret") && names[r.Name] {
				found = append(found, r)
			}
		}
	}
	return found
}

// rest requests the directories that Kustomizations were said to change and that none of those
// that were rendered applied. That is known when all were rendered: each wave of units requests
// the next.
func (l *loader) rest(p *part) *Unit {
	u := l.unit(p, "file", "what Kustomizations apply", Applied, l.files, func(_ context.Context, u *Unit) *Rendered {
		l.mu.Lock()
		left := slices.Clone(p.awaited)
		left = slices.DeleteFunc(left, func(a *awaited) bool { return p.covered[a.dir] })
		busy := u.wave == 0 || p.busy[u.wave] // units of this wave may request more
		l.mu.Unlock()
		r := &Rendered{}
		switch {
		case len(left) == 0 && !busy || u.wave > 4*maxApplied:
		case busy:
			r.Asks = []*Unit{l.rest(p)}
		default:
			for _, a := range left {
				l.mu.Lock()
				p.covered[a.dir] = true
				l.mu.Unlock()
				for _, k := range a.by {
					if ask := l.apply(p, k, nil); ask != nil {
						r.Asks = append(r.Asks, ask)
					}
				}
			}
			r.Asks = append(r.Asks, l.rest(p))
		}
		for _, ask := range r.Asks {
			if ask.applies == "" {
				ask.Key += fmt.Sprintf("\x00%v\x00%d", p.focused, u.wave)
			}
		}
		return r
	})
	u.Waits = true
	return u
}
