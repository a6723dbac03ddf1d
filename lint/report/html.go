package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	htmltemplate "html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
)

var (
	//go:embed html/page.css
	pageStyle string
	//go:embed html/page.js
	pageScript string
	//go:embed html/page.tmpl
	pageText string

	// page is parsed when it is first needed.
	page = sync.OnceValue(func() *htmltemplate.Template { return htmltemplate.Must(htmltemplate.New("page").Parse(pageText)) })
)

// htmlWidth is how many columns of a source line a frame shows.
const htmlWidth = 160

type (
	htmlHead struct {
		Units, Objects, Files, Inputs, Version string
		Totals                                 []htmlTotal
		Sections                               []htmlSection
		Errors                                 []string
		Ignored                                int
		Any                                    bool
		Rules, UnitNames                       []string
		Frameworks                             []htmlFramework
	}
	htmlTotal struct {
		Name  string
		Count int
	}
	htmlSection   struct{ ID, Title string }
	htmlFramework struct{ Name, Title string }
	htmlFinding   struct {
		Severity, Rule, Units, Frameworks, URL, Message, Place, Object, In, Help, Manifest string
		Frames                                                                             []htmlFrame
		Related                                                                            []htmlRelated
		References                                                                         []string
	}
	htmlFrame struct {
		Title                 string
		Line                  int
		Before, Marked, After string
	}
	htmlRelated    struct{ Place, Message string }
	htmlSuppressed struct{ Severity, Rule, Place, Message, By, Reason string }
	htmlAccess     struct{ Subject, Severity, Can, Scope, Through string }
	htmlTail       struct {
		Suppressed []htmlSuppressed
		Compliance []*compliance.Result
		Network    [][]string
		Access     []htmlAccess
	}
)

// HTML writes one page for an auditor that stands on its own: findings with their frames,
// filters by severity, rule, unit and framework, the compliance tables, and the tables of
// rbac and network where Options has them. It loads nothing: its policy forbids every
// source but the style and the script that are in it.
func HTML(w io.Writer, r *lint.Report, o Options) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"+
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'\">\n"+
		"<meta name=\"referrer\" content=\"no-referrer\">\n<title>manilint report</title>\n<style>%s</style>\n<script type=\"module\">%s</script>\n</head>\n",
		integrity(pageStyle), integrity(pageScript), pageStyle, pageScript)
	head, frameworks := newHTMLHead(r, o)
	if err := page().ExecuteTemplate(out, "head", head); err != nil {
		return err
	}
	units := map[string]int{}
	for i, name := range head.UnitNames {
		units[name] = i
	}
	file := ""
	lines := &lineCache{line: r.Line}
	for i, f := range r.Findings {
		p := at(f.Span, f.Renderings)
		if i == 0 || p.file != file {
			if i > 0 {
				fmt.Fprint(out, "</section>\n")
			}
			file = p.file
			fmt.Fprintf(out, "<section class=\"file\"><h3>%s</h3>\n", htmltemplate.HTMLEscapeString(Escape(file)))
		}
		if err := page().ExecuteTemplate(out, "finding", newHTMLFinding(f, o, lines, units, frameworks[f.Rule])); err != nil {
			return err
		}
	}
	if len(r.Findings) > 0 {
		fmt.Fprint(out, "</section>\n")
	}
	if err := page().ExecuteTemplate(out, "tail", newHTMLTail(r, o)); err != nil {
		return err
	}
	return out.Flush()
}

// integrity is what a page's policy knows a script or style by.
func integrity(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// newHTMLHead also returns the names of the frameworks that a rule answers a control of.
func newHTMLHead(r *lint.Report, o Options) (htmlHead, map[*lint.Rule]string) {
	count := r.Count()
	head := htmlHead{
		Units: plural(r.Stats.Units, "unit"), Objects: plural(r.Stats.Objects, "object"), Files: plural(r.Stats.Files, "file"),
		Inputs: Escape(strings.Join(o.Inputs, ", ")), Version: Escape(o.Version), Ignored: len(r.Suppressed), Any: len(r.Findings) > 0,
	}
	for _, s := range severities {
		head.Totals = append(head.Totals, htmlTotal{s.String(), count[s]})
	}
	for _, e := range r.Errors {
		head.Errors = append(head.Errors, Escape(e.Error()))
	}
	for _, s := range []struct {
		id, title string
		is        bool
	}{
		{"errors", "Errors", len(r.Errors) > 0}, {"findings", "Findings", true}, {"ignored", "Ignored", len(r.Suppressed) > 0}, {"compliance", "Compliance", true},
		{"network", "Network", o.Network != nil && len(o.Network.Workloads) > 0}, {"rbac", "RBAC", o.Access != nil && len(htmlAccessRows(o.Access)) > 0},
	} {
		if s.is {
			head.Sections = append(head.Sections, htmlSection{s.id, s.title})
		}
	}
	answered := map[*lint.Rule]string{}
	for _, f := range r.Findings {
		if _, ok := answered[f.Rule]; !ok {
			var names []string
			for _, fw := range compliance.Frameworks() {
				if slices.ContainsFunc(fw.Controls, func(c compliance.Control) bool { return fw.Answers(f.Rule, c) }) {
					names = append(names, fw.Name)
				}
			}
			answered[f.Rule] = strings.Join(names, " ")
			head.Rules = append(head.Rules, f.Rule.ID)
		}
		for _, x := range f.Renderings {
			if name := Escape(Rendering(x)); !slices.Contains(head.UnitNames, name) {
				head.UnitNames = append(head.UnitNames, name)
			}
		}
	}
	slices.Sort(head.Rules)
	slices.Sort(head.UnitNames)
	for _, fw := range compliance.Frameworks() {
		head.Frameworks = append(head.Frameworks, htmlFramework{fw.Name, fw.Title})
	}
	return head, answered
}

func newHTMLFinding(f *lint.Finding, o Options, lines *lineCache, units map[string]int, frameworks string) htmlFinding {
	p := at(f.Span, f.Renderings)
	help, manifest, _ := strings.Cut(strings.TrimSpace(f.Help), "\n")
	x := htmlFinding{
		Severity: f.Severity.String(), Rule: f.Rule.ID, Frameworks: frameworks, URL: o.url(f.Rule), Message: Escape(f.Message),
		Place: Escape(p.file), Help: Escape(help), Manifest: escapeLines(manifest), References: f.Rule.References,
	}
	if f.Span.IsValid() {
		x.Place = Escape(fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column))
		x.Frames = append(x.Frames, newHTMLFrame(lines, "", f.Span))
	}
	if f.Object.Kind != "" {
		x.Object = Escape(f.Object.Kind + " " + qualified(f.Object.Namespace, f.Object.Name))
		if n := len(f.Objects); n > 0 {
			x.Object += " and " + plural(n, "more object")
		}
	}
	var in, numbers []string
	for _, rendering := range f.Renderings {
		name := Escape(Rendering(rendering))
		numbers = append(numbers, strconv.Itoa(units[name]))
		if rendering.Kind != "file" {
			in = append(in, name)
		}
	}
	x.Units, x.In = strings.Join(numbers, " "), strings.Join(in, ", ")
	for _, rel := range f.Related {
		message := Escape(cmp.Or(rel.Message, rel.Role))
		if !rel.Span.IsValid() {
			if rel.Message != "" {
				x.Related = append(x.Related, htmlRelated{"", message})
			}
			continue
		}
		place := Escape(fmt.Sprintf("%s:%d:%d", rel.Span.Path(), rel.Span.Start.Line, rel.Span.Start.Column))
		if slices.Contains(frameRoles, rel.Role) && len(x.Frames) <= maxFrames && rel.Span.Compare(f.Span) != 0 {
			x.Frames = append(x.Frames, newHTMLFrame(lines, place+" "+message, rel.Span))
		} else {
			x.Related = append(x.Related, htmlRelated{place, message})
		}
	}
	return x
}

func newHTMLFrame(lines *lineCache, title string, s lint.Span) htmlFrame {
	runes, from, to, rest := lines.of(s).marked(s)
	before, marked, after := clip(runes, from, to, htmlWidth)
	return htmlFrame{title, s.Start.Line, before, marked, after + rest}
}

func newHTMLTail(r *lint.Report, o Options) htmlTail {
	tail := htmlTail{Compliance: compliance.Summaries(r)}
	for _, s := range r.Suppressed {
		f := s.Finding
		p := at(f.Span, f.Renderings)
		tail.Suppressed = append(tail.Suppressed, htmlSuppressed{f.Severity.String(), f.Rule.ID, Escape(fmt.Sprintf("%s:%d", p.file, p.line)), Escape(f.Message), Escape(s.By), Escape(s.Reason)})
	}
	if o.Network != nil {
		tail.Network = o.Network.rows()
	}
	if o.Access != nil {
		tail.Access = htmlAccessRows(o.Access)
	}
	return tail
}

func htmlAccessRows(a *Audit) []htmlAccess {
	var rows []htmlAccess
	for _, s := range a.Subjects {
		for _, c := range s.Can {
			row := htmlAccess{Subject: Escape(s.Kind + " " + qualified(s.Namespace, s.Name)), Severity: c.Severity.String(), Can: c.What, Scope: Escape(c.Scope)}
			if len(s.Workloads) > 0 {
				row.Subject += " (" + Escape(someNames(s.Workloads)) + ")"
			}
			if len(c.Names) > 0 {
				row.Can += " (" + Escape(someNames(c.Names)) + ")"
			}
			var through []string
			for _, t := range c.Through {
				through = append(through, t.text())
			}
			row.Through = strings.Join(through, "; ")
			rows = append(rows, row)
		}
	}
	return rows
}

func escapeLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Escape(line)
	}
	return strings.Join(lines, "\n")
}
