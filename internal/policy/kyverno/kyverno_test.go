package kyverno

import (
	"fmt"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

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

// clusterPolicyOf makes a policy of one rule about Pods; validate is in flow style.
func clusterPolicyOf(validate string) string {
	return "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: team\nspec:\n  validationFailureAction: Enforce\n  rules:\n" +
		"  - name: one\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate: " + validate + "\n"
}

const podOf = `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  labels:
    app.kubernetes.io/name: web
spec:
  hostNetwork: true
  containers:
  - name: a
    image: registry.example/a:1
    resources: {limits: {memory: 2Gi, cpu: 500m}}
  - name: b
    image: nginx:latest
    ports:
    - containerPort: 8080
      hostPort: 80
  volumes:
  - name: data
    hostPath: {path: /var/run/docker.sock}
  - name: tmp
    emptyDir: {}
`

// Each construct of a pattern, with the line of the finding; 0 for none.
func TestPatterns(t *testing.T) {
	for pattern, line := range map[string]int{
		"{spec: {hostNetwork: false}}":                                                                9,
		"{spec: {hostNetwork: true}}":                                                                 0,
		"{spec: {=(hostNetwork): false}}":                                                             9,
		"{spec: {=(hostPID): false}}":                                                                 0,
		"{spec: {X(hostNetwork): null}}":                                                              9,
		"{spec: {X(hostPID): null}}":                                                                  0,
		"{spec: {hostPID: false}}":                                                                    8,
		"{metadata: {labels: {team: '?*'}}}":                                                          6,
		"{metadata: {labels: {app.kubernetes.io/name: '?*'}}}":                                        0,
		"{metadata: {labels: {app.kubernetes.io/*: '?*'}}}":                                           0,
		"{metadata: {labels: {example.com/*: '?*'}}}":                                                 6,
		"{metadata: {labels: {app.kubernetes.io/name: 'x|web'}}}":                                     0,
		"{metadata: {annotations: {a: b}}}":                                                           3,
		"{spec: {containers: [{image: 'registry.example/*'}]}}":                                       15,
		"{spec: {containers: [{image: '!*:latest'}]}}":                                                15,
		"{spec: {containers: [{image: '*:*'}]}}":                                                      0,
		"{spec: {containers: [{(image): 'registry.example/*', name: b}]}}":                            11,
		"{spec: {containers: [{(image): 'none/*', name: z}]}}":                                        0,
		"{spec: {containers: [{(name): b, resources: {limits: {memory: '?*'}}}]}}":                    14,
		"{spec: {containers: [{=(ports): [{=(hostPort): 0}]}]}}":                                      18,
		"{spec: {containers: [{=(ports): [{=(hostPort): '>=80 & <=80'}]}]}}":                          0,
		"{spec: {containers: [{=(ports): [{=(hostPort): '1-79'}]}]}}":                                 18,
		"{spec: {containers: [{=(ports): [{=(hostPort): '1!-79'}]}]}}":                                0,
		"{spec: {^(containers): [{name: b}]}}":                                                        0,
		"{spec: {^(containers): [{name: z}]}}":                                                        10,
		"{spec: {^(containers): ['?*']}}":                                                             10,
		"{spec: {<(hostNetwork): false, X(containers): null}}":                                        10, // anchors but global ones come first
		"{spec: {=(volumes): [{X(hostPath): null}]}}":                                                 21,
		"{spec: {=(volumes): [{(name): tmp, emptyDir: {sizeLimit: '?*'}}]}}":                          23,
		"{spec: {<(hostNetwork): false, containers: [{name: z}]}}":                                    0,
		"{spec: {containers: [{<(image): 'nginx*', name: b}]}}":                                       0,
		"{spec: {containers: [{(name): a, resources: {limits: {memory: '<=1Gi'}}}]}}":                 13,
		"{spec: {containers: [{(name): a, resources: {limits: {memory: '<=2048Mi', cpu: '<0.6'}}}]}}": 0,
		"{metadata: {name: 'web', namespace: '!shop'}}":                                               5,
		"{spec: {containers: '*'}}":                                                                   0,
		"{spec: {initContainers: '*'}}":                                                               8,
		"{spec: {containers: {name: a}}}":                                                             10,
		"{spec: {hostNetwork: [{a: b}]}}":                                                             9,
		"{metadata: {name: '{{request.object.metadata.namespace}}'}}":                                 4,
	} {
		got := judged(t, clusterPolicyOf("{message: no, pattern: "+pattern+"}"), podOf)
		want := ""
		if line > 0 {
			want = fmt.Sprintf("%d high team: no", line)
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

const workloads = `apiVersion: v1
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
  annotations: {owner: a-team}
  labels: {app: web}
spec:
  replicas: 1
  template:
    metadata:
      labels: {app: web}
    spec:
      hostPID: true
      containers:
      - name: a
        image: nginx
        securityContext:
          capabilities:
            add: [CHOWN, NET_ADMIN]
      initContainers:
      - name: i
        image: registry.example/i:1
        resources: {limits: {memory: 2Gi}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: allowed, namespace: shop}
data: {registries: '["registry.example/*"]'}
---
apiVersion: v1
kind: Service
metadata:
  name: far
  namespace: elsewhere
spec:
  type: NodePort
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
  namespace: shop
spec:
  schedule: "0 1 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          hostPID: true
          containers: [{name: a, image: a}]
---
apiVersion: v1
kind: Service
metadata:
  name: somewhere
`

// Each construct of a rule, with the lines of the findings.
func TestRules(t *testing.T) {
	const pods, services, deployments = "match: {any: [{resources: {kinds: [Pod]}}]}", "match: {resources: {kinds: [Service]}}", "match: {any: [{resources: {kinds: [apps/v1/Deployment]}}]}"
	const no = "validate: {message: no, deny: {}}"
	for name, c := range map[string]struct {
		rule string
		want []string
	}{
		"autogen of a pattern":            {pods + "\n    validate: {message: no, pattern: {spec: {=(hostPID): false}}}", []string{"20 high team: no", "56 high team: no"}},
		"autogen of a condition":          {pods + "\n    validate: {message: no, deny: {conditions: {any: [{key: '{{ request.object.spec.hostPID || `false` }}', operator: Equals, value: true}]}}}", []string{"20 high team: no", "56 high team: no"}},
		"no autogen with a name":          {"match: {any: [{resources: {kinds: [Pod], names: ['*']}}]}\n    " + no, nil},
		"kinds with wildcards":            {"match: {any: [{resources: {kinds: ['v1/S*']}}]}\n    " + no, []string{"40 high team: no", "62 high team: no"}},
		"a version":                       {"match: {any: [{resources: {kinds: [v2/Service]}}]}\n    " + no, nil},
		"a subresource":                   {"match: {any: [{resources: {kinds: [Service/status]}}]}\n    " + no, nil},
		"names":                           {"match: {any: [{resources: {kinds: ['*'], names: ['f?r', web]}}]}\n    " + no, []string{"10 high team: no", "40 high team: no"}},
		"namespaces":                      {"match: {all: [{resources: {kinds: ['*'], namespaces: [else*]}}]}\n    " + no, []string{"40 high team: no", `note policies.yaml:4:9: ClusterPolicy "team": the rule one is not judged for some objects: what it is about depends on who asks or on a namespace that the tree does not hold`}},
		"a namespace selector":            {"match: {any: [{resources: {kinds: [Deployment, Service], namespaceSelector: {matchLabels: {'tie*': 'go?d'}}}}]}\n    " + no, []string{"10 high team: no", `note policies.yaml:4:9: ClusterPolicy "team": the rule one is not judged for some objects: what it is about depends on who asks or on a namespace that the tree does not hold`}},
		"a selector":                      {"match: {any: [{resources: {kinds: ['*'], selector: {matchExpressions: [{key: app, operator: Exists}]}}}]}\n    " + no, []string{"10 high team: no"}},
		"annotations":                     {"match: {any: [{resources: {kinds: ['*'], annotations: {own*: '*-team'}}}]}\n    " + no, []string{"10 high team: no"}},
		"operations":                      {"match: {any: [{resources: {kinds: [Service], operations: [DELETE]}}, {resources: {kinds: [Service], names: [far], operations: [CREATE, UPDATE]}}]}\n    " + no, []string{"40 high team: no"}},
		"exclude":                         {services + "\n    exclude: {any: [{resources: {names: [far]}}]}\n    " + no, []string{"62 high team: no"}},
		"exclude all":                     {services + "\n    exclude: {all: [{resources: {names: [far]}}, {resources: {kinds: [Pod]}}]}\n    " + no, []string{"40 high team: no", "62 high team: no"}},
		"who asks":                        {"match: {any: [{resources: {kinds: [Service]}, subjects: [{kind: User, name: a}]}]}\n    " + no, []string{`note policies.yaml:4:9: ClusterPolicy "team": the rule one is not judged for some objects: what it is about depends on who asks or on a namespace that the tree does not hold`}},
		"preconditions":                   {services + "\n    preconditions: {all: [{key: '{{ request.operation }}', operator: In, value: [CREATE, UPDATE]}, {key: '{{ request.object.spec.type || `x` }}', operator: NotEquals, value: x}]}\n    " + no, []string{"40 high team: no"}},
		"old preconditions":               {services + "\n    preconditions: [{key: '{{ request.object.metadata.name }}', operator: Equals, value: f*}]\n    " + no, []string{"40 high team: no"}},
		"a condition's value":             {services + "\n    validate: {message: 'no {{ request.object.metadata.name }}', deny: {conditions: {all: [{key: \"{{ request.object.spec.type || '' }}\", operator: Equals, value: NodePort}]}}}", []string{"43 high team: no far"}},
		"numbers":                         {deployments + "\n    validate: {message: no, deny: {conditions: {any: [{key: '{{ request.object.spec.replicas }}', operator: LessThan, value: 2}]}}}", []string{"15 high team: no"}},
		"an item":                         {pods + "\n    validate: {message: no, deny: {conditions: {all: [{key: '{{ request.object.spec.containers[].securityContext.capabilities.add[] }}', operator: AnyNotIn, value: [CHOWN, KILL]}]}}}", []string{"26 high team: no"}},
		"all in":                          {pods + "\n    validate: {message: no, deny: {conditions: {all: [{key: [NET_ADMIN], operator: AllIn, value: '{{ request.object.spec.containers[].securityContext.capabilities.add[] }}'}]}}}", []string{"21 high team: no"}},
		"foreach":                         {pods + "\n    validate: {message: no, foreach: [{list: 'request.object.spec.[containers, initContainers][]', pattern: {image: '*:*'}}]}", []string{"23 high team: no", "57 high team: no"}},
		"foreach with conditions":         {pods + "\n    validate: {foreach: [{list: request.object.spec.initContainers, preconditions: {any: [{key: '{{ element.name }}', operator: Equals, value: i}]}, deny: {conditions: {any: [{key: '{{ element.resources.limits.memory }}', operator: GreaterThan, value: 1Gi, message: '{{ element.name }} is too large'}]}}}]}", []string{"30 high team: i is too large"}},
		"nested foreach":                  {pods + "\n    validate: {message: 'no {{ element }}', foreach: [{list: request.object.spec.containers, foreach: [{list: element0.securityContext.capabilities.add, deny: {conditions: {any: [{key: '{{ element1 }}', operator: Equals, value: NET_*}]}}}]}]}", []string{"26 high team: no {\"image\":\"nginx\",\"name\":\"a\",\"securityContext\":{\"capabilities\":{\"add\":[\"CHOWN\",\"NET_ADMIN\"]}}}"}},
		"a list that is not there":        {services + "\n    validate: {message: no, foreach: [{list: request.object.spec.none, pattern: {a: b}}]}", nil},
		"anyPattern":                      {pods + "\n    validate: {message: no, anyPattern: [{spec: {hostNetwork: true}}, {spec: {containers: [{image: 'registry.example/*'}]}}]}", []string{"23 high team: no", "57 high team: no"}},
		"a variable":                      {deployments + "\n    context: [{name: wanted, variable: {value: {n: 2}}}, {name: n, variable: {jmesPath: request.object.spec.replicas}}, {name: d, variable: {jmesPath: request.object.spec.none, default: 5}}]\n    validate: {message: '{{ n }} {{ d }}', deny: {conditions: {all: [{key: '{{ n }}', operator: LessThan, value: '{{ wanted.n }}'}]}}}", []string{"15 high team: 1 5"}},
		"a ConfigMap":                     {pods + "\n    context: [{name: map, configMap: {name: allowed, namespace: '{{ request.namespace }}'}}]\n    validate: {message: no, foreach: [{list: request.object.spec.containers, deny: {conditions: {all: [{key: '{{ element.image }}', operator: AnyNotIn, value: '{{ map.data.registries | parse_json(@) }}'}]}}}]}", []string{"23 high team: no", "57 high team: no"}},
		"a ConfigMap that is not there":   {deployments + "\n    context: [{name: map, configMap: {name: none}}]\n    validate: {message: no, deny: {conditions: {all: [{key: a, operator: Equals, value: '{{ map.data.a }}'}]}}}", []string{`note policies.yaml:4:9: ClusterPolicy "team": the rule one is not judged for some objects: that depends on the ConfigMap default/none, which the tree does not hold`}},
		"an API call":                     {deployments + "\n    context: [{name: all, apiCall: {urlPath: /api/v1/pods}}]\n    validate: {message: no, deny: {conditions: {all: [{key: '{{ all.items | length(@) }}', operator: GreaterThan, value: 1}]}}}", []string{`note policies.yaml:4:9: ClusterPolicy "team": the rule one is not judged for some objects: that depends on an API call (context all)`}},
		"who asks, in a variable":         {deployments + "\n    validate: {message: no, deny: {conditions: {all: [{key: '{{ request.userInfo.username }}', operator: Equals, value: a}]}}}", []string{`note policies.yaml:4:9: ClusterPolicy "team": the rule one is not judged for some objects: that depends on who asks`}},
		"the time":                        {deployments + "\n    validate: {message: no, deny: {conditions: {all: [{key: '{{ time_now() }}', operator: Equals, value: a}]}}}", []string{`note policies.yaml:4:9: ClusterPolicy "team": the rule one is not judged for some objects: that depends on the time`}},
		"images":                          {pods + "\n    validate: {message: no, deny: {conditions: {all: [{key: '{{ images.containers.*.registry }}', operator: AnyNotIn, value: registry.example}]}}}", []string{"23 high team: no", "57 high team: no"}},
		"a field that is not there":       {services + "\n    validate: {message: no, deny: {conditions: {all: [{key: '{{ request.object.metadata.labels.app }}', operator: Equals, value: a}]}}}", []string{`39 high team: the rule one cannot be evaluated, which refuses the object: the field "labels" is not set`, `61 high team: the rule one cannot be evaluated, which refuses the object: the field "labels" is not set`}},
		"a namespace that nobody knows":   {services + "\n    validate: {message: no, pattern: {metadata: {namespace: '!elsewhere'}}}", []string{"41 high team: no", `note policies.yaml:4:9: ClusterPolicy "team": the rule one is not judged for some objects: that depends on the namespace that it is deployed to`}},
		"an action":                       {services + "\n    validate: {failureAction: Audit, message: no, deny: {}}", []string{"40 low team: no", "62 low team: no"}},
		"an action of a namespace":        {services + "\n    validate: {failureAction: Enforce, failureActionOverrides: [{action: Audit, namespaces: [else*]}], message: no, deny: {}}", []string{"40 low team: no", "62 high team: no"}},
		"no message":                      {services + "\n    validate: {pattern: {spec: {=(type): ClusterIP}}}", []string{`43 high team: the rule one fails: it does not match "ClusterIP"`, `62 high team: the rule one fails: a mapping is expected`}},
		"an element's field is not there": {pods + "\n    validate: {message: no, foreach: [{list: request.object.spec.containers, pattern: {resources: {limits: {memory: '?*'}}}}]}", []string{"22 high team: no", "57 high team: no"}},
		"a key that is substituted":       {deployments + "\n    validate: {message: no, pattern: {metadata: {labels: {'{{ request.object.metadata.name }}': x}}}}", []string{"13 high team: no"}},
		"a variable in a variable":        {deployments + "\n    context: [{name: field, variable: {value: replicas}}]\n    validate: {message: no, deny: {conditions: {any: [{key: '{{ request.object.spec.{{ field }} }}', operator: Equals, value: 1}]}}}", []string{"15 high team: no"}},
	} {
		got := judged(t, "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: team\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: one\n    "+c.rule+"\n", workloads)
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
