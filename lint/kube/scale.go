package kube

import (
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Newest is the newest minor version of Kubernetes that rules know.
const Newest = 37

// Minor returns the minor version of Kubernetes that the bundle is for; the newest where it
// names none.
func Minor(b *lint.Bundle) int {
	parts := strings.Split(strings.TrimPrefix(b.KubeVersion, "v"), ".")
	if len(parts) < 2 || parts[0] != "1" {
		return Newest
	}
	minor, err := strconv.Atoi(strings.TrimRight(parts[1], "+"))
	if err != nil {
		return Newest
	}
	return minor
}

// Before reports whether the bundle is for a version of Kubernetes before 1.minor.
func Before(b *lint.Bundle, minor int) bool { return Minor(b) < minor }

// A Scale is how many pods a workload keeps.
type Scale struct {
	// Node is where the number is set: spec.replicas, or minReplicas of the Autoscaler.
	Node *lint.Node
	// Least is the number of pods that it keeps at the least, and Known whether that is known.
	Least int64
	Known bool
	// Autoscaler decides between Least and more; nil where nothing does.
	Autoscaler *lint.Resource
}

// ScaleOf returns how many pods a workload of a kind with spec.replicas keeps. For a
// Rollout that runs the template of another workload that is its own pods and, unless
// it scales the other down, those of the other.
func ScaleOf(r *lint.Resource) Scale {
	s := ownScale(r)
	if t := TemplateOf(r); t != nil && t.Kind != "PodTemplate" && slices.Contains([]string{"", "never"}, r.Get("spec", "workloadRef", "scaleDown").Value()) {
		beside := ownScale(t)
		s.Least, s.Known = s.Least+beside.Least, s.Known && beside.Known
	}
	return s
}

func ownScale(r *lint.Resource) Scale {
	if a := AutoscalerOf(r); a != nil {
		s := Scale{Node: a.Get(leastReplicas[a.Kind]...), Autoscaler: a}
		if s.Least, s.Known = s.Node.Int(); s.Node.IsNull() {
			s.Known = true
			if a.Kind == "HorizontalPodAutoscaler" {
				s.Least = 1
			}
		}
		return s
	}
	s := Scale{Node: r.Get("spec", "replicas")}
	if s.Least, s.Known = s.Node.Int(); s.Node.IsNull() {
		s.Least, s.Known = 1, true
	}
	return s
}

// leastReplicas are where autoscalers say how many pods they keep at the least: KEDA's
// keep none where they do not say it.
var leastReplicas = map[string][]string{
	"HorizontalPodAutoscaler": {"spec", "minReplicas"},
	"ScaledObject":            {"spec", "minReplicaCount"},
	"HTTPScaledObject":        {"spec", "replicas", "min"},
}

// Idle reports whether a workload is scaled to zero and nothing in its bundle scales it
// up: no KEDA, no autoscaler that goes down to zero itself, no Rollout that runs its template.
func Idle(r *lint.Resource) bool {
	if rollout := RolloutOf(r); rollout != nil && !Idle(rollout) {
		return false
	}
	replicas, set := r.Get("spec", "replicas").Int()
	return set && replicas == 0 && !wakes(r)
}

// wakes reports whether something scales a workload up from zero. A
// HorizontalPodAutoscaler leaves it alone unless zero is its own least number, which
// Kubernetes allows from 1.37 on
// (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/,
// https://keda.sh/docs/latest/reference/scaledobject-spec/).
func wakes(r *lint.Resource) bool {
	a := AutoscalerOf(r)
	if a == nil {
		return false
	}
	least, set := a.Get("spec", "minReplicas").Int()
	return a.Kind != "HorizontalPodAutoscaler" || set && least == 0 && !Before(r.Bundle, 37)
}

// AutoscalerOf returns the object that decides how many pods a workload keeps: a
// HorizontalPodAutoscaler, or an object of KEDA. Nil where the bundle has none.
func AutoscalerOf(r *lint.Resource) *lint.Resource {
	return scalesOf(r.Bundle).autoscalers[named(r)]
}

// RolloutOf returns the Rollout of Argo that runs the template of a workload in its place
// (https://argo-rollouts.readthedocs.io/en/stable/migrating/), or nil.
func RolloutOf(r *lint.Resource) *lint.Resource {
	return scalesOf(r.Bundle).rollouts[named(r)]
}

// TemplateOf returns the workload of the bundle whose template a Rollout runs by its
// workloadRef; nil for one that has a template of its own, and for any other object.
func TemplateOf(r *lint.Resource) *lint.Resource {
	if !r.Is("argoproj.io", "Rollout") || r.Get("spec", "template").IsMapping() {
		return nil
	}
	t := targetOf(r, r.Get("spec", "workloadRef"), "")
	if t.kind == "Rollout" {
		return nil // the controller refuses it
	}
	return r.Bundle.Lookup(t.group, t.kind, r.Namespace, t.name)
}

// scales is what of a bundle's objects decides the number of others' pods.
type scales struct {
	autoscalers map[target]*lint.Resource
	rollouts    map[target]*lint.Resource
}

type target struct{ namespace, group, kind, name string }

func scalesOf(b *lint.Bundle) *scales { return lint.Shared(b, findScales) }

func findScales(b *lint.Bundle) *scales {
	s := &scales{autoscalers: map[target]*lint.Resource{}, rollouts: map[target]*lint.Resource{}}
	for _, r := range b.OfKind("HorizontalPodAutoscaler", "ScaledObject", "HTTPScaledObject") {
		ref, standard := r.Get("spec", "scaleTargetRef"), ""
		switch r.Group {
		case "autoscaling":
		case "keda.sh", "http.keda.sh":
			standard = "apps"
		default:
			continue
		}
		if t := targetOf(r, ref, standard); s.autoscalers[t] == nil {
			s.autoscalers[t] = r
		}
	}
	for _, r := range b.OfKind("Rollout") {
		if t := TemplateOf(r); t != nil {
			s.rollouts[named(t)] = r
		}
	}
	return s
}

// targetOf reads a reference to a workload of the namespace. Of its apiVersion the group
// alone counts; standard is what KEDA takes where there is none, with the kind.
func targetOf(r *lint.Resource, ref *lint.Node, standard string) target {
	t := target{r.Namespace, GroupOf(ref.Get("apiVersion").Value()), ref.Get("kind").Value(), ref.Get("name").Value()}
	if standard != "" && t.kind == "" {
		t.kind = "Deployment"
	}
	if standard != "" && !ref.Get("apiVersion").IsScalar() {
		t.group = standard
	}
	t.group = served(r.Bundle, t.group)
	return t
}

// named is how others name a workload.
func named(r *lint.Resource) target {
	return target{r.Namespace, served(r.Bundle, r.Group), r.Kind, r.Name}
}

// served returns the name of a group of workloads, of which there were two up to Kubernetes 1.15.
func served(b *lint.Bundle, group string) string {
	if group == "extensions" && Before(b, 16) {
		return "apps"
	}
	return group
}

// GroupOf returns the group of an apiVersion: "" for v1.
func GroupOf(apiVersion string) string {
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return ""
	}
	return group
}
