package kyverno

import (
	"strings"
	"testing"
)

const validatingOf = `apiVersion: policies.kyverno.io/v1beta1
kind: ValidatingPolicy
metadata:
  name: team
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
`

// Policies in CEL, with the lines of the findings.
func TestValidatingPolicies(t *testing.T) {
	const images = "  variables: [{name: images, expression: 'object.spec.containers.map(c, c.image)'}]\n  validations: [{expression: \"variables.images.all(i, i.startsWith('registry.example/'))\", message: no}]\n"
	for name, c := range map[string]struct {
		policy string
		want   []string
	}{
		"autogen":                    {validatingOf + images, []string{"23 high team: no", "57 high team: no"}},
		"some controllers":           {validatingOf + "  autogen: {podControllers: {controllers: [deployments]}}\n" + images, []string{"23 high team: no"}},
		"no controllers":             {validatingOf + "  autogen: {podControllers: {controllers: []}}\n" + images, nil},
		"audited":                    {validatingOf + "  validationActions: [Audit]\n" + images, []string{"23 low team: no", "57 low team: no"}},
		"the controller's namespace": {validatingOf + "  matchConditions: [{name: shop, expression: \"object.metadata.namespace == 'shop'\"}]\n" + images, []string{"23 high team: no", "57 high team: no"}},
		"another namespace":          {strings.Replace(validatingOf, "kind: ValidatingPolicy\nmetadata:", "kind: NamespacedValidatingPolicy\nmetadata:\n  namespace: elsewhere", 1) + images, nil},
		"the namespace":              {strings.Replace(validatingOf, "kind: ValidatingPolicy\nmetadata:", "kind: NamespacedValidatingPolicy\nmetadata:\n  namespace: shop", 1) + images, []string{"23 high team: no", "57 high team: no"}},
		"other resources":            {strings.Replace(validatingOf, "[''], apiVersions: [v1], operations: [CREATE], resources: [pods]", "[''], apiVersions: [v1], operations: [CREATE], resources: [services]", 1) + "  validations: [{expression: \"object.?spec.?type.orValue('') != 'NodePort'\"}]\n", []string{"43 high team: failed expression: object.?spec.?type.orValue('') != 'NodePort'"}},
		"an exception":               {validatingOf + images + "---\napiVersion: policies.kyverno.io/v1beta1\nkind: PolicyException\nmetadata: {name: legacy, namespace: kyverno}\nspec:\n  policyRefs: [{name: team, kind: ValidatingPolicy}]\n  matchConditions: [{name: web, expression: object.metadata.name == 'web'}]\n", []string{"57 high team: no"}},
		"Kyverno's own functions":    {validatingOf + "  validations: [{expression: \"resource.Get('v1', 'configmaps', 'a', 'b').data.x == 'y'\"}]\n", []string{`note policies.yaml:4:9: ValidatingPolicy "team" is not judged: it uses resource, which only Kyverno has`}},
		"JSON":                       {validatingOf + "  evaluation: {mode: JSON}\n" + images, []string{`note policies.yaml:8:22: ValidatingPolicy "team" is not judged: it is about JSON and not about objects of Kubernetes`}},
		"a mistake":                  {validatingOf + "  validations: [{expression: 'object.spec.x + nosuch(1) == 1'}]\n", []string{`error policies.yaml:8:53: ValidatingPolicy "team": spec.validations[0].expression: undeclared reference to 'nosuch'`}},
		"images":                     {strings.Replace(validatingOf, "ValidatingPolicy", "ImageValidatingPolicy", 1), []string{`note policies.yaml:4:9: ImageValidatingPolicy "team" is not judged: manifests cannot tell what it comes to`}},
		"a rule in CEL":              {clusterPolicyOf("{cel: {variables: [{name: pid, expression: 'object.spec.?hostPID.orValue(false)'}], expressions: [{expression: '!variables.pid', message: no}]}}"), []string{"20 high team: no", "56 high team: no"}},
		"a rule in CEL with conditions": {clusterPolicyOf("{failureAction: Audit, cel: {expressions: [{expression: 'false', message: no}]}}\n    celPreconditions: [{name: web, expression: \"object.metadata.name != 'web'\"}]"),
			[]string{"17 low team: celPreconditions[0] cannot be evaluated, which refuses the object: no such key: name", "54 low team: celPreconditions[0] cannot be evaluated, which refuses the object: no such key: metadata"}},
		"a broken rule in CEL": {clusterPolicyOf("{cel: {expressions: [{expression: nosuch}]}}"), []string{`error policies.yaml:10:49: ClusterPolicy "team": spec.rules[name=one].validate.cel.expressions[0].expression: undeclared reference to 'nosuch'`}},
	} {
		got := judged(t, c.policy, workloads)
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// Exceptions of kyverno.io, and which policies are about which namespaces.
func TestExceptions(t *testing.T) {
	const rule = "\n---\napiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: legacy, namespace: kyverno}\nspec:\n  match: {any: [{resources: {kinds: [Deployment], names: [w*]}}]}\n"
	policy := clusterPolicyOf("{message: no, pattern: {spec: {=(hostPID): false}}}")
	for name, c := range map[string]struct {
		policies string
		want     []string
	}{
		"the rule that Kyverno makes":  {policy + rule + "  exceptions: [{policyName: team, ruleNames: [autogen-*]}]\n", []string{"56 high team: no"}},
		"the rule as it is written":    {policy + rule + "  exceptions: [{policyName: team, ruleNames: [one]}]\n", []string{"20 high team: no", "56 high team: no"}},
		"another policy":               {policy + rule + "  exceptions: [{policyName: other, ruleNames: ['*']}]\n", []string{"20 high team: no", "56 high team: no"}},
		"conditions":                   {policy + rule + "  exceptions: [{policyName: team, ruleNames: ['*']}]\n  conditions: {any: [{key: '{{ request.object.metadata.labels.app || ``}}', operator: Equals, value: web}]}\n", []string{"56 high team: no"}},
		"conditions that do not hold":  {policy + rule + "  exceptions: [{policyName: team, ruleNames: ['*']}]\n  conditions: {any: [{key: '{{ request.object.metadata.name }}', operator: Equals, value: x}]}\n", []string{"20 high team: no", "56 high team: no"}},
		"a Policy of a namespace":      {strings.Replace(policy, "ClusterPolicy\nmetadata:", "Policy\nmetadata:\n  namespace: shop", 1), []string{"20 high team: no", "56 high team: no"}},
		"a Policy of another one":      {strings.Replace(strings.Replace(policy, "ClusterPolicy\nmetadata:", "Policy\nmetadata:\n  namespace: none", 1), "Pod", "Service", 1), []string{`note policies.yaml:5:9: Policy "team": the rule one is not judged for some objects: what it is about depends on who asks or on a namespace that the tree does not hold`}},
		"controllers of an annotation": {strings.Replace(policy, "  name: team", "  name: team\n  annotations: {pod-policies.kyverno.io/autogen-controllers: 'CronJob,StatefulSet'}", 1), []string{"56 high team: no"}},
		"no controllers":               {strings.Replace(policy, "  name: team", "  name: team\n  annotations: {pod-policies.kyverno.io/autogen-controllers: none}", 1), nil},
	} {
		got := judged(t, c.policies, workloads)
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// What is wrong is an error at its place, and the other rules run.
func TestMistakes(t *testing.T) {
	const good = "\n  - name: two\n    match: {any: [{resources: {kinds: [Service], names: [far]}}]}\n    validate: {message: no, deny: {}}\n"
	for validate, want := range map[string]string{
		"{deny: {conditions: {all: [{key: '{{ request.object. }}', operator: Equals, value: a}]}}}": `10:68: ClusterPolicy "team": spec.rules[name=one].validate.deny.conditions.all[0].key: the expression is not complete`,
		"{deny: {conditions: {all: [{key: a, operator: Likes, value: a}]}}}":                        `10:61: ClusterPolicy "team": spec.rules[name=one].validate.deny.conditions.all[0].operator: there is no operator Likes`,
		"{pattern: {spec: {a: '$(./../b)'}}}":                                                       `references as $(...) are not supported`,
		"{pattern: {a: b}, deny: {}}":                                                               `one of pattern, anyPattern, deny and foreach is expected here`,
		"{foreach: [{pattern: {a: b}}]}":                                                            `foreach needs a list`,
		"{anyPattern: {a: b}}":                                                                      `a list of patterns is expected here`,
		"{foreach: [{list: 'a[', pattern: {a: b}}]}":                                                `the expression is not complete`,
		"{message: \"{{ truncate('a') }}\", deny: {}}":                                              `truncate has 1 arguments here, which it cannot have`,
	} {
		got := judged(t, strings.TrimSuffix(clusterPolicyOf(validate), "\n")+good, workloads)
		if len(got) != 2 || !strings.HasPrefix(got[0], "error ") || !strings.Contains(got[0], want) || !strings.HasSuffix(got[1], "high team: no") {
			t.Errorf("%s: %q\nwant %s", validate, got, want)
		}
	}
	for _, policy := range []string{"kind: ClusterPolicy\nspec: {rules: 1}", "kind: ClusterPolicy\nspec: 1", "kind: ClusterPolicy\nspec: {rules: [1, {name: [a], validate: 1, match: 2}, {validate: {pattern: {}}, match: {any: 1}}]}", "kind: Policy"} {
		got := judged(t, "apiVersion: kyverno.io/v1\nmetadata: {name: team}\n"+policy+"\n", workloads)
		if len(got) == 0 || !strings.HasPrefix(got[0], "error ") {
			t.Errorf("%s: %q", policy, got)
		}
	}
}

// What runs away ends as an error of that rule and object.
func TestRunawaysAreErrors(t *testing.T) {
	doubled := "request.object" + strings.Repeat(" | [@, @][]", 40)
	for _, validate := range []string{
		"{message: no, deny: {conditions: {all: [{key: '{{ " + doubled + " | length(@) }}', operator: Equals, value: 1}]}}}",
		"{message: no, foreach: [{list: 'request.object" + strings.Repeat(" | [@, @][]", 17) + "', pattern: {a: b, =(spec): {=(containers): [{=(x): y}]}}, preconditions: {any: [{key: a, operator: Equals, value: b}]}, context: [{name: x, variable: {jmesPath: '" + doubled + "'}}]}]}",
	} {
		got := judged(t, clusterPolicyOf(validate), podOf)
		if len(got) != 1 || !strings.Contains(got[0], "error a.yaml") || !strings.Contains(got[0], `ClusterPolicy "team" cannot judge Pod "web": the rule one takes too many steps; make it simpler`) {
			t.Errorf("%q", got)
		}
	}
}
