// Package reliability holds the rules about staying up: probes, replicas,
// disruption budgets, rollouts. None is in the default profile; the group is
// enabled by its name. What an operator completes is not judged by what it does not have.
package reliability

import (
	"embed"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	LivenessProbe, ReadinessProbe, ProbesIdentical, ProbePort,
	Replicas, HPAMinReplicas, HPAStaticReplicas,
	AntiAffinity, TopologySpread, RollingUpdate,
	PDBMissing, PDBBlocks, PDBPolicy, PDBEvictionPolicy,
	PriorityClass, RestartPolicy, CronJobDeadline, JobTTL,
}

// A service is a workload whose pods are meant to run for good. A Rollout stands for
// the workload whose template it runs.
type service struct {
	*lint.Resource
	pod    *lint.PodSpec
	labels kube.LabelSet // of its pods
}

// services returns the workloads of the kinds; all that run for good where none is named.
func services(pass *lint.Pass, kinds ...string) []service {
	if len(kinds) == 0 {
		kinds = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "DeploymentConfig", "Rollout"}
	}
	byKind := lint.Shared(pass.Bundle, findServices)
	var all []service
	for _, kind := range kinds {
		all = append(all, byKind[kind]...)
	}
	return all
}

// findServices returns the workloads of a bundle with one pod template, by kind.
func findServices(b *lint.Bundle) map[string][]service {
	byKind := map[string][]service{}
	for _, r := range b.Resources {
		pods := r.PodSpecs()
		if t := kube.TemplateOf(r); t != nil {
			pods = t.PodSpecs()
		}
		if len(pods) == 1 && !pods[0].Partial && kube.RolloutOf(r) == nil {
			byKind[r.Kind] = append(byKind[r.Kind], service{r, pods[0], kube.PodLabels(pods[0])})
		}
	}
	return byKind
}

// replicas returns how many pods are wanted, and whether that is known: an
// autoscaler decides otherwise.
func (s service) replicas() (int64, bool) {
	scale := kube.ScaleOf(s.Resource)
	return scale.Least, scale.Known && scale.Autoscaler == nil
}

// A budget is a PodDisruptionBudget.
type budget struct {
	*lint.Resource
	selector kube.Selector
	void     bool // it selects nothing
}

func budgetsOf(b *lint.Bundle) []*budget { return lint.Shared(b, findBudgets) }

func findBudgets(b *lint.Bundle) []*budget {
	var all []*budget
	for _, r := range b.OfKind("PodDisruptionBudget") {
		if r.Group != "policy" {
			continue
		}
		// An empty selector selects every pod in policy/v1, and none in policy/v1beta1.
		n := r.Get("spec", "selector")
		all = append(all, &budget{r, kube.ParseSelector(n), n.IsNull() || r.Version == "v1beta1" && len(n.Fields()) == 0})
	}
	return all
}

// isZero reports whether an IntOrString is 0 or 0%. A text without a percent sign is
// neither: the API server refuses it.
func isZero(n *lint.Node) bool {
	if v, ok := n.Int(); ok {
		return v == 0
	}
	percent, ok := percentage(n)
	return ok && percent == 0
}
