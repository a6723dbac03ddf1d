package lsp

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
)

const source = "manilint"

// decides are the roles of the places that decide what is wrong: who edits them is shown the
// finding, too. The other ones only explain it.
var decides = []string{"value", "template", "include", "base", "patch", "generator", "overlay"}

// A shower turns what a report says into diagnostics.
type shower struct {
	encoding encoding
	uris     func(path string) uri.URI // of a file
	text     func(path string) *lint.Source
	dir      string // that paths of reports are relative to
}

func (s *shower) lines(src *lint.Source) lines { return lines{src, s.encoding} }

// diagnostics returns what a report says of each file, by path, in the order of the lines.
func (s *shower) diagnostics(rep *lint.Report) map[string][]protocol.Diagnostic {
	all := map[string][]protocol.Diagnostic{}
	for _, f := range rep.Findings {
		s.finding(all, f)
	}
	for _, e := range rep.Errors {
		path, d := s.failure(e)
		if path != "" {
			all[path] = append(all[path], d)
		}
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b protocol.Diagnostic) int {
			if a.Range.Start.Line != b.Range.Start.Line {
				return int(a.Range.Start.Line) - int(b.Range.Start.Line)
			}
			return int(a.Range.Start.Character) - int(b.Range.Start.Character)
		})
	}
	return all
}

// finding adds a finding to the file of its place, and to those of places that decide it.
func (s *shower) finding(all map[string][]protocol.Diagnostic, f *lint.Finding) {
	d := protocol.Diagnostic{
		Severity: severity(f.Severity), Code: protocol.String(f.Rule.ID), Source: protocol.NewOptional(source),
		CodeDescription: protocol.CodeDescription{Href: uri.URI(report.DocsURL + f.Rule.ID)},
	}
	message := f.Message
	if f.Help != "" && !strings.Contains(f.Help, "\n") {
		message += "\nFix: " + f.Help
	}
	d.Message = protocol.String(message)
	path := s.file(f.Span)
	if path == "" { // of an archive, or of no known place: the chart or overlay stands for it
		path = s.unitFile(f.Renderings)
		if path == "" {
			return
		}
		if f.Span.IsValid() {
			d.Message = protocol.String(f.Span.Start.String() + ": " + message)
		}
	} else {
		d.Range = s.lines(f.Span.Start.Source).firstLine(f.Span)
	}
	for _, r := range f.Related {
		if at := s.file(r.Span); at != "" && r.Revision == "" {
			d.RelatedInformation = append(d.RelatedInformation, protocol.DiagnosticRelatedInformation{
				Location: protocol.Location{URI: s.uris(at), Range: s.lines(r.Span.Start.Source).firstLine(r.Span)},
				Message:  roleText(r),
			})
		}
	}
	all[path] = append(all[path], d)
	if s.file(f.Span) == "" {
		return
	}
	there := map[string]bool{path: true}
	for _, r := range f.Related {
		at := s.file(r.Span)
		if at == "" || there[at] || r.Revision != "" || !slices.Contains(decides, r.Role) {
			continue
		}
		there[at] = true
		hint := d
		hint.Severity = protocol.DiagnosticSeverityHint
		hint.Range = s.lines(r.Span.Start.Source).firstLine(r.Span)
		hint.Message = protocol.String(fmt.Sprintf("%s\nIt is reported at %s:%d.", f.Message, f.Span.Path(), f.Span.Start.Line))
		hint.RelatedInformation = []protocol.DiagnosticRelatedInformation{{
			Location: protocol.Location{URI: s.uris(path), Range: d.Range}, Message: "reported here",
		}}
		all[at] = append(all[at], hint)
	}
}

// roleText says what a related place is.
func roleText(r lint.Related) string {
	if r.Message == "" {
		return r.Role
	}
	return r.Role + ": " + r.Message
}

// failure returns the diagnostic of an error, and the file that it belongs to; "" for none.
func (s *shower) failure(e *lint.InputError) (string, protocol.Diagnostic) {
	d := protocol.Diagnostic{Severity: protocol.DiagnosticSeverityError, Source: protocol.NewOptional(source), Message: protocol.String(e.Message)}
	if path := s.file(e.Span); path != "" {
		d.Range = s.lines(e.Span.Start.Source).firstLine(e.Span)
		return path, d
	}
	if e.Rendering == nil {
		return "", d
	}
	d.Message = protocol.String(e.Error())
	return s.unitFile([]lint.Rendering{*e.Rendering}), d
}

// file returns the absolute path of the file of a span; "" where it has none on disk.
func (s *shower) file(span lint.Span) string {
	if !span.IsValid() {
		return ""
	}
	return span.Start.Source.File
}

// unitFile returns the file that stands for a chart or an overlay.
func (s *shower) unitFile(renderings []lint.Rendering) string {
	for _, r := range renderings {
		root := filepath.FromSlash(r.Root)
		if !filepath.IsAbs(root) {
			root = filepath.Join(s.dir, root)
		}
		for _, name := range []string{"Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"} {
			if path := filepath.Join(root, name); s.text(path) != nil {
				return path
			}
		}
	}
	return ""
}

func severity(s lint.Severity) protocol.DiagnosticSeverity {
	switch {
	case s >= lint.High:
		return protocol.DiagnosticSeverityError
	case s == lint.Medium:
		return protocol.DiagnosticSeverityWarning
	case s == lint.Low:
		return protocol.DiagnosticSeverityInformation
	}
	return protocol.DiagnosticSeverityHint
}
