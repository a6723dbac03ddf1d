package network

import (
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/netpol"
)

// These rules report policies that point at nothing in their bundle. A bundle is
// seldom all that a cluster runs, so each rule speaks up only where the bundle
// holds what could have been meant: pods in that very namespace, and no custom
// resource whose controller may make more of them.

// DanglingNetworkPolicy reports namespaced policies that select no pod.
var DanglingNetworkPolicy = &lint.Rule{
	ID:         "dangling-networkpolicy",
	Summary:    "network policy selects no pod",
	Severity:   lint.Low,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K05"},
	Peers:      map[string][]string{"kube-linter": {"dangling-networkpolicy"}, "kube-score": {"networkpolicy-targets-pod"}, "kubescape": {"C-0299"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		m, d := netpol.ModelOf(pass.Bundle), netpol.DirectoryOf(pass.Bundle)
		for _, p := range m.Policies {
			if p.Wide || p.Selected > 0 || p.Tier == netpol.FirewallTier || !d.Complete(m, p.Namespace) || d.LabelledLater(m, p.Namespace, p.Pods) {
				continue
			}
			n := p.Resource.Get("spec", "podSelector")
			for _, field := range []string{"endpointSelector", "selector"} {
				if !n.Exists() {
					n = p.Resource.Get("spec", field)
				}
			}
			if !n.Exists() {
				n = p.Resource.Get("metadata", "name")
			}
			f := pass.Reportf(n, "%s selects no pod in this bundle: %s", p.Resource, m.Nearest(p.Namespace, p.Pods))
			f.Help = "select labels that the pods' templates carry"
		}
	},
}

// DanglingPeer reports peers of NetworkPolicies that select no pod. Charts are
// left alone: what they talk to is installed by others.
var DanglingPeer = &lint.Rule{
	ID:         "dangling-networkpolicy-peer",
	Summary:    "peer of a network policy selects no pod",
	Severity:   lint.Low,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K05"},
	Peers:      map[string][]string{"kube-linter": {"dangling-networkpolicypeer-podselector"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		if pass.Bundle.Rendering.Kind == "helm" {
			return
		}
		m, known := netpol.ModelOf(pass.Bundle), netpol.DirectoryOf(pass.Bundle)
		for _, p := range m.Policies {
			if p.Resource.Group != "networking.k8s.io" && p.Resource.Group != "extensions" {
				continue
			}
			for _, d := range netpol.Directions {
				for _, r := range p.Sides[d].Rules {
					for _, peer := range r.Node.Get(d.PeersField()).Items() {
						pods := peer.Get("podSelector")
						namespace, one := peerNamespace(p, peer.Get("namespaceSelector"))
						if s := kube.ParseSelector(pods); pods.IsMapping() && one && len(r.Node.Get(d.PeersField()).Items()) == 1 && known.Dangles(m, namespace, s) {
							f := pass.Reportf(pods, "%s has a peer that selects no pod in this bundle: %s", p.Resource, m.Nearest(namespace, s))
							f.Help = "select labels that the pods' templates carry, or add a namespaceSelector if the pods are in another namespace"
						}
					}
				}
			}
		}
	},
}

// peerNamespace returns the one namespace that a peer is about, if it is one.
func peerNamespace(p *netpol.Policy, spaces *lint.Node) (string, bool) {
	if spaces.IsNull() {
		return p.Namespace, true
	}
	s := kube.ParseSelector(spaces)
	if len(s) == 1 && s[0].Key == kube.MetadataName && s[0].Op == "In" && len(s[0].Values) == 1 {
		return s[0].Values[0], true
	}
	return "", false
}
