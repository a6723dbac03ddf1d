package rules

import (
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
			linttest.Run(t, rule, "../fixtures/rules/"+rule.ID)
		})
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
				t.Errorf("rule %s yields to %s, which is no rule", rule.ID, id)
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
