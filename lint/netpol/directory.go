package netpol

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
	"github.com/manilint/manilint/lint/kube"
)

// A Directory is what the dangling rules look up besides pods: Services,
// workloads by name, and what may exist though the bundle does not show it.
type Directory struct {
	Services map[string]*Services // by namespace
	Targets  map[[2]string][]*lint.Resource
	// gateways are the names of Gateways by namespace. Some controllers make a
	// Deployment and a Service for each, called after it.
	gateways map[string]map[string]bool
	Makers   map[string]bool // namespaces with objects whose controllers may make Services
	// labelling are the service accounts, by namespace and name, that may change
	// pods: the programs that run as one label themselves, as leaders do.
	labelling map[[2]string]bool
	spawning  map[string]bool // namespaces in which a program of the bundle may make pods
}

// A Services holds the Services of a namespace.
type Services struct {
	kube.Index[*lint.Resource]
	byName map[string]*lint.Resource
}

// DirectoryOf returns the directory of a bundle, built once.
func DirectoryOf(b *lint.Bundle) *Directory { return lint.Shared(b, buildDirectory) }

func buildDirectory(b *lint.Bundle) *Directory {
	d := &Directory{Services: map[string]*Services{}, Targets: map[[2]string][]*lint.Resource{}, gateways: map[string]map[string]bool{},
		Makers: map[string]bool{}, labelling: map[[2]string]bool{}, spawning: map[string]bool{}}
	d.addPrograms(b)
	for _, r := range b.Resources {
		if makesServices(r) {
			d.Makers[kube.Home(r)] = true
		}
		for _, path := range deployedTo {
			if !r.Root.Has(path...) {
				continue
			}
			if n := r.Get(path...); n.IsScalar() && !isQuiet(r) {
				d.Makers[n.Value()], d.spawning[n.Value()] = true, true
			}
		}
		switch {
		case r.Is("", "Service"):
			d.addService(r)
		case r.Is("gateway.networking.k8s.io", "Gateway"):
			if d.gateways[kube.Home(r)] == nil {
				d.gateways[kube.Home(r)] = map[string]bool{}
			}
			d.gateways[kube.Home(r)][r.Name] = true
		case len(r.PodSpecs()) > 0:
			k := [2]string{kube.Home(r), r.Name}
			d.Targets[k] = append(d.Targets[k], r)
		}
	}
	return d
}

func (d *Directory) addService(r *lint.Resource) {
	s := d.Services[kube.Home(r)]
	if s == nil {
		s = &Services{byName: map[string]*lint.Resource{}}
		d.Services[kube.Home(r)] = s
	}
	if s.byName[r.Name] == nil {
		s.byName[r.Name] = r
	}
	s.Add(r, kube.LabelSet{Labels: r.Labels()})
}

// Service returns a Service and whether a missing one is missing for sure: the
// bundle has other Services in that namespace and nothing that may make more.
func (d *Directory) Service(namespace, name string) (r *lint.Resource, sure bool) {
	s := d.Services[namespace]
	if s == nil {
		return nil, false
	}
	if r := s.byName[name]; r != nil {
		return r, true
	}
	return nil, !d.Makers[namespace] && namespace != "kube-system" && !d.IsOfGateway(namespace, name) && !kube.IsTemplated(name)
}

// IsOfGateway reports whether an object may be one that is made for a Gateway
// (https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment).
func (d *Directory) IsOfGateway(namespace, name string) bool {
	for i, c := range name {
		if c == '-' && d.gateways[namespace][name[:i]] {
			return true
		}
	}
	return false
}

// Complete reports whether the bundle holds pods of a namespace and nothing
// that may make more of them. In kube-system it never does: the cluster's own
// pods are there. Pods of helm test alone tell nothing.
func (d *Directory) Complete(m *Model, namespace string) bool {
	ns := m.ByName[namespace]
	return ns != nil && !m.makers[namespace] && !d.spawning[namespace] && namespace != "kube-system" &&
		slices.ContainsFunc(ns.Workloads, func(w *Workload) bool { return !w.Transient })
}

// Dangles reports whether a selector fits no pod of a namespace, as far as the
// bundle can tell.
func (d *Directory) Dangles(m *Model, namespace string, s kube.Selector) bool {
	return len(s) > 0 && d.Complete(m, namespace) && !m.ByName[namespace].Pods.Any(s) && !d.LabelledLater(m, namespace, s)
}

// LabelledLater reports whether what a selector requests and no template carries
// may be on pods all the same: by a tool that fills in the label, on pods that a
// controller makes, or by the pods' own programs, as Vault and Patroni label their leader
// (https://developer.hashicorp.com/vault/docs/configuration/service-registration/kubernetes).
func (d *Directory) LabelledLater(m *Model, namespace string, s kube.Selector) bool {
	var carried kube.Selector
	ns := m.ByName[namespace]
	for _, r := range s {
		if isOfControllers(r.Key) || r.IsTemplated() || ns.Pods.HasTemplated(r.Key) {
			return true
		}
		if len(ns.Pods.Values(r.Key)) > 0 || r.Op != "In" && r.Op != "Exists" {
			carried = append(carried, r)
		}
	}
	if len(carried) == len(s) || len(d.labelling) == 0 {
		return false
	}
	for w := range ns.Pods.Selected(carried) {
		if d.labelling[[2]string{namespace, w.serviceAccount}] {
			return true
		}
	}
	return false
}

// isOfControllers reports whether a label is one that controllers put on the pods
// that they make for Gateways, and cert-manager on those that answer challenges.
func isOfControllers(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	return slices.Contains([]string{"gateway.networking.k8s.io", "gateway.envoyproxy.io", "acme.cert-manager.io"}, domain) || key == "istio.io/gateway-name"
}

// addPrograms finds out what the programs of the bundle may do to pods: by the
// bindings of the service accounts that they run as. JupyterHub, Airflow, Jenkins
// and their like make pods next to themselves.
func (d *Directory) addPrograms(b *lint.Bundle) {
	over := map[*access.Role]overPods{}
	for _, a := range access.Of(b).Accounts {
		var can overPods
		makes := map[string]bool{} // where it makes pods
		for _, binding := range a.Bindings {
			for _, role := range binding.Roles {
				may, ok := over[role]
				if !ok {
					may = overPods{role.Allows("", "pods", "patch", "update"), makesWorkloads(role)}
					over[role] = may
				}
				can.changes = can.changes || may.changes
				switch {
				case may.makes && binding.Cluster():
					can.makes = true
				case may.makes && len(a.Pods) > 0:
					makes[kube.Home(binding.Resource)] = true
				}
			}
		}
		for _, pod := range a.Pods {
			home := kube.Home(pod.Resource)
			if can.changes {
				d.labelling[[2]string{home, a.Name}] = true
			}
			if can.makes {
				makes[home] = true
			}
		}
		for namespace := range makes {
			d.spawning[namespace] = true
		}
	}
}

// overPods is what a role lets its holders do to pods: change them, and make some.
type overPods struct{ changes, makes bool }

// makesWorkloads reports whether a role lets its holders make pods.
func makesWorkloads(role *access.Role) bool {
	return role.Allows("", "pods", "create") || role.Allows("batch", "jobs", "create") ||
		slices.ContainsFunc([]string{"deployments", "statefulsets", "daemonsets", "replicasets"}, func(r string) bool { return role.Allows("apps", r, "create") })
}

// deployedTo are the fields by which an object that deploys a chart or a directory
// names another namespace: of Flux's HelmRelease and Kustomization and of k3s'
// HelmChart, of Argo CD's Application and ApplicationSet, and of Crossplane's Release.
var deployedTo = [][]string{
	{"spec", "targetNamespace"}, {"spec", "destination", "namespace"}, {"spec", "template", "spec", "destination", "namespace"}, {"spec", "forProvider", "namespace"},
}

// quietGroups are API groups none of whose controllers makes pods or Services
// that another object could mean, but for the kinds named.
var quietGroups = map[string][]string{
	"networking.istio.io": {"WorkloadEntry", "WorkloadGroup"}, // Services select these, too
	"security.istio.io":   nil, "telemetry.istio.io": nil, "extensions.istio.io": nil, "policy.linkerd.io": nil, "linkerd.io": nil,
	"monitoring.coreos.com":     {"Prometheus", "PrometheusAgent", "Alertmanager", "ThanosRuler"},
	"monitoring.googleapis.com": nil, "cert-manager.io": nil, "acme.cert-manager.io": nil, "external-secrets.io": nil, "bitnami.com": nil,
	"traefik.io": nil, "traefik.containo.us": nil, "configuration.konghq.com": nil, "k8s.nginx.org": nil, "metallb.io": nil, "cilium.io": nil,
	"projectcalico.org": nil, "crd.projectcalico.org": nil, "k8s.ovn.org": nil, "network.openshift.io": nil, "route.openshift.io": nil,
	"kyverno.io": nil, "elbv2.k8s.aws": nil, "networking.gke.io": nil, "cloud.google.com": nil, "secrets-store.csi.x-k8s.io": nil,
	"gateway.networking.x-k8s.io": nil, "source.toolkit.fluxcd.io": nil, "notification.toolkit.fluxcd.io": nil, "image.toolkit.fluxcd.io": nil,
}

// quietKinds are further kinds of that sort, in any group.
var quietKinds = []string{"AppProject", "ScaledObject", "TriggerAuthentication", "HTTPProxy", "TLSCertificateDelegation", "GrafanaDashboard", "Backup", "Schedule"}

// isQuiet reports whether the controller of a kind makes neither pods nor Services
// that the bundle does not show.
func isQuiet(r *lint.Resource) bool {
	loud, quiet := quietGroups[r.Group]
	return r.IsClusterScoped() || kube.IsBuiltin(r.Group) || quiet && !slices.Contains(loud, r.Kind) || slices.Contains(quietKinds, r.Kind)
}

// makesPods reports whether an object's controller may make pods that the bundle
// does not show.
func makesPods(r *lint.Resource) bool {
	return len(r.PodSpecs()) == 0 && !isQuiet(r) && kube.TemplateOf(r) == nil
}

// podKinds are custom kinds that hold their pods' template and make no Service.
var podKinds = map[string][]string{
	"argoproj.io": {"Rollout"}, "apps.openshift.io": {"DeploymentConfig"}, "keda.sh": {"ScaledJob"},
	"apps.kruise.io": {"CloneSet", "StatefulSet", "DaemonSet", "AdvancedCronJob", "BroadcastJob"},
}

// makesServices reports whether an object's controller may make Services: also one
// that holds its pods' template, as Knative's Service does.
func makesServices(r *lint.Resource) bool {
	return !isQuiet(r) && !slices.Contains(podKinds[r.Group], r.Kind)
}

// Nearest says why a selector fails: what the pods have instead of the first
// label that none carries.
func (m *Model) Nearest(namespace string, s kube.Selector) string {
	ns := m.ByName[namespace]
	for _, r := range s {
		if ns.Pods.Fulfils(r) {
			continue
		}
		have := ns.Pods.Values(r.Key)
		if len(have) > 4 {
			have = append(slices.Clip(have[:3]), "…")
		}
		switch {
		case r.Op != "In":
			return fmt.Sprintf("no pod matches the expression %s %s", r.Key, strings.TrimSpace(r.Op+" "+strings.Join(r.Values, ", ")))
		case len(have) == 0:
			return fmt.Sprintf("no pod has the label %s", r.Key)
		}
		return fmt.Sprintf("no pod has the label %s: %s; pods have %s", r.Key, strings.Join(r.Values, " or "), strings.Join(have, ", "))
	}
	if len(s) == 0 {
		return "no pod matches its selector"
	}
	return "no pod has all its labels"
}
