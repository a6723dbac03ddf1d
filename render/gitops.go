package render

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/kustomize"
	"github.com/manilint/manilint/render/tree"
)

// maxDepth is how many objects one after the other are followed: an Application that deploys
// a chart of Applications, which deploy charts.
const maxDepth = 3

// maxAsked is how many renderings what an object deploys may request in turn.
const maxAsked = 200

// wanted returns what objects want to have rendered; all are those that may say something of
// them. What is looked up counts as examined by the view.
func (l *loader) wanted(ctx context.Context, p *part, looked *tree.Tree, objects, all []*lint.Resource) *source.Wanted {
	return gitops.Wanted(ctx, objects, slices.Concat(all, p.sources), func(r *lint.Resource) *source.Checkout { return l.checkout(p, looked, r) })
}

// checkout returns the checkout that an object is written in, nil for none. What is looked up
// there counts as examined by the view.
func (l *loader) checkout(p *part, looked *tree.Tree, r *lint.Resource) *source.Checkout {
	at := r.Root.Locate().Span.Start.Source
	if at == nil || at.File == "" {
		return nil
	}
	bounds := l.boundary(filepath.Dir(at.File))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.addresses[bounds] == nil {
		l.addresses[bounds] = source.Addresses(bounds, l.Repositories)
	}
	return source.NewCheckout(looked.In(bounds), p.charts, l.addresses[bounds])
}

// boundary is [loader.boundsOf], found once for a directory.
func (l *loader) boundary(dir string) string {
	l.mu.Lock()
	bounds, known := l.within[dir]
	l.mu.Unlock()
	if !known {
		bounds = l.boundsOf(dir)
		l.mu.Lock()
		l.within[dir] = bounds
		l.mu.Unlock()
	}
	return bounds
}

// ask adds to what a unit came to what its objects want to have rendered.
func (u *Unit) ask(ctx context.Context, r *Rendered, objects []*lint.Resource) {
	l := u.l
	w := l.wanted(ctx, u.part, u.looked, objects, objects)
	r.Errors, r.Notes = append(r.Errors, w.Errors...), append(r.Notes, w.Notes...)
	for _, d := range w.Directories {
		if d.Limits != nil {
			r.Notes = append(r.Notes, d.Limits(slices.DeleteFunc(slices.Clone(objects), func(o *lint.Resource) bool {
				at := o.Root.Locate().Span.Start.Source
				return at == nil || !d.Holds(at.File)
			}))...)
		}
	}
	asks := l.asks(u, w)
	if u.Why == Deployed && len(asks) > maxAsked {
		r.Notes = append(r.Notes, lint.Note{Message: fmt.Sprintf("%s: its objects ask for %d renderings, of which %d are made", u.Root, len(asks), maxAsked)})
		asks = asks[:maxAsked]
	}
	r.Asks = append(r.Asks, asks...)
}

// asks plans what objects of a unit want to have rendered.
func (l *loader) asks(by *Unit, w *source.Wanted) []*Unit {
	var all []*Unit
	add := func(u *Unit, key string) {
		u.depth, u.Key = by.depth+1, key
		if u.Focused {
			u.Key += "\x00named"
		}
		all = append(all, u)
	}
	var deployments []*helm.Deployment
	limits := map[*helm.Deployment]source.Limits{}
	for _, c := range w.Charts {
		deployments = append(deployments, c.Deployment)
		limits[c.Deployment] = c.Limits
	}
	for _, d := range helm.InCharts(deployments, by.part.charts, l.files) {
		u := l.unit(by.part, "helm", l.files.Display(d.Chart)+" with "+d.By, Deployed, l.in(d.Chart), func(ctx context.Context, u *Unit) *Rendered {
			return limited(&Rendered{Bundles: []*lint.Bundle{d.Render(ctx, l.helmOptions(d.Chart, u.files))}}, limits[d])
		})
		add(u, d.Key)
	}
	for _, o := range w.Overlays {
		if l.Exclude(o.Dir) {
			continue
		}
		files := l.files.In(l.boundary(o.Dir))
		root := kustomize.Changed(o.Dir, o.Change, kustomize.Options{Files: files.Record(), KubeVersion: l.KubeVersion, Late: l.late})
		if root == nil {
			continue
		}
		l.mu.Lock()
		l.deployed[root.Dir] = true
		by.Waits = by.Waits || l.doubtful[root.Dir] // what is deployed is known of this plan alone
		l.mu.Unlock()
		u := l.overlay(by.part, root, Deployed, files)
		render := u.render
		u.Root += " with " + o.Change.By
		u.render = func(ctx context.Context, u *Unit) *Rendered { return limited(render(ctx, u), o.Limits) }
		add(u, "kustomize\x00"+root.Dir+"\x00"+o.Change.Key())
	}
	return all
}

// limited adds what a controller refuses of a rendering.
func limited(r *Rendered, limits source.Limits) *Rendered {
	if limits != nil {
		for _, b := range r.Bundles {
			r.Notes = append(r.Notes, limits(b.Resources)...)
		}
	}
	return r
}

// held plans overlays that objects deploy: they are built as they are only where none of these
// requests them. A tree is what its controllers make of it. Objects of plain files, paths, and
// those that deploy what was named, certainly request them; of others, which overlays hold, it
// is known once these are rendered.
func (l *loader) held(p *part, overlays []*Unit, wanted, deploying []*source.Overlay, paths []string) []*Unit {
	certain, covered := map[string]bool{}, map[string]bool{}
	for i, o := range slices.Concat(deploying, wanted) {
		real, err := l.files.EvalSymlinks(o.Dir)
		if err != nil || l.Exclude(o.Dir) {
			continue
		}
		covered[real] = true
		certain[real] = certain[real] || i < len(deploying) || slices.Contains(paths, o.File)
	}
	overlays = slices.DeleteFunc(overlays, func(u *Unit) bool { return certain[u.dir] })
	for i, u := range overlays {
		if !covered[u.dir] {
			continue
		}
		last := l.unit(p, "kustomize", u.Root, u.Why, l.files, func(context.Context, *Unit) *Rendered {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.deployed[u.dir] {
				return &Rendered{}
			}
			return &Rendered{Asks: []*Unit{u}}
		})
		last.Key, last.Waits = last.Key+"\x00last", true
		l.mu.Lock()
		l.doubtful[u.dir] = true
		l.mu.Unlock()
		first := l.unit(p, "kustomize", u.Root, u.Why, l.files, func(context.Context, *Unit) *Rendered { return &Rendered{Asks: []*Unit{last}} })
		first.Key += "\x00held"
		overlays[i] = first
	}
	return overlays
}

// namespaces returns of the files that directories of objects hold the namespace that those
// give to what has none; none where they give more than one.
func (l *loader) namespaces(directories []*source.Directory, paths ...[]string) map[string]string {
	given := map[string]string{}
	for _, d := range directories {
		for _, path := range slices.Concat(paths...) {
			if !d.Holds(path) {
				continue
			}
			if before, known := given[path]; known && before != d.Namespace {
				given[path] = ""
				continue
			}
			given[path] = d.Namespace
		}
	}
	for path, namespace := range given {
		if namespace == "" {
			delete(given, path)
		}
	}
	return given
}

// settle gives an object of a plain file the namespace that it is deployed to.
func settle(o *lint.Resource, namespaces map[string]string) {
	if src := o.Root.Locate().Span.Start.Source; o.Namespace == "" && len(namespaces) > 0 && src != nil {
		o.Namespace = namespaces[src.File]
	}
}

// deployersOf returns the objects of the tree around files that were named alone which may
// deploy what was named: charts, overlays, or charts with values files that were named.
func (l *loader) deployersOf(ctx context.Context, u *units, charts, roots []string) []*lint.Resource {
	if len(u.deployers) == 0 || len(charts) == 0 && len(roots) == 0 && !slices.ContainsFunc(l.named, l.holdsValues) {
		return nil
	}
	return l.deployers(ctx, l.files.Record(), u.deployers)
}

// holdsValues reports whether a file may be one of values: YAML, and no object.
func (l *loader) holdsValues(path string) bool {
	if !isManifestName(path) || l.files.IsDir(path) {
		return false
	}
	src, err := l.files.Record().Open(path)
	return err == nil && !l.parse(src).object && !strings.Contains(string(src.Data), "{{")
}

// deploying keeps what objects want of some charts and overlays, and of charts with values
// files that were named.
func (l *loader) deploying(p *part, w *source.Wanted, charts, roots []string) *source.Wanted {
	named := func(path string) bool { return slices.Contains(l.named, path) }
	w.Charts = slices.DeleteFunc(w.Charts, func(c *source.Chart) bool {
		found := helm.InCharts([]*helm.Deployment{c.Deployment}, p.charts, l.files)
		return len(found) == 0 || !slices.Contains(charts, c.Chart) && !slices.ContainsFunc(slices.Concat(c.Files(l.files), c.From), named)
	})
	w.Overlays = slices.DeleteFunc(w.Overlays, func(o *source.Overlay) bool {
		return !slices.Contains(roots, o.Dir) && !slices.ContainsFunc(o.From, named)
	})
	return w
}
