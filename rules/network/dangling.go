package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// The dangling rules report what points at nothing in its bundle. A bundle is
// seldom all that a cluster runs, so each rule speaks up only where the bundle
// holds what could have been meant: pods, or Services, in that very namespace,
// and no custom resource whose controller may make more of them.

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
		m := modelOf(pass.Bundle)
		for _, p := range m.policies {
			if p.wide || p.selected > 0 || p.layer == firewallLayer || !m.complete(p.namespace) {
				continue
			}
			n := p.res.Get("spec", "podSelector")
			for _, field := range []string{"endpointSelector", "selector"} {
				if !n.Exists() {
					n = p.res.Get("spec", field)
				}
			}
			if !n.Exists() {
				n = p.res.Get("metadata", "name")
			}
			f := pass.Reportf(n, "%s selects no pod in this bundle: %s", p.res, m.nearest(p.namespace, p.pods))
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
		m := modelOf(pass.Bundle)
		for _, p := range m.policies {
			if p.layer != policyLayer || p.res.Group != "networking.k8s.io" && p.res.Group != "extensions" {
				continue
			}
			for _, d := range directions {
				for _, r := range p.sides[d].rules {
					for _, peer := range r.node.Get(d.peers()).Items() {
						pods := peer.Get("podSelector")
						namespace, known := peerNamespace(p, peer.Get("namespaceSelector"))
						if s := parseSelector(pods); pods.IsMapping() && known && len(r.node.Get(d.peers()).Items()) == 1 && m.complete(namespace) && !m.any(namespace, s) {
							f := pass.Reportf(pods, "%s has a peer that selects no pod in this bundle: %s", p.res, m.nearest(namespace, s))
							f.Help = "select labels that the pods' templates carry, or add a namespaceSelector if the pods live elsewhere"
						}
					}
				}
			}
		}
	},
}

// peerNamespace returns the one namespace that a peer is about, if it is one.
func peerNamespace(p *policy, spaces *lint.Node) (string, bool) {
	if spaces.IsNull() {
		return p.namespace, true
	}
	s := parseSelector(spaces)
	if len(s) == 1 && s[0].key == metadataName && s[0].op == "In" && len(s[0].values) == 1 {
		return s[0].values[0], true
	}
	return "", false
}

// complete reports whether the bundle holds pods of a namespace and nothing
// that may make more of them.
func (m *model) complete(namespace string) bool {
	return m.byName[namespace] != nil && !m.makers[namespace]
}

func (m *model) any(namespace string, s selector) bool {
	for range m.byName[namespace].selected(s) {
		return true
	}
	return false
}

// nearest says why a selector fails: what the pods have in place of the first
// label that none carries.
func (m *model) nearest(namespace string, s selector) string {
	for _, r := range s {
		if m.any(namespace, selector{r}) {
			continue
		}
		var have []string
		for _, w := range m.byName[namespace].workloads {
			if v, ok := w.labels.labels[r.key]; ok && !slices.Contains(have, v) {
				have = append(have, v)
			}
		}
		if len(have) > 4 {
			have = append(have[:3], "…")
		}
		switch {
		case r.op != "In":
			return fmt.Sprintf("no pod satisfies %s %s", r.key, strings.TrimSpace(r.op+" "+strings.Join(r.values, ", ")))
		case len(have) == 0:
			return fmt.Sprintf("no pod is labelled %s", r.key)
		}
		return fmt.Sprintf("no pod is labelled %s: %s; pods have %s", r.key, strings.Join(r.values, " or "), strings.Join(have, ", "))
	}
	if len(s) == 0 {
		return "no pod fits its selector"
	}
	return "no pod has all its labels"
}

// makesPods reports whether an object's controller may make pods, or Services,
// that the bundle does not show.
func makesPods(r *lint.Resource) bool {
	if len(r.PodSpecs()) > 0 || r.IsClusterScoped() || !strings.Contains(r.Group, ".") || strings.HasSuffix(r.Group, ".k8s.io") && !strings.HasSuffix(r.Group, ".x-k8s.io") {
		return false
	}
	switch r.Kind {
	case "ServiceMonitor", "PodMonitor", "PrometheusRule", "Probe", "ScrapeConfig", "AlertmanagerConfig", "AppProject",
		"CiliumNetworkPolicy", "NetworkPolicy", "EgressFirewall", "EgressNetworkPolicy", "Route", "VirtualService", "DestinationRule",
		"Gateway", "ServiceEntry", "Sidecar", "PeerAuthentication", "AuthorizationPolicy", "RequestAuthentication", "EnvoyFilter",
		"Certificate", "Issuer", "ExternalSecret", "SecretStore", "SealedSecret", "PushSecret", "IngressRoute", "Middleware",
		"VerticalPodAutoscaler", "ScaledObject", "TriggerAuthentication", "Policy", "GitRepository", "HelmRepository", "OCIRepository",
		"BackendConfig", "FrontendConfig", "ManagedCertificate", "PodMonitoring", "TargetGroupBinding", "SecretProviderClass",
		"VolumeSnapshot", "GrafanaDashboard", "Backup", "Schedule":
		return false
	}
	return true
}

func danglingRule(id, summary string, peers map[string][]string, run func(*lint.Pass)) *lint.Rule {
	return &lint.Rule{ID: id, Summary: summary, Severity: lint.Low, Group: "validity", Peers: peers, Docs: docs, Run: run}
}

// DanglingService reports Services whose selector fits no pod.
var DanglingService = danglingRule("dangling-service", "Service selects no pod",
	map[string][]string{"kube-linter": {"dangling-service"}, "kube-score": {"service-targets-pod"}, "kubescape": {"C-0293"}},
	func(pass *lint.Pass) {
		m := modelOf(pass.Bundle)
		for _, r := range pass.Resources("Service") {
			n := r.Get("spec", "selector")
			s := equalities(n)
			if r.Group != "" || len(s) == 0 || r.Get("spec", "type").Value() == "ExternalName" || !m.complete(home(r)) || m.any(home(r), s) {
				continue
			}
			pass.Reportf(n, "%s selects no pod in this bundle: %s", r, m.nearest(home(r), s)).Help = "select labels that the pods' templates carry"
		}
	})

// DanglingPDB reports PodDisruptionBudgets whose selector fits no pod.
var DanglingPDB = danglingRule("dangling-pdb", "PodDisruptionBudget selects no pod", nil,
	func(pass *lint.Pass) {
		m := modelOf(pass.Bundle)
		for _, r := range pass.Resources("PodDisruptionBudget") {
			n := r.Get("spec", "selector")
			s := parseSelector(n)
			if r.Group != "policy" || !n.IsMapping() || len(s) == 0 || !m.complete(home(r)) || m.any(home(r), s) {
				continue
			}
			pass.Reportf(n, "%s selects no pod in this bundle and protects nothing: %s", r, m.nearest(home(r), s)).Help = "select labels that the pods' templates carry"
		}
	})

// DanglingHPA reports HorizontalPodAutoscalers whose target is missing.
var DanglingHPA = danglingRule("dangling-hpa", "HorizontalPodAutoscaler scales nothing",
	map[string][]string{"kube-linter": {"dangling-horizontalpodautoscaler"}, "kube-score": {"horizontalpodautoscaler-has-target"}, "kubescape": {"C-0300"}},
	func(pass *lint.Pass) {
		m := modelOf(pass.Bundle)
		for _, r := range pass.Resources("HorizontalPodAutoscaler") {
			ref := r.Get("spec", "scaleTargetRef")
			kind, name := ref.Get("kind").Value(), ref.Get("name").Value()
			if r.Group != "autoscaling" || kind == "" || name == "" || !m.complete(home(r)) {
				continue
			}
			group, _, versioned := strings.Cut(ref.Get("apiVersion").Value(), "/")
			if !versioned {
				group = ""
			}
			found, near := false, ""
			for _, w := range m.byName[home(r)].workloads {
				t := w.resource()
				if t.Name == name && t.Kind == kind {
					found = found || t.Group == group || group == "extensions" && t.Group == "apps" || !ref.Get("apiVersion").Exists()
					near = "; the bundle has one of " + t.APIVersion()
				} else if near == "" && t.Name == name {
					near = "; the bundle has " + t.String()
				}
			}
			if !found {
				pass.Reportf(ref.Get("name"), "%s scales %s %q, which is not in this bundle%s", r, kind, name, near).Help = "name a workload of the same namespace, with its kind and apiVersion"
			}
		}
	})

// DanglingServiceMonitor reports ServiceMonitors that select no Service, and
// PodMonitors that select no pod, of their own namespace.
var DanglingServiceMonitor = danglingRule("dangling-servicemonitor", "ServiceMonitor selects no Service, or PodMonitor no pod",
	map[string][]string{"kube-linter": {"dangling-servicemonitor"}},
	func(pass *lint.Pass) {
		m := modelOf(pass.Bundle)
		for _, r := range pass.Resources("ServiceMonitor", "PodMonitor") {
			spec, n := r.Get("spec"), r.Get("spec", "selector")
			s := parseSelector(n)
			if r.Group != "monitoring.coreos.com" || len(s) == 0 || !m.complete(home(r)) || !ownNamespace(r, spec.Get("namespaceSelector")) {
				continue
			}
			if r.Kind == "PodMonitor" {
				if !m.any(home(r), s) {
					pass.Reportf(n, "%s selects no pod in this bundle: %s", r, m.nearest(home(r), s)).Help = "select labels that the pods' templates carry"
				}
				continue
			}
			services, found := 0, false
			for _, service := range pass.Resources("Service") {
				if service.Group == "" && home(service) == home(r) {
					services++
					found = found || s.matches(labelSet{labels: service.Labels()})
				}
			}
			if services > 0 && !found {
				pass.Reportf(n, "%s selects no Service in this bundle", r).Help = "select labels that the Service carries in its own metadata"
			}
		}
	})

func ownNamespace(r *lint.Resource, n *lint.Node) bool {
	if n.IsNull() {
		return true
	}
	names := n.Get("matchNames").Strings()
	return !n.Get("any").IsTrue() && (len(names) == 0 || len(names) == 1 && names[0] == r.Namespace)
}

// serviceNamed returns a Service and whether a missing one is missing for sure:
// the bundle has other Services in that namespace and nothing that may make more.
func (m *model) serviceNamed(b *lint.Bundle, namespace, name string) (service *lint.Resource, sure bool) {
	for _, r := range b.OfKind("Service") {
		if r.Group == "" && home(r) == namespace {
			if r.Name == name {
				return r, true
			}
			sure = true
		}
	}
	return nil, sure && !m.makers[namespace]
}

// DanglingIngress reports backends of Ingresses whose Service, or its port, is missing.
var DanglingIngress = danglingRule("dangling-ingress", "Ingress backend names a Service, or a port, that is not there",
	map[string][]string{"kube-linter": {"dangling-ingress"}, "kube-score": {"ingress-targets-service"}, "kubescape": {"C-0298"}},
	func(pass *lint.Pass) {
		m := modelOf(pass.Bundle)
		for _, r := range pass.Resources("Ingress") {
			if r.Group != "networking.k8s.io" && r.Group != "extensions" {
				continue
			}
			seen := map[string]bool{}
			for _, backend := range ingressBackends(r) {
				name, port := backend.Get("service", "name"), backend.Get("service", "port", "number")
				if named := backend.Get("service", "port", "name"); named.IsScalar() {
					port = named
				}
				if !name.Exists() {
					name, port = backend.Get("serviceName"), backend.Get("servicePort")
				}
				if !name.IsScalar() || seen[name.Value()+" "+port.Value()] || port.Value() == "use-annotation" {
					continue
				}
				seen[name.Value()+" "+port.Value()] = true
				service, sure := m.serviceNamed(pass.Bundle, home(r), name.Value())
				switch {
				case service == nil && sure:
					pass.Reportf(name, "%s sends to Service %q, which is not in this bundle", r, name.Value()).Help = "name a Service of the same namespace"
				case service != nil && port.IsScalar() && !hasPort(service, port.Value()):
					f := pass.Reportf(port, "%s sends to port %s of %s, which has no such port", r, port.Value(), service)
					f.Relate("service", service.Get("spec", "ports"), "the ports of "+service.String())
				}
			}
		}
	})

func ingressBackends(r *lint.Resource) []*lint.Node {
	all := []*lint.Node{r.Get("spec", "defaultBackend"), r.Get("spec", "backend")}
	for _, rule := range r.Get("spec", "rules").Items() {
		for _, path := range rule.Get("http", "paths").Items() {
			all = append(all, path.Get("backend"))
		}
	}
	return all
}

func hasPort(service *lint.Resource, port string) bool {
	ports := service.Get("spec", "ports").Items()
	if service.Get("spec", "type").Value() == "ExternalName" && len(ports) == 0 {
		return true
	}
	for _, p := range ports {
		if p.Get("port").Value() == port || p.Get("name").Value() == port {
			return true
		}
	}
	return false
}

// DanglingGateway reports routes of the Gateway API whose backend Service is
// missing, or whose parent's listener is.
var DanglingGateway = danglingRule("dangling-gateway", "Gateway API route names a Service, or a listener, that is not there",
	map[string][]string{"kubescape": {"C-0302"}},
	func(pass *lint.Pass) {
		m := modelOf(pass.Bundle)
		for _, r := range pass.Resources("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute") {
			if r.Group != "gateway.networking.k8s.io" {
				continue
			}
			for _, rule := range r.Get("spec", "rules").Items() {
				for _, ref := range rule.Get("backendRefs").Items() {
					reportBackend(pass, m, r, ref)
				}
			}
			for _, ref := range r.Get("spec", "parentRefs").Items() {
				reportParent(pass, r, ref)
			}
		}
	})

func reportBackend(pass *lint.Pass, m *model, r *lint.Resource, ref *lint.Node) {
	if ref.Get("group").Value() != "" || ref.Get("kind").IsScalar() && ref.Get("kind").Value() != "Service" || !ref.Get("name").IsScalar() {
		return
	}
	namespace := home(r)
	if other := ref.Get("namespace").Value(); other != "" && other != r.Namespace {
		namespace = other
	}
	service, sure := m.serviceNamed(pass.Bundle, namespace, ref.Get("name").Value())
	switch port := ref.Get("port"); {
	case service == nil && sure:
		pass.Reportf(ref.Get("name"), "%s sends to Service %q, which is not in this bundle", r, ref.Get("name").Value()).Help = "name a Service, with its namespace if it is another"
	case service != nil && port.IsScalar() && !hasPort(service, port.Value()):
		f := pass.Reportf(port, "%s sends to port %s of %s, which has no such port", r, port.Value(), service)
		f.Relate("service", service.Get("spec", "ports"), "the ports of "+service.String())
	}
}

func reportParent(pass *lint.Pass, r *lint.Resource, ref *lint.Node) {
	gateway := parentOf(pass.Bundle, r, ref)
	section := ref.Get("sectionName")
	if gateway == nil || !section.IsScalar() {
		return
	}
	for _, l := range gateway.Get("spec", "listeners").Items() {
		if l.Get("name").Value() == section.Value() {
			return
		}
	}
	f := pass.Reportf(section, "%s names listener %q, which %s does not have", r, section.Value(), gateway)
	f.Relate("gateway", gateway.Get("spec", "listeners"), "the listeners of "+gateway.String())
}
