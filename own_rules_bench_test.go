//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkOwnRules is about fifty rules of one's own over 2,000 objects: ten are about every
// object, twenty about workloads and twenty about containers. It reports which part of the time
// of the processors they take.
func BenchmarkOwnRules(b *testing.B) {
	exe, err := build()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	for i := range 200 {
		write(b, app(i), dir, "apps", fmt.Sprintf("%d.yaml", i))
	}
	const workloads = "match: {kinds: [Deployment, StatefulSet, DaemonSet]}\n    "
	templates := []string{
		"expression: has(object.metadata.namespace)",
		"expression: container.image.startsWith('registry.example/')",
		workloads + "expression: object.spec.replicas > 1",
		"expression: '!has(container.securityContext.privileged) || container.securityContext.privileged == false'",
		workloads + "expression: object.spec.template.spec.containers.all(c, has(c.resources.limits.memory))",
		"expression: object.metadata.name.matches('^[a-z0-9-]+$')",
		"expression: container.env.all(e, e.name == e.name.upperAscii())",
		workloads + "expression: object.spec.selector.matchLabels.all(k, k in object.spec.template.metadata.labels)",
		"expression: quantity(container.resources.limits.memory).isLessThan(quantity('1Gi'))",
		workloads + "expression: object.spec.template.spec.?volumes.orValue([]).all(v, !has(v.hostPath))",
	}
	var rules strings.Builder
	rules.WriteString("custom:\n")
	for i := range 50 {
		fmt.Fprintf(&rules, "  - id: own-%d\n    %s\n", i, templates[i%len(templates)])
	}
	own := filepath.Join(dir, "own.yaml")
	write(b, rules.String(), own)
	var with, without costs
	for b.Loop() {
		for _, run := range []struct {
			cost *costs
			args []string
		}{{&without, []string{"--no-config"}}, {&with, []string{"--config", own}}} {
			c := exec.Command(exe, append(run.args, "--fail-on", "never", "-f", "unix", "-q", "apps")...)
			c.Dir = dir
			run.cost.add(b, c)
		}
	}
	more := median(with.cpu) - median(without.cpu)
	b.ReportMetric(100*more/median(with.cpu), "percent-of-run")
	b.ReportMetric(more*1e3, "ms-more")
}
