// Package linttest tests rules on YAML that says what it expects, as
// golang.org/x/tools/go/analysis/analysistest does for Go. It reads plain files, runs what
// it is given on them, and renders no chart and no overlay.
package linttest

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
)

var kubeVersion = lint.Regexp(`(?m)^# kube-version: (\S+)$`)

// A T takes what a test finds: a [testing.T], or what stands for one where the program
// itself runs the test of a rule. Fatalf does not return.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run lints the YAML in dir with one rule and compares the findings with its want
// comments; see [Expect]. Each file directly in dir is a bundle of its own; the files
// of a subdirectory are one bundle together. A directory without any want is a failure.
// A line # kube-version: 1.34 says which version the bundle is deployed to.
func Run(t T, rule *lint.Rule, dir string, params ...map[string]any) {
	t.Helper()
	var set map[string]any
	if len(params) > 0 {
		set = params[0]
	}
	RunSources(t, rule, dir, fixtures(t, dir), set)
}

// RunSources is Run on the sources of dir that the caller read, a list for each bundle.
func RunSources(t T, rule *lint.Rule, dir string, bundles [][]*lint.Source, params map[string]any) {
	t.Helper()
	wants := 0
	for _, sources := range bundles {
		wants += Expect(t, Lint(t, rule, params, sources...).Findings, sources)
	}
	if wants == 0 {
		t.Errorf("rule %s: no # want in %s", rule.ID, dir)
	}
}

// Bundles parses the YAML in dir as [Run] does, a bundle for each file and each subdirectory.
func Bundles(t T, dir string) []*lint.Bundle {
	t.Helper()
	var all []*lint.Bundle
	for _, sources := range fixtures(t, dir) {
		all = append(all, Bundle(t, sources...))
	}
	return all
}

// fixtures reads the YAML in dir, a list of sources for each bundle.
func fixtures(t T, dir string) [][]*lint.Source {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("no fixtures: %v", err)
	}
	var all [][]*lint.Source
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		files := []string{path}
		if e.IsDir() {
			files, _ = filepath.Glob(filepath.Join(path, "*.yaml"))
		} else if filepath.Ext(path) != ".yaml" {
			continue
		}
		var sources []*lint.Source
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatalf("%v", err)
			}
			sources = append(sources, lint.NewSource(filepath.ToSlash(f), data))
		}
		all = append(all, sources)
	}
	return all
}

// Lint runs one rule over sources as one bundle of plain files.
func Lint(t T, rule *lint.Rule, params map[string]any, sources ...*lint.Source) *lint.Report {
	t.Helper()
	b := Bundle(t, sources...)
	report := check([]*lint.Bundle{b}, config.Enabled{Rule: rule, Params: params})
	for _, e := range report.Errors {
		t.Errorf("%v", e)
	}
	return report
}

// Check runs rules over bundles, with their defaults.
func Check(bundles []*lint.Bundle, rules ...*lint.Rule) *lint.Report {
	var enabled []config.Enabled
	for _, r := range rules {
		enabled = append(enabled, config.Enabled{Rule: r})
	}
	return check(bundles, enabled...)
}

func check(bundles []*lint.Bundle, enabled ...config.Enabled) *lint.Report {
	g := engine.Group{Options: engine.Options{Rules: enabled}}
	for _, b := range bundles {
		g.Results = append(g.Results, engine.Check(context.Background(), b, g.Options))
	}
	return engine.Merge(g)
}

// Bundle parses sources as one bundle of plain files.
func Bundle(t T, sources ...*lint.Source) *lint.Bundle {
	t.Helper()
	var resources []*lint.Resource
	for _, src := range sources {
		docs, errs := lint.ParseDocuments(src)
		for _, e := range errs {
			t.Errorf("%v", e)
		}
		for _, doc := range docs {
			resources = append(resources, doc.Resources(lint.FileLocator{Source: src})...)
		}
	}
	b := lint.NewBundle(lint.Rendering{Kind: "file", Root: "."}, "", resources)
	for _, src := range sources {
		if m := kubeVersion().FindSubmatch(src.Data); m != nil {
			b.KubeVersion = string(m[1])
		}
	}
	return b
}

// CheckDoc checks a rule's Markdown: its sections, that every manifest under Bad
// is reported by the rule and none under Good is.
func CheckDoc(t T, rule *lint.Rule) {
	t.Helper()
	doc := rule.Doc()
	if doc == "" {
		t.Fatalf("rule %s has no %s.md beside it", rule.ID, strings.ReplaceAll(rule.ID, "-", "_"))
	}
	if !strings.HasPrefix(doc, "# "+rule.ID+"\n") {
		t.Errorf("rule %s: the doc does not begin with # %s", rule.ID, rule.ID)
	}
	for _, section := range []string{"Why", "Bad", "Good", "When to ignore", "References"} {
		if Section(doc, section) == "" {
			t.Errorf("rule %s: the doc has no section %q", rule.ID, section)
		}
	}
	for _, text := range fences(Section(doc, "Bad")) {
		if n := len(Lint(t, rule, nil, lint.NewSource("bad.yaml", []byte(text))).Findings); n == 0 {
			t.Errorf("rule %s: the doc's Bad example has no finding:\n%s", rule.ID, text)
		}
	}
	for _, text := range fences(Section(doc, "Good")) {
		for _, f := range Lint(t, rule, nil, lint.NewSource("good.yaml", []byte(text))).Findings {
			t.Errorf("rule %s: the doc's Good example has a finding: %s: %s", rule.ID, f.Span.Start, f.Message)
		}
	}
}

// Section returns the text under a "## title" heading.
func Section(doc, title string) string {
	_, rest, ok := strings.Cut("\n"+doc, "\n## "+title+"\n")
	if !ok {
		return ""
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return strings.TrimSpace(text)
}

func fences(text string) []string {
	var all []string
	for {
		_, rest, ok := strings.Cut(text, "```yaml\n")
		if !ok {
			return all
		}
		var body string
		body, text, _ = strings.Cut(rest, "\n```")
		all = append(all, body+"\n")
	}
}
