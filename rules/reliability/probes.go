package reliability

import (
	"reflect"

	"github.com/manilint/manilint/lint"
)

// LivenessProbe reports containers of services that nothing restarts when they hang.
var LivenessProbe = missingProbe("liveness-probe", "livenessProbe", "a container that hangs is never restarted", map[string][]string{
	"kube-linter": {"no-liveness-probe"}, "kube-score": {"pod-probes"}, "polaris": {"livenessProbeMissing"},
	"checkov": {"CKV_K8S_8"}, "kubescape": {"C-0056"},
})

// ReadinessProbe reports containers of services that get requests before they can answer.
var ReadinessProbe = missingProbe("readiness-probe", "readinessProbe", "it gets requests whether or not it can answer them", map[string][]string{
	"kube-linter": {"no-readiness-probe"}, "kube-score": {"pod-probes"}, "polaris": {"readinessProbeMissing"},
	"checkov": {"CKV_K8S_9"}, "kubescape": {"C-0018"},
})

func missingProbe(id, field, so string, peers map[string][]string) *lint.Rule {
	return &lint.Rule{
		ID: id, Summary: "container without a " + field, Severity: lint.Low, Group: "reliability", Peers: peers, Docs: docs,
		Run: func(pass *lint.Pass) {
			for _, s := range services(pass) {
				for _, c := range s.pod.Containers() {
					if p := c.Get(field); c.Kind == lint.MainContainer && !c.Partial && p.IsNull() {
						pass.Reportf(p, "%s has no %s: %s", c, field, so).Help = "add a " + field
					}
				}
			}
		},
	}
}

// ProbesIdentical reports containers that are restarted for what should only take them out of service.
var ProbesIdentical = &lint.Rule{
	ID: "probes-identical", Summary: "liveness and readiness probe are the same", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-score": {"pod-probes-identical"}}, Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.Containers() {
			live, ready := c.Get("livenessProbe"), c.Get("readinessProbe")
			if live.IsMapping() && ready.IsMapping() && len(live.Fields()) > 0 && reflect.DeepEqual(plain(live), plain(ready)) {
				f := pass.Reportf(live.KeyNode(), "%s has the same liveness and readiness probe: it is restarted as soon as it is taken out of service", c)
				f.Help = "let the liveness probe ask less, or wait for longer"
				f.Relate("duplicate", ready.KeyNode(), "the readiness probe")
			}
		}
	},
}

// plain returns the values below a node, for comparison.
func plain(n *lint.Node) any {
	switch {
	case n.IsMapping():
		m := map[string]any{}
		for _, f := range n.Fields() {
			m[f.Name()] = plain(f)
		}
		return m
	case n.IsSequence():
		list := []any{}
		for _, i := range n.Items() {
			list = append(list, plain(i))
		}
		return list
	}
	return n.Value()
}

// ProbePort reports probes of a port that the container does not name, or does not expose.
var ProbePort = &lint.Rule{
	ID: "probe-port", Summary: "probe of a port that the container does not expose", Severity: lint.Low, Group: "reliability",
	Peers: map[string][]string{"kube-linter": {"liveness-port", "readiness-port", "startup-port"}}, Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.Containers() {
			ports := c.Get("ports").Items()
			if c.Partial {
				continue
			}
			for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
				for _, action := range []string{"httpGet", "tcpSocket", "grpc"} {
					port := c.Get(probe, action, "port")
					if c.Get(probe, action, "host").IsScalar() || !port.IsScalar() || exposes(ports, port) {
						continue
					}
					pass.Reportf(port, "%s of %s asks port %q, which the container does not expose", probe, c, port.Value()).Help = "add the port to the container's ports, or ask one of those"
				}
			}
		}
	},
}

func exposes(ports []*lint.Node, asked *lint.Node) bool {
	for _, p := range ports {
		if p.Get("name").Value() == asked.Value() || p.Get("containerPort").Value() == asked.Value() {
			return true
		}
	}
	return false
}
