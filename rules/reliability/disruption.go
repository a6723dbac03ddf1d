package reliability

import (
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// PDBMissing reports services all of whose pods a drain of nodes may stop at once.
var PDBMissing = &lint.Rule{
	ID: "pdb-missing", Summary: "service without a PodDisruptionBudget", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{
		"kube-score": {"deployment-has-poddisruptionbudget", "statefulset-has-poddisruptionbudget"}, "polaris": {"missingPodDisruptionBudget"},
	},
	Docs: docs,
	Run: func(pass *lint.Pass) {
		budgets := sceneOf(pass.Bundle).byNamespace
		for _, s := range services(pass, "Deployment", "StatefulSet", "Rollout") {
			if n, known := s.replicas(pass); known && n < 2 {
				continue // a budget for one pod only blocks drains
			}
			if slices.ContainsFunc(budgets[s.Namespace], func(b *budget) bool { return b.protects(s) }) {
				continue
			}
			f := pass.Reportf(s.Get("metadata", "name"), "%s has no PodDisruptionBudget: draining nodes may stop all its pods at once", s.Resource)
			f.Whole, f.Help = true, "add a PodDisruptionBudget with maxUnavailable: 1"
		}
	},
}

// PDBBlocks reports budgets that never let a pod go: nodes cannot be drained.
var PDBBlocks = &lint.Rule{
	ID: "pdb-blocks", Summary: "PodDisruptionBudget that allows no disruption", Severity: lint.Low, Group: "reliability",
	Peers: map[string][]string{
		"kube-linter": {"pdb-max-unavailable", "pdb-min-available"}, "polaris": {"pdbDisruptionsIsZero", "pdbMinAvailableGreaterThanHPAMinReplicas"},
	},
	Docs: docs,
	Run: func(pass *lint.Pass) {
		const help = "use maxUnavailable: 1"
		running := map[string][]service{}
		for _, s := range services(pass, "Deployment", "StatefulSet", "ReplicaSet", "Rollout") {
			running[s.Namespace] = append(running[s.Namespace], s)
		}
		for _, b := range sceneOf(pass.Bundle).budgets {
			most, least := b.Get("spec", "maxUnavailable"), b.Get("spec", "minAvailable")
			if isZero(most) {
				pass.Reportf(most, "%s allows no pod to be unavailable: its nodes cannot be drained", b).Help = help
				continue
			}
			if percent, err := strconv.Atoi(strings.TrimSuffix(least.Value(), "%")); err == nil && strings.HasSuffix(least.Value(), "%") && percent >= 100 {
				pass.Reportf(least, "%s wants every pod to be available: its nodes cannot be drained", b).Help = help
				continue
			}
			wanted, ok := least.Int()
			if !ok {
				continue
			}
			for _, s := range running[b.Namespace] {
				if !b.protects(s) {
					continue
				}
				have, known := s.replicas(pass)
				where := s.Get("spec", "replicas")
				if a := autoscaler(pass, s.Resource); a != nil {
					where = a.Get("spec", "minReplicas")
					have, known = where.Int()
					if where.IsNull() {
						have, known = 1, a.Kind == "HorizontalPodAutoscaler"
					}
				}
				if known && have > 0 && wanted >= have {
					f := pass.Reportf(least, "%s wants %d pods available and %s has %d: none may go", b, wanted, s.Resource, have)
					f.Help = help
					f.Relate("workload", where, "the number of replicas")
				}
			}
		}
	},
}

// PDBPolicy reports budgets that say nothing.
var PDBPolicy = &lint.Rule{
	ID: "pdb-policy", Summary: "PodDisruptionBudget without minAvailable and maxUnavailable", Severity: lint.Low, Group: "reliability",
	Peers: map[string][]string{"kube-score": {"poddisruptionbudget-has-policy"}}, Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, b := range sceneOf(pass.Bundle).budgets {
			most, least := b.Get("spec", "maxUnavailable"), b.Get("spec", "minAvailable")
			if most.IsNull() && least.IsNull() {
				pass.Reportf(most, "%s says neither how many pods must be available nor how many need not", b).Help = "add maxUnavailable: 1"
			}
		}
	},
}

// PDBEvictionPolicy reports budgets that keep broken pods, and with them their nodes.
var PDBEvictionPolicy = &lint.Rule{
	ID: "pdb-eviction-policy", Summary: "PodDisruptionBudget that protects pods that do not run", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-linter": {"pdb-unhealthy-pod-eviction-policy"}}, Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, b := range sceneOf(pass.Bundle).budgets {
			if n := b.Get("spec", "unhealthyPodEvictionPolicy"); n.Value() != "AlwaysAllow" && b.Version == "v1" {
				pass.Reportf(n, "%s also protects pods that are not ready: a broken service keeps its nodes from being drained", b).Help = "set unhealthyPodEvictionPolicy: AlwaysAllow"
			}
		}
	},
}
