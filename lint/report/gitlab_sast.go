package report

import (
	"cmp"
	"io"
	"path"
	"strings"

	"github.com/manilint/manilint/lint"
)

// gitlabSASTVersion is the version of GitLab's security report schemas that is followed.
const gitlabSASTVersion = "15.0.6"

// gitlabTime stands for when the scan ran, which the schema demands: the same input gives
// the same bytes.
const gitlabTime = "1970-01-01T00:00:00"

type (
	gitlabVulnerability struct {
		ID          string             `json:"id"`
		Name        string             `json:"name"`
		Description string             `json:"description"`
		Severity    string             `json:"severity"`
		Solution    string             `json:"solution,omitempty"`
		Identifiers []gitlabIdentifier `json:"identifiers"`
		Links       []gitlabLink       `json:"links"`
		Location    gitlabCode         `json:"location"`
		Tracking    gitlabTracking     `json:"tracking"`
	}
	gitlabIdentifier struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Value string `json:"value"`
		URL   string `json:"url,omitempty"`
	}
	gitlabLink struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	gitlabCode struct {
		File  string `json:"file"`
		Start int    `json:"start_line"`
		End   int    `json:"end_line"`
	}
	gitlabTracking struct {
		Type  string              `json:"type"`
		Items []gitlabTrackedItem `json:"items"`
	}
	gitlabTrackedItem struct {
		gitlabCode
		Signatures []gitlabSignature `json:"signatures"`
	}
	gitlabSignature struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"value"`
	}
	gitlabTool struct {
		ID      string            `json:"id"`
		Name    string            `json:"name"`
		URL     string            `json:"url"`
		Vendor  map[string]string `json:"vendor"`
		Version string            `json:"version"`
	}
	gitlabMessage struct {
		Level string `json:"level"`
		Value string `json:"value"`
	}
	gitlabScan struct {
		Analyzer gitlabTool      `json:"analyzer"`
		Scanner  gitlabTool      `json:"scanner"`
		Type     string          `json:"type"`
		Start    string          `json:"start_time"`
		End      string          `json:"end_time"`
		Status   string          `json:"status"`
		Messages []gitlabMessage `json:"messages"`
	}
)

// GitLabSAST writes a report of GitLab's static application security testing, for
// artifacts:reports:sast: the security tab and the vulnerability report. A finding is
// tracked by its fingerprint when lines move. Errors of input are messages of the scan,
// which has then failed; ignored findings are left out.
func GitLabSAST(w io.Writer, r *lint.Report, o Options) error {
	tool := gitlabTool{"manilint", "manilint", ProjectURL, map[string]string{"name": "manilint"}, cmp.Or(o.Version, "(unknown)")}
	scan := gitlabScan{tool, tool, "sast", gitlabTime, gitlabTime, "success", []gitlabMessage{}}
	for _, e := range r.Errors {
		scan.Status = "failure"
		scan.Messages = append(scan.Messages, gitlabMessage{"warn", cmp.Or(e.Error(), "error")})
	}
	return Encode(w, object{
		{"version", gitlabSASTVersion},
		{"schema", "https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v" + gitlabSASTVersion + "/dist/sast-report-format.json"},
		{"scan", scan},
		{"vulnerabilities", mapped(r.Findings, func(f *lint.Finding) any { return newGitLabVulnerability(f, o) })},
	})
}

func newGitLabVulnerability(f *lint.Finding, o Options) gitlabVulnerability {
	p := at(f.Span, f.Renderings)
	code := gitlabCode{path.Clean(p.file), p.line, max(p.line, p.endLine)}
	v := gitlabVulnerability{
		ID: cmp.Or(f.Fingerprint, f.Rule.ID), Name: shortened(firstUpper(f.Rule.Summary), 255), Description: gitlabText(f.Message), Severity: firstUpper(f.Severity.String()), Solution: shortened(gitlabText(f.Help), 7000),
		Identifiers: []gitlabIdentifier{{"manilint_rule", "manilint " + f.Rule.ID, f.Rule.ID, o.url(f.Rule)}},
		Links:       []gitlabLink{{f.Rule.ID, o.url(f.Rule)}}, Location: code,
		Tracking: gitlabTracking{"source", []gitlabTrackedItem{{code, []gitlabSignature{{"hash", f.Fingerprint}}}}},
	}
	for _, ref := range f.Rule.References {
		family, _, _ := strings.Cut(ref, " ")
		v.Identifiers = append(v.Identifiers, gitlabIdentifier{strings.ToLower(family), ref, ref, ""})
	}
	for _, rel := range f.Related {
		if rel.Span.IsValid() {
			v.Description += "\n\n" + gitlabText(rel.Span.Start.String()+": "+cmp.Or(rel.Message, rel.Role))
		}
	}
	v.Description = shortened(v.Description, 1<<20)
	return v
}

// gitlabText escapes text for GitLab's Markdown, a line at a time.
func gitlabText(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = markdownText(line)
	}
	return strings.Join(lines, "\n")
}

// shortened cuts a text to so many characters.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
