package engine

import (
	"unique"

	"github.com/manilint/manilint/lint"
)

// A packed finding waits for [Merge]. The overlays of one base, and the variants of one
// chart, show the same findings but for few things, and there may be hundreds of them:
// what they have in common is held once.
type packed struct {
	shape      unique.Handle[shape]
	object     unique.Handle[lint.Object]
	message    unique.Handle[string]
	related    unique.Handle[link] // the last one; the zero one for none
	renderings []lint.Rendering
	whole      *lint.Finding // instead of all else
}

// A shape is what findings of many renderings may have in common.
type shape struct {
	rule                            *lint.Rule
	severity                        lint.Severity
	help, subject, literal          string
	scope, key                      string
	line                            int
	ofObject                        bool // Whole
	path, field, missing, container string
	span                            lint.Span
	precision                       lint.Precision
	related                         int
}

// A link is a related place and what comes before it.
type link struct {
	lint.Related
	before unique.Handle[link] // the zero one for none
}

// pack puts findings away that a check has just made.
func pack(found []*lint.Finding) []packed {
	all := make([]packed, len(found))
	for i, f := range found {
		if f.Objects != nil || f.Joined != nil || f.Prints != nil || f.File != "" || f.Fingerprint != "" || f.Second != "" || f.State != "" || f.Fix != nil { // that of a report
			all[i].whole = f
			continue
		}
		p := &all[i]
		p.object, p.message, p.renderings = unique.Make(f.Object), unique.Make(f.Message), f.Renderings
		p.shape = unique.Make(shape{
			rule: f.Rule, severity: f.Severity, help: f.Help, subject: f.Subject, literal: f.Literal, scope: f.Scope, key: f.Key, line: f.Line, ofObject: f.Whole,
			path: f.Path, field: f.Field, missing: f.Missing, container: f.Container, span: f.Span, precision: f.Precision, related: len(f.Related),
		})
		for _, r := range f.Related {
			p.related = unique.Make(link{r, p.related})
		}
	}
	return all
}

// unpack makes findings of them again, equal to those that were put away.
func unpack(all []packed) []*lint.Finding {
	found := make([]*lint.Finding, len(all))
	for i, p := range all {
		if found[i] = p.whole; p.whole != nil {
			continue
		}
		s := p.shape.Value()
		found[i] = &lint.Finding{
			Rule: s.rule, Severity: s.severity, Message: p.message.Value(), Help: s.help, Subject: s.subject, Literal: s.literal, Scope: s.scope, Key: s.key, Line: s.line, Whole: s.ofObject,
			Object: p.object.Value(), Path: s.path, Field: s.field, Missing: s.missing, Container: s.container, Span: s.span, Precision: s.precision, Renderings: p.renderings,
		}
		if s.related > 0 {
			related := make([]lint.Related, s.related)
			at := p.related
			for n := s.related - 1; n >= 0; n-- {
				l := at.Value()
				related[n], at = l.Related, l.before
			}
			found[i].Related = related
		}
	}
	return found
}

// pack puts the result's findings away until [Merge] requests them.
func (r *Result) pack() {
	r.packed, r.packedYielded = pack(r.Findings), pack(r.Yielded)
	r.Findings, r.Yielded = nil, nil
}

func (r *Result) unpack() {
	r.Findings, r.Yielded = append(unpack(r.packed), r.Findings...), append(unpack(r.packedYielded), r.Yielded...)
	r.packed, r.packedYielded = nil, nil
}
