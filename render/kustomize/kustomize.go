// Package kustomize builds overlays in this process and says, for every field of
// the result, which line wrote it last: of a base, a patch, a generator, or an entry
// of a kustomization. The objects are those that `kustomize build` prints. It
// fetches nothing, runs no program, and reads nothing outside the directory it is
// given; what needs that is an error at its line, and the rest is built without it.
package kustomize

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm"
	filetree "github.com/manilint/manilint/render/tree"
)

// Options say how overlays are built.
type Options struct {
	// Files is where files are read; needed, with a jail.
	Files       *filetree.Tree
	KubeVersion string   // for helmCharts; the newest known when empty
	Jobs        int      // builds at work at once; 1 when 0
	Added       []string // directories of components that objects add to overlays
	Only        []string // absolute paths: build the roots that use one of these files alone
	// Late holds the charts that ran out of time in this run; may be nil.
	Late *helm.Late

	change *Change // of the root; may be nil
}

// A Plan says which overlays there are to build.
type Plan struct {
	Roots []*Root
	// Used holds the absolute paths of the files that kustomizations name. They are not
	// linted as plain manifests.
	Used  map[string]bool
	Notes []lint.Note
}

// A Root is an overlay that no other one names, or one that is built on its own for another
// reason.
type Root struct {
	Dir string // absolute, links resolved
	t   *tree
	k   *kustomization
	o   Options

	change *Change // may be nil
}

// A Built overlay is what a root came to.
type Built struct {
	Bundle *lint.Bundle
	Notes  []lint.Note
	// Instead are the bases of an overlay that cannot be built: they are linted on their own.
	Instead []*Root
}

// NewPlan finds the roots among dirs: the kustomizations that no other one names, in the
// order of dirs. A component is never a root. Kustomizations that only components or a
// cycle name are roots too, so that nothing is lost.
func NewPlan(dirs []string, o Options) *Plan {
	p := &Plan{Used: map[string]bool{}}
	t := newTree(o.Files)
	all := t.kustomizations(dirs)
	roots, notes := t.roots(all, o.Added)
	p.Notes = notes
	for _, k := range all {
		t.each(k, func(k *kustomization) {
			for _, path := range append(k.files(), t.configured(k)...) {
				t.use(p.Used, path)
			}
		})
	}
	if len(o.Only) > 0 {
		reals := make([]string, len(o.Only))
		for i, p := range o.Only {
			reals[i] = p
			if real, err := t.resolve(p); err == nil {
				reals[i] = real
			}
		}
		roots = slices.DeleteFunc(roots, func(k *kustomization) bool { return !t.uses(k, o.Only, reals) })
		p.Notes = nil // on what was not selected
	}
	if why := hooks(); why != "" && len(roots) > 0 {
		p.Notes = append(p.Notes, lint.Note{Message: "places in overlays are those of the block that holds a value, not of the value: " + why})
	}
	for _, k := range roots {
		t.each(k, func(k *kustomization) { t.reached[k.dir]++ })
		p.Roots = append(p.Roots, &Root{Dir: k.dir, t: t, k: k, o: o})
	}
	return p
}

// Shown returns the overlay's directory as reports print it.
func (r *Root) Shown() string { return r.t.files.Display(r.Dir) }

// Scope returns what building the overlay may read: files that exist or are searched for. ok
// is false where that is not known before: a kustomization that is broken, or that renders
// charts, or whose objects deploy some.
func (r *Root) Scope() (paths []string, ok bool) {
	ok = true
	r.t.each(r.k, func(k *kustomization) {
		if k.root == nil || len(k.errs) > 0 {
			ok = false
			return
		}
		for _, name := range FileNames {
			paths = append(paths, filepath.Join(k.dir, name))
		}
		paths = append(append(paths, k.files()...), r.t.configured(k)...)
		for _, ref := range k.refs {
			if ref.path != "" && !ref.isDir {
				data, err := r.t.files.Record().ReadFile(ref.path)
				ok = ok && err == nil && !charts().Match(data)
			}
			if !ref.inline && !filepath.IsAbs(ref.value) {
				paths = append(paths, filepath.Join(k.dir, filepath.FromSlash(ref.value), FileNames[0]))
			}
			ok = ok && (!ref.inline || !charts().MatchString(ref.value))
		}
		ok = ok && len(items(fold(k.root, "helmCharts"))) == 0 && len(items(fold(k.root, "helmChartInflationGenerator"))) == 0
	})
	return paths, ok
}

// charts matches what renders a chart, or requests it.
var charts = lint.Regexp(`HelmChartInflationGenerator|HelmRelease|argoproj\.io|kustomize\.toolkit\.fluxcd\.io`)

// Build builds an overlay, reading its files through a view of the plan's tree. What cannot
// be built is in the errors of the bundle.
func (r *Root) Build(ctx context.Context, files *filetree.Tree) *Built {
	goOffline()
	boundCopies()
	r.t.read(r.k, files)
	o := r.o
	o.Files, o.change = files, r.change
	built := r.t.buildOne(ctx, r.k, o)
	out := &Built{Bundle: built.bundle}
	r.t.each(r.k, func(k *kustomization) { out.Notes = append(out.Notes, k.hints()...) })
	if built.failed && ctx.Err() == nil {
		for _, k := range r.t.bases(r.k) {
			out.Instead = append(out.Instead, &Root{Dir: k.dir, t: r.t, k: k, o: r.o})
		}
	}
	return out
}

// read tells a view of what the plan read, and searched for, to know of a root what it knows.
func (t *tree) read(root *kustomization, files *filetree.Tree) {
	t.each(root, func(k *kustomization) {
		for _, name := range FileNames {
			files.IsFile(filepath.Join(k.dir, name))
		}
		_, _ = files.Open(k.src.File) // it was read
		for _, r := range k.refs {
			if !r.inline && !filepath.IsAbs(r.value) {
				files.IsFile(filepath.Join(k.dir, filepath.FromSlash(r.value)))
			}
		}
	})
}

// configured returns the files that the configuration of a kustomization's generators and
// transformers names: any text in it that is the path of a file.
func (t *tree) configured(k *kustomization) []string {
	var paths []string
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if v := text(n); v != "" && len(v) < 1000 && !isInline(v) && !filepath.IsAbs(v) {
			if path := filepath.Join(k.dir, filepath.FromSlash(v)); t.files.IsFile(path) {
				paths = append(paths, path)
			}
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	for _, r := range k.refs {
		if r.field != "generators" && r.field != "transformers" && r.field != "validators" || r.isDir || r.path == "" && !r.inline {
			continue
		}
		src := lint.NewSource("", []byte(r.value))
		if !r.inline {
			var err error
			if src, err = t.files.Open(r.path); err != nil {
				continue
			}
		}
		docs, _ := lint.ParseYAML(src)
		for _, doc := range docs {
			walk(doc)
		}
	}
	return paths
}

// A Result is what directories with a kustomization hold.
type Result struct {
	Bundles []*lint.Bundle // one a root, in the order of the directories given
	Used    map[string]bool
	Notes   []lint.Note
}

// Load plans the overlays in dirs and builds them all, Options.Jobs at a time.
func Load(ctx context.Context, dirs []string, o Options) Result {
	p := NewPlan(dirs, o)
	res := Result{Used: p.Used, Notes: p.Notes}
	known := map[string]bool{}
	for roots := p.Roots; len(roots) > 0; {
		built := make([]*Built, len(roots))
		var group sync.WaitGroup
		limit := make(chan struct{}, max(1, o.Jobs))
		for i, r := range roots {
			known[r.Dir] = true
			limit <- struct{}{}
			group.Go(func() {
				defer func() { <-limit }()
				built[i] = r.Build(ctx, o.Files)
			})
		}
		group.Wait()
		roots = nil
		for _, b := range built {
			res.Bundles = append(res.Bundles, b.Bundle)
			for _, n := range b.Notes {
				if !slices.Contains(res.Notes, n) {
					res.Notes = append(res.Notes, n)
				}
			}
			for _, r := range b.Instead {
				if !known[r.Dir] {
					known[r.Dir] = true
					roots = append(roots, r)
				}
			}
		}
	}
	return res
}

// kustomizations returns those of directories, each once.
func (t *tree) kustomizations(dirs []string) []*kustomization {
	var all []*kustomization
	seen := map[*kustomization]bool{}
	for _, dir := range dirs {
		if real, err := t.resolve(dir); err == nil {
			if k := t.at(real); k != nil && !seen[k] {
				seen[k] = true
				all = append(all, k)
			}
		}
	}
	return all
}

// An outcome is what became of one root.
type outcome struct {
	bundle *lint.Bundle
	failed bool // nothing could be built
}

// buildOne builds one root in the time that it may take.
func (t *tree) buildOne(ctx context.Context, k *kustomization, o Options) outcome {
	start := time.Now()
	out, unended := inTime(ctx, func(ctx context.Context) outcome {
		defer quiet()()
		return load(ctx, t, k, o)
	})
	if unended != nil { // it goes on, and what it holds is its own
		out.bundle, out.failed = bundleOf(k, nil, []*lint.InputError{{Span: k.src.LineSpan(1), Message: fmt.Sprintf("not built: %v", unended)}}, o), true
	}
	out.bundle.Took = time.Since(start)
	return out
}

// bases returns the kustomizations that a root names, but for components.
func (t *tree) bases(k *kustomization) []*kustomization {
	var bases []*kustomization
	for _, r := range k.refs {
		if base := t.base(r); base != nil && !within(r.path, k.dir) && base.root != nil && !base.component() {
			bases = append(bases, base)
		}
	}
	return bases
}

// load builds one root. A panic in it is an error of the bundle.
func load(ctx context.Context, t *tree, k *kustomization, o Options) outcome {
	b := newBuild(t, k, o)
	var resources []*lint.Resource
	failed := true
	if err := contained(func() error {
		if m := b.run(ctx); m != nil {
			for _, r := range m.Resources() {
				if o.change != nil {
					for _, then := range o.change.then {
						then(&Made{r.YNode(), b})
					}
				}
				resources = append(resources, lint.NewResources(r.YNode(), locator{b})...)
			}
			failed = false
		}
		return nil
	}); err != nil {
		resources = nil
		b.fail(k.src.LineSpan(1), "%v", err)
	}
	b.release()
	t.each(k, func(k *kustomization) {
		if k.root != nil && !k.generated {
			resources = append(resources, lint.NewKustomization(cmp.Or(k.authored, k.root), lint.FileLocator{Source: k.src}))
		}
	})
	return outcome{bundleOf(k, resources, b.errs, o), failed}
}

// bundleOf makes the bundle of a root.
func bundleOf(k *kustomization, resources []*lint.Resource, errs []*lint.InputError, o Options) *lint.Bundle {
	rendering, namespace := lint.Rendering{Kind: "kustomize", Root: o.Files.Display(k.dir)}, text(fold(k.root, "namespace"))
	if c := o.change; c != nil {
		rendering.Variant, namespace = c.By, cmp.Or(namespace, c.Namespace)
	}
	bundle := lint.NewBundle(rendering, namespace, resources)
	bundle.KubeVersion = o.KubeVersion
	bundle.Errors = errs
	for _, e := range bundle.Errors {
		e.Rendering = &bundle.Rendering
	}
	return bundle
}

// roots sorts kustomizations into those that are built and those that are part of
// others, with notes on what nothing uses. added are directories of components that something
// else uses.
func (t *tree) roots(all []*kustomization, added []string) (roots []*kustomization, notes []lint.Note) {
	named := map[string]bool{}
	for _, k := range all {
		t.each(k, func(k *kustomization) {
			for _, r := range k.refs {
				if r.isDir {
					named[r.path] = true
				}
			}
		})
	}
	reached := map[string]bool{}
	reach := func(k *kustomization) {
		t.each(k, func(k *kustomization) { reached[k.dir] = true })
	}
	isRoot := map[string]bool{}
	add := func(k *kustomization) {
		isRoot[k.dir] = true
		reach(k)
	}
	for _, k := range all {
		if !named[k.dir] && !k.component() {
			add(k)
		}
	}
	for _, k := range all {
		if !reached[k.dir] && !k.component() {
			add(k)
			why := "no overlay uses this base"
			t.closure(k, func(*kustomization) {}, func(*kustomization, ref) { why = "it is part of a cycle" })
			notes = append(notes, lint.Note{Message: fmt.Sprintf("%s: %s; it is linted on its own", t.files.Display(k.dir), why)})
		}
	}
	for _, k := range all {
		if !reached[k.dir] && k.component() && !slices.ContainsFunc(added, func(dir string) bool {
			real, err := t.resolve(dir)
			return err == nil && real == k.dir
		}) {
			notes = append(notes, lint.Note{Message: fmt.Sprintf("%s: no overlay uses this component; it is not linted", t.files.Display(k.dir))})
		}
	}
	for _, k := range all {
		if isRoot[k.dir] {
			roots = append(roots, k)
		}
	}
	return roots, notes
}

// files lists the file of k and those that it names.
func (k *kustomization) files() []string {
	paths := []string{k.src.File}
	for _, f := range []string{"patches", "patchesJson6902", "replacements"} {
		for _, n := range items(fold(k.root, f)) {
			if v := text(unalias(n)); v != "" && !isInline(v) { // without path: a mistake, and no manifest all the same
				paths = append(paths, filepath.Join(k.dir, filepath.FromSlash(v)))
			}
		}
	}
	for _, r := range k.refs {
		if r.path != "" && !r.isDir {
			paths = append(paths, r.path)
		}
		if !r.inline && r.refuse == "" && !filepath.IsAbs(r.value) {
			paths = append(paths, filepath.Join(k.dir, filepath.FromSlash(r.value))) // a link, by its own name
		}
	}
	return paths
}

// use records a path, also as it is reached when the jail was given through a link.
func (t *tree) use(used map[string]bool, path string) {
	used[path] = true
	jail, _ := t.files.Jail()
	if rel, err := filepath.Rel(t.jail, path); err == nil && jail != t.jail {
		used[filepath.Join(jail, rel)] = true
	}
}

// uses reports whether a root reads one of the paths, whose links reals resolves.
func (t *tree) uses(root *kustomization, paths, reals []string) bool {
	found := false
	t.each(root, func(k *kustomization) {
		for _, path := range k.files() {
			for i, real := range reals {
				found = found || path == paths[i] || path == real || filepath.Dir(real) == k.dir && slices.Contains(FileNames, filepath.Base(real))
			}
		}
	})
	return found
}

// hints says what plain kustomize would refuse, at its line.
func (k *kustomization) hints() []lint.Note {
	var notes []lint.Note
	note := func(n *yaml.Node, format string, args ...any) {
		notes = append(notes, lint.Note{Span: k.span(n), Message: fmt.Sprintf(format, args...)})
	}
	for _, r := range k.refs {
		if r.path != "" && !r.isDir && !within(k.dir, r.path) {
			note(r.node, "kustomize build refuses %q, which is outside the kustomization's directory, unless it is run with --load-restrictor=LoadRestrictionsNone", r.value)
		}
	}
	return notes
}
