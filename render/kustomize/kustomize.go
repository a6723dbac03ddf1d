// Package kustomize builds overlays in this process and says, for every field of
// the result, which line wrote it last: of a base, a patch, a generator, or an entry
// of a kustomization. The objects are those that `kustomize build` prints. It
// fetches nothing, runs no program, and reads nothing outside the folder it is
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
	Only        []string // absolute paths: build the roots that use one of these files alone
	// Late holds the charts that ran out of time in this run; may be nil.
	Late *helm.Late
}

// A Result is what folders with a kustomization hold.
type Result struct {
	Bundles []*lint.Bundle // one a root, in the order of the folders given
	// Used holds the absolute paths of the files that builds read or that
	// kustomizations name. They are not linted as plain manifests.
	Used  map[string]bool
	Notes []string // what a user should know though nothing is wrong, in a fixed order
	// Passed is the number of kustomizations that were read here first and are part of
	// no bundle, because of Options.Only.
	Passed int
}

// Load builds the roots among dirs: the kustomizations that no other one names.
// A component is never a root. Kustomizations that only components or a cycle
// name are roots too, so that nothing is lost. What cannot be built is in the
// bundles' errors.
func Load(ctx context.Context, dirs []string, o Options) Result {
	goOffline()
	boundCopies()
	res := Result{Used: map[string]bool{}}
	t := newTree(o.Files)

	all := t.kustomizations(dirs)
	roots, notes := t.roots(all)
	res.Notes = notes
	for _, k := range all {
		t.each(k, func(k *kustomization) {
			for _, path := range k.files() {
				t.use(res.Used, path)
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
		res.Notes = nil // on what nobody asked about
		res.Passed = t.unreached(roots)
	}
	if why := hooks(); why != "" && len(roots) > 0 {
		res.Notes = append(res.Notes, "places in overlays are those of the block that holds a value, not of the value: "+why)
	}
	known := slices.Clone(roots)
	for len(roots) > 0 {
		next := []*kustomization{}
		for i, built := range t.build(ctx, roots, o) {
			res.Bundles = append(res.Bundles, built.bundle)
			for path := range built.seen {
				t.use(res.Used, path)
			}
			if built.failed && ctx.Err() == nil { // what it is made of is linted by itself
				for _, base := range t.bases(roots[i]) {
					if !slices.Contains(known, base) {
						known, next = append(known, base), append(next, base)
					}
				}
			}
		}
		roots = next
	}
	for _, k := range known {
		t.each(k, func(k *kustomization) {
			for _, n := range k.hints() {
				if !slices.Contains(res.Notes, n) {
					res.Notes = append(res.Notes, n)
				}
			}
		})
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
	seen   map[string]bool // absolute paths of the files read
	failed bool            // nothing could be built
}

// build builds roots, o.Jobs at a time.
func (t *tree) build(ctx context.Context, roots []*kustomization, o Options) []outcome {
	all := make([]outcome, len(roots))
	var group sync.WaitGroup
	limit := make(chan struct{}, max(1, o.Jobs))
	for i, k := range roots {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			all[i] = t.buildOne(ctx, k, o)
		})
	}
	group.Wait()
	return all
}

// buildOne builds one root in the time that it may take.
func (t *tree) buildOne(ctx context.Context, k *kustomization, o Options) outcome {
	start := time.Now()
	out, ended := inTime(ctx, func(ctx context.Context) outcome {
		defer quiet()()
		return load(ctx, t, k, o)
	})
	if !ended { // it goes on, and what it holds is its own
		why := cmp.Or(context.Cause(ctx), errTooLate())
		out.bundle, out.failed = bundleOf(k, nil, []*lint.InputError{{Span: k.src.LineSpan(1), Message: fmt.Sprintf("not built: %v", why)}}, o), true
	}
	out.bundle.Took = time.Since(start)
	return out
}

// unreached returns the number of the kustomizations read by t that no root is made of.
func (t *tree) unreached(roots []*kustomization) int {
	reached := map[*kustomization]bool{}
	for _, k := range roots {
		t.each(k, func(k *kustomization) { reached[k] = true })
	}
	n := 0
	for _, k := range t.cache {
		if k != nil && k.fresh && !reached[k] {
			n++
		}
	}
	return n
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
		if k.root != nil {
			resources = append(resources, lint.NewKustomization(k.root, lint.FileLocator{Source: k.src}))
		}
	})
	return outcome{bundleOf(k, resources, b.errs, o), b.seen, failed}
}

// bundleOf makes the bundle of a root.
func bundleOf(k *kustomization, resources []*lint.Resource, errs []*lint.InputError, o Options) *lint.Bundle {
	bundle := lint.NewBundle(lint.Rendering{Kind: "kustomize", Root: o.Files.Display(k.dir)}, text(fold(k.root, "namespace")), resources)
	bundle.KubeVersion = o.KubeVersion
	bundle.Errors = errs
	for _, e := range bundle.Errors {
		e.Rendering = &bundle.Rendering
	}
	return bundle
}

// roots sorts kustomizations into those that are built and those that are part of
// others, with notes on what nothing uses.
func (t *tree) roots(all []*kustomization) (roots []*kustomization, notes []string) {
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
			notes = append(notes, fmt.Sprintf("%s: %s; it is linted by itself", t.files.Display(k.dir), why))
		}
	}
	for _, k := range all {
		if !reached[k.dir] && k.component() {
			notes = append(notes, fmt.Sprintf("%s: no overlay uses this component; it is not linted", t.files.Display(k.dir)))
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
				found = found || path == paths[i] || path == real || filepath.Dir(real) == k.dir && slices.Contains(fileNames, filepath.Base(real))
			}
		}
	})
	return found
}

// hints says what plain kustomize would refuse, at its line.
func (k *kustomization) hints() []string {
	var notes []string
	note := func(n *yaml.Node, format string, args ...any) {
		notes = append(notes, lint.NodeSpan(k.src, n).Start.String()+": "+fmt.Sprintf(format, args...))
	}
	for _, r := range k.refs {
		if r.path != "" && !r.isDir && !within(k.dir, r.path) {
			note(r.node, "kustomize build refuses %q, which lies outside the kustomization's folder, unless it is run with --load-restrictor=LoadRestrictionsNone", r.value)
		}
	}
	return notes
}
