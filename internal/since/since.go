// Package since finds what a tree has that an earlier revision of it had not: both are
// rendered, each with its own configuration, and the findings are compared as a baseline's
// are. What is made of the same files at both ends is rendered once, or not at all.
//
// It also says which change made a finding whose own line nobody touched: it puts one change
// back after the other and looks which of them makes the finding go away.
package since

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/manilint/manilint/internal/baseline"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
)

// By is what findings that the revision has too are suppressed by.
const By = "since"

// An End is one end of a comparison: a tree and what there is to render of it.
type End struct {
	Tree   *tree.Tree
	Groups []session.Group
}

// Options say how ends are compared.
type Options struct {
	Revision string // as it is printed
	// Name gives a path that a report prints the form that fingerprints have, and Exists
	// reports whether there is a file of that form in the tree.
	Name   func(path string) string
	Exists func(name string) bool
	// All selects the findings of all units that are the same at both ends: they are
	// rendered once. Otherwise they are left out where there are many.
	All bool
	// Begin is called with the name of a unit that is about to be rendered.
	Begin func(unit string)
	// Open plans a tree as it planned that of the work tree.
	Open func(context.Context, *tree.Tree) (*End, error)
}

// A Result is what a comparison came to.
type Result struct {
	// Report is that of the tree. What the revision has too is suppressed.
	Report *lint.Report
	// Checked are the results of the units that were rendered.
	Checked []*engine.Result
	Same    int // units that are the same at both ends and were left out
}

// A comparison is one call of Run at work.
type comparison struct {
	Options
	now, then *End
	files     *tree.Comparison
	pairs     map[string]*render.Unit // by id: the unit of then
	configs   map[string]string       // by file: of then
	leave     map[string]bool         // ids of units that are left out
	scopes    map[string][]string     // by id: what a unit that was left out may read

	mu     sync.Mutex
	same   map[string]bool                    // ids of units of now that read the same at both ends
	asked  map[string][]string                // by id: of the units that it requested
	inputs map[string]map[string]bool         // by id: changed files that a unit read, at either end
	shows  map[lint.Rendering]map[string]bool // ids of the units of a rendering
}

// id tells a unit from the others of an end.
func idOf(g *session.Group, u *render.Unit) string { return g.File + "\x00" + u.Key }

// Run renders and checks both ends and compares them.
func Run(ctx context.Context, now, then *End, o Options) *Result {
	c := &comparison{
		Options: o, now: now, then: then, files: tree.Compare(now.Tree, then.Tree),
		pairs: map[string]*render.Unit{}, configs: map[string]string{}, leave: map[string]bool{}, same: map[string]bool{},
		scopes: map[string][]string{}, asked: map[string][]string{}, inputs: map[string]map[string]bool{}, shows: map[lint.Rendering]map[string]bool{},
	}
	for i := range then.Groups {
		g := &then.Groups[i]
		c.configs[g.File] = g.Config
		for _, u := range g.Plan.Units {
			c.pairs[idOf(g, u)] = u
		}
	}
	if !o.All {
		c.leaveOut()
	}
	fresh := make([]engine.Group, len(now.Groups))
	for i := range now.Groups {
		fresh[i] = c.run(ctx, &now.Groups[i], c.watched)
	}
	c.settle()
	old := c.old(ctx, fresh)
	rep, base := c.merged(fresh, old)
	for c.again(ctx, rep, fresh, old) {
		rep, base = c.merged(fresh, old)
	}
	r := &Result{Report: rep, Same: len(c.leave)}
	for _, g := range fresh {
		r.Checked = append(r.Checked, g.Results...)
	}
	c.errors(rep, base)
	rep.Masks = &masks{now: rep.Masks, then: base.Masks, tree: then.Tree}
	c.explain(ctx, rep)
	return r
}

// merged makes reports of both ends, of which the first says what is new.
func (c *comparison) merged(fresh, old []engine.Group) (rep, base *lint.Report) {
	there := map[lint.Rendering]bool{}
	for _, g := range old {
		for _, r := range g.Results {
			there[r.Rendering] = true
		}
	}
	if len(c.leave) > 0 { // they may be needed again
		fresh, old = cloned(fresh), cloned(old)
	}
	base, rep = engine.Merge(old...), engine.Merge(fresh...)
	rep.Since = c.Revision
	c.compare(rep, base, there)
	return rep, base
}

func cloned(groups []engine.Group) []engine.Group {
	all := slices.Clone(groups)
	for i, g := range all {
		all[i].Results = make([]*engine.Result, len(g.Results))
		for j, r := range g.Results {
			all[i].Results[j] = r.Clone()
		}
	}
	return all
}

// again renders those units that were left out which may read a file that something new
// is in, for they may show it at both ends: an object that is new may deploy a chart that is
// as it was. It reports whether there are any, and adds their results to both ends.
func (c *comparison) again(ctx context.Context, rep *lint.Report, fresh, old []engine.Group) bool {
	files := map[string]bool{}
	for _, f := range rep.Findings {
		if f.Span.IsValid() {
			files[f.Span.Start.Source.File] = true
		}
	}
	needed := map[string]bool{}
	for id := range c.leave {
		for path := range files {
			if path == "" || slices.ContainsFunc(c.scopes[id], func(dir string) bool { return tree.Within(dir, path) }) {
				needed[id] = true
			}
		}
	}
	for id := range needed {
		delete(c.leave, id)
	}
	for i := range c.now.Groups {
		g := &c.now.Groups[i]
		units := slices.DeleteFunc(slices.Clone(g.Plan.Units), func(u *render.Unit) bool { return !needed[idOf(g, u)] })
		if len(units) == 0 {
			continue
		}
		more := engine.Run(ctx, c.watched(g, units, true), g.Options)
		fresh[i].Results = append(fresh[i].Results, more...)
		for j := range old { // there is one of this configuration: its units are the same
			if c.then.Groups[j].File == g.File {
				for _, r := range more {
					old[j].Results = append(old[j].Results, r.Clone())
				}
				break
			}
		}
	}
	return len(needed) > 0
}

// few is how many units are rendered though they are the same at both ends, so that the
// number of findings that the revision has too is exact where that costs little.
const few = 16

// leaveOut finds the units that may read nothing but what is the same at both ends, and
// share no file with a unit that is at one end alone: its findings may be theirs too.
func (c *comparison) leaveOut() {
	scopes := map[string][]string{}
	var alone []string
	met := map[string]bool{}
	for i := range c.now.Groups {
		g := &c.now.Groups[i]
		for _, u := range g.Plan.Units {
			id := idOf(g, u)
			met[id] = true
			scope, ok := u.Scope()
			old := c.pairs[id]
			switch {
			case old == nil && !ok:
				return
			case old == nil:
				alone = append(alone, scope...)
			case ok && c.alike(g, u, old):
				// where all of it is the same, the revision's unit has the same scope
				if !slices.ContainsFunc(scope, func(path string) bool { return !c.files.Same(path) }) {
					scopes[id] = scope
				}
			}
		}
	}
	for id, u := range c.pairs {
		if met[id] {
			continue
		}
		scope, ok := u.Scope()
		if !ok {
			return
		}
		alone = append(alone, scope...)
	}
	c.scopes = scopes
	for id, scope := range scopes {
		c.leave[id] = !slices.ContainsFunc(scope, func(path string) bool {
			return slices.ContainsFunc(alone, func(other string) bool { return tree.Within(path, other) || tree.Within(other, path) })
		})
		if !c.leave[id] {
			delete(c.leave, id)
		}
	}
	if len(c.leave) <= few {
		clear(c.leave)
	}
}

// alike reports whether units of both ends were planned alike, with one configuration.
func (c *comparison) alike(g *session.Group, u, old *render.Unit) bool {
	config, there := c.configs[g.File]
	return there && config == g.Config && u.Selection == old.Selection && u.Focused == old.Focused
}

// run renders and checks the units of a group.
func (c *comparison) run(ctx context.Context, g *session.Group, units func(*session.Group, []*render.Unit, bool) []engine.Unit) engine.Group {
	results := []*engine.Result{{Errors: g.Plan.Errors, Notes: g.Plan.Notes}}
	g.Options.Complete = g.Options.Complete && len(c.leave) == 0
	results = append(results, engine.Run(ctx, units(g, g.Plan.Units, true), g.Options)...)
	if len(c.leave) == 0 { // else what is left out may use what seems to be unused
		results = append(results, &engine.Result{Notes: g.Plan.Close()})
	}
	return engine.Group{Options: g.Options, Results: results}
}

// unit makes what the engine runs of one that is rendered.
func (c *comparison) unit(g *session.Group, u *render.Unit, more func(*render.Rendered) []engine.Unit) engine.Unit {
	unit := engine.Unit{Kind: u.Kind, Name: u.Root, Key: u.Key, Render: func(ctx context.Context) engine.Rendered {
		if c.Begin != nil {
			c.Begin(u.Root)
		}
		r := u.Render(ctx)
		return engine.Rendered{Bundles: r.Bundles, Errors: r.Errors, Notes: r.Notes, More: more(r)}
	}}
	if u.Focused {
		unit.Keep = g.Plan.Focus.Touches
	}
	return unit
}

// watched makes units of the tree of which it is taken down whether they are the same at
// both ends. like says that of the unit that requests them.
func (c *comparison) watched(g *session.Group, units []*render.Unit, like bool) []engine.Unit {
	var all []engine.Unit
	for _, u := range units {
		id := idOf(g, u)
		if c.leave[id] {
			continue
		}
		all = append(all, c.unit(g, u, func(r *render.Rendered) []engine.Unit {
			changed := c.take(id, u, r)
			old := c.pairs[id]
			same := like && !changed && (u.Why == render.Deployed || u.Why == render.Instead || old != nil && c.alike(g, u, old))
			c.mu.Lock()
			c.same[id] = same
			for _, ask := range r.Asks {
				c.asked[id] = append(c.asked[id], idOf(g, ask))
			}
			c.mu.Unlock()
			return c.watched(g, r.Asks, same)
		}))
	}
	return all
}

// take takes down what a unit read, and reports whether any of it is not the same at both ends.
func (c *comparison) take(id string, u *render.Unit, r *render.Rendered) (changed bool) {
	files := map[string]bool{}
	for _, in := range u.Inputs() {
		if !c.files.SameInput(in) {
			changed = true
			files[in.Path] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inputs[id] == nil {
		c.inputs[id] = map[string]bool{}
	}
	for path := range files {
		c.inputs[id][path] = true
	}
	for _, b := range r.Bundles {
		if c.shows[b.Rendering] == nil {
			c.shows[b.Rendering] = map[string]bool{}
		}
		c.shows[b.Rendering][id] = true
	}
	return changed
}

// settle drops from the units that are the same those that request one that is not: the
// revision must be asked, too.
func (c *comparison) settle() {
	for again := true; again; {
		again = false
		for id, asks := range c.asked {
			if c.same[id] && slices.ContainsFunc(asks, func(ask string) bool { return !c.same[ask] }) {
				c.same[id], again = false, true
			}
		}
	}
}

// old renders and checks the revision. Of what is the same there the results of the tree are
// taken.
func (c *comparison) old(ctx context.Context, fresh []engine.Group) []engine.Group {
	again := map[string][]*engine.Result{} // by file of the configuration
	for i := range c.now.Groups {
		g := &c.now.Groups[i]
		for _, r := range fresh[i].Results {
			if r.Unit != "" && c.same[g.File+"\x00"+r.Unit] {
				again[g.File] = append(again[g.File], r.Clone())
			}
		}
	}
	var units func(g *session.Group, all []*render.Unit, _ bool) []engine.Unit
	units = func(g *session.Group, all []*render.Unit, _ bool) []engine.Unit {
		var left []engine.Unit
		for _, u := range all {
			id := idOf(g, u)
			if c.leave[id] || c.same[id] {
				continue
			}
			left = append(left, c.unit(g, u, func(r *render.Rendered) []engine.Unit {
				c.take(id, u, r)
				return units(g, r.Asks, true)
			}))
		}
		return left
	}
	var groups []engine.Group
	for i := range c.then.Groups {
		g := &c.then.Groups[i]
		group := c.run(ctx, g, units)
		group.Results = append(group.Results, again[g.File]...)
		groups = append(groups, group)
	}
	return groups
}

// compare suppresses what the revision has too and returns how much that is.
//
// A finding that the revision shows in fewer of the renderings that it has is new: what kept
// the others from it was taken away.
func (c *comparison) compare(rep, base *lint.Report, there map[lint.Rendering]bool) {
	// what a stronger finding stood for was there all the same
	then := slices.Concat(base.Findings, base.Yielded)
	prints := map[string]*lint.Finding{}
	for _, f := range then {
		prints[f.Fingerprint] = f
	}
	yielded := map[string]bool{}
	for _, f := range base.Yielded {
		yielded[f.Fingerprint] = true
	}
	all := slices.Clone(rep.Findings)
	for _, s := range rep.Suppressed {
		all = append(all, s.Finding)
	}
	m := baseline.Of(&lint.Report{Findings: then}).Match(all, baseline.TreeOf(rep, c.Exists, c.Name))
	before, after := shownBy(then), shownBy(all)
	// in a rendering that both ends have, whether the revision shows the defect there, wherever it stands
	had := func(f *lint.Finding, r lint.Rendering) bool {
		then := before[shownIn(r, f)]
		now := after[shownIn(r, f)]
		return then.n >= now.n && then.worst >= f.Severity
	}
	for _, f := range m.New {
		f.State = lint.New
		if !slices.ContainsFunc(f.Renderings, func(r lint.Rendering) bool { return !there[r] || !had(f, r) }) {
			f.State = lint.Unchanged
		}
	}
	for _, p := range m.Worse {
		p.Finding.State = lint.Worse
	}
	moved := map[string]int{}
	for _, f := range m.New {
		if f.State == lint.Unchanged {
			moved[f.Second]++
		}
	}
	for _, e := range m.Gone {
		if moved[e.Second]--; moved[e.Second] >= 0 || yielded[e.Fingerprint] {
			continue
		}
		rep.Gone = append(rep.Gone, lint.Gone{Rule: lint.FindRule(rep.Rules, e.Rule), Severity: e.Severity, File: e.File, Object: e.Object, Path: e.Path, Fingerprint: e.Fingerprint})
	}
	for _, p := range m.Known {
		old := prints[p.Entry.Fingerprint]
		switch {
		case old != nil && bound(p.Finding, old),
			old != nil && slices.ContainsFunc(p.Finding.Renderings, func(r lint.Rendering) bool {
				return there[r] && !slices.Contains(old.Renderings, r) && !had(p.Finding, r)
			}),
			old != nil && p.Finding.Scope == "" && p.Finding.File != old.File && p.Finding.Object.Name != old.Object.Name && !c.renamed(old, p.Finding):
			p.Finding.State = lint.New
		default:
			p.Finding.State = lint.Unchanged
		}
	}
	left := []*lint.Finding{}
	for _, f := range rep.Findings {
		if f.State != lint.Unchanged {
			left = append(left, f)
			continue
		}
		rep.Suppressed = append(rep.Suppressed, &lint.Suppressed{Finding: f, By: By, Reason: c.Revision + " has it too"})
	}
	rep.Findings = left
	slices.SortStableFunc(rep.Suppressed, func(a, b *lint.Suppressed) int {
		return cmp.Or(a.Finding.Span.Compare(b.Finding.Span), strings.Compare(a.Finding.Rule.ID, b.Finding.Rule.ID))
	})
}

// bound reports whether a finding names a binding that the other one does not: what a role
// grants is given to somebody else, too.
func bound(f, other *lint.Finding) bool {
	return slices.ContainsFunc(f.Related, func(r lint.Related) bool {
		return r.Role == "binding" && !slices.ContainsFunc(other.Related, func(o lint.Related) bool { return o.Role == r.Role && o.Message == r.Message })
	})
}

// shown is a defect as one rendering shows it, wherever it is written.
type shown struct {
	rendering          lint.Rendering
	second, kind, name string
}

// shownIn names a finding as a rendering shows it.
func shownIn(r lint.Rendering, f *lint.Finding) shown {
	if f.Scope != "" {
		return shown{r, f.Second, "", f.Scope}
	}
	return shown{r, f.Second, f.Object.Kind, lint.BareName(f.Object.Name)}
}

type times struct {
	n     int
	worst lint.Severity
}

// shownBy counts defects by what they show in each rendering.
func shownBy(findings []*lint.Finding) map[shown]times {
	all := map[shown]times{}
	for _, f := range findings {
		for _, r := range f.Renderings {
			k := shownIn(r, f)
			all[k] = times{all[k].n + 1, max(all[k].worst, f.Severity)}
		}
	}
	return all
}

// renamed reports whether the file of a finding goes on under another name in that of
// another one: more than half of its lines are there, as git has it.
func (c *comparison) renamed(from, to *lint.Finding) bool {
	if !from.Span.IsValid() || !to.Span.IsValid() {
		return false
	}
	old, now := from.Span.Start.Source.Data, to.Span.Start.Source.Data
	count := map[string]int{}
	lines := strings.Split(string(old), "\n")
	for _, line := range lines {
		count[line]++
	}
	others, common := strings.Split(string(now), "\n"), 0
	for _, line := range others {
		if count[line] > 0 {
			count[line]--
			common++
		}
	}
	return common*2 > max(len(lines), len(others))
}

// errors turns what could not be rendered at the revision alone into notes.
func (c *comparison) errors(rep, base *lint.Report) {
	said := map[string]bool{}
	for _, e := range rep.Errors {
		said[e.Error()] = true
	}
	const most = 5
	n := 0
	for _, e := range base.Errors {
		if said[e.Error()] {
			continue
		}
		if n++; n <= most {
			rep.Notes = append(rep.Notes, lint.Note{Message: fmt.Sprintf("at %s: %s; what it hides there counts as new", c.Revision, e.Error())})
		}
	}
	if n > most {
		rep.Notes = append(rep.Notes, lint.Note{Message: fmt.Sprintf("at %s: %d more errors", c.Revision, n-most)})
	}
}

// masks hide the secrets of both ends.
type masks struct {
	now, then lint.Masks
	tree      *tree.Tree // of the revision
}

func (m *masks) Line(src *lint.Source, n int) string {
	if m.tree.Owns(src) {
		return m.then.Line(src, n)
	}
	return m.now.Line(src, n)
}

func (m *masks) Redact(text string) string { return m.now.Redact(m.then.Redact(text)) }
