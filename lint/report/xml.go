package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/manilint/manilint/lint"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string       `xml:"name,attr"`
		Classname string       `xml:"classname,attr"`
		File      string       `xml:"file,attr,omitempty"`
		Line      int          `xml:"line,attr,omitempty"`
		Failure   *junitResult `xml:"failure,omitempty"`
		Error     *junitResult `xml:"error,omitempty"`
		Skipped   *junitResult `xml:"skipped,omitempty"`
	}
	junitResult struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes a test suite for each rule: a rule that finds nothing is a test
// that passes, each finding one that fails, each ignored finding one that is
// skipped. What could not be checked is a suite of errors. The shape is the one
// that GitLab, Jenkins and GitHub's reporters share; GitLab reads file and line.
func JUnit(w io.Writer, r *lint.Report, _ Options) error {
	all := junitSuites{Name: "manilint"}
	suites := map[*lint.Rule]int{}
	suite := func(rule *lint.Rule) *junitSuite {
		i, ok := suites[rule]
		if !ok {
			i = len(all.Suites)
			suites[rule] = i
			all.Suites = append(all.Suites, junitSuite{Name: rule.ID})
		}
		return &all.Suites[i]
	}
	for _, rule := range r.Rules {
		suite(rule)
	}
	newCase := func(f *lint.Finding) junitCase {
		p := at(f.Span, f.Renderings)
		return junitCase{Name: fmt.Sprintf("%s:%d:%d %s", xmlText(p.file), p.line, p.column, xmlText(f.Message)), Classname: f.Rule.ID, File: xmlText(p.file), Line: p.line}
	}
	for _, f := range r.Findings {
		c := newCase(f)
		text := fmt.Sprintf("%s:%d\n%s", c.File, c.Line, xmlText(f.Message))
		if f.Help != "" {
			text += "\n" + xmlLines(f.Help)
		}
		c.Failure = &junitResult{Message: xmlText(f.Message), Type: f.Severity.String(), Text: text}
		s := suite(f.Rule)
		s.Cases, s.Failures = append(s.Cases, c), s.Failures+1
	}
	for _, x := range r.Suppressed {
		c := newCase(x.Finding)
		c.Skipped = &junitResult{Message: xmlText("ignored by " + x.By + ": " + x.Reason)}
		if x.Known() {
			c.Skipped.Message = "known by the " + x.By
			if x.By == "since" {
				c.Skipped.Message = xmlText("known since before " + r.Since)
			}
		}
		s := suite(x.Finding.Rule)
		s.Cases, s.Skipped = append(s.Cases, c), s.Skipped+1
	}
	for i := range all.Suites {
		if s := &all.Suites[i]; len(s.Cases) == 0 {
			s.Cases = []junitCase{{Name: s.Name, Classname: s.Name}}
		}
	}
	if len(r.Errors) > 0 {
		s := junitSuite{Name: "errors", Errors: len(r.Errors)}
		for _, e := range r.Errors {
			c := junitCase{Name: xmlText(e.Error()), Classname: "errors", Error: &junitResult{Message: xmlText(e.Message)}}
			if e.Span.IsValid() {
				c.File, c.Line = xmlText(e.Span.Path()), e.Span.Start.Line
			}
			s.Cases = append(s.Cases, c)
		}
		all.Suites = append(all.Suites, s)
	}
	for i := range all.Suites {
		s := &all.Suites[i]
		s.Tests = len(s.Cases)
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Skipped+s.Skipped
	}
	return encodeXML(w, all)
}

type (
	checkstyleReport struct {
		XMLName xml.Name         `xml:"checkstyle"`
		Version string           `xml:"version,attr"`
		Files   []checkstyleFile `xml:"file"`
	}
	checkstyleFile struct {
		Name   string            `xml:"name,attr"`
		Errors []checkstyleError `xml:"error"`
	}
	checkstyleError struct {
		Line     int    `xml:"line,attr"`
		Column   int    `xml:"column,attr"`
		Severity string `xml:"severity,attr"`
		Message  string `xml:"message,attr"`
		Source   string `xml:"source,attr"`
	}
)

// Checkstyle writes Checkstyle's XML. Its word for a note is info.
func Checkstyle(w io.Writer, r *lint.Report, _ Options) error {
	all := checkstyleReport{Version: "4.3"}
	add := func(file string, e checkstyleError) {
		if n := len(all.Files); n == 0 || all.Files[n-1].Name != file {
			all.Files = append(all.Files, checkstyleFile{Name: file})
		}
		last := &all.Files[len(all.Files)-1]
		last.Errors = append(last.Errors, e)
	}
	for _, f := range r.Findings {
		p := at(f.Span, f.Renderings)
		severity := level(f.Severity)
		if severity == "note" {
			severity = "info"
		}
		add(xmlText(p.file), checkstyleError{p.line, p.column, severity, xmlText(f.Message), "manilint." + f.Rule.ID})
	}
	for _, e := range r.Errors {
		p := place{file: "manilint", line: 1, column: 1}
		if e.Span.IsValid() {
			p = at(e.Span, nil)
		}
		add(xmlText(p.file), checkstyleError{p.line, p.column, "error", xmlText(e.Message), "manilint"})
	}
	return encodeXML(w, all)
}

// xmlText makes text printable; encoding/xml then escapes the markup.
func xmlText(s string) string { return Escape(s) }

// xmlLines is xmlText for text of several lines.
func xmlLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = xmlText(line)
	}
	return strings.Join(lines, "\n")
}

func encodeXML(w io.Writer, v any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
