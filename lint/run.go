package lint

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// An Enabled is a rule that runs, with what the configuration says of it.
type Enabled struct {
	Rule     *Rule
	Severity *Severity      // nil: as the rule reports
	Params   map[string]any // of the types of [Param.Default]
	// ExemptNamespaces are namespaces whose objects the rule leaves alone.
	ExemptNamespaces []string
}

// Options are the settings of [Run].
type Options struct {
	// Masking are rules that run for what they mask even where Rules lacks them: what one
	// rule finds must not show in the line that another one quotes.
	Masking []*Rule
	Rules   []Enabled
	Jobs    int // rules × bundles at work at once; the number of processors when 0

	// NoIgnores reports what comments, annotations and Ignores suppress.
	NoIgnores bool
	// Ignores are the entries of the configuration. Their paths are relative to
	// the folder of their Span's file.
	Ignores []ConfigIgnore
	// Now is the day by which ignores run out; none does when it is zero.
	Now time.Time
	// AllRules are the rules that an ignore may name besides those that run; when
	// it is nil, unknown names are not reported.
	AllRules []*Rule
	// Complete says that the run covers all that Ignores speak of, so that an
	// entry that suppresses nothing is reported.
	Complete bool
}

// Run applies rules to bundles and returns what they found. The order of
// bundles and the number of jobs do not show in the report. A rule or a locator that
// panics becomes an error that names it or the object; a context that ends stops the run with an error.
func Run(ctx context.Context, bundles []*Bundle, o Options) *Report {
	report := &Report{Masks: &Masks{}, Findings: []*Finding{}, Errors: []*InputError{}, Suppressed: []*Suppressed{}}
	for _, e := range o.Rules {
		report.Rules = append(report.Rules, e.Rule)
	}
	passes := make([][]*Pass, len(bundles))
	unmasked := make([]*InputError, len(bundles))
	errs := make([][]*InputError, len(bundles)*len(o.Rules))
	var group sync.WaitGroup
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	limit := make(chan struct{}, jobs)
	start := func(f func()) {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			f()
		})
	}
	for i, b := range bundles {
		passes[i] = make([]*Pass, len(o.Rules))
		start(func() {
			unmasked[i] = b.contain("hiding secrets", func() { report.Masks.addBundle(b) })
		})
		for j, e := range o.Rules {
			start(func() {
				p := &Pass{Rule: e.Rule, Bundle: b, params: e.Params, severity: e.Severity, exempt: e.ExemptNamespaces}
				passes[i][j] = p
				// a run that is stopped still reports what it found: what it shows must be masked
				if ctx.Err() != nil && !slices.Contains(o.Masking, e.Rule) {
					return
				}
				errs[i*len(o.Rules)+j] = p.run()
			})
		}
	}
	masking := make([][]*Pass, len(bundles))
	for i, b := range bundles {
		for _, rule := range o.Masking {
			if slices.Contains(report.Rules, rule) {
				continue
			}
			p := &Pass{Rule: rule, Bundle: b}
			masking[i] = append(masking[i], p)
			start(func() {
				p.call() // a panic is reported where the rule is enabled
			})
		}
	}
	group.Wait()
	var found []*Finding
	ignores := newSuppressor(bundles, o)
	for i, b := range bundles {
		report.Errors = append(report.Errors, b.Errors...)
		report.Stats.Units++
		report.Stats.Objects += len(b.Resources) - len(b.Beside)
		var inBundle []*Finding
		unknown := unmasked[i] != nil
		for _, p := range passes[i] {
			inBundle = append(inBundle, p.findings...)
		}
		for _, p := range slices.Concat(masking[i], passes[i]) {
			for _, m := range p.masked {
				report.Masks.addNode(m.node, m.part)
			}
			unknown = unknown || p.panicked != nil && slices.Contains(o.Masking, p.Rule)
		}
		if unknown {
			report.Masks.addByLine(b)
		}
		failed := false
		for j := range o.Rules {
			failed = failed || len(errs[i*len(o.Rules)+j]) > 0
		}
		left := inBundle
		if err := b.contain("applying ignores", func() { left = ignores.suppress(b, slices.Clone(inBundle), failed) }); err != nil {
			report.Errors = append(report.Errors, err)
		}
		kept, gave := yield(inBundle, left)
		found, report.Yielded = append(found, kept...), append(report.Yielded, gave...)
	}
	for _, e := range errs {
		report.Errors = append(report.Errors, e...)
	}
	if err := ctx.Err(); err != nil {
		report.Errors = append(report.Errors, &InputError{Message: "stopped before all rules had run: " + err.Error()})
	}
	found = append(found, ignores.findings(ctx.Err() == nil)...)
	for i, b := range bundles {
		if unmasked[i] != nil {
			report.Errors = append(report.Errors, unmasked[i])
		}
		report.Errors = append(report.Errors, b.misplaced()...)
	}
	report.Findings, report.Yielded, report.Suppressed = merge(found), merge(report.Yielded), ignores.suppressed()
	report.redact()
	report.fingerprint()
	return report
}

// redact hides secret values in all that the report says, those of the broken files that
// errors are about included, and sorts the errors. It may be repeated when errors or
// masks were added.
func (r *Report) redact() {
	for _, e := range r.Errors {
		if e.Span.IsValid() {
			r.Masks.addBroken(e.Span.Start.Source)
		}
	}
	for _, f := range slices.Concat(r.Findings, r.Yielded) {
		f.redact(r.Masks)
	}
	for _, s := range r.Suppressed {
		s.Finding.redact(r.Masks)
		s.Reason = r.Masks.Redact(s.Reason)
	}
	for _, e := range r.Errors {
		e.Message = r.Masks.redactError(e.Message)
	}
	SortErrors(r.Errors)
	r.Errors = slices.CompactFunc(r.Errors, func(a, b *InputError) bool { return a.Error() == b.Error() })
}

// redact hides secret values in what the finding says.
func (f *Finding) redact(masks *Masks) {
	f.Message, f.Help = masks.Redact(f.Message), masks.Redact(f.Help)
	for i := range f.Related {
		f.Related[i].Message = masks.Redact(f.Related[i].Message)
	}
}

// Combine makes one report of several runs. A defect that more than one of them
// found in one place is one finding. Errors that were added to a report since it was
// made are redacted here.
func Combine(reports ...*Report) *Report {
	all := &Report{Masks: &Masks{}, Findings: []*Finding{}, Errors: []*InputError{}, Suppressed: []*Suppressed{}}
	if len(reports) == 1 {
		reports[0].redact()
		return reports[0]
	}
	var found []*Finding
	for _, r := range reports {
		found = append(found, r.Findings...)
		all.Suppressed = append(all.Suppressed, r.Suppressed...)
		all.Yielded = append(all.Yielded, r.Yielded...)
		all.Errors = append(all.Errors, r.Errors...)
		for _, rule := range r.Rules {
			if !slices.Contains(all.Rules, rule) {
				all.Rules = append(all.Rules, rule)
			}
		}
		all.Stats.Units += r.Stats.Units
		all.Stats.Files += r.Stats.Files
		all.Stats.Objects += r.Stats.Objects
		all.Stats.Skipped += r.Stats.Skipped
		all.Masks.add(r.Masks)
	}
	all.Findings, all.Yielded = merge(found), merge(all.Yielded)
	slices.SortStableFunc(all.Suppressed, func(a, b *Suppressed) int { return a.Finding.compare(b.Finding) })
	all.redact() // what one run shows may be another's secret
	all.fingerprint()
	return all
}

// SortErrors orders errors by place, then by message.
func SortErrors(errs []*InputError) {
	slices.SortStableFunc(errs, func(a, b *InputError) int {
		if c := a.Span.Compare(b.Span); c != 0 {
			return c
		}
		return strings.Compare(a.Message, b.Message)
	})
}

// run calls the rule and locates what it found.
func (p *Pass) run() []*InputError {
	var errs []*InputError
	if p.call(); p.panicked != nil {
		e := &InputError{Rendering: &p.Bundle.Rendering}
		e.Message = fmt.Sprintf("rule %s failed on %s and was stopped there: %v; please report this with the object", p.Rule.ID, p.culprit(&e.Span), p.panicked)
		errs = append(errs, e)
	}
	p.findings = slices.DeleteFunc(p.findings, func(f *Finding) bool {
		r := f.Node.Resource()
		return r != nil && r.Namespace != "" && slices.Contains(p.exempt, r.Namespace)
	})
	for _, f := range p.findings {
		f.weight = f.Severity
		if p.severity != nil {
			f.Severity = *p.severity
		}
		f.Path = f.Node.Path()
		if r := f.Node.Resource(); r != nil {
			f.Object = r.Object()
		}
		f.Renderings = []Rendering{p.Bundle.Rendering}
		if err := p.Bundle.contain("placing what rule "+p.Rule.ID+" found", f.locate); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// locate fills in where the finding stands.
func (f *Finding) locate() {
	place := f.Node.Locate()
	if f.Literal != "" {
		place = placeOfLiteral(place, f.Literal, f.Node.Value())
	}
	f.Span, f.Precision = place.Span, place.Precision
	if f.Line > 0 && place.Precision == Exact {
		f.Span = lineOfBlock(place.Span, f.Node, f.Line)
	}
	if f.Line > 0 && f.Literal != "" && f.Span.Start.Line < f.Span.End.Line {
		f.Span = lineOfText(f.Span, f.Literal)
	}
	if f.Whole {
		place.Related = slices.DeleteFunc(slices.Clone(place.Related), func(r Related) bool { return r.Role != "guard" })
	}
	f.Related = slices.Concat(place.Related, f.Related)
}

func (p *Pass) call() {
	defer func() { p.panicked = recover() }()
	p.Rule.Run(p)
}

// culprit finds the object that a rule panics on by giving it each one alone.
func (p *Pass) culprit(at *Span) string {
	for _, r := range p.Bundle.Resources {
		alone := *r
		alone.pods = nil
		b := NewBundle(p.Bundle.Rendering, p.Bundle.Namespace, []*Resource{&alone})
		again := &Pass{Rule: p.Rule, Bundle: b, params: p.params}
		if again.call(); again.panicked != nil {
			*at = r.Root.Locate().Span
			return r.String()
		}
	}
	return p.Bundle.Rendering.Root
}

// yield splits off the findings of rules that yield to a stronger one on the same subject.
// What yields to an ignored finding is ignored with it, as one cause is one finding; but an
// ignore accepts no more than it was given for: what is worse than the ignored finding speaks.
func yield(found, left []*Finding) (kept, gave []*Finding) {
	type subject struct {
		rule, subject string
		resource      *Resource
	}
	spoken := map[*Finding]bool{}
	for _, f := range left {
		spoken[f] = true
	}
	reported, ignored := map[subject]bool{}, map[subject]Severity{}
	for _, f := range found {
		s := subject{f.Rule.ID, f.Subject, f.Node.Resource()}
		if spoken[f] {
			reported[s] = true
		} else if worst, ok := ignored[s]; !ok || f.weight > worst {
			ignored[s] = f.weight
		}
	}
	for _, f := range left {
		gives, hides := false, false
		for _, stronger := range f.Rule.YieldsTo {
			s := subject{stronger, f.Subject, f.Node.Resource()}
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

// merge makes one finding of those that show one defect in one source place,
// and sorts them. The worst of them speaks for all.
func merge(found []*Finding) []*Finding {
	type place struct {
		rule, file  string
		start       int
		missing     string
		key, object string
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].compare(found[j]) < 0 })
	worst := slices.Clone(found)
	slices.SortStableFunc(worst, func(f, g *Finding) int { return int(g.Severity - f.Severity) })
	merged := []*Finding{}
	at := map[place]*Finding{}
	for _, f := range worst {
		k := place{rule: f.Rule.ID, file: f.Span.Path(), start: f.Span.Start.Offset, missing: strings.Join(f.Node.Missing(), "."), key: f.Key}
		switch f.Precision {
		case Exact:
		case Block: // an action may write many fields, the same ones in many containers
			k.object = fieldOf(f.Node)
		default: // a coarse place holds many defects
			k.object = fmt.Sprint(f.Object, f.Path)
		}
		first := at[k]
		if first == nil {
			at[k] = f
			merged = append(merged, f)
			continue
		}
		for _, r := range f.Renderings {
			if !slices.Contains(first.Renderings, r) {
				first.Renderings = append(first.Renderings, r)
			}
		}
		for _, object := range append([]Object{f.Object}, f.Objects...) { // joined reports bring theirs
			if object != first.Object && !slices.Contains(first.Objects, object) {
				first.Objects = append(first.Objects, object)
			}
		}
		for _, r := range f.Related {
			if !slices.ContainsFunc(first.Related, func(s Related) bool { return s.Role == r.Role && s.Span.Compare(r.Span) == 0 }) {
				first.Related = append(first.Related, r)
			}
		}
	}
	slices.SortStableFunc(merged, (*Finding).compare)
	return merged
}

// fieldOf returns the path of a node below its container or pod, whichever that is, or
// in its object.
func fieldOf(n *Node) string {
	path := n.Path()
	holder := containerOf(n)
	if holder == nil {
		return path
	}
	kind := "pod"
	if holder.index >= 0 {
		kind = "container"
	}
	return kind + strings.TrimPrefix(path, holder.Path())
}

// compare orders findings by file, line, column and rule, and, so that the order
// is total, by what tells the rest apart.
func (f *Finding) compare(g *Finding) int {
	if c := f.Span.Compare(g.Span); c != 0 {
		return c
	}
	for _, pair := range [][2]string{
		{f.Rule.ID, g.Rule.ID}, {f.Message, g.Message}, {f.Path, g.Path}, {f.Key, g.Key},
		{f.Object.Kind, g.Object.Kind}, {f.Object.Namespace, g.Object.Namespace}, {f.Object.Name, g.Object.Name},
		{f.Renderings[0].Root, g.Renderings[0].Root}, {f.Renderings[0].Variant, g.Renderings[0].Variant},
	} {
		if c := strings.Compare(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}

// placeOfLiteral moves a place to where a text, or the whole value that holds it, is
// written, if the place itself only passes it on.
func placeOfLiteral(place Place, literal, whole string) Place {
	for _, text := range []string{literal, whole} {
		text = strings.TrimSpace(text)
		first, _, _ := strings.Cut(text, "\n")
		if first == "" {
			continue
		}
		if strings.Contains(place.Span.Text(), first) {
			return place
		}
		best := -1
		for i, r := range place.Related {
			if (r.Role == "value" || r.Role == "generator" || r.Role == "file") && strings.Contains(r.Span.Text(), first) &&
				(best < 0 || len(r.Span.Text()) < len(place.Related[best].Span.Text())) {
				best = i
			}
		}
		if best >= 0 {
			template := Related{Role: "template", Message: "passed on here", Span: place.Span}
			related := append([]Related{template}, place.Related[:best]...)
			return Place{Span: place.Related[best].Span, Precision: Exact, Origin: place.Origin, Related: append(related, place.Related[best+1:]...)}
		}
	}
	return place
}

// lineOfText returns the line of a span on which a text begins, the span where it
// does not hold the text.
func lineOfText(span Span, text string) Span {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	at := strings.Index(span.Text(), first)
	if first == "" || at < 0 {
		return span
	}
	src := span.Start.Source
	if n := src.Position(span.Start.Offset + at).Line; n > span.Start.Line {
		return src.LineSpan(n)
	}
	return span
}
