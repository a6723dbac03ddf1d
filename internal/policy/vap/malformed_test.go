package vap

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

const whole = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: team-policy
spec:
  failurePolicy: Fail
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    matchPolicy: Equivalent
    namespaceSelector: {matchExpressions: [{key: tier, operator: In, values: [gold]}]}
    objectSelector: {matchLabels: {app: web}}
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments], scope: "*"}
    excludeResourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], resourceNames: [x]}
  matchConditions:
  - {name: a, expression: object.metadata.name != 'x'}
  variables:
  - {name: pod, expression: object.spec.template.spec}
  validations:
  - {expression: "variables.pod.containers.all(c, c.image.startsWith(params.data.registry))", message: no, messageExpression: "'no ' + object.metadata.name", reason: Forbidden}
  auditAnnotations:
  - {key: a, valueExpression: "'x'"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: team-binding
spec:
  policyName: team-policy
  validationActions: [Deny]
  paramRef: {name: limits, namespace: shop, parameterNotFoundAction: Deny}
  matchResources: {namespaceSelector: {matchLabels: {tier: gold}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: shop}
data: {registry: registry.example/}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata:
  name: side
spec:
  variables: [{name: n, expression: object.metadata.name}]
  mutations:
  - {patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{}"}}
`

// Whatever stands in place of any part of policies or objects, nothing panics, and nothing
// that is read from them but is not there is invented.
func TestMalformedPoliciesAndObjects(t *testing.T) {
	if got := judged(t, whole, objects); len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), "19 high team-policy: no web") {
		t.Fatalf("%q", got)
	}
	odd := []string{"null", "x", "{a: b}", "7", "[[null]]", "1.5e400"}
	count := 0
	for _, text := range [][2]string{{whole, objects}, {objects, whole}} {
		parts := strings.Split(text[0], "---\n")
		for i, part := range parts {
			paths := 0
			walk(t, part, -1, "", &paths)
			for at := range paths {
				for _, o := range odd {
					changed := append([]string{}, parts...)
					changed[i] = walk(t, part, at, o, new(int))
					policies, others := strings.Join(changed, "---\n"), text[1]
					if text[0] == objects {
						policies, others = text[1], policies
					}
					count++
					safely(t, policies, others)
				}
			}
		}
	}
	if count < 800 {
		t.Errorf("%d changes alone", count)
	}
}

// safely judges and reports a panic, which the engine would make an error, too.
func safely(t *testing.T, policies, objects string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v\n%s\n---\n%s", p, policies, objects)
		}
	}()
	src := lint.NewSource("policies.yaml", []byte(policies))
	docs, _ := lint.ParseYAML(src)
	var all []*lint.Resource
	for _, doc := range docs {
		all = append(all, lint.NewResources(doc, lint.FileLocator{Source: src})...)
	}
	lint.NewBundle(lint.Rendering{Kind: "file", Root: "."}, "", all)
	found := Policies(all, nil, "")
	other := lint.NewSource("a.yaml", []byte(objects))
	var judged []*lint.Resource
	docs, _ = lint.ParseYAML(other)
	for _, doc := range docs {
		judged = append(judged, lint.NewResources(doc, lint.FileLocator{Source: other})...)
	}
	b := lint.NewBundle(lint.Rendering{Kind: "file", Root: "."}, "", judged)
	for _, o := range found.Own {
		report := linttest.Check([]*lint.Bundle{b}, o.Rule)
		for _, e := range report.Errors {
			if strings.Contains(e.Message, "please report this") {
				t.Errorf("%v\n%s\n---\n%s", e, policies, objects)
			}
		}
	}
}

// walk returns a document with the value at one of its places, in order, replaced; it counts
// the places.
func walk(t *testing.T, text string, at int, by string, count *int) string {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	var replacement yaml.Node
	if by != "" {
		if err := yaml.Unmarshal([]byte(by), &replacement); err != nil {
			t.Fatal(err)
		}
	}
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				continue
			}
			if *count == at {
				n.Content[i] = replacement.Content[0]
			}
			*count++
			visit(child)
		}
	}
	visit(doc.Content[0])
	out, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(fmt.Errorf("%s at %d: %w", by, at, err))
	}
	return string(out)
}
