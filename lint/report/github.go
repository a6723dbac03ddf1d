package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/manilint/manilint/lint"
)

// annotations is how many of each level GitHub shows of one step.
const annotations = 10

// GitHub writes workflow commands, which GitHub shows as annotations of a pull
// request: the worst first, ten of a level, since it shows no more. The other
// findings follow as lines of the log. Errors of input come first of all.
func GitHub(w io.Writer, r *lint.Report, _ Options) error {
	out := bufio.NewWriter(w)
	shown := map[string]int{}
	for _, e := range r.Errors {
		if shown["error"]++; shown["error"] > annotations {
			fmt.Fprintf(out, "%s\n", Escape(e.Error()))
			continue
		}
		var where string
		if e.Span.IsValid() {
			where = "file=" + commandProperty(e.Span.Path()) + fmt.Sprintf(",line=%d,col=%d,", e.Span.Start.Line, e.Span.Start.Column)
		}
		fmt.Fprintf(out, "::error %stitle=%s::%s\n", where, commandProperty("manilint could not check this"), commandData(e.Message))
	}
	var rest []*lint.Finding
	for _, f := range worstFirst(r.Findings) {
		command := level(f.Severity)
		if command == "note" {
			command = "notice"
		}
		if shown[command]++; shown[command] > annotations {
			rest = append(rest, f)
			continue
		}
		p := at(f.Span, f.Renderings)
		fmt.Fprintf(out, "::%s file=%s,line=%d,", command, commandProperty(p.file), p.line)
		if f.Span.IsValid() {
			fmt.Fprintf(out, "endLine=%d,col=%d,", p.endLine, p.column)
			if p.endLine == p.line { // GitHub takes columns within one line alone; its end is inclusive
				fmt.Fprintf(out, "endColumn=%d,", max(p.column, p.endColumn-1))
			}
		}
		message := f.Message
		if f.Help != "" {
			message += "\n" + f.Help
		}
		for _, rel := range f.Related {
			if rel.Span.IsValid() {
				message += "\n" + rel.Span.Start.String() + ": " + rel.Message
			}
		}
		fmt.Fprintf(out, "title=%s::%s\n", commandProperty(f.Rule.ID+" ("+f.Severity.String()+")"), commandData(message))
	}
	if err := out.Flush(); err != nil || len(rest) == 0 {
		return err
	}
	return Unix(w, &lint.Report{Findings: rest}, Options{})
}

// commandData escapes the message of a workflow command as the runner undoes it:
// https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
func commandData(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(Escape(strings.TrimRight(line, "\r")), "%", "%25")
	}
	return strings.Join(lines, "%0A")
}

// commandProperty escapes a property of a workflow command.
func commandProperty(s string) string {
	return strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C").Replace(Escape(s))
}
