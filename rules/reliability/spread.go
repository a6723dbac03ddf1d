package reliability

import (
	"slices"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// AntiAffinity reports services whose pods may all be on one node.
var AntiAffinity = &lint.Rule{
	ID: "anti-affinity", Summary: "pods of a service may all run on one node", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{
		"kube-linter": {"no-anti-affinity"}, "kube-score": {"deployment-has-host-podantiaffinity", "statefulset-has-host-podantiaffinity"},
	},
	Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, s := range services(pass, "Deployment", "StatefulSet", "Rollout") {
			if replicas, known := s.replicas(); known && replicas < 2 {
				continue
			}
			n := s.pod.Get("affinity", "podAntiAffinity")
			terms, constraints := antiAffinityTerms(n), s.pod.Get("topologySpreadConstraints").Items()
			if slices.ContainsFunc(terms, s.isMeant) || slices.ContainsFunc(constraints, s.isSpread) {
				continue
			}
			what, help := "", "add affinity.podAntiAffinity, or topologySpreadConstraints, over kubernetes.io/hostname"
			if len(terms) > 0 {
				n, what = s.misses(terms[0])
				what, help = ": its podAntiAffinity "+what, "select the labels of its own pods, in its own namespace"
			} else if len(constraints) > 0 {
				what = ": its topologySpreadConstraints do not select them"
			}
			pass.Reportf(n, "%s has several pods and nothing keeps them from the same node%s", s.Resource, what).Help = help
		}
	},
}

// TopologySpread reports services whose pods are not spread over zones or nodes.
var TopologySpread = &lint.Rule{
	ID: "topology-spread", Summary: "pods of a service are not spread", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-score": {"pod-topology-spread-constraints"}, "polaris": {"topologySpreadConstraint"}}, Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, s := range services(pass, "Deployment", "StatefulSet", "Rollout") {
			n := s.pod.Get("topologySpreadConstraints")
			constraints := n.Items()
			if replicas, known := s.replicas(); known && replicas < 2 || slices.ContainsFunc(constraints, s.isSpread) {
				continue
			}
			if len(constraints) == 0 {
				pass.Reportf(n, "%s has several pods and no topologySpreadConstraints", s.Resource).Help = "add topologySpreadConstraints over topology.kubernetes.io/zone"
				continue
			}
			selector := constraints[0].Get("labelSelector")
			what := "select none of them"
			if selector.IsNull() {
				what = "have no labelSelector, and so select none of them"
			}
			pass.Reportf(selector, "%s has several pods, and its topologySpreadConstraints %s", s.Resource, what).Help = "select the labels of its own pods"
		}
	},
}

// antiAffinityTerms returns the terms of a podAntiAffinity, required and preferred.
func antiAffinityTerms(n *lint.Node) []*lint.Node {
	terms := n.Get("requiredDuringSchedulingIgnoredDuringExecution").Items()
	for _, preferred := range n.Get("preferredDuringSchedulingIgnoredDuringExecution").Items() {
		terms = append(terms, preferred.Get("podAffinityTerm"))
	}
	return terms
}

// isMeant reports whether a term of an anti-affinity is about the service's own pods, or
// may be: they have the labels, where it looks. Without a selector it is about none
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity).
func (s service) isMeant(term *lint.Node) bool {
	return s.isSelected(term.Get("labelSelector")) && s.isLookedAt(term) && !s.isMismatched(term)
}

// isSpread reports whether a constraint counts the service's own pods, or may. Without
// a selector it counts none
// (https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/).
func (s service) isSpread(constraint *lint.Node) bool {
	return s.isSelected(constraint.Get("labelSelector"))
}

func (s service) isSelected(selector *lint.Node) bool {
	parsed := kube.ParseSelector(selector)
	return !selector.IsNull() && (parsed.Matches(s.labels) || slices.ContainsFunc(parsed, kube.Requirement.IsTemplated))
}

// isLookedAt reports whether a term looks at the service's own namespace: the namespaces
// that it lists and those that it selects, its own where it does neither.
func (s service) isLookedAt(term *lint.Node) bool {
	listed, selector := term.Get("namespaces").Strings(), term.Get("namespaceSelector")
	if len(listed) == 0 && selector.IsNull() || s.Namespace == "" {
		return true
	}
	if slices.Contains(listed, s.Namespace) || slices.ContainsFunc(listed, kube.IsTemplated) {
		return true
	}
	return !selector.IsNull() && kube.ParseSelector(selector).Matches(kube.NamespaceLabels(s.Bundle, s.Namespace))
}

// isMismatched reports whether a term is about the pods that differ from the service's
// own in a label that all of these share.
func (s service) isMismatched(term *lint.Node) bool {
	return slices.ContainsFunc(term.Get("mismatchLabelKeys").Strings(), func(key string) bool {
		_, has := s.labels.Labels[key]
		return has
	})
}

// misses says which field of a term keeps it from the service's own pods, and how.
func (s service) misses(term *lint.Node) (field *lint.Node, how string) {
	switch selector := term.Get("labelSelector"); {
	case selector.IsNull():
		return selector, "has no labelSelector, and so selects no pod"
	case !s.isSelected(selector):
		return selector, "selects other pods"
	case s.isLookedAt(term):
		return term.Get("mismatchLabelKeys"), "selects the pods that do not have their labels"
	}
	if n := term.Get("namespaces"); len(n.Items()) > 0 {
		return n, "applies to other namespaces"
	}
	return term.Get("namespaceSelector"), "applies to other namespaces"
}
