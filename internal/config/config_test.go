package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

var configRules = []*lint.Rule{
	{ID: "privileged", Group: "pod", Severity: lint.Critical, Profiles: []lint.Profile{lint.ProfileDefault, lint.ProfileBaseline}},
	{ID: "image-registry", Group: "image", Profiles: []lint.Profile{lint.ProfileDefault}, Params: []lint.Param{
		{Name: "allowed", Default: []string{}}, {Name: "strict", Default: false}, {Name: "depth", Default: 3}, {Name: "mode", Default: "all", Allowed: []string{"all", "some"}}}},
	{ID: "low-uid", Aliases: []string{"small-uid"}, Group: "pod"},
}

func TestConfigIsReadWhole(t *testing.T) {
	config, errs := Parse(lint.NewSource(".manilint.yaml", []byte(`
profile: baseline
rules:
  privileged: {severity: low, exemptNamespaces: [kube-system]}
  small-uid: {enabled: true}
  image-registry:
    parameters: {strict: true, depth: 4, mode: some}
exclude: [vendor/**]
registries: [registry.example]
helm:
  variants:
    - chart: deploy/chart
      values: [values-prod.yaml]
ignore:
  - rule: [privileged]
    path: deploy/**
    until: 2027-03-31
    reason: the agent
`)), configRules)
	for _, e := range errs {
		t.Error(e)
	}
	enabled, err := config.Select(configRules, "", nil, nil, nil)
	if err != nil || len(enabled) != 2 || enabled[0].Rule.ID != "privileged" || *enabled[0].Severity != lint.Low || enabled[1].Rule.ID != "low-uid" {
		t.Errorf("selected %v, %v", enabled, err)
	}
	p := config.Rules["image-registry"].Params
	if p["strict"] != true || p["depth"] != 4 || p["mode"] != "some" || p["allowed"].([]string)[0] != "registry.example" {
		t.Errorf("parameters %v", p)
	}
	if len(config.Ignore) != 1 || config.Ignore[0].Until != "2027-03-31" || config.Ignore[0].Span.Start.Line != 15 {
		t.Errorf("ignore %+v", config.Ignore)
	}
	if len(config.Variants) != 1 || config.Variants[0].Chart != "deploy/chart" {
		t.Errorf("variants %+v", config.Variants)
	}
}

func TestConfigMistakesNameTheLineAndTheNearestWord(t *testing.T) {
	for text, want := range map[string]string{
		"profil: all\n":                                           `:1:1: unknown key "profil"; did you mean "profile"?`,
		"profile: al\n":                                           `:1:10: profile: unknown value "al"; did you mean "all"?`,
		"rules:\n  privilege: {}\n":                               `:2:3: unknown rule "privilege"; did you mean "privileged"?`,
		"rules:\n  privileged: {severity: hihg}\n":                `severity: unknown value "hihg"; did you mean "high"?`,
		"rules:\n  privileged: {parameters: {a: 1}}\n":            `rule privileged has no parameters`,
		"rules:\n  image-registry: {parameters: {alowed: []}}\n":  `unknown key "alowed"; did you mean "allowed"?`,
		"rules:\n  image-registry: {parameters: {depth: deep}}\n": `a whole number is expected here`,
		"exclude: vendor\n":                                       `a list of strings is expected here`,
		"ignore:\n  - path: x\n":                                  `the entry names no rule`,
		"ignore:\n  - {rule: privileged, until: soon}\n":          `is not a date`,
		"profile: all\nprofile: all\n":                            `key "profile" is written twice`,
		"- profile\n":                                             `a mapping with the keys`,
		"profile: [\n":                                            `broken YAML`,
	} {
		_, errs := Parse(lint.NewSource("c", []byte(text)), configRules)
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%q gives %v, want %s", text, errs, want)
		}
	}
}

func TestSelectionByNameAndGroup(t *testing.T) {
	for _, c := range []struct {
		profile               lint.Profile
		enable, disable, only []string
		want                  string
	}{
		{"", nil, nil, nil, "privileged image-registry"},
		{lint.ProfileAll, nil, nil, nil, "privileged image-registry low-uid"},
		{"", []string{"pod"}, []string{"privileged"}, nil, "image-registry low-uid"},
		{"", nil, nil, []string{"small-uid"}, "low-uid"},
	} {
		enabled, err := (&Config{}).Select(configRules, c.profile, c.enable, c.disable, c.only)
		var ids []string
		for _, e := range enabled {
			ids = append(ids, e.Rule.ID)
		}
		if err != nil || strings.Join(ids, " ") != c.want {
			t.Errorf("%+v selects %v, %v", c, ids, err)
		}
	}
	if _, err := (&Config{}).Select(configRules, "", nil, nil, []string{"privleged"}); err == nil || !strings.Contains(err.Error(), `"privileged"`) {
		t.Errorf("an unknown rule: %v", err)
	}
}

func TestABrokenGlobIsAnError(t *testing.T) {
	src := lint.NewSource(".manilint.yaml", []byte("exclude: ['[', ok/**, 'a{b']\nignore:\n  - {rule: a, path: 'x[', name: 'b}', reason: why}\n"))
	_, errs := Parse(src, []*lint.Rule{{ID: "a"}})
	var got []string
	for _, e := range errs {
		got = append(got, e.Error())
	}
	lint.SortErrors(errs)
	want := []string{
		`.manilint.yaml:1:11: exclude: "[" is not a glob: "[" is not closed; write \ in front of a literal character`,
		`.manilint.yaml:1:23: exclude: "a{b" is not a glob: "{" is not closed; write \ in front of a literal character`,
		`.manilint.yaml:3:21: path: "x[" is not a glob: "[" is not closed; write \ in front of a literal character`,
		`.manilint.yaml:3:33: name: "b}" is not a glob: "}" closes no "{"; write \ in front of a literal character`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestPoliciesAreTrueOrAList(t *testing.T) {
	for text, want := range map[string]string{
		"policies: true\n":            "",
		"policies: false\n":           "",
		"policies: [policies, a]\n":   "",
		"policies: policies\n":        ":1:11: policies: true, or a list of directories and files, is expected here",
		"policies: [{a: b}]\n":        ":1:12: policies: a string is expected here",
		"custom: team\n":              ":1:9: custom: a list is expected here",
		"custom: ['[']\n":             `:1:10: custom: "[" is not a glob`,
		"custom: [[a]]\n":             ":1:10: a mapping with the keys id, severity",
		"custom: [{id: a, x: b}]\n":   `:1:18: unknown key "x"`,
		"custom: [{expression: a}]\n": ":1:10: custom: the rule has no id",
	} {
		c, errs := Parse(lint.NewSource(".manilint.yaml", []byte(text)), configRules)
		if want == "" && len(errs) == 0 {
			if c.TreePolicies != strings.Contains(text, "true") || len(c.Policies) != 2*strings.Count(text, "[") {
				t.Errorf("%s: %+v", text, c)
			}
			continue
		}
		if want == "" || len(errs) == 0 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}
