package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/manilint/manilint/lint"
)

// markdownLimit is how many bytes of findings are written: a comment on GitHub
// holds 65536 characters.
const markdownLimit = 60000

// Markdown writes a summary for people: the job summary of a workflow, a comment
// on a pull request. The worst findings come first; what does not fit into a
// comment is counted.
func Markdown(w io.Writer, r *lint.Report, o Options) error {
	out := bufio.NewWriter(w)
	count := r.Count()
	fmt.Fprintf(out, "## manilint: %s\n\n", headline(r))
	fmt.Fprintf(out, "%s, %s, %s", plural(r.Stats.Units, "unit"), plural(r.Stats.Objects, "object"), plural(r.Stats.Files, "file"))
	for _, s := range severities {
		if count[s] > 0 {
			fmt.Fprintf(out, " · **%d %s**", count[s], s)
		}
	}
	ignored, known := r.CountSuppressed()
	if known > 0 {
		fmt.Fprintf(out, " · %d known", known)
	}
	if ignored > 0 {
		fmt.Fprintf(out, " · %d ignored", ignored)
	}
	fmt.Fprintln(out)
	if len(r.Errors) > 0 {
		fmt.Fprintf(out, "\n### %s: not everything was checked\n\n", firstUpper(plural(len(r.Errors), "error")))
		for i, e := range r.Errors {
			if i == 20 {
				fmt.Fprintf(out, "- … and %d more\n", len(r.Errors)-i)
				break
			}
			fmt.Fprintf(out, "- %s\n", markdownText(e.Error()))
		}
	}
	if len(r.Findings) == 0 {
		return out.Flush()
	}
	markdownStart(out, newStart(r))
	fmt.Fprint(out, "\n| Severity | Place | Finding |\n| --- | --- | --- |\n")
	written := 0
	for i, f := range worstFirst(r.Findings) {
		p := at(f.Span, f.Renderings)
		place := fmt.Sprintf("%s:%d", p.file, p.line)
		for _, rel := range f.Related {
			if rel.Role == "value" && rel.Span.IsValid() {
				place += fmt.Sprintf("\n(%s:%d)", rel.Span.Path(), rel.Span.Start.Line)
				break
			}
		}
		text := markdownText(f.Message)
		if help, _, _ := strings.Cut(f.Help, "\n"); help != "" {
			text += "<br>→ " + markdownText(help)
		}
		row := fmt.Sprintf("| %s | %s | %s [%s](%s) |\n", f.Severity, markdownLines(place), text, f.Rule.ID, o.url(f.Rule))
		if written += len(row); written > markdownLimit {
			fmt.Fprintf(out, "\n… and %s more, listed in the log.\n", plural(len(r.Findings)-i, "finding"))
			break
		}
		fmt.Fprint(out, row)
	}
	return out.Flush()
}

// markdownStart says what to fix first.
func markdownStart(out io.Writer, s start) {
	if len(s.steps) == 0 && s.line == nil {
		return
	}
	fmt.Fprint(out, "\n### Where to start\n\n")
	for i, step := range s.steps {
		fmt.Fprintf(out, "%d. %s: **%d**, %s\n", i+1, firstUpper(step.title), step.count, markdownText(step.place()))
	}
	if s.line != nil {
		fmt.Fprintf(out, "\n%s at %s %s.\n", markdownText(s.line.text(s.report)), markdownText(fmt.Sprintf("%s:%d", s.line.span.Path(), s.line.span.Start.Line)), s.decides())
	}
}

// headline counts the findings: no new findings.
func headline(r *lint.Report) string {
	what := "finding"
	if r.Baseline != "" || r.Since != "" {
		what = "new finding"
	}
	if len(r.Findings) == 0 {
		return "no " + what + "s"
	}
	return plural(len(r.Findings), what)
}

func markdownLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = markdownText(line)
	}
	return strings.Join(lines, "<br>")
}

var (
	markdownSpecial = lint.Regexp("[\\\\`*_{}\\[\\]()<>#+!|~$&@]")
	scheme          = lint.Regexp(`:([/A-Za-z])`) // https://…, :emoji:
	www             = lint.Regexp(`(?i)\b(www)\.`)
)

// markdownText escapes text so that it shows as it is: no markup, no HTML, no
// link, and no mention, reference or address that GitHub and GitLab link of
// themselves. An empty comment breaks those; a backslash does not.
func markdownText(s string) string {
	s = markdownSpecial().ReplaceAllStringFunc(Escape(s), func(c string) string {
		switch c {
		case "<":
			return "&lt;"
		case ">":
			return "&gt;"
		case "&":
			return "&amp;"
		case "@", "#", "!", "~", "$":
			return "\\" + c + "<!-- -->" // @name, #1, !1, ~label, $snippet
		}
		return "\\" + c
	})
	return www().ReplaceAllString(scheme().ReplaceAllString(s, ":<!-- -->$1"), "$1<!-- -->.")
}
