package validity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// manyDangling is n pods of one namespace that share a label, and n objects of
// each kind that may dangle, all of which do.
func manyDangling(n int) *lint.Source {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `apiVersion: v1
kind: Pod
metadata: {name: p%[1]d, namespace: shop, labels: {app: p%[1]d, part: shop}}
spec: {containers: [{name: c, image: registry.example/c:1}]}
---
apiVersion: v1
kind: Service
metadata: {name: s%[1]d, namespace: shop, labels: {app: s%[1]d, part: shop}}
spec: {selector: {part: shop, app: gone%[1]d}, ports: [{port: 80}]}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: m%[1]d, namespace: shop}
spec: {selector: {matchLabels: {part: shop, app: gone%[1]d}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: b%[1]d, namespace: shop}
spec: {minAvailable: 1, selector: {matchLabels: {app: gone%[1]d}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: h%[1]d, namespace: shop}
spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: gone%[1]d}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i%[1]d, namespace: shop}
spec: {defaultBackend: {service: {name: gone%[1]d, port: {number: 80}}}}
---
`, i)
	}
	return lint.NewSource("many.yaml", []byte(b.String()))
}

var manyDanglingRules = []*lint.Rule{DanglingService, DanglingServiceMonitor, DanglingPDB, DanglingHPA, DanglingIngress}

func TestDanglingRulesReportEveryObject(t *testing.T) {
	const n = 20
	bundle := linttest.Bundle(t, manyDangling(n))
	for _, rule := range manyDanglingRules {
		report := linttest.Check([]*lint.Bundle{bundle}, rule)
		if len(report.Findings) != n {
			t.Errorf("%s reported %d of %d objects", rule.ID, len(report.Findings), n)
		}
	}
}

// BenchmarkDangling measures the dangling rules over 3,000 objects of each kind. Next to
// the parsing of these they are cheap: a rule that examined every pod, or Service,
// for each object would take many times as long.
func BenchmarkDangling(b *testing.B) {
	src := manyDangling(3000)
	var parsing, running time.Duration
	for b.Loop() {
		start := time.Now()
		bundle := linttest.Bundle(b, src)
		parsed := time.Now()
		for _, rule := range manyDanglingRules {
			rule.Run(&lint.Pass{Rule: rule, Bundle: bundle})
		}
		parsing, running = parsing+parsed.Sub(start), running+time.Since(parsed)
	}
	b.ReportMetric(float64(running.Milliseconds())/float64(b.N), "ms-rules/op")
	b.ReportMetric(running.Seconds()/parsing.Seconds(), "rules/parsing")
}
