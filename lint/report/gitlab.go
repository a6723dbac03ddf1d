package report

import (
	"io"
	"path"
	"strings"

	"github.com/manilint/manilint/lint"
)

type (
	gitlabIssue struct {
		Type        string         `json:"type"`
		Description string         `json:"description"`
		CheckName   string         `json:"check_name"`
		Fingerprint string         `json:"fingerprint"`
		Severity    string         `json:"severity"`
		Categories  []string       `json:"categories"`
		Location    gitlabLocation `json:"location"`
	}
	gitlabLocation struct {
		Path  string      `json:"path"`
		Lines gitlabLines `json:"lines"`
	}
	gitlabLines struct {
		Begin int `json:"begin"`
		End   int `json:"end"`
	}
)

var gitlabSeverity = map[lint.Severity]string{
	lint.Critical: "blocker", lint.High: "critical", lint.Medium: "major", lint.Low: "minor", lint.Info: "info",
}

// GitLab writes a code quality report. GitLab compares the fingerprints of two
// branches, so they are stable, and no two are alike in one report.
func GitLab(w io.Writer, r *lint.Report, _ Options) error {
	return Encode(w, mapped(r.Findings, func(f *lint.Finding) any {
		p := at(f.Span, f.Renderings)
		category := "Security"
		if f.Severity == lint.Info {
			category = "Bug Risk"
		}
		text := f.Message
		if help, _, _ := strings.Cut(f.Help, "\n"); help != "" {
			text += "; " + help
		}
		return gitlabIssue{
			Type: "issue", Description: Escape(text), CheckName: f.Rule.ID, Fingerprint: f.Fingerprint, Severity: gitlabSeverity[f.Severity],
			Categories: []string{category}, Location: gitlabLocation{path.Clean(p.file), gitlabLines{p.line, max(p.line, p.endLine)}},
		}
	}))
}
