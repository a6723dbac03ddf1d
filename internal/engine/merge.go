package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
)

// A Group is what was checked with one configuration.
type Group struct {
	Options Options
	Results []*Result
}

// Merge makes one report of results. A defect that more than one rendering shows in one
// place is one finding. Ignores that did no good are findings. What one result knows to
// be secret is hidden in all. The results must not be used again. A result that makes this
// panic is an error that names its rendering, and is left out.
func Merge(groups ...Group) *lint.Report {
	report, failed := contained(groups)
	if failed == nil {
		return report
	}
	for i, g := range groups { // whose fault is it?
		groups[i].Results = slices.Clone(g.Results)
		for j, r := range g.Results {
			if _, failed := contained([]Group{{Options: g.Options, Results: []*Result{r}}}); failed != nil {
				e := failure("what was found in "+r.Rendering.Root, failed)
				e.Rendering = &r.Rendering
				groups[i].Results[j] = &Result{Rendering: r.Rendering, Objects: r.Objects, All: r.All, Errors: []*lint.InputError{e}, masks: &mask.Masks{}}
			}
		}
	}
	if report, failed = contained(groups); failed == nil {
		return report
	}
	// what there is to say cannot be redacted, so nothing is said
	return &lint.Report{Findings: []*lint.Finding{}, Errors: []*lint.InputError{failure("what was found", failed)}, Suppressed: []*lint.Suppressed{}}
}

// failure is the error of a merge that panicked.
func failure(what string, panicked any) *lint.InputError {
	return &lint.InputError{Message: fmt.Sprintf("reporting %s failed: %v; please report this with the files", what, panicked)}
}

// contained merges, and returns what that panicked with.
func contained(groups []Group) (report *lint.Report, panicked any) {
	defer func() { panicked = recover() }()
	return mergeAll(groups), nil
}

func mergeAll(groups []Group) *lint.Report {
	report := &lint.Report{Findings: []*lint.Finding{}, Errors: []*lint.InputError{}, Suppressed: []*lint.Suppressed{}}
	masks := &mask.Masks{}
	var found []*lint.Finding
	var stopped error
	var name func(string) string
	for _, g := range groups {
		name = g.Options.Name
		for _, e := range g.Options.Rules {
			if !slices.Contains(report.Rules, e.Rule) {
				report.Rules = append(report.Rules, e.Rule)
			}
		}
		ledger := newLedger(&g.Options)
		complete := true
		lacking := newLacking(&g.Options)
		for _, r := range g.Results {
			r.unpack()
			failed := len(r.Errors)
			r.Errors, r.Notes = lacking.accept(r.Errors, r.Notes)
			report.Stats.Unavailable += failed - len(r.Errors)
			if r.Rendering != (lint.Rendering{}) {
				report.Stats.Units++
			}
			report.Stats.Objects += r.Objects
			report.Errors, report.Notes = append(report.Errors, r.Errors...), append(report.Notes, r.Notes...)
			report.ObjectFiles = append(report.ObjectFiles, r.standing...)
			found, report.Yielded = append(found, r.Findings...), append(report.Yielded, r.Yielded...)
			masks.Merge(r.masks)
			if r.stopped != nil {
				complete = false
				if r.Rendering == (lint.Rendering{}) { // else the error names it
					stopped = r.stopped
				}
			}
			ledger.add(r)
		}
		found = append(found, ledger.findings(complete)...)
		found = append(found, lacking.findings(ledger, complete)...)
		report.Suppressed = append(report.Suppressed, ledger.suppressed()...)
	}
	if stopped != nil {
		report.Errors = append(report.Errors, &lint.InputError{Message: "stopped before everything was checked: " + stopped.Error()})
	}
	report.Findings, report.Yielded = merge(found), merge(report.Yielded)
	slices.SortStableFunc(report.Suppressed, func(a, b *lint.Suppressed) int { return compare(a.Finding, b.Finding) })
	redact(report, masks)
	fingerprint(report, name)
	return report
}

// redact hides secret values in all that the report says, those of the broken files that
// errors are about included, and sorts errors and notes.
func redact(r *lint.Report, masks *mask.Masks) {
	r.Masks = masks
	for _, e := range r.Errors {
		if e.Span.IsValid() {
			masks.AddBroken(e.Span.Start.Source)
		}
	}
	known := map[string]string{} // thousands of findings say the same
	text := func(s string) string {
		redacted, ok := known[s]
		if !ok {
			if len(known) == 1<<12 {
				clear(known)
			}
			redacted = masks.Redact(s)
			known[s] = redacted
		}
		return redacted
	}
	for _, f := range slices.Concat(r.Findings, r.Yielded) {
		redactFinding(f, text)
	}
	for _, s := range r.Suppressed {
		redactFinding(s.Finding, text)
		s.Reason = masks.Redact(s.Reason)
	}
	for i, e := range r.Errors { // its maker owns it
		redacted := *e
		redacted.Message = masks.RedactError(e.Message)
		r.Errors[i] = &redacted
	}
	lint.SortErrors(r.Errors)
	r.Errors = slices.CompactFunc(r.Errors, func(a, b *lint.InputError) bool { return a.Error() == b.Error() })
	for i := range r.Notes {
		r.Notes[i].Message = masks.RedactError(r.Notes[i].Message)
	}
	seen := map[string]bool{}
	r.Notes = slices.DeleteFunc(r.Notes, func(n lint.Note) bool {
		said := n.String()
		again := seen[said]
		seen[said] = true
		return again
	})
}

// redactFinding hides secret values in what a finding says.
func redactFinding(f *lint.Finding, redacted func(string) string) {
	f.Message, f.Help = redacted(f.Message), redacted(f.Help)
	f.Path, f.Field = redacted(f.Path), redacted(f.Field) // keys, and names of containers, that are one
	for i := range f.Joined {
		f.Joined[i].Path = redacted(f.Joined[i].Path)
	}
	for i := range f.Related {
		f.Related[i].Message = redacted(f.Related[i].Message)
	}
}

// A joined finding is one with what was joined to it.
type joined struct {
	*lint.Finding
	renderings map[lint.Rendering]bool
	objects    map[lint.Object]bool
	related    map[relation]bool
	joints     map[lint.Joint]bool
}

type relation struct {
	role, path string
	start, end int
}

func relationOf(r lint.Related) relation {
	return relation{r.Role, r.Span.Path(), r.Span.Start.Offset, r.Span.End.Offset}
}

// merge makes one finding of those that show one defect in one source place,
// and sorts them. The worst of them speaks for all.
func merge(found []*lint.Finding) []*lint.Finding {
	slices.SortStableFunc(found, compare)
	merged := make([]*lint.Finding, 0, len(found))
	for len(found) > 0 { // those that begin in one place
		n, first := 1, found[0].Span
		for n < len(found) && found[n].Span.Start.Offset == first.Start.Offset && found[n].Span.Path() == first.Path() {
			n++
		}
		merged = append(merged, mergePlace(found[:n])...)
		found = found[n:]
	}
	slices.SortStableFunc(merged, compare)
	return merged
}

// mergePlace makes one finding of those of one defect, of findings that begin in one
// place.
func mergePlace(found []*lint.Finding) []*lint.Finding {
	if len(found) == 1 {
		return found
	}
	type defect struct {
		rule, missing, key, field string
		object                    lint.Object
	}
	worst := slices.Clone(found)
	slices.SortStableFunc(worst, func(f, g *lint.Finding) int { return int(g.Severity - f.Severity) })
	var merged []*lint.Finding
	at := make(map[defect]*joined, len(found))
	for _, f := range worst {
		k := defect{rule: f.Rule.ID, missing: f.Missing, key: f.Key}
		switch f.Precision {
		case lint.Exact:
		case lint.Block: // an action may write many fields, the same ones in many containers
			k.field = f.Field
		default: // a coarse place holds many defects
			k.object, k.field = f.Object, f.Path
		}
		if first := at[k]; first != nil {
			first.join(f)
			continue
		}
		at[k] = &joined{Finding: f}
		merged = append(merged, f)
	}
	return merged
}

// join adds what another finding of the same defect shows.
func (j *joined) join(f *lint.Finding) {
	if j.objects == nil {
		j.renderings, j.objects, j.related = map[lint.Rendering]bool{}, map[lint.Object]bool{j.Object: true}, map[relation]bool{}
		j.joints = map[lint.Joint]bool{{Path: j.Path, Object: j.Object}: true}
		for _, r := range j.Renderings {
			j.renderings[r] = true
		}
		for _, r := range j.Related {
			j.related[relationOf(r)] = true
		}
	}
	if j.Fix == nil {
		j.Fix = f.Fix
	}
	for _, r := range f.Renderings {
		if !j.renderings[r] {
			j.renderings[r] = true
			j.Renderings = append(j.Renderings, r)
		}
	}
	if !j.objects[f.Object] {
		j.objects[f.Object] = true
		j.Objects = append(j.Objects, f.Object)
	}
	if joint := (lint.Joint{Path: f.Path, Object: f.Object}); !j.joints[joint] {
		j.joints[joint] = true
		j.Joined = append(j.Joined, joint)
	}
	for _, r := range f.Related {
		if k := relationOf(r); !j.related[k] {
			j.related[k] = true
			j.Related = append(j.Related, r)
		}
	}
}

// compare orders findings by file, line, column and rule, and, so that the order
// is total, by what tells the rest apart.
func compare(f, g *lint.Finding) int {
	if c := f.Span.Compare(g.Span); c != 0 {
		return c
	}
	for _, pair := range [...][2]string{
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

// fingerprint gives each finding its prints, in the order of the report: where a file holds
// two objects of one kind and name, or two defects show in one field, the second has ":2"
// behind what it has in common with the first. name gives a path the form that prints have.
func fingerprint(r *lint.Report, name func(string) string) {
	all := slices.Clone(r.Findings)
	for _, s := range r.Suppressed {
		all = append(all, s.Finding)
	}
	all = append(all, r.Yielded...) // the last: they number no other one
	if name == nil {
		name = func(path string) string { return path }
	}
	seen := map[string]int{}
	bare, files := map[string]string{}, map[string]string{} // of names of objects, and of paths
	nameOf := func(o lint.Object) string {
		object, known := bare[o.Name]
		if !known {
			object = lint.BareName(o.Name)
			bare[o.Name] = object
		}
		return object
	}
	for _, f := range all {
		known := false
		if f.File, known = files[f.Span.Path()]; !known {
			f.File = name(f.Span.Path())
			files[f.Span.Path()] = f.File
		}
		if !f.Span.IsValid() && len(f.Renderings) > 0 { // the nearest thing that is known
			f.File = name(f.Renderings[0].Root)
		}
		f.Fingerprint = printOf(f.Rule.ID, files[f.Span.Path()], f.Path, f.Object.Kind, nameOf(f.Object), f.Key)
		f.Second = printOf(f.Rule.ID, f.Path, f.Object.Kind, f.Key)
		if f.Scope != "" {
			f.Fingerprint = printOf(f.Rule.ID, "", "", "scope", f.Scope, f.Key)
			f.Second = printOf(f.Rule.ID, "", "scope", f.Key)
		}
		f.Prints = nil
		for _, j := range f.Joined {
			if f.Scope != "" {
				break
			}
			if p := printOf(f.Rule.ID, files[f.Span.Path()], j.Path, j.Object.Kind, nameOf(j.Object), f.Key); p != f.Fingerprint {
				f.Prints = append(f.Prints, p)
			}
		}
		slices.Sort(f.Prints)
		f.Prints = slices.Compact(f.Prints)
		seen[f.Fingerprint]++
		if n := seen[f.Fingerprint]; n > 1 {
			f.Fingerprint += ":" + strconv.Itoa(n)
		}
	}
}

func printOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
