package reliability

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// PDBMissing reports services all of whose pods a drain of nodes may stop at once.
var PDBMissing = &lint.Rule{
	ID: "pdb-missing", Summary: "service without a PodDisruptionBudget", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{
		"kube-score": {"deployment-has-poddisruptionbudget", "statefulset-has-poddisruptionbudget"}, "polaris": {"missingPodDisruptionBudget"},
	},
	Docs: docs,
	Run: func(pass *lint.Pass) {
		inNamespace := map[string]*kube.Index[service]{}
		all := services(pass, "Deployment", "StatefulSet", "Rollout")
		for _, s := range all {
			if inNamespace[s.Namespace] == nil {
				inNamespace[s.Namespace] = &kube.Index[service]{}
			}
			inNamespace[s.Namespace].Add(s, s.labels)
		}
		protected := map[*lint.Resource]bool{}
		for _, b := range budgetsOf(pass.Bundle) {
			if in := inNamespace[b.Namespace]; in != nil && !b.void {
				for s := range in.Selected(b.selector) {
					protected[s.Resource] = true // or it may be
				}
			}
		}
		for _, s := range all {
			if n, known := s.replicas(); known && n < 2 || protected[s.Resource] {
				continue // a budget for one pod only blocks drains
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
	Docs: docs, Remedy: oneUnavailable,
	Run: func(pass *lint.Pass) {
		running := runningPods(pass.Bundle)
		for _, b := range budgetsOf(pass.Bundle) {
			const help = "use maxUnavailable: 1"
			most, least := b.Get("spec", "maxUnavailable"), b.Get("spec", "minAvailable")
			if isZero(most) {
				pass.Reportf(most, "%s allows no pod to be unavailable: their nodes cannot be drained", b).Help = help
				continue
			}
			percent, isPercent := percentage(least)
			if isPercent && percent >= 100 {
				pass.Reportf(least, "%s requires every pod to be available: their nodes cannot be drained", b).Help = help
				continue
			}
			wanted, ok := least.Int()
			if !ok && !isPercent {
				continue
			}
			workloads, have, known := b.counted(running)
			if isPercent {
				wanted = (have*percent + 99) / 100 // the controller rounds up
			}
			if !known || have == 0 || wanted < have {
				continue
			}
			wants := plural(wanted, "pod")
			if isPercent {
				wants = fmt.Sprintf("%s of the pods, which is %d,", least.Value(), wanted)
			}
			var f *lint.Finding
			if w := workloads[0]; len(workloads) == 1 {
				f = pass.Reportf(least, "%s requires %s to be available and %s has %s: no pod can be evicted", b, wants, w.owner, w.count())
			} else {
				f = pass.Reportf(least, "%s requires %s to be available and the %d workloads that it selects have %d in all: no pod can be evicted", b, wants, len(workloads), have)
			}
			f.Help = help
			for _, w := range workloads {
				f.Relate("workload", w.scale.Node, "the number of replicas")
			}
		}
	},
}

// A running is a pod template and how many pods of it there are.
type running struct {
	owner  *lint.Resource
	labels kube.LabelSet
	scale  kube.Scale
}

func (w *running) count() string {
	if w.scale.Autoscaler != nil {
		return fmt.Sprintf("at least %d", w.scale.Least)
	}
	return strconv.FormatInt(w.scale.Least, 10)
}

// runningPods indexes the pods of a bundle, by namespace, for budgets to count.
func runningPods(b *lint.Bundle) map[string]*kube.Index[*running] {
	all := map[string]*kube.Index[*running]{}
	add := func(r *lint.Resource, pods []*lint.PodSpec, scale kube.Scale) {
		for _, pod := range pods {
			if all[r.Namespace] == nil {
				all[r.Namespace] = &kube.Index[*running]{}
			}
			l := kube.PodLabels(pod)
			all[r.Namespace].Add(&running{r, l, scale}, l)
		}
	}
	for _, r := range b.Resources {
		if t := kube.TemplateOf(r); t != nil {
			add(r, t.PodSpecs(), kube.ScaleOf(r))
			continue
		}
		pods := r.PodSpecs()
		if len(pods) == 0 || kube.RolloutOf(r) != nil || r.Kind == "PodTemplate" {
			continue
		}
		switch scale := kube.ScaleOf(r); r.Kind {
		case "Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Rollout", "DeploymentConfig":
			scale.Known = scale.Known && len(pods) == 1 && !pods[0].Partial
			add(r, pods, scale)
		case "Pod":
			add(r, pods, kube.Scale{Node: r.Root, Least: 1, Known: true})
		default:
			add(r, pods, kube.Scale{})
		}
	}
	return all
}

// counted returns the workloads whose pods a budget counts, how many there are of them
// all, and whether that is known: the controller adds up what each of them wants
// (https://kubernetes.io/docs/tasks/run-application/configure-pdb/).
func (b *budget) counted(all map[string]*kube.Index[*running]) (found []*running, have int64, known bool) {
	pods := all[b.Namespace]
	if b.void || pods == nil {
		return nil, 0, false
	}
	known = true
	for w := range pods.Selected(b.selector) {
		sure := b.selector.Matches(kube.LabelSet{Labels: w.labels.Labels})
		if known = known && sure && w.scale.Known; !known {
			return nil, 0, false
		}
		if w.scale.Least > 0 {
			found, have = append(found, w), have+w.scale.Least
		}
	}
	return found, have, true
}

// percentage reads a whole number of percent.
func percentage(n *lint.Node) (int64, bool) {
	digits, ok := strings.CutSuffix(n.Value(), "%")
	percent, err := strconv.ParseInt(digits, 10, 32)
	return percent, ok && err == nil
}

// plural counts things: 1 pod, 2 pods.
func plural(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// PDBPolicy reports budgets that say nothing.
var PDBPolicy = &lint.Rule{
	ID: "pdb-policy", Summary: "PodDisruptionBudget without minAvailable and maxUnavailable", Severity: lint.Low, Group: "reliability",
	Peers: map[string][]string{"kube-score": {"poddisruptionbudget-has-policy"}}, Docs: docs, Remedy: limitDrains,
	Run: func(pass *lint.Pass) {
		for _, b := range budgetsOf(pass.Bundle) {
			most, least := b.Get("spec", "maxUnavailable"), b.Get("spec", "minAvailable")
			if most.IsNull() && least.IsNull() {
				pass.Reportf(most, "%s sets neither minAvailable nor maxUnavailable", b).Help = "add maxUnavailable: 1"
			}
		}
	},
}

// PDBEvictionPolicy reports budgets that keep broken pods, and with them their nodes.
var PDBEvictionPolicy = &lint.Rule{
	ID: "pdb-eviction-policy", Summary: "PodDisruptionBudget that protects pods that do not run", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-linter": {"pdb-unhealthy-pod-eviction-policy"}}, Docs: docs, Remedy: evictBroken,
	Run: func(pass *lint.Pass) {
		for _, b := range budgetsOf(pass.Bundle) {
			if n := b.Get("spec", "unhealthyPodEvictionPolicy"); n.Value() != "AlwaysAllow" && b.Version == "v1" {
				pass.Reportf(n, "%s also protects pods that are not ready: a broken workload keeps its nodes from being drained", b).Help = "set unhealthyPodEvictionPolicy: AlwaysAllow"
			}
		}
	},
}
