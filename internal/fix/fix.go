// Package fix turns the remedies of rules into edits of the author's files, and proves
// them: every unit that reads an edited file is rendered and checked again, with the edits
// in memory. An edit is kept only where the finding is gone, nothing is wrong that was not,
// in any rendering, and the objects differ in what remedies ask for alone.
//
// Where a field is written is not computed but tried: the provenance of a node gives places
// in an order of preference, and the first that can be proven is taken. The edits of all
// findings are tried together; what fails is found by its effects, else by halving, by rules first.
//
// It writes no file, and edits none but below the paths that were named.
package fix

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/edit"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
)

// A Level says which fixes are wanted.
type Level string

// The levels.
const (
	OnlySafe Level = "safe" // those that cannot stop a program that works
	All      Level = "all"
)

// Options say what is fixed.
type Options struct {
	// Open plans a tree.
	Open func(context.Context, *tree.Tree) ([]session.Group, error)
	// Paths are what was named: files, and directories for all below them. Nothing else
	// is edited.
	Paths []string
	// Begin is called with the name of a unit that is about to be rendered.
	Begin func(unit string)
	// Budget is how long proofs may take; 0 is ten times what the first look took, and no
	// less than leastBudget.
	Budget time.Duration
	// Until is when proofs end at the latest; the zero time is no bound.
	Until time.Time
	// Now is the clock; nil is that of the machine.
	Now func() time.Time
}

// leastBudget is what proofs of a small tree may take.
const leastBudget = 20 * time.Second

func (o Options) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

// A Session is a tree with what was found in it, and what may be done about that.
type Session struct {
	Options
	tree  *tree.Tree
	base  *state
	ends  time.Time         // of the time for proofs
	ended map[string]string // by path: why it is not edited, "" where it is

	mu          sync.Mutex
	proposals   []*proposal
	intents     map[intentKey][]*intent
	safeIntents map[intentKey][]*intent
	drafts      map[lint.Rendering][]drafting
	// kustomizations are those that a rendering is built of, links resolved.
	kustomizations map[lint.Rendering]map[string]bool
	files          map[*lint.Source]*edit.File
}

// A state is a tree, rendered and checked.
type state struct {
	groups []*groupState
}

type groupState struct {
	session.Group
	first, last *engine.Result // errors and notes of no unit
	families    map[string]*family
	order       []string
}

// A family is a unit with those that it asks for.
type family struct {
	unit    *render.Unit
	results []*engine.Result
	inputs  map[string]bool
	shown   map[lint.Rendering]*shown
}

// Look renders and checks a tree and takes down what may be done about what is found.
func Look(ctx context.Context, t *tree.Tree, o Options) (*Session, error) {
	s := &Session{
		Options: o, tree: t, ended: map[string]string{}, intents: map[intentKey][]*intent{}, safeIntents: map[intentKey][]*intent{},
		files: map[*lint.Source]*edit.File{}, drafts: map[lint.Rendering][]drafting{},
		kustomizations: map[lint.Rendering]map[string]bool{},
	}
	began := s.now()
	base, err := s.render(ctx, t, nil, s.propose)
	s.base = base
	now := s.now()
	s.ends = now.Add(cmp.Or(s.Budget, max(10*now.Sub(began), leastBudget)))
	if !s.Until.IsZero() && s.Until.Before(s.ends) {
		s.ends = s.Until
	}
	return s, err
}

// Ends returns when the time for proofs is used up.
func (s *Session) Ends() time.Time { return s.ends }

// Late reports whether the time for proofs is used up.
func (s *Session) Late() bool { return !s.now().Before(s.ends) }

// Results returns what was found, for [engine.Merge].
func (s *Session) Results() []engine.Group { return s.base.results() }

// Plans returns the plans of the tree.
func (s *Session) Plans() []*render.Plan {
	var all []*render.Plan
	for _, g := range s.base.groups {
		all = append(all, g.Plan)
	}
	return all
}

func (b *state) results() []engine.Group {
	var all []engine.Group
	for _, g := range b.groups {
		group := engine.Group{Options: g.Options, Results: []*engine.Result{g.first.Clone()}}
		for _, key := range g.order {
			f := g.families[key]
			for _, r := range f.results {
				c := r.Clone()
				if f.unit.Focused {
					c.Keep(g.Plan.Focus.Touches)
				}
				group.Results = append(group.Results, c)
			}
		}
		group.Results = append(group.Results, g.last.Clone())
		all = append(all, group)
	}
	return all
}

// late is part of the keys of units that look at what all others rendered.
const late = "\x00later"

// An earlier is a state that was rendered before, and the files that differ by now.
type earlier struct {
	state   *state
	changed []string
}

// render renders and checks a tree. Families of earlier states that read none of the files
// that changed since are taken from there.
func (s *Session) render(ctx context.Context, t *tree.Tree, before []earlier, propose func(*lint.Pass, *lint.Finding, *lint.Node)) (*state, error) {
	groups, err := s.Open(ctx, t)
	if err != nil {
		return nil, err
	}
	now := &state{}
	for i, g := range groups {
		gs := &groupState{Group: g, families: map[string]*family{}}
		gs.first = &engine.Result{Errors: g.Plan.Errors, Notes: g.Plan.Notes}
		now.groups = append(now.groups, gs)
		var units []*render.Unit
		for _, u := range g.Plan.Units {
			if _, twice := gs.families[u.Key]; twice {
				continue
			}
			gs.order = append(gs.order, u.Key)
			if old := reuse(before, i, g.Config, u); old != nil {
				gs.families[u.Key] = old
				continue
			}
			gs.families[u.Key] = &family{unit: u, inputs: map[string]bool{}, shown: map[lint.Rendering]*shown{}}
			units = append(units, u)
		}
		s.run(ctx, gs, units, propose)
		gs.last = &engine.Result{Notes: g.Plan.Close()}
	}
	return now, ctx.Err()
}

// reuse returns the family of an earlier state that comes to the same, nil where there is none.
func reuse(before []earlier, group int, config string, u *render.Unit) *family {
	for _, e := range before {
		if group >= len(e.state.groups) || e.state.groups[group].isLate() || e.state.groups[group].Config != config {
			continue
		}
		old := e.state.groups[group].families[u.Key]
		if old != nil && old.unit.Selection == u.Selection && !slices.ContainsFunc(e.changed, func(path string) bool { return old.inputs[path] }) {
			return old
		}
	}
	return nil
}

// isLate reports whether a unit of the group looks at what all others rendered.
func (g *groupState) isLate() bool {
	for _, f := range g.families {
		for _, r := range f.results {
			if strings.HasSuffix(r.Unit, late) {
				return true
			}
		}
	}
	return false
}

// run renders and checks units, and what they ask for.
func (s *Session) run(ctx context.Context, g *groupState, units []*render.Unit, propose func(*lint.Pass, *lint.Finding, *lint.Node)) {
	owner := map[string]*family{} // by the key of a unit
	var mu sync.Mutex
	var wrap func(f *family, u *render.Unit) engine.Unit
	wrap = func(f *family, u *render.Unit) engine.Unit {
		mu.Lock()
		if owner[u.Key] == nil {
			owner[u.Key] = f
		}
		mu.Unlock()
		return engine.Unit{Kind: u.Kind, Name: u.Root, Key: u.Key, Render: func(ctx context.Context) engine.Rendered {
			if s.Begin != nil {
				s.Begin(u.Root)
			}
			r := u.Render(ctx)
			var more []engine.Unit
			for _, asked := range r.Asks {
				more = append(more, wrap(f, asked))
			}
			mu.Lock()
			defer mu.Unlock()
			for _, in := range u.Inputs() {
				f.inputs[in.Path], f.inputs[in.Real] = true, true
			}
			if propose != nil {
				s.builds(r.Bundles, u)
			}
			for _, b := range r.Bundles {
				f.of(b.Rendering).addObjects(b)
			}
			return engine.Rendered{Bundles: r.Bundles, Errors: r.Errors, Notes: r.Notes, More: more}
		}}
	}
	var all []engine.Unit
	for _, u := range units {
		all = append(all, wrap(g.families[u.Key], u))
	}
	o := g.Options
	o.Remedy = propose
	for _, r := range engine.Run(ctx, all, o) {
		f := owner[r.Unit]
		if f == nil {
			g.first.Errors = append(g.first.Errors, r.Errors...) // of a unit that was given up
			continue
		}
		f.results = append(f.results, r)
		f.of(r.Rendering).addResult(r)
	}
}

func (f *family) of(r lint.Rendering) *shown {
	if f.shown[r] == nil {
		f.shown[r] = newShown()
	}
	return f.shown[r]
}

// parsed returns a file whose nodes can be found; nil where it is no YAML.
func (s *Session) parsed(src *lint.Source) *edit.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, known := s.files[src]
	if !known {
		f = edit.Read(src)
		s.files[src] = f
	}
	return f
}

// real returns where a path leads: a file that has two names is edited once.
func (s *Session) real(path string) string {
	if real, err := s.tree.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// refused says why a file is not edited; "" where it is.
func (s *Session) refused(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	why, known := s.ended[path]
	if !known {
		why = s.judge(path)
		s.ended[path] = why
	}
	return why
}

func (s *Session) judge(path string) string {
	real, err := s.tree.EvalSymlinks(path)
	if err != nil {
		return "cannot be found"
	}
	return s.judgeReal(real)
}

// refusedNew says why a file is not made; "" where it is.
func (s *Session) refusedNew(path string) string {
	dir, err := s.tree.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "cannot be made"
	}
	return s.judgeReal(filepath.Join(dir, filepath.Base(path)))
}

// judgeReal is judge for a path without links.
func (s *Session) judgeReal(real string) string {
	named, below := false, ""
	for _, p := range s.Paths {
		at := s.tree.Abs(strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(p), "..."), "/"))
		to, err := s.tree.EvalSymlinks(at)
		if err == nil && (to == real || s.tree.IsDir(to) && tree.Within(to, real)) {
			named, below = true, strings.TrimPrefix(real, to)
		}
	}
	switch {
	case !named:
		return "is not among the paths that were named"
	case slices.ContainsFunc(strings.Split(filepath.ToSlash(below), "/"), func(dir string) bool { return dir == "vendor" || dir == "third_party" || dir == "node_modules" }):
		return "belongs to others: it lies in a vendored directory"
	case s.fetched(real, strings.Split(strings.Trim(filepath.ToSlash(below), "/"), "/")):
		return "belongs to a vendored chart"
	}
	for _, p := range s.Paths {
		at := s.tree.Abs(strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(p), "..."), "/"))
		if to, err := s.tree.EvalSymlinks(at); err == nil && tree.Within(to, real) && to != real {
			if root, own := s.tree.GitRoot(real), s.tree.GitRoot(to); root != own && root != "" && tree.Within(to, root) && root != to {
				return "belongs to another checkout"
			}
		}
	}
	return ""
}

// fetched reports whether a file lies in the charts/ of a chart, or is of a chart that kustomize
// fetches into the charts/ of an overlay: of the directories that end its path some are named.
func (s *Session) fetched(file string, below []string) bool {
	for i, dir := range below[:len(below)-1] {
		if dir != "charts" || i+1 >= len(below)-1 {
			continue
		}
		holder := file
		for range below[i:] {
			holder = filepath.Dir(holder)
		}
		if s.tree.IsFile(filepath.Join(holder, "Chart.yaml")) {
			return true
		}
		src, err := s.tree.Open(s.kustomizationIn(holder))
		if err != nil {
			continue
		}
		docs, _ := lint.ParseYAML(src)
		for _, doc := range docs {
			for _, chart := range lint.NewNode(doc).Get("helmCharts").Items() {
				name := chart.Get("name").Value()
				if chart.Get("repo").Value() != "" && (below[i+1] == name || strings.HasPrefix(below[i+1], name+"-")) {
					return true
				}
			}
		}
	}
	return false
}

// builds takes down the kustomizations that renderings are built of.
func (s *Session) builds(bundles []*lint.Bundle, u *render.Unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range bundles {
		if b.Rendering.Kind != "kustomize" {
			continue
		}
		s.kustomizations[b.Rendering] = map[string]bool{}
		for _, in := range u.Inputs() {
			if !in.Missing && slices.Contains(render.KustomizationNames, filepath.Base(in.Real)) {
				s.kustomizations[b.Rendering][in.Real] = true
			}
		}
	}
}

// built reports whether a rendering is built of a kustomization.
func (s *Session) built(r lint.Rendering, path string) bool {
	real := s.real(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kustomizations[r][real]
}

// kustomizationIn returns the kustomization of a directory, "" where it has none.
func (s *Session) kustomizationIn(dir string) string {
	for _, name := range render.KustomizationNames {
		if at := filepath.Join(dir, name); s.tree.IsFile(at) {
			return at
		}
	}
	return ""
}

// A File is one that a fix changes.
type File struct {
	Path   string // absolute
	Shown  string // as reports print it
	Before []byte // nil for a file that is to be made
	After  []byte
	Fixes  []Applied
}

// An Applied is a fix of a file.
type Applied struct {
	Rule, Why string
	Safe      bool
	Count     int  // of findings that it makes go away
	Partly    bool // others of the finding's renderings show it still
}

// A Result is what became of the fixes that were wanted.
type Result struct {
	Files []*File
	// Fixed are the findings that the edits make go away; Risky those that a fix of the
	// other level might.
	Fixed, Risky int
	after        *state
}

// After returns what is found with the edits, for [engine.Merge]; nil where nothing is
// edited.
func (r *Result) After() []engine.Group {
	if r.after == nil {
		return nil
	}
	return r.after.results()
}

// Edited returns the tree with the edits of a result.
func (s *Session) Edited(r *Result) *tree.Tree {
	files := map[string][]byte{}
	for _, f := range r.Files {
		files[f.Path] = f.After
	}
	return s.tree.Edit(files)
}

// Join adds the result of a session of the edited tree to that of the tree before.
func (r *Result) Join(next *Result) {
	for _, f := range next.Files {
		at := slices.IndexFunc(r.Files, func(g *File) bool { return g.Path == f.Path })
		if at < 0 {
			r.Files = append(r.Files, f)
			continue
		}
		g := r.Files[at]
		g.After = f.After
		for _, a := range f.Fixes {
			same := slices.IndexFunc(g.Fixes, func(b Applied) bool {
				return a.Rule == b.Rule && a.Why == b.Why && a.Safe == b.Safe && a.Partly == b.Partly
			})
			if same < 0 {
				g.Fixes = append(g.Fixes, a)
			} else {
				g.Fixes[same].Count += a.Count
			}
		}
	}
	slices.SortFunc(r.Files, func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
	r.Fixed += next.Fixed
	if next.after != nil {
		r.after = next.after
	}
}

// Fix finds edits for findings of a report that was made of the results, and proves them.
// It fills in what became of their fixes.
func (s *Session) Fix(ctx context.Context, findings []*lint.Finding, level Level) (*Result, error) {
	wanted := map[string]bool{}
	for _, f := range findings {
		s.unignore(f)
		if f.Fix != nil {
			wanted[causeOf(f)] = true
		}
	}
	w := &work{s: s, ctx: ctx, level: level}
	slices.SortStableFunc(s.proposals, func(a, b *proposal) int {
		return cmp.Or(strings.Compare(a.rendering.Root, b.rendering.Root), strings.Compare(a.rendering.Variant, b.rendering.Variant), strings.Compare(a.rule, b.rule), strings.Compare(a.key, b.key))
	})
	r := &Result{}
	var open []*proposal
	for _, p := range s.proposals {
		if !wanted[p.cause] {
			continue
		}
		if level == OnlySafe && len(p.choices) > 0 {
			p.choices = slices.DeleteFunc(slices.Clone(p.choices), func(c choice) bool { return !c.safe })
			if len(p.choices) == 0 {
				p.vain = "it is risky: " + p.fix.Why
			}
		}
		if len(p.choices) == 0 {
			p.reason = p.vain
			continue
		}
		open = append(open, p)
	}
	w.settle(open)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.err != nil {
		return nil, w.err
	}
	s.conclude(w, findings, r)
	return r, nil
}

// conclude fills in the fixes of findings and makes the files.
func (s *Session) conclude(w *work, findings []*lint.Finding, r *Result) {
	byCause := map[string][]*proposal{}
	for _, p := range s.proposals {
		byCause[p.cause] = append(byCause[p.cause], p)
	}
	applied := map[string]map[Applied]int{} // by path
	for _, f := range findings {
		if f.Fix == nil {
			continue
		}
		proven := true
		var why, where []string
		edits := map[string]fileEdit{}
		safe := f.Fix.Safe
		for _, p := range byCause[causeOf(f)] {
			if !w.accepted[p] {
				proven = false
				why = append(why, p.reason)
				continue
			}
			c := p.choices[p.next]
			if len(edits) == 0 {
				safe = true
			}
			safe = safe && c.safe
			for _, e := range c.edits {
				edits[idOf([]fileEdit{e})] = e
				where = append(where, e.path)
			}
		}
		f.Fix.Proven = proven
		slices.Sort(where)
		for _, path := range slices.Compact(where) {
			if applied[path] == nil {
				applied[path] = map[Applied]int{}
			}
			applied[path][Applied{Rule: f.Rule.ID, Why: f.Fix.Why, Safe: safe, Partly: !proven}]++
		}
		if !proven {
			f.Fix.Reason = cmp.Or(slices.Concat(why, []string{"it was not tried"})...)
			if strings.HasPrefix(f.Fix.Reason, "it is risky: ") {
				r.Risky++
			}
			continue
		}
		f.Fix.Safe = safe
		r.Fixed++
		var all []fileEdit
		for _, id := range slices.Sorted(maps.Keys(edits)) {
			all = append(all, edits[id])
		}
		f.Fix.Edits = s.textEdits(all)
	}
	edited := w.edited
	for _, path := range slices.Sorted(maps.Keys(edited)) {
		before, err := s.tree.ReadFile(path)
		switch {
		case err != nil: // it is to be made
			before = nil
		case bytes.Equal(before, edited[path]):
			continue
		}
		file := &File{Path: path, Shown: s.tree.Display(path), Before: before, After: edited[path]}
		for a, n := range applied[path] {
			a.Count = n
			file.Fixes = append(file.Fixes, a)
		}
		slices.SortFunc(file.Fixes, func(a, b Applied) int { return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.Why, b.Why)) })
		r.Files = append(r.Files, file)
	}
	r.after = w.state
}

// compile makes edits in the files, and returns what those hold then.
func (s *Session) compile(edits []fileEdit) (map[string][]byte, error) {
	ops, inserts, patches := map[string][]edit.Op{}, map[string][]edit.Insert{}, map[string][]objectPatch{}
	made := map[string]*newFile{}
	files := map[string]bool{}
	seen := map[string]bool{}
	for _, e := range edits {
		id := idOf([]fileEdit{e})
		if seen[id] {
			continue
		}
		seen[id], files[e.path] = true, true
		switch {
		case e.op != nil:
			ops[e.path] = append(ops[e.path], *e.op)
		case e.insert != nil:
			inserts[e.path] = append(inserts[e.path], *e.insert)
		case e.patch != nil:
			patches[e.path] = append(patches[e.path], *e.patch)
		case e.create != nil:
			if made[e.path] == nil {
				made[e.path] = &newFile{objects: &part{kind: yaml.SequenceNode}}
			}
			if err := made[e.path].join(e.create); err != nil {
				return nil, fmt.Errorf("%s: %w", s.tree.Display(e.path), err)
			}
		}
	}
	out := map[string][]byte{}
	for path, file := range made {
		if _, err := s.tree.Lstat(path); err == nil {
			return nil, fmt.Errorf("%s is there already", s.tree.Display(path))
		}
		out[path] = file.text()
		delete(files, path)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		data, err := s.tree.ReadFile(path)
		if err != nil {
			return nil, err
		}
		ops[path] = append(ops[path], patchOps(patches[path])...)
		if len(inserts[path]) > 0 {
			data, err = edit.Template(data, inserts[path])
		}
		if err == nil && len(ops[path]) > 0 {
			data, err = edit.Apply(data, ops[path])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.tree.Display(path), err)
		}
		out[path] = data
	}
	return out, nil
}

// textEdits returns edits as replacements of the text of files.
func (s *Session) textEdits(edits []fileEdit) []lint.TextEdit {
	files, err := s.compile(edits)
	if err != nil {
		return nil
	}
	var all []lint.TextEdit
	for _, path := range slices.Sorted(maps.Keys(files)) {
		src, err := s.tree.Open(path)
		if err != nil { // it is to be made
			src = lint.NewSource(s.tree.Display(path), nil)
			src.File = path
			all = append(all, lint.TextEdit{Span: src.Span(0, 0), New: string(files[path]), NewFile: true})
			continue
		}
		all = append(all, replacements(src, files[path])...)
	}
	return all
}
