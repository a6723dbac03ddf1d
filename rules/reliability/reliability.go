// Package reliability holds the rules about staying up: probes, replicas,
// disruption budgets, rollouts. None is in the default profile; the group is
// enabled by its name. What an operator completes is not judged by what it lacks.
package reliability

import (
	"embed"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/manilint/manilint/lint"
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

// A service is a workload whose pods are meant to run for good.
type service struct {
	*lint.Resource
	pod *lint.PodSpec
}

// services returns the workloads of the kinds; all that run for good where none is named.
func services(pass *lint.Pass, kinds ...string) []service {
	if len(kinds) == 0 {
		kinds = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "DeploymentConfig", "Rollout"}
	}
	var all []service
	for _, r := range pass.Resources(kinds...) {
		if pods := r.PodSpecs(); len(pods) == 1 && !pods[0].Partial {
			all = append(all, service{r, pods[0]})
		}
	}
	return all
}

// replicas returns how many pods are wanted, and whether that is known: an
// autoscaler decides otherwise, and the field's default is 1.
func (s service) replicas(pass *lint.Pass) (int64, bool) {
	n := s.Get("spec", "replicas")
	if autoscaler(pass, s.Resource) != nil {
		return 0, false
	}
	if n.IsNull() {
		return 1, true
	}
	return n.Int()
}

// autoscaler returns the object that scales a workload, or nil.
func autoscaler(pass *lint.Pass, r *lint.Resource) *lint.Resource {
	for _, a := range pass.Resources("HorizontalPodAutoscaler", "ScaledObject") {
		target := a.Get("spec", "scaleTargetRef")
		kind := target.Get("kind").Value()
		if kind == "" && a.Kind == "ScaledObject" {
			kind = "Deployment"
		}
		if a.Namespace == r.Namespace && kind == r.Kind && target.Get("name").Value() == r.Name {
			return a
		}
	}
	return nil
}

// selects reports whether a LabelSelector selects labels. A broken selector selects nothing.
func selects(selector *lint.Node, set map[string]string) bool {
	s := &metav1.LabelSelector{MatchLabels: selector.Get("matchLabels").StringMap()}
	for _, e := range selector.Get("matchExpressions").Items() {
		s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: e.Get("key").Value(), Operator: metav1.LabelSelectorOperator(e.Get("operator").Value()), Values: e.Get("values").Strings(),
		})
	}
	parsed, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && parsed.Matches(labels.Set(set))
}

// isZero reports whether an IntOrString is 0 or 0%.
func isZero(n *lint.Node) bool {
	q, err := resource.ParseQuantity(trimPercent(n.Value()))
	return n.IsScalar() && err == nil && q.IsZero()
}

func trimPercent(s string) string {
	if len(s) > 1 && s[len(s)-1] == '%' {
		return s[:len(s)-1]
	}
	return s
}
