package report

import (
	"fmt"
	"io"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
)

// Schema names the shape of [JSON]'s output. Fields may be added to it; none is
// renamed or removed. docs/schema holds its JSON Schema.
const Schema = "manilint/v1"

type (
	jsonFinding struct {
		Rule        string           `json:"rule"`
		Severity    lint.Severity    `json:"severity"`
		Group       string           `json:"group"`
		Message     string           `json:"message"`
		Help        string           `json:"help"`
		Object      lint.Object      `json:"object"`
		Objects     []lint.Object    `json:"objects"`
		Path        string           `json:"path"`
		Location    Location         `json:"location"`
		Precision   lint.Precision   `json:"precision"`
		Related     []jsonRelated    `json:"related"`
		Renderings  []lint.Rendering `json:"renderings"`
		Fingerprint string           `json:"fingerprint"`
		References  []string         `json:"references"`
		URL         string           `json:"url"`
		Fix         *jsonFix         `json:"fix,omitempty"` // where fixes were asked for
	}
	jsonRelated struct {
		Role     string    `json:"role"`
		Message  string    `json:"message"`
		Location *Location `json:"location,omitempty"` // a flag has none
	}
	jsonError struct {
		Message   string          `json:"message"`
		Location  *Location       `json:"location,omitempty"`
		Rendering *lint.Rendering `json:"rendering,omitempty"`
	}
	jsonSuppressed struct {
		Rule     string        `json:"rule"`
		Severity lint.Severity `json:"severity"`
		Message  string        `json:"message"`
		Location Location      `json:"location"`
		Reason   string        `json:"reason"`
		By       string        `json:"by"`
		// Fingerprint is the finding's.
		Fingerprint string    `json:"fingerprint"`
		Ignore      *Location `json:"ignore,omitempty"` // where the ignore stands
	}
	jsonSummary struct {
		Units      int            `json:"units"`
		Files      int            `json:"files"`
		Objects    int            `json:"objects"`
		Skipped    int            `json:"skipped"`
		Findings   map[string]int `json:"findings"`
		Errors     int            `json:"errors"`
		Suppressed int            `json:"suppressed"`
		// Fixed are the entries of the baseline that match nothing; nil without one.
		Fixed *int `json:"fixed,omitempty"`
		// Compliance holds the counts of each framework, by its name.
		Compliance map[string]jsonFramework `json:"compliance"`
	}
	jsonFramework struct {
		Passed       int      `json:"passed"`
		Failed       int      `json:"failed"`
		NotJudgeable int      `json:"notJudgeable"`
		NotChecked   int      `json:"notChecked"`
		FailedIDs    []string `json:"failedControls"`
	}
)

// JSON writes the whole report as one object, for programs. Lists are never null.
func JSON(w io.Writer, r *lint.Report, o Options) error {
	count := r.Count()
	summary := jsonSummary{
		Units: r.Stats.Units, Files: r.Stats.Files, Objects: r.Stats.Objects, Skipped: r.Stats.Skipped,
		Findings: map[string]int{}, Errors: len(r.Errors), Suppressed: len(r.Suppressed),
		Compliance: map[string]jsonFramework{},
	}
	for _, f := range compliance.Summaries(r) {
		j := jsonFramework{f.Passed, f.Failed, f.Unjudged, f.NotChecked, []string{}}
		for _, c := range f.Controls {
			if c.Verdict == compliance.Failed {
				j.FailedIDs = append(j.FailedIDs, c.ID)
			}
		}
		summary.Compliance[f.Framework] = j
	}
	if r.Baseline != "" || r.Since != "" {
		fixed := len(r.Gone)
		summary.Fixed = &fixed
	}
	for _, s := range severities {
		summary.Findings[s.String()] = count[s]
	}
	return Encode(w, object{
		{"schema", Schema},
		{"findings", mapped(r.Findings, func(f *lint.Finding) any { return newJSONFinding(f, o) })},
		{"errors", mapped(r.Errors, func(e *lint.InputError) any { return jsonError{e.Message, LocationOf(e.Span), e.Rendering} })},
		{"suppressed", mapped(r.Suppressed, func(s *lint.Suppressed) any {
			f := s.Finding
			return jsonSuppressed{f.Rule.ID, f.Severity, f.Message, location(f.Span, f.Renderings), s.Reason, s.By, f.Fingerprint, LocationOf(s.Span)}
		})},
		{"summary", summary},
	})
}

func newJSONFinding(f *lint.Finding, o Options) jsonFinding {
	j := jsonFinding{
		Rule: f.Rule.ID, Severity: f.Severity, Group: f.Rule.Group, Message: f.Message, Help: f.Help,
		Object: f.Object, Objects: nonNil(f.Objects), Path: f.Path, Location: location(f.Span, f.Renderings),
		Precision: precision(f), Related: []jsonRelated{}, Renderings: nonNil(f.Renderings),
		Fingerprint: f.Fingerprint, References: nonNil(f.Rule.References), URL: o.url(f.Rule), Fix: newJSONFix(f.Fix),
	}
	for _, rel := range f.Related {
		if rel.Span.IsValid() || rel.Message != "" { // a flag has no place
			place := LocationOf(rel.Span)
			if place != nil {
				place.Revision = rel.Revision
			}
			j.Related = append(j.Related, jsonRelated{rel.Role, rel.Message, place})
		}
	}
	return j
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func precision(f *lint.Finding) lint.Precision {
	if !f.Span.IsValid() || f.Precision == "" {
		return lint.FileLevel
	}
	return f.Precision
}

// A Location is a place in a file as all of manilint's JSON writes it. Lines and columns
// count from 1, columns in code points, and the end is exclusive.
type Location struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	// Revision is the one whose file it is; "" for the files that are linted.
	Revision string `json:"revision,omitempty"`
}

// String returns file:line, "" for nil.
func (l *Location) String() string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", l.File, l.Line)
}

func location(s lint.Span, renderings []lint.Rendering) Location {
	p := at(s, renderings)
	return Location{File: p.file, Line: p.line, Column: p.column, EndLine: p.endLine, EndColumn: p.endColumn}
}

// LocationOf returns the location of a span, nil where that is not valid.
func LocationOf(s lint.Span) *Location {
	if !s.IsValid() {
		return nil
	}
	l := location(s, nil)
	return &l
}
