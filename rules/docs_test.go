package rules

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
)

var update = flag.Bool("update", false, "rewrite docs/rules.md and docs/checks.md")

// compare holds a generated file to its text, or rewrites it.
func compare(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != text {
		t.Errorf("%s is not what the rules say (%v); run go test ./rules -update", path, err)
	}
}

var peers = []string{"kube-linter", "kube-score", "polaris", "trivy", "checkov", "kubescape", "kubesec", "kyverno"}

var groupTitles = []struct{ group, title string }{
	{"pod", "Pods and containers"}, {"rbac", "Access rights"}, {"network", "Network"}, {"secret", "Secrets"},
	{"image", "Images"}, {"namespace", "Namespaces"}, {"resources", "Resources"}, {"validity", "Validity"},
	{"reliability", "Reliability"}, {"engine", "Ignores"},
}

func TestDocsRulesIsGenerated(t *testing.T) {
	for _, r := range All() {
		for linter := range r.Peers {
			if !slices.Contains(peers, linter) {
				t.Errorf("rule %s names ids of %s, which has no column", r.ID, linter)
			}
		}
		if !slices.ContainsFunc(groupTitles, func(g struct{ group, title string }) bool { return g.group == r.Group }) {
			t.Errorf("rule %s: group %s has no heading", r.ID, r.Group)
		}
	}
	compare(t, "../docs/rules.md", rulesPage())
}

func rulesPage() string {
	var b strings.Builder
	b.WriteString(`# Rules

Generated from the rules; go test ./rules -update writes it anew. ` + "`manilint explain RULE`" + ` prints one of them.

Severities: critical, a node or the cluster falls from this one object; high, isolation breaks or a credential leaks with
one more step; medium, hardening or containment is missing; low, hygiene with a security angle; info, reliability.
A rule of profile opt-in is enabled by its name, by its group or by ` + "`--profile all`" + `.
`)
	for _, g := range groupTitles {
		var rules []*lint.Rule
		for _, r := range All() {
			if r.Group == g.group {
				rules = append(rules, r)
			}
		}
		if len(rules) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\nGroup `%s`.\n\n| rule | severity | profile | what | %s |\n|%s\n", g.title, g.group, strings.Join(peers, " | "), strings.Repeat("---|", 4+len(peers)))
		for _, r := range rules {
			fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |", r.ID, r.ID, r.Severity, profileNames(r), cell(r.Summary))
			for _, p := range peers {
				fmt.Fprintf(&b, " %s |", cell(strings.Join(r.Peers[p], " ")))
			}
			b.WriteString("\n")
		}
		for _, r := range rules {
			b.WriteString("\n" + ruleSection(r))
		}
	}
	return b.String()
}

// ruleSection is the rule's own document, two headings deeper, with what its
// fields say.
func ruleSection(r *lint.Rule) string {
	title, body, _ := strings.Cut(strings.TrimSpace(r.Doc()), "\n")
	body = regexp.MustCompile(`(?m)^## (.*)$`).ReplaceAllString(body, "**$1**")
	var b strings.Builder
	fmt.Fprintf(&b, "##%s\n\nSeverity %s; profile %s", title, r.Severity, profileNames(r))
	if len(r.References) > 0 {
		fmt.Fprintf(&b, "; %s", strings.Join(r.References, ", "))
	}
	b.WriteString(".\n" + body + "\n")
	if len(r.Params) > 0 {
		b.WriteString("\n**Parameters**\n\n")
		for _, p := range r.Params {
			fmt.Fprintf(&b, "- `%s`: %s. Default `%v`.\n", p.Name, p.Summary, p.Default)
		}
	}
	return b.String()
}

func profileNames(r *lint.Rule) string {
	var names []string
	for _, p := range r.Profiles {
		names = append(names, string(p))
	}
	if len(names) == 0 {
		return "opt-in"
	}
	return strings.Join(names, ", ")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// elsewhere are checks that no rule of the same name covers.
var elsewhere = map[string]string{
	"crd-podspec": "every rule over pods: custom resources that embed a pod template are read as pods",
}

var checkRow = regexp.MustCompile(`(?m)^\| ([a-z0-9-]+) \| (core|opt-in) \| .*? \| (.*) \|$`)

// TestEveryCheckHasARule holds the rules to the checks of docs/checks.md. The checks, their
// scope and what they are about are written there by hand; the rule of each, and rows of
// rules that no check names, are generated.
func TestEveryCheckHasARule(t *testing.T) {
	const page = "../docs/checks.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Checks and the rules that cover them\n\nThe checks are the union of what the linters of the field look for. A row is added by hand; go test ./rules -update fills in\nthe rules, and adds those that no row names.\n\n| check | scope | rule | what |\n|---|---|---|---|\n")
	rows := checkRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) < 100 {
		t.Fatalf("%s has %d rows: its form has changed", page, len(rows))
	}
	for _, row := range rows {
		check, scope, what := row[1], row[2], row[3]
		covered := elsewhere[check]
		if r := lint.FindRule(All(), check); r != nil {
			covered = fmt.Sprintf("[%s](rules.md#%s)", r.ID, r.ID)
			if core := r.In(lint.ProfileDefault); core != (scope == "core") && check != "tiller" {
				t.Errorf("check %s is %s, and rule %s is in the default profile: %v", check, scope, r.ID, core)
			}
		}
		if covered == "" {
			covered = "none yet"
			t.Errorf("%s check %s has no rule", scope, check)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", check, scope, covered, what)
	}
	for _, r := range All() {
		if strings.Contains(b.String(), "(rules.md#"+r.ID+")") {
			continue
		}
		scope := "opt-in"
		if r.In(lint.ProfileDefault) {
			scope = "core"
		}
		fmt.Fprintf(&b, "| %s | %s | [%s](rules.md#%s) | %s |\n", r.ID, scope, r.ID, r.ID, cell(r.Summary))
	}
	compare(t, page, b.String())
}

func TestReferencesAreControls(t *testing.T) {
	for _, r := range All() {
		for _, ref := range r.References {
			if !compliance.Known(ref) {
				t.Errorf("rule %s refers to %q, which no framework has; see lint/compliance", r.ID, ref)
			}
		}
	}
}

func TestControlsNameRules(t *testing.T) {
	for _, f := range compliance.Frameworks() {
		for _, c := range f.Controls {
			for _, id := range c.Rules {
				if lint.FindRule(All(), id) == nil {
					t.Errorf("%s%s names rule %s, which does not exist", f.Prefix, c.ID, id)
				}
			}
			answered := slices.ContainsFunc(All(), func(r *lint.Rule) bool { return f.Answers(r, c) })
			if c.Judged == compliance.Yes && !answered {
				t.Errorf("%s%s can be judged, and no rule answers it", f.Prefix, c.ID)
			}
		}
	}
}
