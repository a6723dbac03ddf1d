package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

func TestRulesReportTheirFixturesAndNothingElse(t *testing.T) {
	for _, rule := range All() {
		t.Run(rule.ID, func(t *testing.T) {
			t.Parallel()
			dir := "../fixtures/rules/" + rule.ID
			if *update {
				linttest.Update(t, rule, dir)
			}
			linttest.Run(t, rule, dir)
		})
	}
}

// TestEveryRuleHasANearMiss: what a rule reports is shown next to what it does not: an object
// of a kind that it reports, or a container of a pod, without a finding.
func TestEveryRuleHasANearMiss(t *testing.T) {
	for _, rule := range All() {
		reported, quiet := map[string]bool{}, map[string]bool{}
		for _, b := range linttest.Bundles(t, "../fixtures/rules/"+rule.ID) {
			in := map[string]bool{}
			for _, f := range linttest.Check([]*lint.Bundle{b}, rule).Findings {
				reported[f.Object.Kind] = true
				in[f.Object.Kind+"/"+f.Object.Name] = true
				in[f.Object.Kind+"/"+f.Object.Name+"/"+f.Container] = true
			}
			for _, r := range b.Resources {
				quiet[r.Kind] = quiet[r.Kind] || !in[r.Kind+"/"+r.Name]
			}
			for _, c := range b.Containers() {
				r := c.Pod.Resource
				quiet[r.Kind] = quiet[r.Kind] || !in[r.Kind+"/"+r.Name+"/"+c.Name()]
			}
		}
		missed := false
		for kind := range reported {
			missed = missed || quiet[kind]
		}
		if !missed {
			t.Errorf("rule %s: its fixtures show nothing of the kinds that it reports which it does not report", rule.ID)
		}
	}
}

// TestEveryWantNamesASeverity keeps the severity of each finding under test.
func TestEveryWantNamesASeverity(t *testing.T) {
	files, err := filepath.Glob("../fixtures/rules/*/*.yaml")
	inner, _ := filepath.Glob("../fixtures/rules/*/*/*.yaml")
	files = append(files, inner...)
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	without := regexp.MustCompile("#.*\\bwant\\s.*?(?:^|want|[\"`])\\s+[\"`]")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(data), "\n") {
			if without.MatchString(line) {
				t.Errorf("%s:%d: a want names no severity; go test ./rules -update writes it", file, i+1)
			}
		}
	}
}

func TestDocsShowWhatTheRulesReport(t *testing.T) {
	for _, rule := range All() {
		t.Run(rule.ID, func(t *testing.T) {
			t.Parallel()
			linttest.CheckDoc(t, rule)
		})
	}
}

func TestRulesAreWellFormed(t *testing.T) {
	groups := []string{"pod", "resources", "rbac", "network", "secret", "image", "namespace", "reliability", "validity"}
	seen := map[string]bool{}
	for _, rule := range All() {
		for _, id := range append([]string{rule.ID}, rule.Aliases...) {
			if seen[id] {
				t.Errorf("two rules are called %s", id)
			}
			seen[id] = true
		}
		if rule.Summary == "" || rule.Run == nil || !slices.Contains(groups, rule.Group) {
			t.Errorf("rule %s lacks a summary, a Run function or a known group", rule.ID)
		}
		for _, p := range rule.Profiles {
			if !slices.Contains([]lint.Profile{lint.ProfileDefault, lint.ProfileBaseline, lint.ProfileRestricted}, p) {
				t.Errorf("rule %s: profile %s", rule.ID, p)
			}
		}
	}
	for _, rule := range All() {
		for _, id := range rule.YieldsTo {
			if !seen[id] {
				t.Errorf("rule %s yields to %s, which is not a rule", rule.ID, id)
			}
		}
	}
}

// One defect is one finding: a field that no selector has is the rule schema's,
// and a value that the API server refuses is that of the rule that knows why.
func TestADefectOfANetworkPolicyIsOneFinding(t *testing.T) {
	const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {app: web}
  policyTypes: [ingress]
  ingress: [{ports: [{port: http, protocol: tcp}]}]
`
	b := linttest.Bundle(t, lint.NewSource("policy.yaml", []byte(policy)))
	var enabled []*lint.Rule
	for _, rule := range All() {
		if rule.In(lint.ProfileDefault) {
			enabled = append(enabled, rule)
		}
	}
	var got []string
	for _, f := range linttest.Check([]*lint.Bundle{b}, enabled...).Findings {
		got = append(got, f.Rule.ID+" "+f.Path)
	}
	want := "schema spec.podSelector.app, networkpolicy-selector spec.policyTypes[0], networkpolicy-selector spec.ingress[0].ports[0].protocol"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
	}
}

// TestRulesDoWithoutYAMLNodes checks all fixtures of all rules with all rules: none makes the
// YAML nodes of an object, which would cost more than reading it.
func TestRulesDoWithoutYAMLNodes(t *testing.T) {
	objects := 0
	for _, rule := range All() {
		for _, b := range linttest.Bundles(t, "../fixtures/rules/"+rule.ID) {
			linttest.Check([]*lint.Bundle{b}, All()...)
			for _, r := range b.Resources {
				objects++
				if r.MadeYAML() {
					t.Errorf("%s of %s has YAML nodes", r, rule.ID)
				}
			}
		}
	}
	if objects < 1000 {
		t.Errorf("only %d objects", objects)
	}
}

// TestRulesChangeNoNodes checks all fixtures of all rules with all rules: what a rule gets of an
// object is the same afterwards, since rules run at the same time.
func TestRulesChangeNoNodes(t *testing.T) {
	told := func(b *lint.Bundle) string {
		var out strings.Builder
		var walk func(n *lint.Node)
		walk = func(n *lint.Node) {
			if n == nil {
				out.WriteString("gone\n")
				return
			}
			fmt.Fprintln(&out, n.Path(), n.Value())
			for _, c := range n.Items() {
				walk(c)
			}
			for _, c := range n.Fields() {
				walk(c)
			}
		}
		for _, r := range b.Resources {
			walk(r.Root)
		}
		return out.String()
	}
	for _, rule := range All() {
		for _, b := range linttest.Bundles(t, "../fixtures/rules/"+rule.ID) {
			before := told(b)
			linttest.Check([]*lint.Bundle{b}, All()...)
			if told(b) != before {
				t.Errorf("objects of %s are changed by rules", rule.ID)
			}
		}
	}
}
