package reliability

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// many is n workloads of one namespace, each with a Service, a budget and an autoscaler.
func many(n int) *lint.Source {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `apiVersion: apps/v1
kind: Deployment
metadata: {name: d%[1]d, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: d%[1]d}}
  template:
    metadata: {labels: {app: d%[1]d, part: shop}}
    spec: {containers: [{name: c, image: registry.example/c:1, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: d%[1]d, namespace: shop}
spec: {selector: {app: d%[1]d}, ports: [{port: 80}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: d%[1]d, namespace: shop}
spec: {minAvailable: 3, selector: {matchLabels: {part: shop, app: d%[1]d}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: d%[1]d, namespace: shop}
spec: {minReplicas: 3, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: d%[1]d}}
---
`, i)
	}
	return lint.NewSource("many.yaml", []byte(b.String()))
}

// BenchmarkRules measures the rules of the package over 1,000, 2,000 and 4,000 workloads of
// one namespace: the time for each stays what it is.
func BenchmarkRules(b *testing.B) {
	for _, n := range []int{1000, 2000, 4000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src := many(n)
			var running time.Duration
			for b.Loop() {
				bundle := linttest.Bundle(b, src)
				start := time.Now()
				for _, rule := range Rules {
					rule.Run(&lint.Pass{Rule: rule, Bundle: bundle})
				}
				running += time.Since(start)
			}
			b.ReportMetric(float64(running.Microseconds())/float64(b.N*n), "us-rules/workload")
		})
	}
}
