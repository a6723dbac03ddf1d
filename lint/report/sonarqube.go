package report

import (
	"cmp"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/manilint/manilint/lint"
)

type (
	sonarRule struct {
		ID                 string        `json:"id"`
		Name               string        `json:"name"`
		Description        string        `json:"description"`
		EngineID           string        `json:"engineId"`
		CleanCodeAttribute string        `json:"cleanCodeAttribute"`
		Type               string        `json:"type"`
		Severity           string        `json:"severity"`
		Impacts            []sonarImpact `json:"impacts"`
	}
	sonarImpact struct {
		SoftwareQuality string `json:"softwareQuality"`
		Severity        string `json:"severity"`
	}
	sonarIssue struct {
		RuleID    string          `json:"ruleId"`
		Primary   sonarLocation   `json:"primaryLocation"`
		Secondary []sonarLocation `json:"secondaryLocations,omitempty"`
	}
	sonarLocation struct {
		Message   string      `json:"message"`
		FilePath  string      `json:"filePath"`
		TextRange *sonarRange `json:"textRange,omitempty"`
	}
	sonarRange struct {
		StartLine   int  `json:"startLine"`
		EndLine     int  `json:"endLine,omitempty"`
		StartColumn *int `json:"startColumn,omitempty"`
		EndColumn   *int `json:"endColumn,omitempty"`
	}
)

// What SonarQube calls severities: of an impact, and in its standard experience.
var (
	sonarImpacts  = map[lint.Severity]string{lint.Critical: "BLOCKER", lint.High: "HIGH", lint.Medium: "MEDIUM", lint.Low: "LOW", lint.Info: "INFO"}
	sonarSeverity = map[lint.Severity]string{lint.Critical: "BLOCKER", lint.High: "CRITICAL", lint.Medium: "MAJOR", lint.Low: "MINOR", lint.Info: "INFO"}
)

// sonarReliability are the groups whose rules are about running at all.
var sonarReliability = map[string]bool{"reliability": true, "resources": true, "validity": true}

// SonarQube writes generic issues, as SonarQube Server from 10.8 and SonarQube Cloud
// import them (sonar.externalIssuesReportPaths). A severity belongs to a rule there: a
// rule that reports several has an entry for each, "rule" for its own and "rule:low" for
// another. Files outside of the project and ignored findings are left out.
func SonarQube(w io.Writer, r *lint.Report, _ Options) error {
	type key struct {
		rule     *lint.Rule
		severity lint.Severity
	}
	id := func(k key) string {
		if k.severity == k.rule.Severity {
			return k.rule.ID
		}
		return k.rule.ID + ":" + k.severity.String()
	}
	var rules []sonarRule
	known := map[key]bool{}
	for _, f := range r.Findings {
		k := key{f.Rule, f.Severity}
		if known[k] {
			continue
		}
		known[k] = true
		rule := sonarRule{
			ID: id(k), Name: firstUpper(cmp.Or(f.Rule.Summary, f.Rule.ID)), Description: cmp.Or(strings.TrimSpace(f.Rule.Doc()), f.Rule.Summary, f.Rule.ID), EngineID: "manilint",
			CleanCodeAttribute: "TRUSTWORTHY", Type: "VULNERABILITY", Severity: sonarSeverity[f.Severity], Impacts: []sonarImpact{{"SECURITY", sonarImpacts[f.Severity]}},
		}
		if sonarReliability[f.Rule.Group] {
			rule.CleanCodeAttribute, rule.Type, rule.Impacts[0].SoftwareQuality = "COMPLETE", "BUG", "RELIABILITY"
		}
		rules = append(rules, rule)
	}
	var units utf16Columns
	issues := func(yield func(any) bool) {
		for _, f := range r.Findings {
			text := f.Message
			if help, _, _ := strings.Cut(f.Help, "\n"); help != "" {
				text += "; " + help
			}
			issue := sonarIssue{RuleID: id(key{f.Rule, f.Severity}), Primary: units.location(cmp.Or(text, f.Rule.ID), f.Span, f.Renderings)}
			for _, rel := range f.Related {
				if rel.Span.IsValid() && inProject(rel.Span.Path()) {
					issue.Secondary = append(issue.Secondary, units.location(cmp.Or(rel.Message, rel.Role, "see"), rel.Span, nil))
				}
			}
			if inProject(at(f.Span, f.Renderings).file) && !yield(issue) {
				return
			}
		}
	}
	return Encode(w, object{{"rules", nonNil(rules)}, {"issues", list(issues)}})
}

func inProject(file string) bool {
	file = path.Clean(file)
	return !path.IsAbs(file) && file != ".." && !strings.HasPrefix(file, "../")
}

// utf16Columns counts columns as SonarQube does: from 0, in units of UTF-16. It remembers
// where it counted last, for files of one long line.
type utf16Columns struct {
	source       *lint.Source
	line         int
	offset, done int
}

func (u *utf16Columns) before(p lint.Position) int {
	if u.source != p.Source || u.line != p.Line || u.offset > p.Offset {
		*u = utf16Columns{source: p.Source, line: p.Line, offset: p.Source.At(p.Line, 1).Offset}
	}
	for u.offset < p.Offset {
		r, size := utf8.DecodeRune(p.Source.Data[u.offset:])
		u.offset += size
		u.done++
		if r > 0xffff {
			u.done++
		}
	}
	return u.done
}

func (u *utf16Columns) location(message string, s lint.Span, renderings []lint.Rendering) sonarLocation {
	p := at(s, renderings)
	l := sonarLocation{Message: message, FilePath: path.Clean(p.file), TextRange: &sonarRange{StartLine: p.line}}
	if s.IsValid() && s.End.Offset > s.Start.Offset { // an empty range is refused
		start, end := u.before(s.Start), u.before(s.End)
		l.TextRange = &sonarRange{p.line, p.endLine, &start, &end}
	}
	return l
}
