package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
)

// Schema names the shape of [JSON]'s output. Fields may be added to it; none is
// renamed or removed. docs/schema holds its JSON Schema.
const Schema = "manilint/v1"

type (
	jsonReport struct {
		Schema     string           `json:"schema"`
		Findings   []jsonFinding    `json:"findings"`
		Errors     []jsonError      `json:"errors"`
		Suppressed []jsonSuppressed `json:"suppressed"`
		Summary    jsonSummary      `json:"summary"`
	}
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
		Ignore   *Location     `json:"ignore,omitempty"` // where the ignore stands
	}
	jsonSummary struct {
		Units      int            `json:"units"`
		Files      int            `json:"files"`
		Objects    int            `json:"objects"`
		Skipped    int            `json:"skipped"`
		Findings   map[string]int `json:"findings"`
		Errors     int            `json:"errors"`
		Suppressed int            `json:"suppressed"`
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
	all := jsonReport{
		Schema: Schema, Findings: []jsonFinding{}, Errors: []jsonError{}, Suppressed: []jsonSuppressed{},
		Summary: jsonSummary{
			Units: r.Stats.Units, Files: r.Stats.Files, Objects: r.Stats.Objects, Skipped: r.Stats.Skipped,
			Findings: map[string]int{}, Errors: len(r.Errors), Suppressed: len(r.Suppressed),
			Compliance: map[string]jsonFramework{},
		},
	}
	for _, f := range compliance.Summaries(r) {
		j := jsonFramework{f.Passed, f.Failed, f.Unjudged, f.NotChecked, []string{}}
		for _, c := range f.Controls {
			if c.Verdict == compliance.Failed {
				j.FailedIDs = append(j.FailedIDs, c.ID)
			}
		}
		all.Summary.Compliance[f.Framework] = j
	}
	for _, s := range severities {
		all.Summary.Findings[s.String()] = count[s]
	}
	for _, f := range r.Findings {
		j := jsonFinding{
			Rule: f.Rule.ID, Severity: f.Severity, Group: f.Rule.Group, Message: f.Message, Help: f.Help,
			Object: f.Object, Objects: nonNil(f.Objects), Path: f.Path, Location: location(f.Span, f.Renderings),
			Precision: precision(f), Related: []jsonRelated{}, Renderings: nonNil(f.Renderings),
			Fingerprint: f.Fingerprint, References: nonNil(f.Rule.References), URL: o.url(f.Rule),
		}
		for _, rel := range f.Related {
			if rel.Span.IsValid() || rel.Message != "" { // a flag has no place
				j.Related = append(j.Related, jsonRelated{rel.Role, rel.Message, LocationOf(rel.Span)})
			}
		}
		all.Findings = append(all.Findings, j)
	}
	for _, e := range r.Errors {
		all.Errors = append(all.Errors, jsonError{e.Message, LocationOf(e.Span), e.Rendering})
	}
	for _, s := range r.Suppressed {
		f := s.Finding
		all.Suppressed = append(all.Suppressed, jsonSuppressed{
			f.Rule.ID, f.Severity, f.Message, location(f.Span, f.Renderings), s.Reason, s.By, LocationOf(s.Span),
		})
	}
	return Encode(w, all)
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
	return Location{p.file, p.line, p.column, p.endLine, p.endColumn}
}

// LocationOf returns the location of a span, nil where that is not valid.
func LocationOf(s lint.Span) *Location {
	if !s.IsValid() {
		return nil
	}
	l := location(s, nil)
	return &l
}

// Encode writes v as indented JSON that is safe to show on a terminal: what
// [Escape] writes out is written as \u escapes, which mean the same to a reader.
func Encode(w io.Writer, v any) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	text := buf.Bytes()
	safe := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n' || !unsafe(r): // a line break stands between tokens alone
			safe = append(safe, text[:size]...)
		case r > 0xffff:
			r -= 0x10000
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
		text = text[size:]
	}
	// # stands inside strings alone
	_, err := w.Write(runnerCommand.ReplaceAll(safe, []byte(`\u0023#$1[`)))
	return err
}
