package custom

import (
	"fmt"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// expressions are what teams ask of workloads.
var expressions = []string{
	"has(object.metadata.labels.team)", "object.spec.replicas > 1", "container.image.startsWith('registry.example/')",
	"!has(container.securityContext.privileged) || container.securityContext.privileged == false",
	"object.spec.template.spec.containers.all(c, c.image.contains('@sha256:'))", "object.metadata.name.matches('^[a-z0-9-]+$')",
	"container.resources.limits.memory == container.resources.requests.memory",
	"!has(object.spec.template.spec.volumes) || object.spec.template.spec.volumes.all(v, !has(v.hostPath))",
	"quantity(container.resources.limits.memory).isLessThan(quantity('1Gi'))",
	"object.spec.selector.matchLabels.all(k, k in object.spec.template.metadata.labels)",
}

// fifty returns fifty rules, none of which finds anything in [deployments].
func fifty(tb testing.TB) []*lint.Rule {
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "- id: own-%d\n  match: {kinds: [Deployment]}\n  expression: |-\n    %s\n", i, expressions[i%len(expressions)])
	}
	all, errs := config.ParseCustom(lint.NewSource("rules.yaml", []byte(text.String())))
	own, more := Rules(all, nil, "")
	if len(errs)+len(more) > 0 {
		tb.Fatal(errs, more)
	}
	return (&config.Config{Own: own}).OwnRules()
}

// deployments returns manifests of n Deployments.
func deployments(n int) *lint.Source {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%[1]d
  namespace: shop
  labels: {app: web-%[1]d, team: a}
spec:
  replicas: 3
  selector: {matchLabels: {app: web-%[1]d}}
  template:
    metadata: {labels: {app: web-%[1]d}}
    spec:
      containers:
      - name: web
        image: registry.example/web@sha256:%[2]s
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
        env: [{name: A, value: b}, {name: C, value: d}]
      - name: side
        image: registry.example/side@sha256:%[2]s
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`, i, strings.Repeat("a", 64))
	}
	return lint.NewSource("a.yaml", []byte(text.String()))
}

// BenchmarkFiftyRules runs fifty rules over 2,000 objects that are parsed.
func BenchmarkFiftyRules(b *testing.B) {
	rules := fifty(b)
	src := deployments(2000)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		bundle := linttest.Bundle(b, src)
		b.StartTimer()
		for _, r := range rules {
			r.Run(lint.NewPass(r, bundle, nil))
		}
	}
}

// BenchmarkCompile compiles fifty rules.
func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		fifty(b)
	}
}
