package network

import (
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// ServiceNodePort reports Services that open a port on every node. Load
// balancers are [ServiceLoadBalancerOpen]'s.
var ServiceNodePort = &lint.Rule{
	ID:         "service-node-port",
	Summary:    "Service of type NodePort opens a port on every node",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Peers:      map[string][]string{"kube-linter": {"exposed-services"}, "kube-score": {"service-type"}},
	Docs:       docs, Remedy: noNodePort,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Service") {
			if n := r.Get("spec", "type"); r.Group == "" && n.Value() == "NodePort" {
				pass.Reportf(n, "%s is of type NodePort: it opens a port on every address of every node", r).Help =
					"use type: ClusterIP, and an Ingress or a Gateway for what must be reached from outside"
			}
		}
	},
}

// ServiceExternalIPs reports Services that claim addresses (CVE-2020-8554).
var ServiceExternalIPs = &lint.Rule{
	ID:         "service-external-ips",
	Summary:    "Service claims external addresses and so takes over traffic to them",
	Severity:   lint.High,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Peers:      map[string][]string{"trivy": {"KSV-0108"}, "checkov": {"CKV2_K8S_4"}},
	Docs:       docs, Remedy: noExternalIPs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Service") {
			if n := r.Get("spec", "externalIPs"); r.Group == "" && len(n.Items()) > 0 {
				f := pass.Reportf(n, "%s claims %s: every node sends traffic for that address to it", r, strings.Join(n.Strings(), ", "))
				f.Help = "remove externalIPs; use a load balancer, or a Gateway"
				if !kube.Before(pass.Bundle, 36) { // https://github.com/kubernetes/enhancements/issues/5707
					f.Message += "; the field is deprecated since Kubernetes 1.36, and 1.43 will ignore it"
				}
			}
		}
	},
}

// SSHPort reports containers that offer port 22.
var SSHPort = &lint.Rule{
	ID:         "ssh-port",
	Summary:    "container exposes port 22",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"MITRE C-0042"},
	Peers:      map[string][]string{"kube-linter": {"ssh-port"}, "kubescape": {"C-0042"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		eachPort(pass, func(c *lint.Container, n *lint.Node, number int64) {
			if number == 22 && (n.Parent().Get("protocol").Value() == "TCP" || n.Parent().Get("protocol").IsNull()) {
				f := pass.Reportf(n, "%s exposes port 22, the port of SSH", c)
				f.Help = "use kubectl exec, whose access RBAC and the audit log cover"
				f.Subject = n.Path()
			}
		})
	},
}

// PrivilegedPorts reports containers that bind ports below 1024.
var PrivilegedPorts = &lint.Rule{
	ID:       "privileged-ports",
	Summary:  "container binds a port below 1024",
	Severity: lint.Low,
	Group:    "network",
	Peers:    map[string][]string{"kube-linter": {"privileged-ports"}, "trivy": {"KSV-0117"}},
	Docs:     docs,
	YieldsTo: []string{"ssh-port"},
	Run: func(pass *lint.Pass) {
		eachPort(pass, func(c *lint.Container, n *lint.Node, number int64) {
			if number > 0 && number < 1024 {
				f := pass.Reportf(n, "%s binds port %d, for which the process needs root or NET_BIND_SERVICE", c, number)
				f.Help = "bind port 1024 or above; the Service may keep the low port"
				f.Subject = n.Path()
			}
		})
	},
}

// eachPort calls report for every containerPort. What the rules about ports have
// in common is the port, not the container.
func eachPort(pass *lint.Pass, report func(c *lint.Container, n *lint.Node, number int64)) {
	for _, c := range pass.ContainersWith("ports") {
		for _, p := range c.Node.Get("ports").Items() {
			n := p.Get("containerPort")
			if number, ok := n.Int(); ok {
				report(c, n, number)
			}
		}
	}
}
