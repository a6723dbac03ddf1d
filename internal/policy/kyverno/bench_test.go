package kyverno

import (
	"fmt"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// BenchmarkJudge judges 200 Pods by rules that they keep; one operation is one rule and object.
func BenchmarkJudge(b *testing.B) {
	var objects strings.Builder
	for i := range 200 {
		fmt.Fprintf(&objects, "---\n%s", strings.Replace(podOf, "name: web", fmt.Sprintf("name: web%d", i), 1))
	}
	for name, validate := range map[string]string{
		"pattern": "{message: no, pattern: {spec: {=(initContainers): [{image: 'registry.example/*'}], containers: [{image: '*:*', =(securityContext): {=(privileged): false}}]}}}",
		"deny":    "{message: no, deny: {conditions: {all: [{key: \"{{ request.object.spec.hostPID || `false` }}\", operator: Equals, value: true}]}}}",
		"foreach": "{message: no, foreach: [{list: request.object.spec.containers, deny: {conditions: {all: [{key: '{{ element.image }}', operator: Equals, value: none}]}}}]}",
	} {
		b.Run(name, func(b *testing.B) {
			found := Policies(linttest.Bundle(b, lint.NewSource("policies.yaml", []byte(clusterPolicyOf(validate)))).Resources, nil, "")
			bundle := []*lint.Bundle{linttest.Bundle(b, lint.NewSource("a.yaml", []byte(objects.String())))}
			if report := linttest.Check(bundle, found.Own[0].Rule); len(report.Findings) > 0 {
				b.Fatal(report.Findings[0])
			}
			b.ResetTimer()
			for range b.N/200 + 1 {
				linttest.Check(bundle, found.Own[0].Rule)
			}
		})
	}
}
