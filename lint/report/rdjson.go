package report

import (
	"cmp"
	"io"
	"path"
	"strings"

	"github.com/manilint/manilint/lint"
)

type (
	rdDiagnostic struct {
		Message  string      `json:"message"`
		Location rdLocation  `json:"location"`
		Severity string      `json:"severity"`
		Code     *rdCode     `json:"code,omitempty"`
		Related  []rdRelated `json:"related_locations,omitempty"`

		Suggestions []rdSuggestion `json:"suggestions,omitempty"`
	}
	rdLocation struct {
		Path  string   `json:"path"`
		Range *rdRange `json:"range,omitempty"`
	}
	rdRange struct {
		Start rdPosition `json:"start"`
		End   rdPosition `json:"end"`
	}
	rdPosition struct {
		Line   int `json:"line"`
		Column int `json:"column"`
	}
	rdCode struct {
		Value string `json:"value"`
		URL   string `json:"url"`
	}
	rdRelated struct {
		Message  string     `json:"message"`
		Location rdLocation `json:"location"`
	}
)

var rdSeverity = map[string]string{"error": "ERROR", "warning": "WARNING", "note": "INFO"}

// RDJSON writes the Reviewdog Diagnostic Format: what reviewdog comments on a pull
// request from. Its columns count bytes. Errors of input that have a place are among the
// diagnostics.
func RDJSON(w io.Writer, r *lint.Report, o Options) error {
	diagnostics := func(yield func(any) bool) {
		for _, e := range r.Errors {
			if e.Span.IsValid() && !yield(rdDiagnostic{Message: e.Message, Location: rdPlace(e.Span, nil), Severity: "ERROR"}) {
				return
			}
		}
		for _, f := range r.Findings {
			d := rdDiagnostic{
				Message: f.Message, Location: rdPlace(f.Span, f.Renderings), Severity: rdSeverity[level(f.Severity)], Code: &rdCode{f.Rule.ID, o.url(f.Rule)},
			}
			if help, _, _ := strings.Cut(f.Help, "\n"); help != "" {
				d.Message += "\n" + help
			}
			for _, rel := range f.Related {
				if rel.Span.IsValid() {
					d.Related = append(d.Related, rdRelated{cmp.Or(rel.Message, rel.Role), rdPlace(rel.Span, nil)})
				}
			}
			d.Suggestions = rdSuggestions(f)
			if !yield(d) {
				return
			}
		}
	}
	return Encode(w, object{
		{"source", map[string]string{"name": "manilint", "url": ProjectURL}},
		{"diagnostics", list(diagnostics)},
	})
}

func rdPlace(s lint.Span, renderings []lint.Rendering) rdLocation {
	l := rdLocation{Path: path.Clean(at(s, renderings).file)}
	if s.IsValid() {
		l.Range = &rdRange{rdPosition{s.Start.Line, bytesBefore(s.Start) + 1}, rdPosition{s.End.Line, bytesBefore(s.End) + 1}}
	}
	return l
}

// bytesBefore returns how many bytes of its line precede a position.
func bytesBefore(p lint.Position) int {
	return p.Offset - p.Source.At(p.Line, 1).Offset
}
