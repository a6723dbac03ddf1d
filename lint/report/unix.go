package report

import (
	"bufio"
	"fmt"
	"io"

	"github.com/fatih/color"

	"github.com/manilint/manilint/lint"
)

// Unix writes one line a finding, as compilers do:
//
//	deploy/web.yaml:34:15: error: container "web" runs privileged [privileged]
//
// Critical and high are errors, medium and low warnings, info a note. Editors
// and problem matchers read it; its shape does not change.
func Unix(w io.Writer, r *lint.Report, o Options) error {
	out := bufio.NewWriter(w)
	paint := painter(o.Color)
	for _, f := range r.Findings {
		p := at(f.Span, f.Renderings)
		fmt.Fprintf(out, "%s %s %s %s\n",
			paint(fmt.Sprintf("%s:%d:%d:", Escape(p.file), p.line, p.column), color.Bold),
			paint(level(f.Severity)+":", severityColor[f.Severity]...),
			Escape(f.Message),
			paint("["+f.Rule.ID+"]", color.Faint))
	}
	return out.Flush()
}

// severityColor holds the attributes that terminals show severities in.
var severityColor = map[lint.Severity][]color.Attribute{
	lint.Critical: {color.FgHiRed, color.Bold, color.Underline},
	lint.High:     {color.FgHiRed, color.Bold},
	lint.Medium:   {color.FgHiYellow, color.Bold},
	lint.Low:      {color.FgYellow},
	lint.Info:     {color.FgCyan},
}

// painter returns a function that colours text, or leaves it as it is: by its
// argument, whatever the environment says.
func painter(on bool) func(text string, attributes ...color.Attribute) string {
	return func(text string, attributes ...color.Attribute) string {
		if !on || text == "" {
			return text
		}
		c := color.New(attributes...)
		c.EnableColor()
		return c.Sprint(text)
	}
}
