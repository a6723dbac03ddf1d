package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fatih/color"

	"github.com/manilint/manilint/lint"
)

type (
	jsonFix struct {
		Safety string     `json:"safety"` // safe or risky
		Safe   bool       `json:"safe"`
		Why    string     `json:"why"` // why it is safe, or what it may stop
		Edits  []jsonEdit `json:"edits"`
		Proof  string     `json:"proof"` // applied or rejected
		Reason string     `json:"reason,omitempty"`
	}
	jsonEdit struct {
		Location Location `json:"location"`
		NewText  string   `json:"newText"`
		NewFile  bool     `json:"newFile,omitempty"` // the file is to be made; the location is its beginning
	}
	sarifFix struct {
		Description sarifMessage  `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		ArtifactLocation sarifArtifact      `json:"artifactLocation"`
		Replacements     []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		DeletedRegion   *sarifRegion  `json:"deletedRegion"`
		InsertedContent *sarifContent `json:"insertedContent,omitempty"`
	}
	sarifContent struct {
		Text string `json:"text"`
	}
	rdSuggestion struct {
		Range rdRange `json:"range"`
		Text  string  `json:"text"`
	}
)

func safety(f *lint.Fix) string {
	if f.Safe {
		return "safe"
	}
	return "risky"
}

func newJSONFix(f *lint.Fix) *jsonFix {
	if f == nil {
		return nil
	}
	j := &jsonFix{Safety: safety(f), Safe: f.Safe, Why: f.Why, Edits: []jsonEdit{}, Proof: "rejected", Reason: f.Reason}
	if f.Proven {
		j.Proof = "applied"
	}
	for _, e := range f.Edits {
		j.Edits = append(j.Edits, jsonEdit{location(e.Span, nil), e.New, e.NewFile})
	}
	return j
}

// sarifFixes returns the proven fix of a finding (SARIF 3.55).
func sarifFixes(f *lint.Fix) []sarifFix {
	if f == nil || !f.Proven || len(f.Edits) == 0 {
		return nil
	}
	fix := sarifFix{Description: sarifText(safety(f) + ": " + f.Why)}
	for _, e := range f.Edits {
		place := physical(e.Span, nil)
		region := place.Region
		if region == nil || region.EndLine == 0 {
			region = &sarifRegion{StartLine: e.Span.Start.Line, StartColumn: e.Span.Start.Column, EndLine: e.Span.End.Line, EndColumn: e.Span.End.Column}
		}
		r := sarifReplacement{DeletedRegion: region}
		if e.New != "" {
			r.InsertedContent = &sarifContent{e.New}
		}
		at := slices.IndexFunc(fix.Changes, func(c sarifChange) bool { return c.ArtifactLocation.URI == place.ArtifactLocation.URI })
		if at < 0 {
			fix.Changes = append(fix.Changes, sarifChange{ArtifactLocation: place.ArtifactLocation})
			at = len(fix.Changes) - 1
		}
		fix.Changes[at].Replacements = append(fix.Changes[at].Replacements, r)
	}
	return []sarifFix{fix}
}

// rdSuggestions returns the proven fix of a finding where it is in the finding's own file,
// which is what a suggestion can be about.
func rdSuggestions(f *lint.Finding) []rdSuggestion {
	if f.Fix == nil || !f.Fix.Proven {
		return nil
	}
	var all []rdSuggestion
	for _, e := range f.Fix.Edits {
		if e.Span.Path() != f.Span.Path() {
			return nil
		}
		all = append(all, rdSuggestion{*rdPlace(e.Span, nil).Range, e.New})
	}
	return all
}

// fix writes what would mend a finding as lines that go and lines that come, or why there
// is nothing.
func (t *text) fix(r *lint.Report, f *lint.Fix, indent int) {
	margin := strings.Repeat(" ", indent)
	if !f.Proven {
		if f.Reason != "" {
			t.wrap(margin+t.paint("not fixed:", color.FgHiCyan), indent+10, indent+11, Escape(f.Reason))
		}
		return
	}
	t.wrap(margin+t.paint("fix:", color.FgHiCyan), indent+4, indent+5, Escape(safety(f)+": "+f.Why))
	for _, e := range f.Edits {
		src, from, to := e.Span.Start.Source, e.Span.Start, e.Span.End
		at := fmt.Sprintf("%s:%d", Escape(from.Source.Path), from.Line)
		if e.NewFile {
			at = Escape(from.Source.Path) + ", a new file"
		}
		fmt.Fprintf(t, "%s  %s\n", margin, t.paint(at, color.Bold))
		before := string(src.Data[src.LineStart(from.Line):from.Offset])
		last := to.Line
		after := ""
		if to.Column > 1 || from.Column > 1 || e.New != "" && !strings.HasSuffix(e.New, "\n") {
			after = src.Line(last)[min(len(src.Line(last)), to.Offset-src.LineStart(last)):]
			last++
		}
		for n := from.Line; n < last; n++ {
			fmt.Fprintf(t, "%s  %s\n", margin, t.paint("- "+Escape(r.Line(src, n)), color.FgRed))
		}
		text := before + e.New + after
		if r.Masks != nil { // what stays of an edited line
			text = r.Masks.Redact(text)
		}
		if text == "" && e.New == "" {
			continue
		}
		for line := range strings.Lines(text) {
			fmt.Fprintf(t, "%s  %s\n", margin, t.paint("+ "+Escape(strings.TrimRight(line, "\r\n")), color.FgGreen))
		}
	}
}
