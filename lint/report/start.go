package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A step is what to fix first: the findings of one subject.
type step struct {
	title string
	of    func(*lint.Finding) bool
	count int
	worst *lint.Finding
}

// steps are in the order of hardening guides: who may do what, secrets, pods, the network,
// what is run.
func steps() []*step {
	group := func(name string) func(*lint.Finding) bool {
		return func(f *lint.Finding) bool { return f.Rule.Group == name && f.Severity >= lint.High }
	}
	return []*step{
		{title: "takeover of the cluster by RBAC", of: group("rbac")},
		{title: "credentials in plain text", of: group("secret")},
		{title: "violations of the Pod Security Standard baseline", of: func(f *lint.Finding) bool { return f.Rule.In(lint.ProfileBaseline) }},
		{title: "namespaces without a default-deny policy", of: func(f *lint.Finding) bool { return f.Rule.ID == "namespace-default-deny" }},
		{title: "images that move", of: func(f *lint.Finding) bool { return f.Rule.ID == "image-tag" }},
	}
}

// A decider is a line that several findings hang on: of values, of a base, of a helper.
type decider struct {
	span  lint.Span
	count int
}

// A start says what to fix first of a report.
type start struct {
	steps  []*step
	line   *decider // nil where no line decides several findings
	all    int
	report *lint.Report
}

// fewest is how many findings a line decides that is worth a word.
const fewest = 3

func newStart(r *lint.Report) start {
	s := start{all: len(r.Findings), report: r}
	for _, step := range steps() {
		for _, f := range r.Findings {
			if step.of(f) {
				step.count++
				if step.worst == nil || f.Severity > step.worst.Severity {
					step.worst = f
				}
			}
		}
		if step.count > 0 {
			s.steps = append(s.steps, step)
		}
	}
	s.line = decisive(r.Findings)
	return s
}

// decisive returns the line that most findings hang on: where a value, a base or a helper
// decides them. Of several the first in the order of files and lines.
func decisive(findings []*lint.Finding) *decider {
	type key struct {
		path string
		line int
	}
	at := map[key]*decider{}
	for _, f := range findings {
		var places []lint.Span
		for _, rel := range f.Related {
			switch rel.Role {
			case "value", "base", "include":
				places = append(places, rel.Span)
			case "template", "patch", "overlay": // then the finding stands at the value, or in the base
				places = append(places, f.Span)
			}
		}
		counted := map[key]bool{}
		for _, span := range places {
			k := key{span.Path(), span.Start.Line}
			if !span.IsValid() || counted[k] {
				continue
			}
			counted[k] = true
			if at[k] == nil {
				at[k] = &decider{span: span}
			}
			at[k].count++
		}
	}
	var all []*decider
	for _, d := range at {
		if d.count >= fewest {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return slices.MinFunc(all, func(a, b *decider) int {
		if a.count != b.count {
			return b.count - a.count
		}
		return a.span.Compare(b.span)
	})
}

// text returns the line's text as a report may show it, without comment and cut short.
func (d *decider) text(r *lint.Report) string {
	line := r.Line(d.span.Start.Source, d.span.Start.Line)
	line = strings.TrimSpace(line[:commentAt(line)])
	const room = 60
	if runes := []rune(line); len(runes) > room {
		line = string(runes[:room-1]) + "…"
	}
	return line
}

// place returns file:line of the worst finding of a step.
func (s *step) place() string {
	p := at(s.worst.Span, s.worst.Renderings)
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// decides says what the line decides: 31 of 120 findings.
func (s start) decides() string {
	return fmt.Sprintf("decides %d of %s", s.line.count, plural(s.all, "finding"))
}
