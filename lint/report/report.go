// Package report writes what a run found, in the formats that people, editors
// and continuous integration read. There is one file a format.
//
// Names and messages come from charts and manifests that nobody has vetted, so
// each format escapes them for its reader: no terminal escape, no workflow
// command and no markup passes through. Source lines are shown through the
// report's masks alone. The package opens no file and keeps no state.
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Options are the settings of a [Format].
type Options struct {
	// Color switches terminal colours on, in the formats made for terminals
	// (text, unix).
	Color bool
	// Width is how many columns text may use; 100 when it is 0.
	Width int
	// Version is manilint's own, for the formats that name their producer.
	Version string
	// Inputs are the paths that were linted, as they were named: what tells the uploads
	// of one tool apart.
	Inputs []string
	// Network and Access are the tables of the same inputs, for the formats that show
	// them; nil for none.
	Network *Matrix
	Access  *Audit
	// URL is what a rule's ID is appended to, to link to its documentation;
	// [DocsURL] when empty.
	URL string
}

// DocsURL is where the documentation of a rule is found, less the rule's ID.
const DocsURL = "https://github.com/manilint/manilint/blob/main/docs/rules.md#"

// ProjectURL is the home of manilint.
const ProjectURL = "https://github.com/manilint/manilint"

func (o Options) url(rule *lint.Rule) string {
	return cmp.Or(rule.URL, cmp.Or(o.URL, DocsURL)+rule.ID)
}

// A Format writes a report. It leaves the report as it is.
type Format func(io.Writer, *lint.Report, Options) error

// Formats holds every format by the name that --format takes.
var Formats = map[string]Format{
	"text":        Text,
	"unix":        Unix,
	"json":        JSON,
	"sarif":       SARIF,
	"junit":       JUnit,
	"github":      GitHub,
	"gitlab":      GitLab,
	"gitlab-sast": GitLabSAST,
	"checkstyle":  Checkstyle,
	"markdown":    Markdown,
	"html":        HTML,
	"rdjson":      RDJSON,
	"sonarqube":   SonarQube,
}

// Names returns the names of the formats in the order that help lists them.
func Names() []string {
	order := []string{"text", "unix", "json", "sarif", "junit", "github", "gitlab", "gitlab-sast", "checkstyle", "markdown", "html", "rdjson", "sonarqube"}
	return slices.DeleteFunc(order, func(name string) bool { return Formats[name] == nil })
}

// level is the word that compilers and editors know for a severity.
func level(s lint.Severity) string {
	switch {
	case s >= lint.High:
		return "error"
	case s >= lint.Low:
		return "warning"
	}
	return "note"
}

// severities, worst first.
var severities = []lint.Severity{lint.Critical, lint.High, lint.Medium, lint.Low, lint.Info}

// A place is a span with what stands for it where there is none.
type place struct {
	file                             string
	line, column, endLine, endColumn int
}

// at returns the place of a span; where it is not valid, the first character of
// what was rendered, the nearest thing that is known.
func at(s lint.Span, renderings []lint.Rendering) place {
	if s.IsValid() {
		return place{file: s.Path(), line: s.Start.Line, column: s.Start.Column, endLine: s.End.Line, endColumn: s.End.Column}
	}
	p := place{line: 1, column: 1, endLine: 1, endColumn: 1, file: "."}
	if len(renderings) > 0 {
		p.file = renderings[0].Root
	}
	return p
}

// plural returns "1 finding" or "2 findings".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// ListsSuppressed reports whether a format names each finding that is suppressed.
func ListsSuppressed(format string) bool {
	return slices.Contains([]string{"json", "sarif", "junit", "html"}, format)
}

// Found counts the findings of a report, and what is not among them: 3 new findings since
// main (212 known), 4 ignored.
func Found(r *lint.Report) string {
	ignored, known := r.CountSuppressed()
	s := plural(len(r.Findings), "finding")
	switch {
	case r.Since != "":
		s = fmt.Sprintf("%s since %s (%d known)", plural(len(r.Findings), "new finding"), r.Since, known)
	case r.Baseline != "":
		s = fmt.Sprintf("%s (%d in the baseline)", plural(len(r.Findings), "new finding"), known)
	}
	if ignored > 0 {
		s += fmt.Sprintf(", %d ignored", ignored)
	}
	return s
}

// columns lines rows of cells up, two blanks apart. The cells must be escaped.
func columns(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	var b, line strings.Builder
	for _, row := range rows {
		line.Reset()
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-width(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// worstFirst returns the findings by severity, those of one severity as they stood.
func worstFirst(findings []*lint.Finding) []*lint.Finding {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b *lint.Finding) int { return int(b.Severity - a.Severity) })
	return sorted
}
