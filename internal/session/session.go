// Package session lints one tree again and again, as an editor and --watch do. It keeps
// what each unit came to and what the unit read; of the next state of the tree only the
// units are rendered and checked of which an input is no longer the same.
package session

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
)

// A Group is what one configuration holds for.
type Group struct {
	Plan    *render.Plan
	Options engine.Options
	File    string // of the configuration; "" for none
	Config  string // what the configuration says
}

// Opened is what there is to lint of some paths of a tree.
type Opened struct {
	Groups []Group
	// Finish compares the report with what was known before. The error is one of a baseline.
	Finish func(*lint.Report) error
}

// An Opener plans paths of a tree, each with the configuration that holds for it there. The
// error is one of a configuration.
type Opener func(ctx context.Context, t *tree.Tree, paths []string) (*Opened, error)

// A Session keeps what units came to. It is safe for concurrent use; one state is linted at
// a time.
type Session struct {
	open Opener
	// Progress, if not nil, is called as units are done, by one goroutine at a time. It is set
	// while nothing is linted.
	Progress func(done, total int)
	// Bound, if not nil, makes limits hold for the work on one state, until stop is called.
	Bound func(ctx context.Context) (limited context.Context, stop func())

	mu   sync.Mutex
	kept map[string]*kept // by id
}

// New returns a session without any unit.
func New(open Opener) *Session { return &Session{open: open, kept: map[string]*kept{}} }

// limited returns the context of the work on one state.
func (s *Session) limited(ctx context.Context) (limited context.Context, stop func()) {
	if s.Bound == nil {
		return ctx, func() {}
	}
	return s.Bound(ctx)
}

// kept is what a unit came to.
type kept struct {
	selection string
	inputs    []tree.Input
	sources   []string
	skipped   int
	results   []*engine.Result
	asked     []string // ids of the units that it asked for
	waits     bool     // see [render.Unit]
}

// A Result is what linting one state of the tree came to.
type Result struct {
	Groups []Group
	Report *lint.Report
	// Checked are the results of all units, for what is said of them.
	Checked []*engine.Result
	// Rendered are the names of the units that were rendered, in the order of the plan;
	// Kept is the number of the others, whose results are those of an earlier state.
	Rendered []string
	Kept     int
}

// Lint lints paths of a tree. changed are the absolute paths of files that may differ from
// the state before; nil says that any may, and the inputs of all units are compared. The
// error is one of a configuration, or that of the context, which ends the work.
func (s *Session) Lint(ctx context.Context, t *tree.Tree, paths, changed []string) (*Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, stop := s.limited(ctx)
	defer stop()
	opened, err := s.open(ctx, t, paths)
	if err != nil {
		return nil, err
	}
	groups := opened.Groups
	r := &Result{Groups: groups}
	var merged []engine.Group
	for i := range groups {
		p := &pass{session: s, group: &groups[i], valid: map[string]bool{}, fresh: map[string]*kept{}, done: map[string]bool{}, changes: changesOf(t, changed)}
		if s.Progress != nil {
			groups[i].Options.Progress = s.Progress
		}
		results := p.run(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.Rendered, r.Kept = append(r.Rendered, p.rendered...), r.Kept+p.again
		p.mu.Lock() // a unit that was given up may still be at work
		for id, k := range p.fresh {
			if p.done[id] {
				s.kept[id] = k
			}
		}
		p.mu.Unlock()
		clones := []*engine.Result{{Errors: groups[i].Plan.Errors, Notes: groups[i].Plan.Notes}}
		for _, result := range results {
			clones = append(clones, result.Clone())
		}
		if p.again == 0 { // else what was kept may use what seems to be unused
			clones = append(clones, &engine.Result{Notes: groups[i].Plan.Close()})
		}
		r.Checked = append(r.Checked, results...)
		merged = append(merged, engine.Group{Options: groups[i].Options, Results: clones})
	}
	r.Report = engine.Merge(merged...)
	s.count(groups, &r.Report.Stats)
	s.drop(groups)
	if opened.Finish != nil {
		if err := opened.Finish(r.Report); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Render returns the bundles of paths of a tree, and of what their objects ask for, without a
// check of them. It waits for nothing that is linted meanwhile.
func (s *Session) Render(ctx context.Context, t *tree.Tree, paths []string) ([]*lint.Bundle, error) {
	ctx, stop := s.limited(ctx)
	defer stop()
	opened, err := s.open(ctx, t, paths)
	if err != nil {
		return nil, err
	}
	var bundles []*lint.Bundle
	for i := range opened.Groups {
		known := map[string]bool{}
		for units := opened.Groups[i].Plan.Units; len(units) > 0; {
			var asked []*render.Unit
			for _, u := range units {
				if known[u.Key] {
					continue
				}
				known[u.Key] = true
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				r := u.Render(ctx)
				bundles, asked = append(bundles, r.Bundles...), append(asked, r.Asks...)
			}
			units = asked
		}
	}
	return bundles, nil
}

// Directories returns the absolute paths of the directories that units read or looked into.
func (s *Session) Directories() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]bool{}
	for _, k := range s.kept {
		for _, in := range k.inputs {
			all[filepath.Dir(in.Path)], all[filepath.Dir(in.Real)] = true, true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// count adds up what the units of a state read.
func (s *Session) count(groups []Group, stats *lint.Stats) {
	files := map[string]bool{}
	for _, id := range s.reached(groups) {
		k := s.kept[id]
		stats.Skipped += k.skipped
		for _, path := range k.sources {
			files[path] = true
		}
	}
	stats.Files = max(0, len(files)-stats.Skipped)
}

// reached returns the ids of the units of plans, and of those that they ask for.
func (s *Session) reached(groups []Group) []string {
	var all []string
	seen := map[string]bool{}
	var reach func(id string)
	reach = func(id string) {
		k := s.kept[id]
		if k == nil || seen[id] {
			return
		}
		seen[id] = true
		all = append(all, id)
		for _, ask := range k.asked {
			reach(ask)
		}
	}
	for i := range groups {
		for _, u := range groups[i].Plan.Units {
			reach(idOf(&groups[i], u))
		}
	}
	return all
}

// drop forgets units that are part of no plan any more. Those of other paths stay.
func (s *Session) drop(groups []Group) {
	whole := slices.ContainsFunc(groups, func(g Group) bool {
		return slices.ContainsFunc(g.Plan.Units, func(u *render.Unit) bool { return !u.Focused })
	})
	if !whole { // a file that was named: the others are still those of the directory
		return
	}
	there := map[string]bool{}
	for _, id := range s.reached(groups) {
		there[id] = true
	}
	for id := range s.kept {
		if !there[id] {
			delete(s.kept, id)
		}
	}
}

// idOf tells a unit from the others of a session. What is made of a file that was named may
// lack what the whole directory asks for, so it is a unit of its own.
func idOf(g *Group, u *render.Unit) string {
	focus := ""
	if u.Focused {
		focus = "\x00focused"
	}
	return g.File + "\x00" + g.Config + "\x00" + u.Key + focus
}

// A pass is the work on one group.
type pass struct {
	session *Session
	group   *Group
	changes *changes

	mu       sync.Mutex
	valid    map[string]bool // by id: whether what is kept still holds
	fresh    map[string]*kept
	done     map[string]bool // ids of fresh units of which there are all results
	included map[string]bool
	rendered []string
	again    int
}

// run returns the results of all units of the group.
func (p *pass) run(ctx context.Context) []*engine.Result {
	plan := p.group.Plan
	var work []*render.Unit
	var results []*engine.Result
	p.included = map[string]bool{}
	for _, u := range plan.Units {
		if p.holds(idOf(p.group, u), u.Selection) {
			results = p.take(results, idOf(p.group, u))
		} else {
			work = append(work, u)
		}
	}
	fresh := engine.Run(ctx, p.units(work), p.group.Options)
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.fresh {
		p.done[id] = true
	}
	for _, r := range fresh {
		results = append(results, r)
		id := p.keyed(r.Unit)
		if k := p.fresh[id]; k != nil {
			k.results = append(k.results, r)
		}
		if r.GivenUp {
			delete(p.done, id)
		}
	}
	return results
}

// keyed returns the id of the unit that was rendered under a key.
func (p *pass) keyed(key string) string {
	id := p.group.File + "\x00" + p.group.Config + "\x00" + key
	if p.fresh[id] == nil {
		id += "\x00focused"
	}
	return id
}

// units makes what the engine runs of units, and of those that they ask for.
func (p *pass) units(all []*render.Unit) []engine.Unit {
	var units []engine.Unit
	for _, u := range all {
		id := idOf(p.group, u)
		p.mu.Lock()
		there := p.included[id]
		p.mu.Unlock()
		if there {
			continue
		}
		unit := engine.Unit{Kind: u.Kind, Name: u.Root, Key: u.Key, Render: func(ctx context.Context) engine.Rendered {
			r := u.Render(ctx)
			k := &kept{selection: u.Selection, inputs: u.Inputs(), sources: u.Sources(), skipped: r.Skipped, waits: u.Waits}
			for _, ask := range r.Asks {
				k.asked = append(k.asked, idOf(p.group, ask))
			}
			p.mu.Lock()
			p.fresh[id] = k
			p.rendered = append(p.rendered, u.Root)
			p.mu.Unlock()
			return engine.Rendered{Bundles: r.Bundles, Errors: r.Errors, Notes: r.Notes, More: p.units(r.Asks)}
		}}
		if u.Focused {
			unit.Keep = p.group.Plan.Focus.Touches
		}
		units = append(units, unit)
	}
	return units
}

// holds reports whether what a unit came to is what it would come to now.
func (p *pass) holds(id, selection string) bool {
	k := p.session.kept[id]
	return k != nil && k.selection == selection && p.same(id)
}

// same reports whether all that a unit read, and all that the units read that it asked for,
// is as it was.
func (p *pass) same(id string) bool {
	if valid, known := p.valid[id]; known {
		return valid
	}
	p.valid[id] = true // a unit that asks for itself in the end
	k := p.session.kept[id]
	valid := k != nil && !k.waits && !slices.ContainsFunc(k.inputs, func(in tree.Input) bool { return !p.changes.same(in) }) &&
		!slices.ContainsFunc(k.asked, func(ask string) bool { return !p.same(ask) })
	p.valid[id] = valid
	return valid
}

// take adds what is kept of a unit, and of those that it asked for, to results.
func (p *pass) take(results []*engine.Result, id string) []*engine.Result {
	if p.included[id] {
		return results
	}
	p.included[id] = true
	k := p.session.kept[id]
	p.again++
	results = append(results, k.results...)
	for _, ask := range k.asked {
		results = p.take(results, ask)
	}
	return results
}

// changes are what may differ between two states of a tree.
type changes struct {
	tree  *tree.Tree
	any   bool // anything may
	paths []string
	known map[tree.Input]bool
}

func changesOf(t *tree.Tree, changed []string) *changes {
	c := &changes{tree: t, any: changed == nil, known: map[tree.Input]bool{}}
	for _, path := range changed {
		c.paths = append(c.paths, filepath.Clean(path))
		if real, err := t.EvalSymlinks(path); err == nil && real != path {
			c.paths = append(c.paths, real)
		}
	}
	return c
}

// same reports whether an input is what it was. A change may concern the input itself, and
// the listing of every directory above: one may be there now that was not.
func (c *changes) same(in tree.Input) bool {
	if !c.any && !slices.ContainsFunc(c.paths, func(path string) bool {
		return tree.Within(path, in.Path) || tree.Within(path, in.Real) || tree.Within(in.Path, path) || tree.Within(in.Real, path)
	}) {
		return true
	}
	same, known := c.known[in]
	if !known {
		same = c.tree.Same(in)
		c.known[in] = same
	}
	return same
}
