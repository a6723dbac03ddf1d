package custom

import (
	"fmt"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

var builtin = []*lint.Rule{{ID: "privileged", Group: "pod", Aliases: []string{"is-privileged"}}}

// rulesOf makes the rules of a configuration's list.
func rulesOf(t *testing.T, text string) ([]*lint.Rule, []*lint.InputError) {
	t.Helper()
	all, errs := config.ParseCustom(lint.NewSource("rules.yaml", []byte(text)))
	own, more := Rules(all, builtin, "")
	return (&config.Config{Own: own}).OwnRules(), append(errs, more...)
}

const manifests = `apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {tier: gold}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels:
    app: web
spec:
  replicas: 1
  template:
    spec:
      initContainers:
      - name: init
        image: docker.example/init:1
      containers:
      - name: web
        image: registry.example/web:1
        securityContext:
          privileged: true
      - name: side
        image: other.example/side:1
      ephemeralContainers:
      - name: debug
        image: debug.example/debug:1
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: kube-system
data:
  n: "1"
`

// Each rule with the lines and messages of its findings.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct{ rule, want string }{
		"a label":              {"expression: has(object.metadata.labels.team)\nmessage: '\"no team\"'\nmatch: {kinds: [Deployment]}", "12 medium: no team"},
		"any object":           {"expression: has(object.metadata.labels)", "34 medium: this is not true: has(object.metadata.labels)"},
		"a namespace":          {"expression: \"false\"\nmatch: {namespaces: ['kube-*']}", "35 medium: this is not true: false"},
		"a group":              {"expression: \"false\"\nmatch: {groups: [apps]}", "10 medium: this is not true: false"},
		"the core":             {"expression: \"false\"\nmatch: {groups: ['']}", "4 medium: this is not true: false; 35 medium: this is not true: false"},
		"labels":               {"expression: \"false\"\nmatch: {labels: {app: web}}", "10 medium: this is not true: false"},
		"a glob":               {"expression: \"false\"\nmatch: {kinds: [Config*]}", "35 medium: this is not true: false"},
		"a severity":           {"severity: critical\nexpression: object.spec.replicas > 1\nmatch: {kinds: [Deployment]}", "15 critical: this is not true: object.spec.replicas > 1"},
		"a container":          {"expression: container.securityContext.privileged == false\nmessage: container.name", "19 medium: init; 25 medium: web; 26 medium: side; 29 medium: debug"},
		"an image":             {"expression: container.image.startsWith('registry.example/')\nmessage: '\"image \" + container.image'", "20 medium: image docker.example/init:1; 27 medium: image other.example/side:1; 30 medium: image debug.example/debug:1"},
		"a field less":         {"expression: object.metadata.annotations.owner != ''\nmatch: {kinds: [Deployment]}", "9 medium: this is not true: object.metadata.annotations.owner != ''"},
		"parameters":           {"params: {allowed: [registry.example/], least: 2}\nexpression: params.allowed.exists(r, container.image.startsWith(r)) || params.least > 2\nmatch: {kinds: [Deployment]}\nmessage: params.allowed[0]", "20 medium: registry.example/; 27 medium: registry.example/; 30 medium: registry.example/"},
		"a namespace's label":  {"expression: namespaceObject.metadata.labels.tier != 'gold' || object.spec.replicas > 1", "15 medium: this is not true: namespaceObject.metadata.labels.tier != 'gold' || object.spec.replicas > 1"},
		"a message that fails": {"expression: \"false\"\nmatch: {kinds: [Deployment]}\nmessage: object.spec.none", "10 medium: this is not true: false"},
	} {
		rules, errs := rulesOf(t, "id: team-rule\n"+c.rule+"\n")
		if len(errs) > 0 || len(rules) != 1 {
			t.Errorf("%s: %v", name, errs)
			continue
		}
		report := linttest.Lint(t, rules[0], nil, lint.NewSource("a.yaml", []byte(manifests)))
		var got []string
		for _, f := range report.Findings {
			got = append(got, fmt.Sprintf("%d %s: %s", f.Span.Start.Line, f.Severity, f.Message))
			if r := f.Related[len(f.Related)-1]; r.Role != "policy" || r.Span.Path() != "rules.yaml" {
				t.Errorf("%s: related %+v", name, f.Related)
			}
		}
		if got := strings.Join(got, "; "); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestParametersAreSetAnew(t *testing.T) {
	rules, errs := rulesOf(t, "id: own-registry\nparams: {allowed: [registry.example/], strict: true, least: 1, name: x, deep: {a: 1}}\n"+
		"expression: params.allowed.exists(r, container.image.startsWith(r)) && params.deep.a == 1 && params.strict && params.least == 1 && params.name == 'x'\n")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	src := lint.NewSource("a.yaml", []byte(manifests))
	if n := len(linttest.Lint(t, rules[0], nil, src).Findings); n != 3 {
		t.Errorf("%d findings with the rule's own parameters", n)
	}
	all := map[string]any{"allowed": []string{"registry.example/", "docker.example/", "other.example/", "debug.example/"}}
	if found := linttest.Lint(t, rules[0], all, src).Findings; len(found) > 0 {
		t.Errorf("with others: %v", found[0])
	}
}

func TestMistakesNameTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"id: a\nexpression: object.spec.\n":                                                  "rules.yaml:2:13: expression: Syntax error",
		"id: a\nexpression: has(object.metadata) && foo(1)\n":                                "rules.yaml:2:40: expression: undeclared reference to 'foo'",
		"id: a\nexpression: |\n  has(object.metadata) &&\n    foo(1)\n":                      "rules.yaml:4:8: expression: undeclared reference to 'foo'",
		"id: a\nexpression: >-\n  has(object.metadata) &&\n  foo(1)\n":                       "rules.yaml:4:6: expression: undeclared reference to 'foo'",
		"id: a\nexpression: \"object.kind == \\\"a\\\" && foo(1)\"\n":                        "rules.yaml:2:41: expression: undeclared reference to 'foo'",
		"id: a\nexpression: 'object.kind == ''a'' && foo(1)'\n":                              "rules.yaml:2:41: expression: undeclared reference to 'foo'",
		"id: a\nexpression: 1 + 1\n":                                                         "rules.yaml:2:13: expression: the expression gives int and has to give bool or dyn",
		"id: a\nexpression: 'true'\nmessage: no team here\n":                                 "rules.yaml:3:13: message: it is CEL; write plain text in quotes of its own: '\"no team here\"'",
		"id: a\nexpression: 'true'\nmessage: 1 + 1\n":                                        "rules.yaml:3:10: message: ",
		"id: privileged\nexpression: 'true'\n":                                               "rules.yaml:1:5: \"privileged\" is the id of a built-in rule",
		"id: is-privileged\nexpression: 'true'\n":                                            "rules.yaml:1:5: \"is-privileged\" is the id of a built-in rule",
		"id: pod\nexpression: 'true'\n":                                                      "rules.yaml:1:5: \"pod\" is the name of a group of rules",
		"- {id: a, expression: 'true'}\n- {id: a, expression: 'true'}\n":                     "rules.yaml:2:8: \"a\" is the id of another rule of yours",
		"id: Team_Label\nexpression: 'true'\n":                                               "rules.yaml:1:5: id: \"Team_Label\" is not an id",
		"expression: 'true'\n":                                                               "rules.yaml:1:1: custom: the rule has no id",
		"id: a\n":                                                                            "custom: the rule has no expression",
		"id: a\nexpression: 'true'\nmatches: {}\n":                                           "rules.yaml:3:1: unknown key \"matches\"; did you mean \"match\"?",
		"id: a\nexpression: 'true'\nmatch: {kinds: Deployment}\n":                            "rules.yaml:3:16: kinds: a list of strings is expected here",
		"custom:\n- id: a\n  expression: 'true'\n  severity: worst\n":                        "rules.yaml:4:13: severity: unknown value \"worst\"",
		"id: a\nexpression: 'true'\n---\nid: b\nexpression: 'true'\nparams: [1]\n":           "rules.yaml:6:1",
		"id: a\nparams: {max: 1}\nexpression: object.spec.n < params.maxx\n":                 "rules.yaml:3:29: expression: params has no \"maxx\"; did you mean \"max\"?",
		"id: a\nexpression: \"['a'].exists(r, params.all.exists(p, p == r))\"\n":             "rules.yaml:2:30: expression: params has no \"all\"; add it under params:",
		"id: a\nparams: {max: 1}\nexpression: params.max > 1\nmessage: string(params.min)\n": "rules.yaml:4:17: message: params has no \"min\"",
	} {
		_, errs := rulesOf(t, text)
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%q: %v, want %s", text, errs, want)
		}
	}
}

// What keeps an expression from a result is an error of the rule and the object, and no finding.
func TestWhatCannotBeJudgedIsAnError(t *testing.T) {
	ten := "[1,2,3,4,5,6,7,8,9,10]"
	runaway := fmt.Sprintf("%[1]s.all(a, %[1]s.all(b, %[1]s.all(c, %[1]s.all(d, %[1]s.all(e, %[1]s.all(f, object.spec.replicas + a + b + c + d + e + f > 0))))))", ten)
	for expression, want := range map[string]string{
		runaway:                              `a.yaml:10:9: rule a cannot judge Deployment "web": the expression costs more than the API server allows one`,
		"object.spec.replicas > 'a'":         `a.yaml:15:13: rule a cannot judge Deployment "web": no such overload: the expression compares, or calls`,
		"object.metadata.name":               `a.yaml:10:9: rule a cannot judge Deployment "web": the expression gives string, not true or false`,
		"1 / (object.spec.replicas - 1) > 0": `a.yaml:15:13: rule a cannot judge Deployment "web": division by zero`,
	} {
		rules, errs := rulesOf(t, "id: a\nmatch: {kinds: [Deployment]}\nexpression: |-\n  "+expression+"\n")
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		report := linttest.Check([]*lint.Bundle{linttest.Bundle(t, lint.NewSource("a.yaml", []byte(manifests)))}, rules...)
		if len(report.Findings) > 0 || len(report.Errors) != 1 || !strings.HasPrefix(report.Errors[0].Error(), want) {
			t.Errorf("%s: %v %v", expression, report.Findings, report.Errors)
		}
	}
}

// A rule is compiled for the version of the bundle.
func TestVersionOfTheBundle(t *testing.T) {
	rules, errs := rulesOf(t, "id: a\nmatch: {kinds: [Deployment]}\nexpression: semver('1.2.3').major() == object.spec.replicas\n")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	b := linttest.Bundle(t, lint.NewSource("a.yaml", []byte("# kube-version: 1.30\n"+manifests)))
	report := linttest.Check([]*lint.Bundle{b}, rules...)
	if len(report.Errors) != 1 || !strings.Contains(report.Errors[0].Message, "rule a does not compile for Kubernetes 1.30: expression: undeclared reference to 'semver'") {
		t.Errorf("%v", report.Errors)
	}
}
