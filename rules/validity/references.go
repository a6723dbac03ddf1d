package validity

import (
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// StatefulSetService reports StatefulSets whose governing Service is missing or
// not headless: their pods get no names of their own in DNS.
var StatefulSetService = &lint.Rule{
	ID:       "statefulset-service",
	Summary:  "StatefulSet without the headless Service that names its pods",
	Severity: lint.Low,
	Group:    "validity",
	Peers:    map[string][]string{"kube-score": {"statefulset-has-servicename"}},
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("StatefulSet") {
			name := r.Get("spec", "serviceName")
			if r.Group != "apps" {
				continue
			}
			if name.Value() == "" {
				pass.Reportf(name, "%s names no Service: its pods get no stable names in DNS", r).Help = "set spec.serviceName to a headless Service"
				continue
			}
			service := pass.Bundle.Lookup("", "Service", r.Namespace, name.Value())
			if service == nil {
				pass.Reportf(name, "%s is governed by Service %q, which is not in this bundle", r, name.Value())
				continue
			}
			if ip := service.Get("spec", "clusterIP"); ip.Value() != "None" {
				f := pass.Reportf(name, "%s is governed by Service %q, which is not headless", r, name.Value())
				f.Help = "set clusterIP: None in the Service"
				f.Relate("service", ip, "the Service")
			}
		}
	},
}

// InvalidPorts reports ports that Kubernetes refuses, or that lead nowhere.
var InvalidPorts = &lint.Rule{
	ID:       "invalid-ports",
	Summary:  "port that is out of range, named wrongly, given twice, or that no container has",
	Severity: lint.Low,
	Group:    "validity",
	Peers:    map[string][]string{"kube-linter": {"invalid-target-ports"}, "kube-score": {"container-ports-check"}},
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, pod := range pass.PodsWith("ports", "httpGet", "tcpSocket") {
			named := map[string]*lint.Node{}
			for _, c := range pod.Containers() {
				containerPorts(pass, c, named)
				askedPorts(pass, c)
			}
		}
		for _, r := range pass.Resources("Service") {
			if r.Group == "" {
				servicePorts(pass, r)
			}
		}
		for _, r := range pass.Resources("Ingress") {
			if r.Group == "networking.k8s.io" || r.Group == "extensions" {
				backendPorts(pass, r)
			}
		}
	},
}

func containerPorts(pass *lint.Pass, c *lint.Container, named map[string]*lint.Node) {
	type address struct {
		port            int64
		protocol, ip    string
		hostPort, named string
	}
	seen := map[address]*lint.Node{}
	for _, p := range c.Node.Get("ports").Items() {
		number, name := p.Get("containerPort"), p.Get("name")
		if v, ok := number.Int(); ok && (v < 1 || v > 65535) {
			pass.Reportf(number, "%s exposes port %d, which is not between 1 and 65535", c, v)
		}
		if name.IsScalar() {
			for _, problem := range validation.IsValidPortName(name.Value()) {
				pass.Reportf(name, "%s has a port called %q: a port's name %s", c, name.Value(), problem)
				break
			}
			if before := named[name.Value()]; before != nil {
				pass.Reportf(name, "two ports of the pod are called %q", name.Value()).Relate("duplicate", before, "the other one")
			}
			named[name.Value()] = name
		}
		v, ok := number.Int()
		if !ok {
			continue
		}
		protocol := p.Get("protocol").Value()
		if protocol == "" {
			protocol = "TCP"
		}
		a := address{v, protocol, p.Get("hostIP").Value(), p.Get("hostPort").Value(), ""}
		if before := seen[a]; before != nil {
			pass.Reportf(number, "%s exposes port %d/%s twice", c, v, protocol).Relate("duplicate", before, "the other one")
			continue
		}
		seen[a] = number
	}
}

// askedPorts reports ports that probes and hooks request by a number in quotes, which is
// a name to the API server, and that no port may be called.
func askedPorts(pass *lint.Pass, c *lint.Container) {
	for _, handler := range [][]string{{"livenessProbe"}, {"readinessProbe"}, {"startupProbe"}, {"lifecycle", "postStart"}, {"lifecycle", "preStop"}} {
		if len(c.Defaults) == 0 && !c.Node.Get(handler...).Exists() {
			continue
		}
		for _, action := range []string{"httpGet", "tcpSocket"} {
			port := c.Get(append(handler, action, "port")...)
			if quoted(port) {
				pass.Reportf(port, "%s of %s uses port %q, a number in quotes, which is read as a port's name and refused", handler[len(handler)-1], c, port.Value()).Help = "remove the quotes"
			} else if v, ok := port.Int(); ok && (v < 1 || v > 65535) && !c.Partial {
				pass.Reportf(port, "%s of %s uses port %d, which is not between 1 and 65535", handler[len(handler)-1], c, v)
			}
		}
	}
}

// backendPorts reports the ports of an Ingress' backends that are numbers in quotes.
func backendPorts(pass *lint.Pass, r *lint.Resource) {
	backends := []*lint.Node{r.Get("spec", "defaultBackend"), r.Get("spec", "backend")}
	for _, rule := range r.Get("spec", "rules").Items() {
		for _, path := range rule.Get("http", "paths").Items() {
			backends = append(backends, path.Get("backend"))
		}
	}
	for _, b := range backends {
		for _, port := range []*lint.Node{b.Get("service", "port", "name"), b.Get("servicePort")} {
			if !quoted(port) {
				continue
			}
			f := pass.Reportf(port, "%s sends to port %q, a number in quotes, which is read as a port's name and refused", r, port.Value())
			f.Help = "write number: " + port.Value()
			if port.Name() == "servicePort" {
				f.Help = "remove the quotes"
			}
		}
	}
}

// quoted reports whether a port is a number that YAML reads as text.
func quoted(port *lint.Node) bool {
	_, err := strconv.Atoi(port.Value())
	return err == nil && port.IsString()
}

func servicePorts(pass *lint.Pass, r *lint.Resource) {
	ports := r.Get("spec", "ports").Items()
	named := map[string]*lint.Node{}
	for _, p := range ports {
		for _, n := range []*lint.Node{p.Get("port"), p.Get("targetPort"), p.Get("nodePort")} {
			if v, ok := n.Int(); ok && (v < 1 || v > 65535) && !(n.Name() == "nodePort" && v == 0) {
				pass.Reportf(n, "%s has %s %d, which is not between 1 and 65535", r, n.Name(), v)
			}
		}
		name := p.Get("name")
		if len(ports) > 1 && name.Value() == "" {
			pass.Reportf(name, "%s has several ports and this one has no name", r).Help = "give each port a name"
		} else if before := named[name.Value()]; before != nil {
			pass.Reportf(name, "two ports of %s are called %q", r, name.Value()).Relate("duplicate", before, "the other one")
		} else if name.Value() != "" {
			named[name.Value()] = name
		}
		target := p.Get("targetPort")
		if _, number := target.Int(); number || target.Value() == "" {
			continue
		}
		if quoted(target) {
			pass.Reportf(target, "%s names target port %q, a number in quotes, which is read as a port's name", r, target.Value()).Help = "remove the quotes"
			continue
		}
		if problems := validation.IsValidPortName(target.Value()); len(problems) > 0 && !kube.IsTemplated(target.Value()) {
			pass.Reportf(target, "%s names target port %q: a port's name %s", r, target.Value(), problems[0])
			continue
		}
		if pods := selected(pass, r); len(pods) > 0 && !anyHasPort(pods, target.Value()) {
			f := pass.Reportf(target, "%s sends to port %q, which no container of the selected pods has", r, target.Value())
			f.Relate("workload", pods[0].Resource.Root, "selected pod")
		}
	}
}

// selected returns the pods that a Service selects; none where another program completes one of them.
func selected(pass *lint.Pass, service *lint.Resource) []*lint.PodSpec {
	selector := kube.Equalities(service.Get("spec", "selector"))
	inNamespace := lint.Shared(pass.Bundle, podsByNamespace)[service.Namespace]
	if len(selector) == 0 || inNamespace == nil {
		return nil
	}
	pods := slices.Collect(inNamespace.Selected(selector))
	if slices.ContainsFunc(pods, func(p *lint.PodSpec) bool { return p.Partial }) {
		return nil
	}
	return pods
}

// podsByNamespace indexes the pods of a bundle by the labels of their templates.
func podsByNamespace(b *lint.Bundle) map[string]*kube.Index[*lint.PodSpec] {
	all := map[string]*kube.Index[*lint.PodSpec]{}
	for _, pod := range b.PodSpecs() {
		namespace := pod.Resource.Namespace
		if all[namespace] == nil {
			all[namespace] = &kube.Index[*lint.PodSpec]{}
		}
		all[namespace].Add(pod, kube.LabelSet{Labels: pod.Labels()})
	}
	return all
}

func anyHasPort(pods []*lint.PodSpec, name string) bool {
	for _, pod := range pods {
		for _, c := range pod.Containers() {
			for _, p := range c.Get("ports").Items() {
				if p.Get("name").Value() == name {
					return true
				}
			}
		}
	}
	return false
}
