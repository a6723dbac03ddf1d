package render

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/flux"
	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/kustomize"
	"github.com/manilint/manilint/render/tree"
)

// A Plan says which units there are to render for some inputs, and why. Making one lists
// directories and looks into files; it renders nothing.
type Plan struct {
	// Units are in a fixed order: those of the inputs that were named as a whole, then those
	// of files that were named alone. Each is rendered on its own, in any order and side by side.
	Units  []*Unit
	Focus  Focus              // of the units of files that were named alone
	Errors []*lint.InputError // those of no unit
	Notes  []lint.Note        // those of no unit
	Hidden int                // manifests, and directories, left out because git ignores them

	l *loader
}

// A Reason is why a unit is part of a plan.
type Reason string

// The reasons.
const (
	Named    Reason = "named"                                   // by the user
	Walked   Reason = "found on a walk"                         // of a directory that was named
	Owner    Reason = "a file that was named is part of it"     // a chart, or an overlay
	Promoted Reason = "an object points to it"                  // of Argo CD or Flux
	Deployed Reason = "an object deploys it"                    // of Argo CD or Flux
	Applied  Reason = "a Kustomization applies it"              // of Flux
	Instead  Reason = "an overlay that uses it cannot be built" // a base
)

// A Unit is what is rendered on its own: one tree of plain files, a chart, an overlay, or a
// chart as an object deploys it.
type Unit struct {
	Kind string // as of [lint.Rendering]: file, helm or kustomize
	Root string // as reports print it
	Why  Reason
	// Key is the same for units that come to the same: one of them is to be rendered.
	Key string
	// Focused says that of the findings only those that touch [Plan.Focus] are wanted.
	Focused bool
	// Selection is the same for units of one Key, of two plans, that were planned to be made
	// of the same files.
	Selection string
	// Waits says that what the unit comes to depends on what all other units of its plan
	// came to, and not on its inputs alone.
	Waits bool

	l      *loader
	part   *part
	dir    string     // of an overlay: absolute, links resolved
	depth  int        // how many objects request it, one for the next
	files  *tree.Tree // what the unit reads, which counts as linted
	looked *tree.Tree // what it only looks at
	render func(context.Context, *Unit) *Rendered
	scope  func() ([]string, bool) // see Scope; nil where it is not known

	applies string // the directory that a Kustomization of Flux applies; "" for none
	wave    int    // how many units led to it
}

// Rendered is what a unit came to.
type Rendered struct {
	Bundles []*lint.Bundle
	Errors  []*lint.InputError
	Notes   []lint.Note
	// Asks are the units that this one requests: the charts that its Argo CD and Flux
	// objects deploy, the bases of an overlay that cannot be built.
	Asks []*Unit
	// Skipped is the number of files in which there is no Kubernetes object.
	Skipped int
}

// A part is the units of the inputs that were named as a whole, or of those named alone.
type part struct {
	focused bool
	charts  []string // that its objects may deploy

	// of Flux; see flux.go
	written []*lint.Resource // objects of controllers, as they are written
	asked   map[string]bool  // directories that something to be rendered is applied as
	sources []*lint.Resource // that Kustomizations may take variables from
	awaited []*awaited
	covered map[string]bool // directories that were requested as they are applied; guarded
	busy    map[int]bool    // waves with Kustomizations; guarded
}

// unit makes a unit that reads through a view of its own.
func (l *loader) unit(p *part, kind, root string, why Reason, files *tree.Tree, render func(context.Context, *Unit) *Rendered) *Unit {
	return &Unit{
		Kind: kind, Root: root, Why: why, Key: kind + "\x00" + root, Focused: p.focused,
		l: l, part: p, files: files.Record(), looked: files.Record(), render: render,
	}
}

// Render renders the unit. What cannot be read, parsed or rendered is in the errors, a fault
// of this program in it included; it stops when the context ends.
func (u *Unit) Render(ctx context.Context) (r *Rendered) {
	defer func() {
		if p := recover(); p != nil {
			e := &lint.InputError{Message: fmt.Sprintf("rendering %s failed: %v; please report this with the files", u.Root, p)}
			r = &Rendered{Errors: []*lint.InputError{e}}
		}
		u.l.count(u, r)
	}()
	r = u.render(ctx, u)
	var objects []*lint.Resource
	for _, b := range r.Bundles {
		b.KubeVersion, b.PSSVersion = cmp.Or(b.KubeVersion, u.l.KubeVersion), u.l.PSSVersion
		b.AddPods(u.l.PodPaths...)
		for _, o := range b.Resources {
			if !b.Unselected[o] {
				objects = append(objects, o)
			}
		}
	}
	if u.depth < maxDepth {
		u.ask(ctx, r, objects)
	}
	if u.Why != Deployed {
		r.Asks = append(r.Asks, u.lacking(objects)...)
		r.Asks = append(r.Asks, u.l.applied(u.part, objects, u.wave)...)
	}
	u.follow(r.Asks)
	if u.Focused {
		u.l.observe(u, r.Bundles)
	}
	return r
}

// follow takes down in which wave the units are that this one requests.
func (u *Unit) follow(asks []*Unit) {
	u.l.mu.Lock()
	defer u.l.mu.Unlock()
	for _, ask := range asks {
		ask.wave = u.wave + 1
		if ask.applies != "" || ask.Why == Instead { // others ask for nothing of Flux
			u.part.busy[ask.wave] = true
		}
	}
}

// Inputs returns what the unit read, listed, and looked up without finding it, once it was rendered.
func (u *Unit) Inputs() []tree.Input {
	inputs := append(u.files.Inputs(), u.looked.Inputs()...)
	slices.SortStableFunc(inputs, func(a, b tree.Input) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Use), string(b.Use)))
	})
	return slices.Compact(inputs)
}

// Sources returns the absolute paths of the files that the unit read as manifests, charts or
// overlays, once it was rendered.
func (u *Unit) Sources() []string { return u.files.Sources() }

// count takes down what a rendered unit read.
func (l *loader) count(u *Unit, r *Rendered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, path := range u.files.Sources() {
		l.read[path] = true
	}
	l.skipped += r.Skipped
}

// Counts returns how many files the units that were rendered so far read as manifests,
// charts or overlays, and how many YAML and JSON files held no Kubernetes object.
func (p *Plan) Counts() (files, skipped int) {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	return max(0, len(p.l.read)+p.l.streams-p.l.skipped), p.l.skipped
}

// Close returns what is to be said once all units were rendered: why nothing was found in a
// file that was named, which values files nothing used.
func (p *Plan) Close() []lint.Note {
	l := p.l
	l.mu.Lock()
	defer l.mu.Unlock()
	notes := l.unusedValues()
	for _, path := range l.named {
		if !l.files.IsDir(path) {
			notes = append(notes, l.explain(path, l.owner[path])...)
		}
	}
	return notes
}

// NewPlan finds what there is to render for paths: directories, files, chart archives, and
// "-" for Options.Stdin. What cannot be read becomes an error in the plan or in its units.
// Where the context ends, so does the search.
func NewPlan(ctx context.Context, paths []string, o Options) *Plan {
	if o.Exclude == nil {
		o.Exclude = func(string) bool { return false }
	}
	o.Tree = o.tree()
	l := &loader{
		Options: o, files: o.Tree.Record(), plan: &Plan{}, asked: map[string][][]string{}, charts: map[string]string{},
		jails: map[string]string{}, values: map[string]bool{}, walks: map[string]*units{}, patches: map[string]map[string]bool{}, data: map[string]map[string]bool{}, used: map[string]bool{},
		read: map[string]bool{}, linted: map[string]bool{}, owner: map[string]string{}, facts: map[*Unit]map[string]*fact{}, addresses: map[string]func() []string{}, within: map[string]string{}, deployed: map[string]bool{}, doubtful: map[string]bool{}, late: &helm.Late{},
		stopped: func() bool { return ctx.Err() != nil },
		parse:   func(src *lint.Source) parsed { return parse(ctx, src, o.Tree.Limit()) },
	}
	l.plan.l = l
	whole := &units{}
	for _, path := range paths {
		if path == "-" {
			u := l.unit(&part{covered: map[string]bool{}, busy: map[int]bool{}}, "file", "<stdin>", Named, l.files, func(ctx context.Context, _ *Unit) *Rendered { return l.stdin(ctx) })
			l.plan.Units = append(l.plan.Units, u)
			continue
		}
		l.input(path, whole)
	}
	l.units(ctx, whole, nil, false)
	if len(l.named) > 0 {
		l.focus(ctx)
	}
	return l.plan
}

// units plans what was found. With only, overlays that use none of its paths are left out.
func (l *loader) units(ctx context.Context, u *units, only []string, focused bool) {
	l.plan.Errors, l.plan.Notes = append(l.plan.Errors, u.errs...), append(l.plan.Notes, u.notes...)
	l.plan.Hidden += u.ignored
	for _, c := range slices.Concat(u.charts, u.deployable) {
		l.jails[c.dir] = c.jail
	}
	for _, c := range u.charts {
		l.found = append(l.found, c.dir)
	}
	clear(l.charts)
	slices.Sort(u.plain)
	paths := l.manifestsOf(slices.Compact(u.plain))
	charts := dirsOf(u.charts)
	p := &part{focused: focused, charts: slices.Concat(charts, dirsOf(u.deployable)), covered: map[string]bool{}, busy: map[int]bool{}}

	pointers := l.pointers(paths)
	wanted := l.wanted(ctx, p, l.files.Record(), pointers, pointers)
	leave := l.applying(p, u, pointers, paths)
	var added []string
	for _, o := range wanted.Overlays {
		added = append(added, o.Change.Components(o.Dir)...)
	}
	var overlays []*Unit
	var roots []string
	for _, group := range byJail(u.overlays) {
		files := l.files.In(group.jail)
		targets := kustomize.Targets(pointers, files.Record())
		plan := kustomize.NewPlan(slices.Concat(group.dirs, targets), kustomize.Options{Files: files.Record(), KubeVersion: l.KubeVersion, Added: added, Only: only, Late: l.late})
		l.plan.Notes = append(l.plan.Notes, plan.Notes...)
		for path := range plan.Used {
			l.used[path] = true
		}
		for _, root := range plan.Roots {
			if leave(root.Dir) {
				continue
			}
			why := Walked
			switch {
			case !slices.Contains(group.dirs, root.Dir) && len(targets) > 0:
				why = Promoted
			case focused:
				why = Owner
			}
			overlays = append(overlays, l.overlay(p, root, why, files))
			roots = append(roots, root.Dir)
		}
	}
	deployers := l.deployersOf(ctx, u, charts, roots)
	deploying := l.deploying(p, l.wanted(ctx, p, l.files.Record(), deployers, deployers), charts, roots)
	linked := l.linked(charts)
	paths = slices.DeleteFunc(paths, func(path string) bool { return l.used[path] || linked(path) || leave(path) })
	overlays = l.held(p, overlays, wanted.Overlays, deploying.Overlays, paths)
	p.keep(l, only)
	around := slices.Clone(u.overlays)
	for _, found := range l.walks {
		around = append(around, found.overlays...)
	}
	if len(paths) > 0 {
		directories := wanted.Directories
		if focused { // what is beside the named files says where these go
			beside := l.pointers(u.beside)
			directories = slices.Concat(directories, l.wanted(ctx, p, l.files.Record(), beside, beside).Directories)
		}
		l.plan.Units = append(l.plan.Units, l.plain(p, paths, u.beside, around, l.namespaces(directories, paths, u.beside)))
	}
	l.plan.Units = append(l.plan.Units, overlays...)
	for _, chart := range charts {
		why := Walked
		if focused {
			why = Owner
		}
		l.plan.Units = append(l.plan.Units, l.chart(p, chart, why))
	}
	l.plan.Units = append(l.plan.Units, l.helmfiles(p, sorted(u.helmfiles), charts, only)...)
	if len(p.awaited) > 0 {
		l.plan.Units = append(l.plan.Units, l.rest(p))
	}
	if len(charts) > 0 && len(u.deployers) > 0 || len(deploying.Charts) > 0 || len(deploying.Overlays) > 0 {
		l.plan.Units = append(l.plan.Units, l.unit(p, "file", "the objects that deploy what was named", Owner, l.files, func(ctx context.Context, unit *Unit) *Rendered {
			objects := l.deployers(ctx, unit.looked, u.deployers)
			return &Rendered{Asks: l.asks(unit, l.deploying(p, l.wanted(ctx, p, unit.looked, objects, objects), charts, roots))}
		}))
	}
}

// plain plans the bundle of plain files.
func (l *loader) plain(p *part, paths, beside []string, around []place, namespaces map[string]string) *Unit {
	u := l.unit(p, "file", l.commonRoot(paths), Walked, l.files, func(ctx context.Context, u *Unit) *Rendered {
		start := time.Now()
		r := &Rendered{}
		all := slices.DeleteFunc(parsePlain(ctx, u.files, paths, l.Jobs), func(p parsed) bool {
			stray := p.source != nil && l.strayPatch(p, around)
			if stray {
				r.Notes = append(r.Notes, lint.Note{Message: p.source.Path + " looks like a patch, and no overlay uses it; it is not linted"})
			}
			return stray
		})
		own := map[string]bool{}
		for _, p := range all {
			if p.source != nil && p.object {
				own[p.source.File] = true
			}
		}
		l.mu.Lock()
		maps.Copy(l.linted, own)
		l.mu.Unlock()
		var others []*lint.Resource
		for _, p := range parsePlain(ctx, u.looked, beside, l.Jobs) {
			if p.source != nil && !l.used[p.source.File] && !own[p.source.File] { // its errors are for those who ask about it
				others = append(others, p.resources...)
			}
		}
		var sources []string
		for _, p := range all {
			if p.source != nil {
				sources = append(sources, p.source.File)
			}
		}
		for _, o := range others {
			settle(o, namespaces)
		}
		for _, p := range all {
			for _, o := range p.resources {
				settle(o, namespaces)
			}
		}
		b, skipped := plainBundle(l.commonRoot(sources), all, others, l.Options)
		if b != nil {
			b.Took = time.Since(start)
			r.Bundles = append(r.Bundles, b)
		}
		r.Skipped = skipped
		return r
	})
	u.scope = func() ([]string, bool) { return plainScope(l.files, paths, beside) }
	u.Selection = strings.Join(paths, "\x00") + "\x00\x00" + strings.Join(slices.DeleteFunc(slices.Clone(beside), func(path string) bool { return l.used[path] }), "\x00")
	for _, path := range slices.Sorted(maps.Keys(namespaces)) {
		u.Selection += "\x00" + path + " " + namespaces[path]
	}
	if p.focused {
		u.Why, u.Key = Named, u.Key+"\x00named"
	}
	return u
}

// overlay plans an overlay.
func (l *loader) overlay(p *part, root *kustomize.Root, why Reason, files *tree.Tree) *Unit {
	u := l.unit(p, "kustomize", root.Shown(), why, files, func(ctx context.Context, u *Unit) *Rendered {
		built := root.Build(ctx, u.files)
		r := &Rendered{Bundles: []*lint.Bundle{built.Bundle}, Notes: built.Notes}
		for _, base := range built.Instead {
			r.Asks = append(r.Asks, l.overlay(p, base, Instead, files))
		}
		return r
	})
	u.scope, u.dir = root.Scope, root.Dir
	return u
}

// chart plans a chart with each set of values that it is rendered with.
func (l *loader) chart(p *part, chart string, why Reason) *Unit {
	u := l.unit(p, "helm", l.files.Display(chart), why, l.in(chart), func(ctx context.Context, u *Unit) *Rendered {
		start := time.Now()
		r := &Rendered{Bundles: helm.Load(ctx, chart, l.helmOptions(chart, u.files))}
		for _, b := range r.Bundles { // the renderings of a chart share the loading of it
			b.Took = time.Since(start) / time.Duration(len(r.Bundles))
		}
		return r
	})
	u.scope = func() ([]string, bool) { return l.chartScope(chart, l.in(chart)) }
	for _, values := range l.asked[chart] {
		u.Selection += strings.Join(values, "\x00") + "\x00\x00"
	}
	return u
}

// lacking requests what the unit's HelmReleases deploy whose HelmCharts are objects of other
// units: that is known when all units of the plan were rendered, as those are that are asked
// for.
func (u *Unit) lacking(objects []*lint.Resource) []*Unit {
	l := u.l
	if len(u.part.charts) == 0 {
		return nil
	}
	if u.Why != Instead { // which is requested itself
		l.mu.Lock()
		for _, r := range objects {
			if flux.IsSource(r) {
				l.fluxCharts = append(l.fluxCharts, fluxChart{u.Key, r})
			}
		}
		l.mu.Unlock()
	}
	releases := flux.Lacking(objects)
	if len(releases) == 0 {
		return nil
	}
	objects = slices.Clone(objects)
	later := l.unit(u.part, "file", "what the HelmReleases of "+u.Root+" deploy", Deployed, l.files, func(ctx context.Context, _ *Unit) *Rendered {
		l.mu.Lock()
		known := slices.Clone(l.fluxCharts)
		l.mu.Unlock()
		// two of one name would be one object of the cluster; the first unit's counts
		slices.SortStableFunc(known, func(a, b fluxChart) int { return strings.Compare(b.unit, a.unit) })
		var charts []*lint.Resource
		for _, c := range known {
			charts = append(charts, c.object)
		}
		w := l.wanted(ctx, u.part, u.looked, releases, append(charts, objects...))
		return &Rendered{Asks: l.asks(u, w), Errors: w.Errors, Notes: w.Notes}
	})
	later.Key, later.Waits = u.Key+"\x00later", true
	return []*Unit{later}
}

// A fluxChart is a HelmChart of Flux, with the key of its unit.
type fluxChart struct {
	unit   string
	object *lint.Resource
}

// pointers returns the objects of plain files that may point at overlays: those of Argo CD
// and Flux.
func (l *loader) pointers(paths []string) []*lint.Resource {
	var objects []*lint.Resource
	looked := l.files.Record()
	for _, path := range paths {
		src, err := looked.Open(path)
		if err != nil || !bytes.Contains(src.Data, []byte("toolkit.fluxcd.io")) && !bytes.Contains(src.Data, []byte("argoproj.io")) {
			continue
		}
		objects = append(objects, l.parse(src).resources...)
	}
	return objects
}

// Load plans paths and renders all units, Options.Jobs at a time. It holds all bundles at
// once, for who looks at all of them: rules are run on one unit of a [Plan] after another.
func Load(ctx context.Context, paths []string, o Options) *Result {
	p := NewPlan(ctx, paths, o)
	res := &Result{Focus: p.Focus, Errors: p.Errors, Notes: p.Notes, Hidden: p.Hidden}
	note := func(notes ...lint.Note) {
		for _, n := range notes {
			if !slices.Contains(res.Notes, n) {
				res.Notes = append(res.Notes, n)
			}
		}
	}
	known := map[string]bool{}
	for units := p.Units; len(units) > 0; {
		units = slices.DeleteFunc(slices.Clone(units), func(u *Unit) bool {
			again := known[u.Key]
			known[u.Key] = true
			return again
		})
		rendered := make([]*Rendered, len(units))
		each(len(units), o, func(i int) { rendered[i] = units[i].Render(ctx) })
		var asks []*Unit
		for i, r := range rendered {
			if units[i].Focused {
				res.Focused = append(res.Focused, r.Bundles...)
			} else {
				res.Bundles = append(res.Bundles, r.Bundles...)
			}
			res.Errors = append(res.Errors, r.Errors...)
			note(r.Notes...)
			for _, b := range r.Bundles {
				note(b.Notes...)
			}
			asks = append(asks, r.Asks...)
		}
		units = asks
	}
	note(p.Close()...)
	res.Files, res.Skipped = p.Counts()
	return res
}

// each calls f for 0 … n-1, Options.Jobs at a time.
func each(n int, o Options, f func(int)) {
	var group sync.WaitGroup
	limit := make(chan struct{}, max(1, o.Jobs))
	var mu sync.Mutex
	done := 0
	for i := range n {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			f(i)
			if o.Progress != nil {
				mu.Lock()
				done++
				o.Progress(done, n)
				mu.Unlock()
			}
		})
	}
	group.Wait()
}
