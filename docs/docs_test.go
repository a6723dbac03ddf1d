package docs_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/rules"
)

var update = flag.Bool("update", false, "rewrite migration.md")

// migration returns the page that says which rule answers to which check of
// another linter.
func migration() string {
	var b strings.Builder
	fmt.Fprint(&b, "# Coming from another linter\n\nWhich rule of manilint answers to a check of another linter. Severities and details differ: `manilint explain RULE`\nsays what each finds. This page is made from the rules by `go test ./docs -update`.\n")
	for _, peer := range []struct{ id, name string }{{"kube-linter", "kube-linter"}, {"kube-score", "kube-score"}, {"polaris", "Polaris"}, {"trivy", "Trivy"}} {
		byCheck := map[string][]string{}
		for _, r := range rules.All() {
			for _, check := range r.Peers[peer.id] {
				byCheck[check] = append(byCheck[check], "`"+r.ID+"`")
			}
		}
		var checks []string
		for c := range byCheck {
			checks = append(checks, c)
		}
		slices.Sort(checks)
		fmt.Fprintf(&b, "\n## %s\n\n| %s | manilint |\n|---|---|\n", peer.name, peer.name)
		for _, c := range checks {
			slices.Sort(byCheck[c])
			fmt.Fprintf(&b, "| `%s` | %s |\n", c, strings.Join(slices.Compact(byCheck[c]), ", "))
		}
	}
	return b.String()
}

func TestTheMigrationPageIsCurrent(t *testing.T) {
	want := migration()
	if *update {
		if err := os.WriteFile("migration.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("migration.md"); err != nil || string(got) != want {
		t.Errorf("migration.md is not what the rules say (%v); run go test ./docs -update", err)
	}
}

func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) == 0 {
		t.Fatal("no pages", err)
	}
	all := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[f] = string(data)
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	for page, text := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}

func TestSnippetsAreYAML(t *testing.T) {
	for page, text := range pages(t) {
		if page == "rules.md" {
			continue // its examples are the rules' own, which are wrong on purpose
		}
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(block[1], "{{") {
				continue // a template
			}
			var v any
			if err := yaml.Unmarshal([]byte(block[1]), &v); err != nil {
				t.Errorf("%s: %v\n%s", page, err, block[1])
			}
		}
	}
}

func TestTheFlagsShownExist(t *testing.T) {
	help := must(t, ".", "manilint", "--help")
	shown := 0
	for page, text := range pages(t) {
		for line := range strings.Lines(text) {
			_, command, ok := strings.Cut(line, "manilint ")
			if !ok || strings.Contains(line, "|") {
				continue
			}
			for _, f := range regexp.MustCompile(`(?:^|[\s"(])(--[a-z][a-z-]+)`).FindAllStringSubmatch(command, -1) {
				shown++
				if !regexp.MustCompile(regexp.QuoteMeta(f[1]) + `\b`).MatchString(help) {
					t.Errorf("%s: %s is no flag of manilint: %s", page, f[1], line)
				}
			}
		}
	}
	if shown == 0 {
		t.Error("the pages show no flag")
	}
}
