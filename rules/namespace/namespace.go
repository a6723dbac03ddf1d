// Package namespace holds the rules about namespaces: what lives in those that
// belong to Kubernetes, and what a namespace lets its pods do and use. A
// namespace that only the deploy decides is never judged.
package namespace

import (
	"embed"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	Default,
	KubeSystem,
	ResourceQuota,
	LimitRange,
}

var core = []lint.Profile{lint.ProfileDefault}

// Default reports objects in the namespace called default (CIS 5.7.4).
var Default = &lint.Rule{
	ID:         "default-namespace",
	Summary:    "object in the default namespace",
	Severity:   lint.Low,
	Group:      "namespace",
	Profiles:   core,
	References: []string{"CIS 5.7.4", "CIS 5.7.1"},
	Peers: map[string][]string{
		"kube-linter": {"use-namespace"}, "trivy": {"KSV-0110"}, "checkov": {"CKV_K8S_21"}, "kubescape": {"C-0061", "C-0212"},
	},
	Docs: docs,
	Run: func(pass *lint.Pass) {
		released := false
		for _, r := range pass.Resources() {
			if r.Namespace != "default" || r.IsClusterScoped() || isOfCluster(r) {
				continue
			}
			const help = "give each application a namespace of its own"
			switch written := r.Get("metadata", "namespace"); {
			case written.Exists():
				pass.Reportf(written, "%s is in the default namespace", r).Help = help
			case !released:
				// The whole bundle is released there: once is enough.
				released = true
				pass.Reportf(written, "%s and everything else in this bundle without a namespace is deployed to the default namespace", r).Help = help
			}
		}
	},
}

// ofCluster are the objects that controllers make in the namespace default: of every
// namespace its service account and certificates (those of OpenShift and Istio, too), and
// the Service of the API server with what is behind it. They can be nowhere else.
var ofCluster = map[[2]string][]string{
	{"", "ServiceAccount"}:                {"default"},
	{"", "ConfigMap"}:                     {"kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert"},
	{"", "Service"}:                       {"kubernetes"},
	{"", "Endpoints"}:                     {"kubernetes"},
	{"discovery.k8s.io", "EndpointSlice"}: {"kubernetes"},
}

func isOfCluster(r *lint.Resource) bool {
	return slices.Contains(ofCluster[[2]string{r.Group, r.Kind}], r.Name) ||
		r.Is("", "Secret") && r.Get("type").Value() == "kubernetes.io/service-account-token" && strings.HasPrefix(r.Name, "default-token-")
}

// KubeSystem reports workloads in the namespaces of Kubernetes itself (KSV-0037).
var KubeSystem = &lint.Rule{
	ID:         "kube-system-namespace",
	Summary:    "workload in a namespace of Kubernetes itself",
	Severity:   lint.Medium,
	Group:      "namespace",
	Profiles:   core,
	References: []string{"CIS 5.7.1", "NSA 1.12"},
	Peers:      map[string][]string{"trivy": {"KSV-0037"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		seen := map[*lint.Resource]bool{}
		for _, pod := range pass.PodSpecs() {
			r := pod.Resource
			class := pod.Get("priorityClassName").Value()
			if seen[r] || !isSystem(r.Namespace) || r.Namespace == "default" || class == "system-cluster-critical" || class == "system-node-critical" {
				continue
			}
			seen[r] = true
			f := pass.Reportf(r.Get("metadata", "namespace"), "%s runs in %s with the components of the cluster itself, and nothing marks it as one of them", r, r.Namespace)
			f.Help = "give it a namespace of its own, or a priorityClassName of system-cluster-critical if the cluster needs it"
		}
	},
}

// isSystem reports whether Kubernetes itself makes the namespace.
func isSystem(name string) bool {
	return name == "default" || name == "kube-system" || name == "kube-public" || name == "kube-node-lease"
}

// ResourceQuota reports namespaces without a ResourceQuota (KSV-0040).
var ResourceQuota = &lint.Rule{
	ID:         "resource-quota",
	Summary:    "namespace without a ResourceQuota",
	Severity:   lint.Low,
	Group:      "namespace",
	References: []string{"NSA 4.0"},
	Peers:      map[string][]string{"trivy": {"KSV-0040"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		lacking(pass, "ResourceQuota", "one of its workloads can use all resources of the cluster")
		unbounded(pass, "ResourceQuota", "hard", func(r *lint.Resource) []*lint.Node { return []*lint.Node{r.Get("spec", "hard")} })
	},
}

// LimitRange reports namespaces without a LimitRange (KSV-0039).
var LimitRange = &lint.Rule{
	ID:         "limit-range",
	Summary:    "namespace without a LimitRange",
	Severity:   lint.Low,
	Group:      "namespace",
	References: []string{"NSA 4.1"},
	Peers:      map[string][]string{"trivy": {"KSV-0039"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		lacking(pass, "LimitRange", "containers that set no limit are not limited")
		unbounded(pass, "LimitRange", "limits", func(r *lint.Resource) []*lint.Node {
			var lists []*lint.Node
			for _, limit := range r.Get("spec", "limits").Items() {
				if limit.Get("type").Value() == "Container" {
					lists = append(lists, limit.Get("default"), limit.Get("max"))
				}
			}
			return lists
		})
	},
}

// unbounded reports the first object of a core kind in each namespace where all of them
// together say nothing of CPU, or of memory.
func unbounded(pass *lint.Pass, kind, field string, lists func(*lint.Resource) []*lint.Node) {
	said := map[string]map[string]bool{}
	first := map[string]*lint.Resource{}
	for _, r := range pass.Resources(kind) {
		if r.Group != "" {
			continue
		}
		if first[r.Namespace] == nil {
			first[r.Namespace], said[r.Namespace] = r, map[string]bool{}
		}
		for _, list := range lists(r) {
			for _, n := range list.Fields() {
				said[r.Namespace][strings.TrimPrefix(strings.TrimPrefix(n.Name(), "requests."), "limits.")] = true
			}
		}
	}
	for _, r := range pass.Resources(kind) {
		if first[r.Namespace] != r {
			continue
		}
		var missing []string
		for _, dimension := range []string{"cpu", "memory"} {
			if !said[r.Namespace][dimension] {
				missing = append(missing, dimension)
			}
		}
		if len(missing) > 0 {
			f := pass.Reportf(r.Get("spec", field).KeyNode(), "%s does not limit %s", r, strings.Join(missing, " or "))
			f.Help = "add it, or another " + kind + " that does"
		}
	}
}

// lacking reports the namespaces of the bundle that hold no object of a core kind.
func lacking(pass *lint.Pass, kind, so string) {
	has := map[string]bool{}
	for _, r := range pass.Resources(kind) {
		has[r.Namespace] = has[r.Namespace] || r.Group == ""
	}
	if has[""] {
		return // the deploy decides which namespace it is
	}
	for _, r := range pass.Resources("Namespace") {
		if r.Group == "" && !isSystem(r.Name) && !has[r.Name] {
			f := pass.Reportf(r.Get("metadata", "name"), "namespace %q has no %s: %s", r.Name, kind, so)
			f.Whole, f.Help = true, "add a "+kind+" to the namespace"
		}
	}
}
