// Package engine runs rules. [Check] takes one bundle and gives a result that stands on
// its own: findings that are placed, of which ignores and stronger rules are settled, and
// what it learned that other bundles have a part in. [Run] takes units, renders and checks
// so many at a time, and lets go of what each was made of. [Merge] makes one report of
// results: one defect in one place is one finding however many renderings show it, an
// ignore that no rendering needed is a finding, and secrets are hidden.
//
// What may go wrong in a unit stays in it: a panic of a renderer, a rule, a locator or of
// what hides secrets becomes an error that names the unit, and all else is reported. The
// order of units and the number of jobs do not show in a report.
//
// Package lint is what rules are written in; this one imports no rule and no renderer.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
)

// Options are the settings of a run.
type Options struct {
	Rules []config.Enabled
	// Masking are rules that run for what they mask even where Rules does not have them: what one
	// rule finds must not show in the line that another one quotes.
	Masking []*lint.Rule
	// Jobs is the number of units at work at once, and of rules in each; that of the
	// processors when 0, and never more: what waits for one would only hold memory.
	Jobs int

	// NoIgnores reports what comments, annotations and Ignores suppress.
	NoIgnores bool
	// Ignores are the entries of the configuration. Their paths are relative to
	// the directory of their Span's file.
	Ignores []config.Ignore
	// Unavailable are the entries of the configuration that make errors notes.
	Unavailable []config.Unavailable
	// Now is the day by which ignores run out; none does when it is zero.
	Now time.Time
	// AllRules are the rules that an ignore may name besides those that run; when
	// it is nil, unknown names are not reported.
	AllRules []*lint.Rule
	// Deadline is how long a unit may take; 0 for any time.
	Deadline time.Duration
	// Progress, if not nil, is called as units are done, by one goroutine at a time.
	Progress func(done, total int)
	// Remedy, if not nil, is called for each finding once it is placed, while its node is
	// there, side by side for the findings of a bundle.
	Remedy func(pass *lint.Pass, f *lint.Finding, n *lint.Node)
	// Name gives a path, as reports print it, the form that fingerprints are made of; nil
	// leaves it as it is. It is the same for all groups of a report.
	Name func(path string) string
	// Complete says that the run covers all that Ignores speak of, so that an
	// entry that suppresses nothing is reported.
	Complete bool
}

func (o *Options) jobs() int {
	processors := runtime.GOMAXPROCS(0)
	if o.Jobs > 0 {
		return min(o.Jobs, processors)
	}
	return processors
}

// A Result is what a check of one bundle, or a unit that has none, came to. It holds no
// bundle, object or node.
type Result struct {
	// Unit is the key of the unit.
	Unit string
	// GivenUp says that the unit took longer than it may, so that there is no more of it.
	GivenUp bool
	// Rendering names the bundle; the zero Rendering stands for a unit without one.
	Rendering lint.Rendering
	// Objects is the number of objects that were selected; All that of those, too,
	// that are next to them.
	Objects, All int
	// Took is how long reading and rendering took.
	Took time.Duration
	// Errors are what could not be read, rendered, parsed or checked. Findings, notes
	// and errors may show secrets until [Merge] has been over them.
	Errors   []*lint.InputError
	Notes    []lint.Note
	Findings []*lint.Finding // of [Check]; [Run] puts those of charts and overlays away until [Merge]
	Yielded  []*lint.Finding // for which a stronger rule's finding stands

	packed, packedYielded []packed

	standing []lint.ObjectFile
	ignores  []*ignore // those met, with what each suppressed
	masks    *mask.Masks
	keep     func(*lint.Finding) bool // nil: all
	stopped  error                    // that of a context that ended
}

// Keep drops the findings that keep does not want, the suppressed ones too, and those
// about ignores that are still to be made.
func (r *Result) Keep(keep func(*lint.Finding) bool) {
	r.unpack()
	r.keep = keep
	drop := func(f *lint.Finding) bool { return !keep(f) }
	r.Findings = slices.DeleteFunc(r.Findings, drop)
	r.Yielded = slices.DeleteFunc(r.Yielded, drop)
	for _, g := range r.ignores {
		g.hidden = slices.DeleteFunc(g.hidden, drop)
	}
}

// Found returns the findings, those for which a stronger rule's stand, and those that
// ignores suppress.
func (r *Result) Found() (found, yielded, hidden []*lint.Finding) {
	r.unpack()
	for _, g := range r.ignores {
		hidden = append(hidden, g.hidden...)
	}
	return r.Findings, r.Yielded, hidden
}

// Clone returns a result that [Merge] may take besides r.
func (r *Result) Clone() *Result {
	c := *r
	copied := func(all []*lint.Finding) []*lint.Finding {
		clones := make([]*lint.Finding, len(all))
		for i, f := range all {
			g := *f
			g.Related, g.Renderings, g.Objects = slices.Clone(f.Related), slices.Clone(f.Renderings), slices.Clone(f.Objects)
			g.Joined = slices.Clone(f.Joined)
			clones[i] = &g
		}
		return clones
	}
	c.Findings, c.Yielded, c.Errors, c.Notes = copied(r.Findings), copied(r.Yielded), slices.Clone(r.Errors), slices.Clone(r.Notes)
	c.ignores = make([]*ignore, len(r.ignores))
	for i, g := range r.ignores {
		h := *g
		h.hidden, h.renderings, h.objects = copied(g.hidden), slices.Clone(g.renderings), slices.Clone(g.objects)
		c.ignores[i] = &h
	}
	return &c
}

// Check applies rules to a bundle. A rule or a locator that panics becomes an error that
// names it and the object; a context that ends stops the check with an error.
func Check(ctx context.Context, b *lint.Bundle, o Options) *Result {
	return checked(ctx, b, newNames(&o))
}

// A check is one bundle at work.
type check struct {
	bundle *lint.Bundle
	names  *names
	passes []*pass // in the order of the rules, the masking ones that are not enabled last
	result *Result
}

// A pass is a rule at work on the bundle.
type pass struct {
	*lint.Pass
	enabled  *config.Enabled // nil for a rule that runs for what it masks
	masks    bool
	panicked any
	done     atomic.Bool // until then what it found is its own
	found    []*placed
	errs     []*lint.InputError
}

// A placed finding is one with what settles its ignores and whether it yields: that
// belongs to the bundle.
type placed struct {
	*lint.Finding
	node     *lint.Node
	resource *lint.Resource
	weight   lint.Severity // as the rule reported it, whatever the configuration says
	ignored  bool
}

func newCheck(b *lint.Bundle, n *names) *check {
	o := n.options
	c := &check{bundle: b, names: n}
	c.result = &Result{Rendering: b.Rendering, Objects: len(b.Resources) - len(b.Unselected), All: len(b.Resources), Took: b.Took, Notes: b.Notes, masks: &mask.Masks{}}
	enabled := map[*lint.Rule]bool{}
	for i := range o.Rules {
		e := &o.Rules[i]
		enabled[e.Rule] = true
		c.passes = append(c.passes, &pass{Pass: lint.NewPass(e.Rule, b, e.Params), enabled: e, masks: slices.Contains(o.Masking, e.Rule)})
	}
	for _, rule := range o.Masking {
		if !enabled[rule] {
			c.passes = append(c.passes, &pass{Pass: lint.NewPass(rule, b, nil), masks: true})
		}
	}
	return c
}

// standing says where the objects of a bundle stand.
func standing(b *lint.Bundle) []lint.ObjectFile {
	all := make([]lint.ObjectFile, 0, len(b.Resources))
	for _, r := range b.Resources {
		src := r.Source()
		if src == nil {
			src = r.Root.Locate().Span.Start.Source
		}
		s := lint.ObjectFile{Kind: r.Kind, Name: lint.BareName(r.Name)}
		if src != nil {
			s.File = src.Path
		}
		all = append(all, s)
	}
	return all
}

func (c *check) run(ctx context.Context) *Result {
	ctx, end := limits.Rules(ctx)
	defer end()
	unmasked := c.apply(ctx)
	found := c.gather(unmasked)
	c.settle(found)
	if err := c.contain("locating objects", func() { c.result.standing = standing(c.bundle) }); err != nil {
		c.result.Errors = append(c.result.Errors, err)
	}
	c.report(unmasked)
	if ctx.Err() != nil {
		c.result.stopped = context.Cause(ctx)
		c.result.Errors = append(c.result.Errors, &lint.InputError{Rendering: &c.bundle.Rendering, Message: fmt.Sprintf("%s: stopped before all rules had run: %v", c.bundle.Rendering.Root, c.result.stopped)})
	}
	return c.result
}

// grace is how long a rule may take to end once the context has: it does where it requests
// objects, and where it reports.
const grace = time.Second

// apply runs the rules, and hides the secrets of the bundle. It returns the error of the
// latter.
func (c *check) apply(ctx context.Context) (unmasked *lint.InputError) {
	type hidden struct {
		masks *mask.Masks
		err   *lint.InputError
	}
	hiding := make(chan hidden, 1)
	var users atomic.Pointer[context.Context] // of the rules that users bring, once the first is at work
	ofUsers := sync.OnceValues(func() (context.Context, context.CancelFunc) {
		own, end := limits.Unit(ctx, usersTime, errUsersLate)
		users.Store(&own)
		return own, end
	})
	inTurn := slices.Clone(c.passes)
	slices.SortStableFunc(inTurn, func(p, q *pass) int { return cmp.Compare(p.turn(), q.turn()) })
	var next atomic.Int64
	// A worker takes one pass after the other: the stack of a goroutine grows once that way,
	// which for small bundles is a good part of the work.
	work := func() {
		for at := next.Add(1); at <= int64(len(inTurn))+1; at = next.Add(1) {
			if at == 1 {
				h := hidden{masks: &mask.Masks{}}
				h.err = c.contain("hiding secrets", func() { h.masks.AddBundle(c.bundle) })
				hiding <- h
				continue
			}
			p := inTurn[at-2]
			if !p.masks { // a check that is stopped still reports what it found, masked
				limited := ctx
				if p.turn() == usersTurn {
					limited, _ = ofUsers()
				}
				p.StopWhen(func() bool { return limited.Err() != nil })
				if limited.Err() != nil {
					continue
				}
			}
			p.call()
			if p.enabled != nil { // else a panic is reported where the rule is enabled
				c.place(p)
			}
			p.done.Store(true)
		}
	}
	worker := func() <-chan struct{} {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			work()
		}()
		return ended
	}
	var workers []<-chan struct{}
	for range min(c.names.options.jobs(), len(inTurn)+1) {
		workers = append(workers, worker())
	}
	stopped := ctx.Done()
	var over <-chan time.Time
	for i := 0; i < len(workers); i++ {
		select {
		case <-workers[i]:
		case <-stopped: // what is at work may be long in ending: what is to be masked waits for none of it
			workers = append([]<-chan struct{}{worker()}, workers[i:]...)
			i, stopped, over = -1, nil, time.After(grace)
		case <-over: // what is still at work is left behind, and its findings with it
			i = len(workers)
		}
	}
	if own := users.Load(); own != nil {
		if late := *own; late.Err() != nil && ctx.Err() == nil {
			c.result.Errors = append(c.result.Errors, &lint.InputError{Rendering: &c.bundle.Rendering, Message: fmt.Sprintf("%s: %v", c.bundle.Rendering.Root, context.Cause(late))})
		}
		_, end := ofUsers()
		end()
	}
	masked := true
	c.passes = slices.DeleteFunc(c.passes, func(p *pass) bool {
		done := p.done.Load()
		masked = masked && (done || !p.masks)
		return !done
	})
	select {
	case h := <-hiding:
		c.result.masks, unmasked = h.masks, h.err
	default:
		masked = false
	}
	if !masked { // what was found may show what is to be hidden
		c.passes = nil
	}
	return unmasked
}

// usersTime is how long the rules that users bring may take for one bundle: those of a stranger
// leave time for the others.
const usersTime = 30 * time.Second

func errUsersLate(limit time.Duration) error {
	return fmt.Errorf("stopped before all rules of the configuration had run: they take longer than %s; make their expressions simpler, or raise --limit-time", limit)
}

const usersTurn = 2

// turn orders rules: those that mask go first, so that a check which is stopped can report,
// those that users bring last.
func (p *pass) turn() int {
	switch {
	case p.masks:
		return 0
	case p.Rule.URL != "":
		return usersTurn
	}
	return 1
}

func (p *pass) call() {
	defer func() {
		if p.panicked = recover(); p.panicked == lint.Stopped {
			p.panicked = nil
		}
	}()
	p.Rule.Run(p.Pass)
}

// place says where what a rule found stands.
func (c *check) place(p *pass) {
	if p.panicked != nil {
		e := &lint.InputError{Rendering: &c.bundle.Rendering}
		e.Message = fmt.Sprintf("rule %s failed on %s and was stopped there: %v; please report this with the object", p.Rule.ID, c.culprit(p, &e.Span), p.panicked)
		p.errs = append(p.errs, e)
	}
	renderings := []lint.Rendering{c.bundle.Rendering} // copied before it is appended to
	all := make([]placed, len(p.Reported()))
	p.found = make([]*placed, 0, len(all))
	for i, reported := range p.Reported() {
		f := &all[i]
		*f = placed{Finding: reported.Finding, node: reported.Node, resource: reported.Node.Resource(), weight: reported.Finding.Severity}
		if f.resource != nil && f.resource.Namespace != "" && slices.Contains(p.enabled.ExemptNamespaces, f.resource.Namespace) {
			continue
		}
		if p.enabled.Severity != nil {
			f.Severity = *p.enabled.Severity
		}
		f.Renderings = renderings
		if err := c.contain("placing what rule "+p.Rule.ID+" found", f.locate); err != nil {
			p.errs = append(p.errs, err)
		}
		if remedy := c.names.options.Remedy; remedy != nil && p.Rule.Remedy != nil {
			if err := c.contain("fixing what rule "+p.Rule.ID+" found", func() { remedy(p.Pass, f.Finding, f.node) }); err != nil {
				p.errs = append(p.errs, err)
			}
		}
		p.found = append(p.found, f)
	}
	for _, failed := range p.Failed() {
		r := failed.Node.Resource()
		if r != nil && r.Namespace != "" && slices.Contains(p.enabled.ExemptNamespaces, r.Namespace) {
			continue
		}
		p.errs = append(p.errs, &lint.InputError{Rendering: &c.bundle.Rendering, Span: failed.Node.Locate().Span, Message: failed.Message})
	}
}

// culprit finds the object that a rule panics on by giving it each one alone.
func (c *check) culprit(p *pass, at *lint.Span) string {
	for _, r := range c.bundle.Resources {
		again := &pass{Pass: lint.NewPass(p.Rule, r.Alone(), p.enabled.Params)}
		if again.call(); again.panicked != nil {
			*at = r.Root.Locate().Span
			return r.String()
		}
	}
	return c.bundle.Rendering.Root
}

// gather joins what the rules found and masked, in their order.
func (c *check) gather(unmasked *lint.InputError) []*placed {
	var found []*placed
	unknown := unmasked != nil
	for _, p := range c.passes {
		found = append(found, p.found...)
		for _, m := range p.Masked() {
			if err := c.contain("hiding what rule "+p.Rule.ID+" masks", func() { c.result.masks.AddNode(m.Node, m.Part) }); err != nil {
				p.errs, unknown = append(p.errs, err), true
			}
		}
		unknown = unknown || p.panicked != nil && p.masks
	}
	if unknown { // what was to be hidden is not known: go by the line, which hides more
		if err := c.contain("hiding secrets by the line", func() { c.result.masks.AddByLine(c.bundle) }); err != nil {
			c.result.Errors = append(c.result.Errors, err)
		}
	}
	return found
}

// settle applies the ignores, then lets weaker findings yield.
func (c *check) settle(found []*placed) {
	failed := len(c.bundle.Errors) > 0
	for _, p := range c.passes {
		failed = failed || len(p.errs) > 0
	}
	left := found
	s := newSuppressor(c.bundle, c.names, failed)
	if err := c.contain("applying ignores", func() { left = s.suppress(slices.Clone(found)) }); err != nil {
		c.result.Errors = append(c.result.Errors, err)
		for _, f := range found { // none holds
			f.ignored = false
		}
		s.all = nil
	}
	for _, g := range s.all {
		g.seen = nil // which holds the tree
	}
	c.result.ignores = s.all
	kept, gave := yield(found, left)
	c.result.Findings, c.result.Yielded = own(kept), own(gave)
}

// own returns findings without what belongs to the bundle.
func own(found []*placed) []*lint.Finding {
	all := make([]*lint.Finding, len(found))
	for i, f := range found {
		all[i] = f.Finding
	}
	return all
}

// report gathers the errors.
func (c *check) report(unmasked *lint.InputError) {
	r := c.result
	r.Errors = append(slices.Clone(c.bundle.Errors), r.Errors...)
	for _, p := range c.passes {
		r.Errors = append(r.Errors, p.errs...)
		if p.enabled != nil {
			r.Notes = append(r.Notes[:len(r.Notes):len(r.Notes)], p.Notes()...)
		}
	}
	if unmasked != nil {
		r.Errors = append(r.Errors, unmasked)
	}
	r.Errors = append(r.Errors, c.bundle.Misplaced()...)
	for _, e := range r.Errors { // what a broken file holds of secrets
		if e.Span.IsValid() {
			if err := c.contain("hiding secrets in "+e.Span.Path(), func() { r.masks.AddBroken(e.Span.Start.Source) }); err != nil {
				r.Errors = append(r.Errors, err)
			}
		}
	}
}

// contain turns a panic of f into an error that says what was done in the bundle.
func (c *check) contain(what string, f func()) (err *lint.InputError) {
	defer func() {
		if p := recover(); p != nil {
			err = c.broke(what, p)
		}
	}()
	f()
	return nil
}

// broke is the error of a panic.
func (c *check) broke(what string, panicked any) *lint.InputError {
	return &lint.InputError{Rendering: &c.bundle.Rendering, Message: fmt.Sprintf("%s in %s failed: %v; please report this with the files", what, c.bundle.Rendering.Root, panicked)}
}

// yield splits off the findings of rules that yield to a stronger one on the same subject.
// What yields to an ignored finding is ignored with it, as one cause is one finding; but an
// ignore accepts no more than it was given for: what is worse than the ignored finding speaks.
func yield(found, left []*placed) (kept, gave []*placed) {
	type subject struct {
		rule, subject string
		resource      *lint.Resource
	}
	stronger := map[string]bool{} // the rules that others yield to
	for _, f := range left {
		for _, id := range f.Rule.YieldsTo {
			stronger[id] = true
		}
	}
	reported, ignored := map[subject]bool{}, map[subject]lint.Severity{}
	for _, f := range found {
		if !stronger[f.Rule.ID] {
			continue
		}
		s := subject{f.Rule.ID, f.Subject, f.resource}
		if !f.ignored {
			reported[s] = true
		} else if worst, ok := ignored[s]; !ok || f.weight > worst {
			ignored[s] = f.weight
		}
	}
	for _, f := range left {
		gives, hides := false, false
		for _, id := range f.Rule.YieldsTo {
			s := subject{id, f.Subject, f.resource}
			weight, ok := ignored[s]
			gives, hides = gives || reported[s], hides || ok && f.weight <= weight
		}
		switch {
		case gives:
			gave = append(gave, f)
		case !hides:
			kept = append(kept, f)
		}
	}
	return kept, gave
}
