package linttest

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

const oneWant = "((?:[a-z][a-z0-9@/-]*\\s+)*)(\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)"

var (
	comment  = lint.Regexp("#.*?\\bwant((?:\\s+" + oneWant + ")+)")
	wantItem = lint.Regexp(oneWant)
)

// A want is a finding that a comment expects.
type want struct {
	rule, severity, precision string // "" where the comment does not say
	column                    int    // 0 where the comment does not say
	pattern                   *regexp.Regexp
	text                      string // the pattern as it is quoted in the comment
}

// Expect compares findings with the comments of the sources that they are in, and returns
// the number of findings that these expect. A comment
//
//	# want [rule] [severity[@column][/precision]] "regexp" ...
//
// expects a finding on its line for each regexp, which matches "severity: message" of it.
// A missing finding and one that no comment expects are both failures.
func Expect(t T, findings []*lint.Finding, sources []*lint.Source) int {
	t.Helper()
	wants := 0
	byLine := map[string][]*lint.Finding{}
	at := func(path string, line int) string { return path + ":" + strconv.Itoa(line) }
	for _, f := range findings {
		where := at(f.Span.Path(), f.Span.Start.Line)
		byLine[where] = append(byLine[where], f)
	}
	for _, src := range sources {
		for n := 1; n <= src.Lines(); n++ {
			where := at(src.Path, n)
			for _, w := range parseWants(t, where, src.Line(n)) {
				wants++
				i := slices.IndexFunc(byLine[where], w.matches)
				if i < 0 {
					t.Errorf("%s: no finding matches %s", where, w)
					continue
				}
				byLine[where] = slices.Delete(byLine[where], i, i+1)
			}
		}
	}
	for _, where := range slices.Sorted(maps.Keys(byLine)) {
		for _, f := range byLine[where] {
			t.Errorf("%s: unexpected finding: %s", where, canonical(want{rule: f.Rule.ID}, f))
		}
	}
	return wants
}

func parseWants(t T, where, line string) []want {
	t.Helper()
	m := comment().FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	var all []want
	for _, item := range wantItem().FindAllStringSubmatch(m[1], -1) {
		pattern, err := strconv.Unquote(item[2])
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		matches, err := regexp.Compile(pattern)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		w := want{pattern: matches, text: item[2]}
		for _, word := range strings.Fields(item[1]) {
			word, precision, _ := strings.Cut(word, "/")
			severity, column, _ := strings.Cut(word, "@")
			if _, err := lint.ParseSeverity(severity); err != nil {
				w.rule = word
				continue
			}
			w.severity, w.precision = severity, precision
			if column != "" {
				if w.column, err = strconv.Atoi(column); err != nil {
					t.Fatalf("%s: %v", where, err)
				}
			}
		}
		all = append(all, w)
	}
	return all
}

func (w want) matches(f *lint.Finding) bool {
	return w.agrees(f) && w.pattern.MatchString(f.Severity.String()+": "+f.Message)
}

// agrees reports whether a finding is what the want says before its pattern.
func (w want) agrees(f *lint.Finding) bool {
	return (w.rule == "" || w.rule == f.Rule.ID) && (w.severity == "" || w.severity == f.Severity.String()) &&
		(w.column == 0 || w.column == f.Span.Start.Column) && (w.precision == "" || w.precision == string(f.Precision))
}

// String returns the want as it is written.
func (w want) String() string {
	head := w.severity
	if w.column > 0 {
		head += "@" + strconv.Itoa(w.column)
	}
	if w.precision != "" {
		head += "/" + w.precision
	}
	return strings.TrimLeft(strings.TrimLeft(w.rule+" ", " ")+head+" ", " ") + w.text
}

var severityPrefix = lint.Regexp("^([\"`])\\^?(?:critical|high|medium|low|info):? ?")

// canonical is a want for a finding, with the pattern that w has where that matches.
func canonical(w want, f *lint.Finding) want {
	w.severity, w.column = f.Severity.String(), f.Span.Start.Column
	if w.pattern == nil || !w.pattern.MatchString(w.severity+": "+f.Message) {
		w.text = "`" + regexp.QuoteMeta(f.Message) + "`"
		if strings.Contains(f.Message, "`") {
			w.text = strconv.Quote(regexp.QuoteMeta(f.Message))
		}
	}
	w.text = severityPrefix().ReplaceAllString(w.text, "$1")
	if len(w.text) <= 3 {
		w.text = "`" + regexp.QuoteMeta(f.Message) + "`"
	}
	return w
}

// Update writes into the want comments of dir what the findings of the rule now are:
// severity, column, and the message where the pattern does not match it. It adds no
// comment and removes none: a finding that none expects, and one that is missing, stay
// failures of [Run].
func Update(t T, rule *lint.Rule, dir string) {
	t.Helper()
	for _, sources := range fixtures(t, dir) {
		findings := Lint(t, rule, nil, sources...).Findings
		for _, src := range sources {
			lines := strings.Split(string(src.Data), "\n")
			for i, line := range lines {
				lines[i] = updateLine(t, src, line, i+1, findings)
			}
			if text := strings.Join(lines, "\n"); text != string(src.Data) {
				if err := os.WriteFile(src.Path, []byte(text), 0o644); err != nil {
					t.Fatalf("%v", err)
				}
			}
		}
	}
}

func updateLine(t T, src *lint.Source, line string, n int, findings []*lint.Finding) string {
	t.Helper()
	wants := parseWants(t, src.Path, line)
	var here []*lint.Finding
	for _, f := range findings {
		if f.Span.Path() == src.Path && f.Span.Start.Line == n {
			here = append(here, f)
		}
	}
	if len(wants) == 0 || len(wants) != len(here) {
		return line
	}
	texts := make([]string, len(wants))
	left := slices.Clone(here)
	for _, fits := range []func(want, *lint.Finding) bool{want.matches, want.looselyMatches, want.any} {
		for i, w := range wants {
			if texts[i] != "" {
				continue
			}
			if j := slices.IndexFunc(left, func(f *lint.Finding) bool { return fits(w, f) }); j >= 0 {
				texts[i] = canonical(w, left[j]).String()
				left = slices.Delete(left, j, j+1)
			}
		}
	}
	m := comment().FindStringSubmatchIndex(line)
	return line[:m[2]] + " " + strings.Join(texts, " ") + line[m[3]:]
}

func (w want) looselyMatches(f *lint.Finding) bool {
	return w.pattern.MatchString(f.Severity.String() + ": " + f.Message)
}

func (w want) any(*lint.Finding) bool { return true }
