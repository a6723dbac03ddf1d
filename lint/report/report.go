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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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
	// URL is what a rule's ID is appended to, to link to its documentation;
	// [DocsURL] when empty.
	URL string
}

// DocsURL is where the documentation of a rule is found, less the rule's ID.
const DocsURL = "https://github.com/manilint/manilint/blob/main/docs/rules.md#"

// ProjectURL is the home of manilint.
const ProjectURL = "https://github.com/manilint/manilint"

func (o Options) url(rule *lint.Rule) string {
	return cmp.Or(o.URL, DocsURL) + rule.ID
}

// A Format writes a report. It leaves the report as it is.
type Format func(io.Writer, *lint.Report, Options) error

// Formats holds every format by the name that --format takes.
var Formats = map[string]Format{
	"text":       Text,
	"unix":       Unix,
	"json":       JSON,
	"sarif":      SARIF,
	"junit":      JUnit,
	"github":     GitHub,
	"gitlab":     GitLab,
	"checkstyle": Checkstyle,
	"markdown":   Markdown,
}

// Names returns the names of the formats in the order that help lists them.
func Names() []string {
	order := []string{"text", "unix", "json", "sarif", "junit", "github", "gitlab", "checkstyle", "markdown"}
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

// Escape returns s fit for one line of a terminal or a log: control characters,
// line breaks, bytes that are no UTF-8 and the invisible characters that reorder
// or hide text are written out as \n, \x1b or \u202e. So is the first character
// of what a build runner would take for a command: "##[…", "##vso[…" and
// "::command::" at the start of a line.
func Escape(s string) string {
	if strings.IndexFunc(s, unsafe) >= 0 || !utf8.ValidString(s) {
		var b strings.Builder
		for i := 0; i < len(s); {
			r, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				fmt.Fprintf(&b, `\x%02x`, s[i])
			case unsafe(r):
				quoted := strconv.QuoteRune(r)
				b.WriteString(quoted[1 : len(quoted)-1])
			default:
				b.WriteRune(r)
			}
			i += size
		}
		s = b.String()
	}
	if strings.Contains(s, "##") {
		s = runnerCommand.ReplaceAllString(s, `\x23#$1[`)
	}
	if strings.Contains(s, "::") {
		s = workflowCommand.ReplaceAllString(s, `$1\x3a:$2`)
	}
	return s
}

// Commands that runners look for in what a step prints: GitHub's older form and
// Azure's may stand anywhere in a line, GitHub's newer form (::name args::text)
// at its start. Text is wrapped between words, so the start of a word counts.
var (
	runnerCommand   = regexp.MustCompile(`##([A-Za-z]*)\[`)
	workflowCommand = regexp.MustCompile(`(^|\s)::([A-Za-z])`)
)

// unsafe reports whether a rune is a control character, ends a line, or is an
// invisible formatting character (bidirectional overrides, zero-width spaces,
// tags).
func unsafe(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

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

// worstFirst returns the findings by severity, those of one severity as they stood.
func worstFirst(findings []*lint.Finding) []*lint.Finding {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b *lint.Finding) int { return int(b.Severity - a.Severity) })
	return sorted
}
