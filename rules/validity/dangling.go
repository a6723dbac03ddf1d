package validity

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/netpol"
)

// The dangling rules report what points at nothing in its bundle. A bundle is
// seldom all that a cluster runs, so each rule speaks up only where the bundle
// holds what could have been meant: pods, or Services, in that very namespace,
// and no custom resource whose controller may make more of them.

func danglingRule(id, summary string, peers map[string][]string, run func(*lint.Pass)) *lint.Rule {
	return &lint.Rule{ID: id, Summary: summary, Severity: lint.Low, Group: "validity", Peers: peers, Docs: docs, Run: run}
}

// DanglingService reports Services whose selector fits no pod.
var DanglingService = danglingRule("dangling-service", "Service selects no pod",
	map[string][]string{"kube-linter": {"dangling-service"}, "kube-score": {"service-targets-pod"}, "kubescape": {"C-0293"}},
	func(pass *lint.Pass) {
		m, d := netpol.ModelOf(pass.Bundle), netpol.DirectoryOf(pass.Bundle)
		for _, r := range pass.Resources("Service") {
			n := r.Get("spec", "selector")
			s := kube.Equalities(n)
			if r.Group != "" || r.Get("spec", "type").Value() == "ExternalName" || !d.Dangles(m, kube.Home(r), s) {
				continue
			}
			pass.Reportf(n, "%s selects no pod in this bundle: %s", r, m.Nearest(kube.Home(r), s)).Help = "select labels that the pods' templates carry"
		}
	})

// DanglingPDB reports PodDisruptionBudgets whose selector fits no pod. Without a
// selector none does; in policy/v1beta1 an empty one fits none, too
// (https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/pod-disruption-budget-v1/).
var DanglingPDB = danglingRule("dangling-pdb", "PodDisruptionBudget selects no pod", nil,
	func(pass *lint.Pass) {
		m, d := netpol.ModelOf(pass.Bundle), netpol.DirectoryOf(pass.Bundle)
		for _, r := range pass.Resources("PodDisruptionBudget") {
			n := r.Get("spec", "selector")
			s := kube.ParseSelector(n)
			switch {
			case r.Group != "policy":
			case n.IsNull() && r.Get("spec").IsMapping():
				pass.Reportf(n, "%s has no selector and protects nothing", r).Help = "select the labels that the pods' templates carry; selector: {} selects every pod of the namespace"
			case r.Version == "v1beta1" && n.IsMapping() && len(n.Fields()) == 0:
				pass.Reportf(n, "%s has an empty selector and protects nothing: in policy/v1beta1 it selects no pod", r).Help = "use policy/v1, or select the labels that the pods' templates carry"
			case d.Dangles(m, kube.Home(r), s):
				pass.Reportf(n, "%s selects no pod in this bundle and protects nothing: %s", r, m.Nearest(kube.Home(r), s)).Help = "select labels that the pods' templates carry"
			}
		}
	})

// DanglingHPA reports HorizontalPodAutoscalers whose target is missing.
var DanglingHPA = danglingRule("dangling-hpa", "HorizontalPodAutoscaler scales nothing",
	map[string][]string{"kube-linter": {"dangling-horizontalpodautoscaler"}, "kube-score": {"horizontalpodautoscaler-has-target"}, "kubescape": {"C-0300"}},
	func(pass *lint.Pass) {
		m, d := netpol.ModelOf(pass.Bundle), netpol.DirectoryOf(pass.Bundle)
		for _, r := range pass.Resources("HorizontalPodAutoscaler") {
			ref := r.Get("spec", "scaleTargetRef")
			kind, name := ref.Get("kind").Value(), ref.Get("name").Value()
			if r.Group != "autoscaling" || kind == "" || name == "" || kube.IsTemplated(kind+name) {
				continue
			}
			if why, help := unscalable(pass.Bundle, ref); why != "" {
				n := ref.Get("apiVersion")
				if help == "" {
					n, help = ref.Get("kind"), "name a Deployment, a StatefulSet or another workload with a number of replicas"
				}
				pass.Reportf(n, "%s scales %s %q %s", r, kind, name, why).Help = help
				continue
			}
			if !d.Complete(m, kube.Home(r)) || d.IsOfGateway(kube.Home(r), name) {
				continue
			}
			group := kube.GroupOf(ref.Get("apiVersion").Value())
			found, near := pass.Bundle.Lookup(group, kind, r.Namespace, name) != nil, ""
			for _, t := range d.Targets[[2]string{kube.Home(r), name}] {
				if t.Kind == kind {
					found = found || t.Group == group || group == "extensions" && t.Group == "apps"
					near = "; the bundle has one of " + t.APIVersion()
				} else if near == "" {
					near = "; the bundle has " + t.String()
				}
			}
			if !found {
				pass.Reportf(ref.Get("name"), "%s scales %s %q, which is not in this bundle%s", r, kind, name, near).Help = "name a workload of the same namespace, with its kind and apiVersion"
			}
		}
	})

// scalable are the kinds of Kubernetes that have a number of replicas, by their group; of
// the others among its workloads none has.
var scalable = map[string]string{"Deployment": "apps", "ReplicaSet": "apps", "StatefulSet": "apps", "ReplicationController": ""}

// unscalable says why what an autoscaler names resolves to nothing in any cluster, and what
// to write; "" where it may resolve. The controller searches for the group and the kind
// alone, so that an old version of the group is as good as a new one
// (k8s.io/kubernetes/pkg/controller/podautoscaler, scaleForResourceMappings).
func unscalable(b *lint.Bundle, ref *lint.Node) (why, help string) {
	apiVersion, kind := ref.Get("apiVersion").Value(), ref.Get("kind").Value()
	group := kube.GroupOf(apiVersion)
	if !kube.IsBuiltin(group) || kube.IsTemplated(apiVersion) || group == "extensions" && kube.Before(b, 16) {
		return "", ""
	}
	for known := range scalable {
		if kind != known && strings.EqualFold(kind, known) {
			return "by a kind that does not exist: the kind is " + known, ""
		}
	}
	if home, ok := scalable[kind]; ok && home != group {
		right := "v1"
		if home != "" {
			right = home + "/v1"
		}
		why = "without an apiVersion, so it finds no workload"
		if apiVersion != "" {
			why = "of " + apiVersion + ", which has no such kind"
		}
		return why, "write apiVersion: " + right
	}
	if slices.Contains([]string{"DaemonSet", "Job", "CronJob", "Pod"}, kind) {
		return "which cannot be scaled: the kind has no replicas", ""
	}
	return "", ""
}

// DanglingServiceMonitor reports ServiceMonitors that select no Service, and
// PodMonitors that select no pod, of the namespaces that they name, else of their own.
var DanglingServiceMonitor = danglingRule("dangling-servicemonitor", "ServiceMonitor selects no Service, or PodMonitor no pod",
	map[string][]string{"kube-linter": {"dangling-servicemonitor"}},
	func(pass *lint.Pass) {
		m, d := netpol.ModelOf(pass.Bundle), netpol.DirectoryOf(pass.Bundle)
		for _, r := range pass.Resources("ServiceMonitor", "PodMonitor") {
			n := r.Get("spec", "selector")
			s, namespaces := kube.ParseSelector(n), monitored(r)
			if r.Group != "monitoring.coreos.com" || len(s) == 0 || len(namespaces) == 0 || slices.ContainsFunc(s, kube.Requirement.IsTemplated) {
				continue
			}
			if r.Kind == "PodMonitor" {
				if !slices.ContainsFunc(namespaces, func(ns string) bool { return !d.Dangles(m, ns, s) }) {
					pass.Reportf(n, "%s selects no pod in this bundle: %s", r, m.Nearest(namespaces[0], s)).Help = "select labels that the pods' templates carry"
				}
				continue
			}
			if !slices.ContainsFunc(namespaces, func(ns string) bool {
				return !d.Complete(m, ns) || d.Makers[ns] || d.Services[ns] == nil || d.Services[ns].Any(s)
			}) {
				pass.Reportf(n, "%s selects no Service in this bundle", r).Help = "select labels that the Service carries in its own metadata"
			}
		}
	})

// monitored returns the namespaces that a monitor selects in; none for any.
func monitored(r *lint.Resource) []string {
	n := r.Get("spec", "namespaceSelector")
	names := n.Get("matchNames").Strings()
	switch {
	case n.Get("any").IsTrue():
		return nil
	case len(names) == 0:
		return []string{kube.Home(r)}
	}
	for i, name := range names {
		if name == r.Namespace {
			names[i] = kube.Home(r)
		}
	}
	return names
}

// DanglingIngress reports backends of Ingresses whose Service, or its port, is missing.
var DanglingIngress = danglingRule("dangling-ingress", "Ingress backend names a Service, or a port, that is not there",
	map[string][]string{"kube-linter": {"dangling-ingress"}, "kube-score": {"ingress-targets-service"}, "kubescape": {"C-0298"}},
	func(pass *lint.Pass) {
		d := netpol.DirectoryOf(pass.Bundle)
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
				service, sure := d.Service(kube.Home(r), name.Value())
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
	if kube.IsTemplated(port) || service.Get("spec", "type").Value() == "ExternalName" && len(ports) == 0 {
		return true
	}
	return slices.ContainsFunc(ports, func(p *lint.Node) bool {
		number, name := p.Get("port").Value(), p.Get("name").Value()
		return number == port || name == port || kube.IsTemplated(number) || kube.IsTemplated(name)
	})
}

// DanglingGateway reports routes of the Gateway API whose backend Service is
// missing, or whose parent's listener is.
var DanglingGateway = danglingRule("dangling-gateway", "Gateway API route names a Service, or a listener, that is not there",
	map[string][]string{"kubescape": {"C-0302"}},
	func(pass *lint.Pass) {
		d := netpol.DirectoryOf(pass.Bundle)
		for _, r := range pass.Resources("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute") {
			if r.Group != "gateway.networking.k8s.io" {
				continue
			}
			for _, rule := range r.Get("spec", "rules").Items() {
				for _, ref := range rule.Get("backendRefs").Items() {
					reportBackend(pass, d, r, ref)
				}
			}
			for _, ref := range r.Get("spec", "parentRefs").Items() {
				reportParent(pass, r, ref)
			}
		}
	})

func reportBackend(pass *lint.Pass, d *netpol.Directory, r *lint.Resource, ref *lint.Node) {
	if ref.Get("group").Value() != "" || ref.Get("kind").IsScalar() && ref.Get("kind").Value() != "Service" || !ref.Get("name").IsScalar() {
		return
	}
	namespace := kube.Home(r)
	if other := ref.Get("namespace").Value(); other != "" && other != r.Namespace {
		namespace = other
	}
	service, sure := d.Service(namespace, ref.Get("name").Value())
	switch port := ref.Get("port"); {
	case service == nil && sure:
		pass.Reportf(ref.Get("name"), "%s sends to Service %q, which is not in this bundle", r, ref.Get("name").Value()).Help = "name a Service, with its namespace if it is another"
	case service != nil && port.IsScalar() && !hasPort(service, port.Value()):
		f := pass.Reportf(port, "%s sends to port %s of %s, which has no such port", r, port.Value(), service)
		f.Relate("service", service.Get("spec", "ports"), "the ports of "+service.String())
	}
}

func reportParent(pass *lint.Pass, r *lint.Resource, ref *lint.Node) {
	parent := kube.ParentOf(pass.Bundle, r, ref)
	if parent == nil {
		return
	}
	listeners := parent.Get("spec", "listeners")
	for _, by := range []struct{ ref, field, what string }{{"sectionName", "name", "listener %q"}, {"port", "port", "port %s"}} {
		n := ref.Get(by.ref)
		if !n.IsScalar() || kube.IsTemplated(n.Value()) || slices.ContainsFunc(listeners.Items(), func(l *lint.Node) bool { return l.Get(by.field).Value() == n.Value() }) {
			continue
		}
		f := pass.Reportf(n, "%s names "+by.what+", which %s does not have", r, n.Value(), parent)
		f.Relate("gateway", listeners, "the listeners of "+parent.String())
		return
	}
}
