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
	pod    *lint.PodSpec
	labels labels.Set // of its pods
}

// services returns the workloads of the kinds; all that run for good where none is named.
func services(pass *lint.Pass, kinds ...string) []service {
	if len(kinds) == 0 {
		kinds = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "DeploymentConfig", "Rollout"}
	}
	var all []service
	for _, r := range pass.Resources(kinds...) {
		if pods := r.PodSpecs(); len(pods) == 1 && !pods[0].Partial {
			all = append(all, service{r, pods[0], pods[0].Labels()})
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

// A scene is what the rules of this package look up of a bundle, built once.
type scene struct {
	autoscalers map[target]*lint.Resource
	budgets     []*budget
	byNamespace map[string][]*budget
}

// A target is what an autoscaler names.
type target struct{ namespace, kind, name string }

// A budget is a PodDisruptionBudget.
type budget struct {
	*lint.Resource
	selector labels.Selector // nil where it selects nothing
}

func sceneOf(b *lint.Bundle) *scene { return lint.Shared(b, buildScene) }

func buildScene(b *lint.Bundle) *scene {
	sc := &scene{autoscalers: map[target]*lint.Resource{}, byNamespace: map[string][]*budget{}}
	for _, a := range b.OfKind("HorizontalPodAutoscaler", "ScaledObject") {
		ref := a.Get("spec", "scaleTargetRef")
		t := target{a.Namespace, ref.Get("kind").Value(), ref.Get("name").Value()}
		if t.kind == "" && a.Kind == "ScaledObject" {
			t.kind = "Deployment"
		}
		if sc.autoscalers[t] == nil {
			sc.autoscalers[t] = a
		}
	}
	for _, r := range b.OfKind("PodDisruptionBudget") {
		if r.Group != "policy" {
			continue
		}
		one := &budget{Resource: r}
		// An empty selector selects every pod in policy/v1, and none in policy/v1beta1.
		if n := r.Get("spec", "selector"); !n.IsNull() && (r.Version != "v1beta1" || len(n.Fields()) > 0) {
			one.selector = selectorOf(n)
		}
		sc.budgets = append(sc.budgets, one)
		sc.byNamespace[r.Namespace] = append(sc.byNamespace[r.Namespace], one)
	}
	return sc
}

// autoscaler returns the object that scales a workload, or nil.
func autoscaler(pass *lint.Pass, r *lint.Resource) *lint.Resource {
	return sceneOf(pass.Bundle).autoscalers[target{r.Namespace, r.Kind, r.Name}]
}

// protects reports whether a budget counts the pods of a service.
func (b *budget) protects(s service) bool {
	return b.selector != nil && b.Namespace == s.Namespace && b.selector.Matches(s.labels)
}

// selectorOf reads a LabelSelector; nil for a broken one, which selects nothing.
func selectorOf(n *lint.Node) labels.Selector {
	s := &metav1.LabelSelector{MatchLabels: n.Get("matchLabels").StringMap()}
	for _, e := range n.Get("matchExpressions").Items() {
		s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: e.Get("key").Value(), Operator: metav1.LabelSelectorOperator(e.Get("operator").Value()), Values: e.Get("values").Strings(),
		})
	}
	parsed, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil
	}
	return parsed
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
