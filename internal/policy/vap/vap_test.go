package vap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

const policyOf = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: team-policy
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE], resources: ["*"]}
`

const bindingOf = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: team-binding
spec:
  policyName: team-policy
`

const objects = `apiVersion: v1
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
  template:
    spec:
      containers:
      - name: web
        image: nginx:1
        securityContext:
          privileged: true
      - name: side
        image: registry.example/side:1
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: limits
  namespace: shop
data:
  max: "3"
  registry: registry.example/
---
apiVersion: v1
kind: Service
metadata:
  name: far
  namespace: elsewhere
spec:
  ports:
  - port: 80
---
apiVersion: v1
kind: Pod
metadata:
  name: somewhere
spec:
  containers: [{name: a, image: "a"}]
`

// judged runs policies over objects and returns findings, errors and notes as text.
func judged(t *testing.T, policies, objects string) []string {
	t.Helper()
	found := Policies(linttest.Bundle(t, lint.NewSource("policies.yaml", []byte(policies))).Resources, nil, "")
	var got []string
	for _, e := range found.Errors {
		got = append(got, "error "+e.Error())
	}
	for _, n := range found.Notes {
		got = append(got, "note "+n.String())
	}
	var rules []*lint.Rule
	for _, o := range found.Own {
		rules = append(rules, o.Rule)
	}
	report := linttest.Check([]*lint.Bundle{linttest.Bundle(t, lint.NewSource("a.yaml", []byte(objects)))}, rules...)
	for _, f := range report.Findings {
		got = append(got, fmt.Sprintf("%d %s %s: %s", f.Span.Start.Line, f.Severity, f.Rule.ID, f.Message))
	}
	for _, e := range report.Errors {
		got = append(got, "error "+e.Error())
	}
	for _, n := range report.Notes {
		got = append(got, "note "+n.String())
	}
	return got
}

// Each construct of a policy and a binding, with the lines of the findings.
func TestVerdicts(t *testing.T) {
	const deployments = "  matchConstraints:\n    resourceRules:\n    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}\n"
	for name, c := range map[string]struct {
		spec, binding string
		want          []string
	}{
		"a field": {
			deployments + "  validations: [{expression: 'object.spec.replicas > 1', message: too few}]", "  validationActions: [Deny]",
			[]string{"14 high team-policy: too few"}},
		"a list's element": {
			deployments + "  validations: [{expression: 'object.spec.template.spec.containers.all(c, c.image.startsWith(\"registry.example/\"))'}]", "  validationActions: [Deny]",
			[]string{`19 high team-policy: failed expression: object.spec.template.spec.containers.all(c, c.image.startsWith("registry.example/"))`}},
		"warnings": {
			deployments + "  validations: [{expression: has(object.metadata.labels.team), message: no team}]", "  validationActions: [Warn, Audit]",
			[]string{"12 medium team-policy: no team"}},
		"audits": {
			deployments + "  validations: [{expression: has(object.metadata.labels.team), message: no team}]", "  validationActions: [Audit]",
			[]string{"12 low team-policy: no team"}},
		"variables": {
			deployments + "  variables: [{name: all, expression: object.spec.template.spec.containers}, {name: bad, expression: 'variables.all.filter(c, c.?securityContext.?privileged.orValue(false))'}]\n" +
				"  validations: [{expression: variables.bad.size() == 0, messageExpression: \"'bad: ' + variables.bad.map(c, c.name).join(', ')\"}]", "  validationActions: [Deny]",
			[]string{"21 high team-policy: bad: web"}},
		"a message that fails": {
			deployments + "  validations: [{expression: 'false', messageExpression: object.spec.none.x + '', message: plain}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: plain"}},
		"a message of lines": {
			deployments + "  validations: [{expression: 'false', messageExpression: \"'a\\\\nb'\", message: plain}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: plain"}},
		"a condition": {
			"  matchConditions: [{name: a, expression: object.kind == 'Service'}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"37 high team-policy: no"}},
		"a condition that fails": {
			deployments + "  matchConditions: [{name: a, expression: object.spec.none == 1}]\n  validations: [{expression: 'true'}]", "  validationActions: [Deny]",
			[]string{"14 high team-policy: matchConditions[0] cannot be evaluated, which refuses the object: no such key: none"}},
		"one condition that fails beside one that is false": {
			deployments + "  matchConditions: [{name: a, expression: object.spec.none == 1}, {name: b, expression: 'false'}]\n  validations: [{expression: 'false'}]", "  validationActions: [Deny]", nil},
		"a namespace is null in conditions": {
			deployments + "  matchConditions: [{name: a, expression: namespaceObject == null}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: no"}},
		"an expression that fails": {
			deployments + "  validations: [{expression: object.metadata.annotations.owner != ''}]", "  validationActions: [Deny]",
			[]string{"9 high team-policy: validations[0] cannot be evaluated, which refuses the object: no such key: annotations"}},
		"failures are ignored": {
			deployments + "  failurePolicy: Ignore\n  validations: [{expression: object.metadata.annotations.owner != ''}, {expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: no"}},
		"a namespace selector": {
			"  matchConstraints:\n    namespaceSelector: {matchLabels: {tier: gold}}\n    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [configmaps]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"28 high team-policy: no"}},
		"a namespace by its name": {
			"  matchConstraints:\n    namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [elsewhere]}]}\n    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [services]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"37 high team-policy: no"}},
		"a namespace that nobody knows": {
			"  matchConstraints:\n    namespaceSelector: {matchLabels: {tier: gold}}\n    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [services]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{`note policies.yaml:4:9: ValidatingAdmissionPolicy "team-policy" is not judged where its namespaceSelector asks for labels of a namespace that the tree does not hold`}},
		"a Namespace by its own labels": {
			"  matchConstraints:\n    namespaceSelector: {matchLabels: {tier: gold}}\n    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [namespaces]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"4 high team-policy: no"}},
		"an object selector": {
			"  matchConstraints:\n    objectSelector: {matchExpressions: [{key: app, operator: Exists}]}\n    resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: no"}},
		"excluded resources": {
			"  matchConstraints:\n    excludeResourceRules: [{apiGroups: ['', apps], apiVersions: [v1], operations: ['*'], resources: [services, pods, deployments, namespaces]}]\n    resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*']}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"28 high team-policy: no"}},
		"names and scopes": {
			"  matchConstraints:\n    resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'], scope: Cluster}, {apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: [pods], resourceNames: [other]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"4 high team-policy: no"}},
		"another version, equivalent": {
			"  matchConstraints:\n    resourceRules: [{apiGroups: [extensions], apiVersions: [v1beta1], operations: ['*'], resources: [deployments]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: no"}},
		"another version, exactly": {
			"  matchConstraints:\n    matchPolicy: Exact\n    resourceRules: [{apiGroups: [apps], apiVersions: [v1beta1], operations: ['*'], resources: [deployments]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]", nil},
		"a subresource": {
			"  matchConstraints:\n    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: ['*'], resources: [deployments/scale]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]", nil},
		"updates": {
			"  matchConstraints:\n    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [deployments]}]\n  validations: [{expression: request.operation != 'UPDATE', message: no}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: no"}},
		"deletions": {
			"  matchConstraints:\n    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [DELETE], resources: [deployments]}]\n  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]",
			[]string{`note policies.yaml:7:20: ValidatingAdmissionPolicy "team-policy" is not judged: it is about neither CREATE nor UPDATE`}},
		"a binding's own resources": {
			"  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]\n  matchResources: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [UPDATE], resources: [services]}]}",
			nil}, // the policy is about CREATE alone
		"a binding's selector": {
			"  validations: [{expression: 'false', message: no}]", "  validationActions: [Deny]\n  matchResources: {objectSelector: {matchLabels: {app: web}}}",
			[]string{"10 high team-policy: no"}},
		"a parameter": {
			deployments + "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: 'object.spec.template.spec.containers.all(c, c.image.startsWith(params.data.registry))', message: no}]",
			"  validationActions: [Deny]\n  paramRef: {name: limits, parameterNotFoundAction: Deny}", []string{"19 high team-policy: no"}},
		"selected parameters": {
			deployments + "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: int(params.data.max) < 3, message: no}]",
			"  validationActions: [Deny]\n  paramRef: {selector: {}, parameterNotFoundAction: Deny}", []string{"10 high team-policy: no"}},
		"a parameter that nobody knows": {
			deployments + "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: 'false', message: no}]",
			"  validationActions: [Deny]\n  paramRef: {name: other, parameterNotFoundAction: Deny}", []string{`note policies.yaml:4:9: ValidatingAdmissionPolicy "team-policy" is not judged where its parameter is not in the tree: ConfigMap "other"`}},
		"no parameter named": {
			deployments + "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: params != null, message: no}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: no"}},
		"what the server alone knows": {
			deployments + "  validations: [{expression: 'oldObject == null || object.spec.replicas >= oldObject.spec.replicas'}, {expression: \"authorizer.group('').resource('pods').check('get').allowed()\"}, {expression: \"request.userInfo.username == 'a' && object.spec.replicas > 1\", message: few}]", "  validationActions: [Deny]",
			[]string{
				`note policies.yaml:9:30: ValidatingAdmissionPolicy "team-policy" asks what the object was before (oldObject), which manifests do not tell: where that decides it is not judged`,
				`note policies.yaml:9:116: ValidatingAdmissionPolicy "team-policy" asks what the one who asks may do (authorizer), which manifests do not tell: where that decides it is not judged`,
				`note policies.yaml:9:194: ValidatingAdmissionPolicy "team-policy" asks who asks (request.userInfo), which manifests do not tell: where that decides it is not judged`,
				"14 high team-policy: few"}},
		"a namespace that is not set": {
			"  matchConstraints:\n    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods]}]\n  validations: [{expression: object.metadata.namespace == 'x'}, {expression: request.namespace == 'x'}, {expression: namespaceObject.metadata.name == 'x'}]", "  validationActions: [Deny]", nil},
		"the namespace object": {
			deployments + "  validations: [{expression: namespaceObject.metadata.labels.tier == 'silver', message: no}, {expression: \"namespaceObject.metadata.labels['kubernetes.io/metadata.name'] == 'shop'\"}]", "  validationActions: [Deny]",
			[]string{"10 high team-policy: no"}},
		"the request": {
			deployments + "  validations: [{expression: \"request.kind.kind == 'Deployment' && request.resource.resource == 'deployments' && request.name == 'web' && request.namespace == 'shop' && request.operation == 'CREATE' && !has(request.subResource) && !request.dryRun\"}]", "  validationActions: [Deny]", nil},
		"defaults": {
			deployments + "  validations: [{expression: \"object.spec.replicas == 1 && object.spec.template.spec.restartPolicy == 'Always' && object.spec.template.spec.containers.all(c, c.imagePullPolicy == 'IfNotPresent') && object.spec.strategy.type == 'RollingUpdate' && object.spec.strategy.rollingUpdate.maxSurge == '25%' && has(object.spec.template.spec.securityContext)\"}]", "  validationActions: [Deny]", nil},
		"an annotation that fails": {
			deployments + "  validations: [{expression: 'true'}]\n  auditAnnotations: [{key: a, valueExpression: object.spec.none + ''}]", "  validationActions: [Deny]",
			[]string{"14 high team-policy: auditAnnotations[0] cannot be evaluated, which refuses the object: no such key: none"}},
	} {
		base := policyOf
		if strings.Contains(c.spec, "matchConstraints") {
			base, _, _ = strings.Cut(policyOf, "  matchConstraints:")
		}
		got := judged(t, base+c.spec+"\n---\n"+bindingOf+c.binding+"\n", objects)
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestSeveralBindingsAreOneFinding(t *testing.T) {
	policies := policyOf + "  validations: [{expression: has(object.metadata.labels), message: no labels}]\n---\n" + bindingOf + "  validationActions: [Audit]\n---\n" +
		strings.ReplaceAll(bindingOf, "team-binding", "other") + "  validationActions: [Deny]\n  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: elsewhere}}}\n"
	got := judged(t, policies, objects)
	want := []string{"28 low team-policy: no labels", "36 high team-policy: no labels", "44 low team-policy: no labels"}
	for i := range want {
		if i >= len(got) || !strings.Contains(got[i], want[i][3:]) {
			t.Fatalf("%q", got)
		}
	}
}

func TestWhatIsNotBoundIsNotJudged(t *testing.T) {
	got := judged(t, policyOf+"  validations: [{expression: 'false'}]\n", objects)
	if len(got) != 1 || !strings.HasPrefix(got[0], `note policies.yaml:4:9: ValidatingAdmissionPolicy "team-policy" is not judged: no ValidatingAdmissionPolicyBinding`) {
		t.Errorf("%q", got)
	}
}

// The server asks no policy about policies and bindings.
func TestPoliciesAreNotJudged(t *testing.T) {
	policies := policyOf + "  validations: [{expression: 'false', message: no}]\n---\n" + bindingOf + "  validationActions: [Deny]\n"
	if got := judged(t, policies, policies); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// A mistake is an error at its line and column, and the other policies run.
func TestMistakes(t *testing.T) {
	good := "---\n" + strings.ReplaceAll(policyOf, "team-policy", "good") + "  validations: [{expression: \"object.kind != 'Service'\", message: no}]\n---\n" + strings.ReplaceAll(bindingOf, "team-policy", "good") + "  validationActions: [Deny]\n"
	for spec, want := range map[string]string{
		"  validations:\n  - expression: |\n      object.spec.replicas > 1 &&\n        nosuch(object)\n":                                  `policies.yaml:12:15: ValidatingAdmissionPolicy "team-policy": spec.validations[0].expression: undeclared reference to 'nosuch'`,
		"  validations:\n  - expression: object.spec.replicas\n":                                                                          `policies.yaml:10:17: ValidatingAdmissionPolicy "team-policy": spec.validations[0].expression: the expression gives dyn and has to give bool`,
		"  validations:\n  - message: a\n":                                                                                                `policies.yaml:10:5: ValidatingAdmissionPolicy "team-policy": spec.validations[0].expression: an expression is expected here`,
		"  validations: []\n  variables:\n  - {name: a, expression: variables.b}\n":                                                       `undefined field 'b'`,
		"  validations: [{expression: 'true', messageExpression: \"string(authorizer.group('').resource('a').check('b').allowed())\"}]\n": `messageExpression cannot read authorizer`,
		"  validations: [{expression: params.x == 1}]\n":                                                                                  `undeclared reference to 'params'`,
		"  matchConditions: [{name: a, expression: variables.x}]\n":                                                                       `undeclared reference to 'variables'`,
		"  validations: [{expression: namespaceObject.metadata.nosuch == ''}]\n":                                                          `undefined field 'nosuch'`,
	} {
		got := judged(t, policyOf+spec+good, objects)
		if len(got) < 2 || !strings.HasPrefix(got[0], "error ") || !strings.Contains(got[0], want) || !strings.Contains(strings.Join(got, "\n"), "high good: no") {
			t.Errorf("%s: %q\nwant %s", spec, got, want)
		}
	}
	taken := []*lint.Rule{{ID: "team-policy"}}
	found := Policies(linttest.Bundle(t, lint.NewSource("policies.yaml", []byte(policyOf))).Resources, taken, "")
	if len(found.Own) > 0 || len(found.Errors) != 1 || !strings.Contains(found.Errors[0].Error(), `policies.yaml:4:9: the policy's name: "team-policy" is the id of a built-in rule`) {
		t.Errorf("%v", found.Errors)
	}
}

func TestARunawayExpressionIsAnError(t *testing.T) {
	ten := "[1,2,3,4,5,6,7,8,9,10]"
	runaway := fmt.Sprintf("%[1]s.all(a, %[1]s.all(b, %[1]s.all(c, %[1]s.all(d, %[1]s.all(e, %[1]s.all(f, object.spec.replicas + a + b + c + d + e + f > 0))))))", ten)
	got := judged(t, policyOf+"  matchConditions: [{name: a, expression: object.kind == 'Deployment'}]\n  validations: [{expression: '"+runaway+"'}, {expression: 'false', message: no}]\n---\n"+bindingOf+"  validationActions: [Deny]\n", objects)
	if len(got) != 2 || !strings.Contains(got[1], `error a.yaml:10:9: ValidatingAdmissionPolicy "team-policy" cannot judge Deployment "web": validations[0] costs more than the API server allows`) {
		t.Errorf("%q", got)
	}
}

func TestMutatingPoliciesAreCompiled(t *testing.T) {
	policy := func(mutation string) string {
		return "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\nmetadata:\n  name: side\nspec:\n  variables: [{name: n, expression: object.metadata.name}]\n  mutations:\n  - " + mutation + "\n"
	}
	for _, good := range []string{
		`{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{spec: Object.spec{replicas: 3, template: Object.spec.template{}}}"}}`,
		`{patchType: JSONPatch, jsonPatch: {expression: "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey(variables.n), value: 'a'}]"}}`,
	} {
		got := judged(t, policy(good), objects)
		if len(got) != 1 || !strings.HasPrefix(got[0], `note policies.yaml:4:9: MutatingAdmissionPolicy "side" is compiled and not applied`) {
			t.Errorf("%s: %q", good, got)
		}
	}
	for bad, want := range map[string]string{
		`{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{spec: nosuch}"}}`: "policies.yaml:8:84:",
		`{patchType: JSONPatch, jsonPatch: {expression: "'a'"}}`:                                    "gives string and has to give list",
	} {
		if got := judged(t, policy(bad), objects); len(got) != 2 || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q", bad, got)
		}
	}
}

// What the API server fills in before it asks policies.
func TestDefaults(t *testing.T) {
	for text, want := range map[string]string{
		"{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {template: {spec: {containers: [{name: a, image: a}]}}}}":                                                 "object.spec.completions == 1 && object.spec.parallelism == 1 && object.spec.backoffLimit == 6",
		"{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {parallelism: 3}}":                                                                                        "!has(object.spec.completions) && object.spec.parallelism == 3",
		"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}":                                                                                     "object.spec.type == 'ClusterIP' && object.spec.ports[0].targetPort == 80 && object.spec.ports[0].protocol == 'TCP'",
		"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: NodePort, ports: [{port: 80, targetPort: http}]}}":                                                   "object.spec.type == 'NodePort' && object.spec.ports[0].targetPort == 'http'",
		"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: 'r.example:5000/a:latest', resources: {limits: {cpu: 1}}}]}}":                    "object.spec.containers[0].imagePullPolicy == 'Always' && object.spec.containers[0].resources.requests.cpu == 1 && object.spec.serviceAccountName == 'default'",
		"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: 'r.example:5000/a'}, {name: b, image: 'a@sha256:b'}]}}":                          "object.spec.containers[0].imagePullPolicy == 'Always' && object.spec.containers[1].imagePullPolicy == 'IfNotPresent'",
		"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {volumes: [{name: v, secret: {secretName: s}}], containers: [{name: a, livenessProbe: {httpGet: {port: 1}}}]}}": "object.spec.volumes[0].secret.defaultMode == 420 && object.spec.containers[0].livenessProbe.httpGet.scheme == 'HTTP'",
		"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {strategy: {type: Recreate}}}":                                                                      "!has(object.spec.strategy.rollingUpdate)",
		"{apiVersion: example.com/v1, kind: Deployment, metadata: {name: a}, spec: {}}":                                                                                         "!has(object.spec.replicas)",
	} {
		policies := policyOf + "  validations: [{expression: \"" + want + "\"}, {expression: 'false', message: judged}]\n---\n" + bindingOf + "  validationActions: [Deny]\n"
		if got := judged(t, policies, text); len(got) != 1 || !strings.Contains(got[0], "judged") {
			t.Errorf("%s: %q", text, got)
		}
	}
}
