package pod

import (
	"fmt"

	"github.com/manilint/manilint/lint"
)

// The rules about namespaces of the node (PSS baseline).
var (
	HostPID     = hostNamespace("host-pid", "hostPID", "sees and signals every process of its node", "CIS 5.2.3", "NSA C-0038")
	HostIPC     = hostNamespace("host-ipc", "hostIPC", "reads and writes the shared memory of its node", "CIS 5.2.4", "NSA C-0038")
	HostNetwork = hostNamespace("host-network", "hostNetwork", "uses the network of its node, where it reaches the node's local services and no network policy applies", "CIS 5.2.5", "NSA C-0041")
)

var hostPeers = map[string]map[string][]string{
	"hostPID": {"kube-linter": {"host-pid"}, "polaris": {"hostPIDSet"}, "trivy": {"KSV-0010"}, "checkov": {"CKV_K8S_17"},
		"kubescape": {"C-0038"}, "kubesec": {"HostPID"}},
	"hostIPC": {"kube-linter": {"host-ipc"}, "polaris": {"hostIPCSet"}, "trivy": {"KSV-0008"}, "checkov": {"CKV_K8S_18"},
		"kubescape": {"C-0038"}, "kubesec": {"HostIPC"}},
	"hostNetwork": {"kube-linter": {"host-network"}, "polaris": {"hostNetworkSet"}, "trivy": {"KSV-0009"}, "checkov": {"CKV_K8S_19"},
		"kubescape": {"C-0041"}, "kubesec": {"HostNetwork"}},
}

func hostNamespace(id, field, what string, references ...string) *lint.Rule {
	return &lint.Rule{
		ID:         id,
		Summary:    "pod " + what,
		Severity:   lint.High,
		Group:      "pod",
		Profiles:   inBaseline,
		References: append(references, "PSS baseline", "OWASP K01"),
		Peers:      hostPeers[field],
		Docs:       docs,
		Remedy:     ownNamespace,
		Run: standard(func(p *lint.PodSpec, _ version) []breach {
			n := p.Get(field)
			if !n.IsTrue() {
				return nil
			}
			return []breach{{node: n, level: lint.ProfileBaseline, subject: p.Node.Path(), help: "remove " + field,
				message: fmt.Sprintf("pod %s: %s is true", what, field)}}
		}, field),
	}
}

// HostProcess reports Windows host process containers (PSS baseline).
var HostProcess = &lint.Rule{
	ID:         "host-process",
	Summary:    "Windows container runs as a process of its node",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"CIS 5.2.11", "PSS baseline"},
	Peers:      map[string][]string{"polaris": {"hostProcess"}, "trivy": {"KSV-0103"}, "kubescape": {"C-0202"}},
	Docs:       docs,
	Run: standard(func(p *lint.PodSpec, _ version) []breach {
		var all []breach
		for _, s := range setters(p) {
			if n := s.context.Get("windowsOptions", "hostProcess"); n.IsTrue() {
				b := breach{node: n, level: lint.ProfileBaseline, help: "remove hostProcess",
					message: s.name() + " runs as a process of its Windows node: hostProcess is true"}
				if s.isPod {
					b = b.unlessOverridden(p, "windowsOptions", "hostProcess")
				}
				all = append(all, b)
			}
		}
		return all
	}, "hostProcess"),
}

// HostPort reports ports of the node (PSS baseline). In a pod with the node's
// network every containerPort is one: the API server sets hostPort to it.
var HostPort = &lint.Rule{
	ID:         "host-port",
	Summary:    "container binds a port of its node",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"CIS 5.2.13", "PSS baseline", "NSA C-0044"},
	Peers:      map[string][]string{"polaris": {"hostPortSet"}, "trivy": {"KSV-0024"}, "checkov": {"CKV_K8S_26"}, "kubescape": {"C-0044"}},
	Docs:       docs,
	Remedy:     noHostPorts,
	YieldsTo:   []string{"host-network"},
	Run: standard(func(p *lint.PodSpec, _ version) []breach {
		var all []breach
		shared := p.Get("hostNetwork").IsTrue()
		for _, c := range p.Containers() {
			var ports []*lint.Node
			for _, port := range c.Get("ports").Items() {
				n := port.Get("hostPort")
				number, _ := n.Int()
				if number == 0 && shared && c.Kind != lint.EphemeralContainer {
					n = port.Get("containerPort")
					number, _ = n.Int()
				}
				if number != 0 {
					ports = append(ports, n)
				}
			}
			if len(ports) == 0 {
				continue
			}
			b := breach{node: ports[0], related: ports[1:], level: lint.ProfileBaseline, help: "remove hostPort, and reach the pod through a Service",
				message: fmt.Sprintf("%s binds port %s of its node, which bypasses Services and most network policies", c, ports[0].Value())}
			if shared {
				b.subject = p.Node.Path()
			}
			all = append(all, b)
		}
		return all
	}, "hostPort", "hostNetwork"),
}

// HostProbe reports probes and lifecycle hooks that name a host (PSS baseline
// since v1.34): the kubelet calls it from the node.
var HostProbe = &lint.Rule{
	ID:         "host-probe",
	Summary:    "probe or lifecycle hook makes the kubelet send requests to another host",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"PSS baseline"},
	Docs:       docs,
	Remedy:     ownProbes,
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v < 34 {
			return nil
		}
		var all []breach
		for _, c := range p.Containers() {
			var hosts []*lint.Node
			for _, probe := range []*lint.Node{
				c.Get("livenessProbe"), c.Get("readinessProbe"), c.Get("startupProbe"),
				c.Get("lifecycle", "postStart"), c.Get("lifecycle", "preStop"),
			} {
				for _, how := range []string{"httpGet", "tcpSocket"} {
					if n := probe.Get(how, "host"); n.Value() != "" {
						hosts = append(hosts, n)
					}
				}
			}
			if len(hosts) > 0 {
				all = append(all, breach{node: hosts[0], related: hosts[1:], level: lint.ProfileBaseline,
					help:    "remove host: the kubelet then sends its requests to the pod itself",
					message: fmt.Sprintf("%s makes the kubelet send requests to %q from the node: %s sets a host", c, hosts[0].Value(), hosts[0].Parent().Parent().Name())})
			}
		}
		return all
	}, "host"),
}
