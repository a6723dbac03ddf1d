package reliability

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
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
			for _, s := range append(services(pass), servedPods(pass)...) {
				if field == "livenessProbe" && s.Kind == "Pod" && s.pod.Get("restartPolicy").Value() == "Never" {
					continue
				}
				for _, c := range s.pod.Containers() {
					if p := c.Get(field); c.Kind == lint.MainContainer && !c.Partial && p.IsNull() {
						pass.Reportf(p, "%s has no %s: %s", c, field, so).Help = "add a " + field
					}
				}
			}
		},
	}
}

// servedPods returns the Pods of the bundle that a Service sends requests to.
func servedPods(pass *lint.Pass) []service {
	pods := map[string]*kube.Index[service]{}
	for _, r := range pass.Resources("Pod") {
		if r.Annotations()["helm.sh/hook"] != "" {
			continue // it runs once, as a test of the release does
		}
		for _, pod := range r.PodSpecs() {
			if pods[r.Namespace] == nil {
				pods[r.Namespace] = &kube.Index[service]{}
			}
			s := service{r, pod, kube.PodLabels(pod)}
			pods[r.Namespace].Add(s, s.labels)
		}
	}
	var all []service
	seen := map[*lint.Resource]bool{}
	for _, r := range pass.Resources("Service") {
		selector := kube.Equalities(r.Get("spec", "selector"))
		if r.Group != "" || len(selector) == 0 || pods[r.Namespace] == nil || r.Get("spec", "type").Value() == "ExternalName" {
			continue
		}
		for s := range pods[r.Namespace].Selected(selector) {
			if !seen[s.Resource] {
				seen[s.Resource] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// ProbesIdentical reports containers that are restarted for what should only take them out of service.
var ProbesIdentical = &lint.Rule{
	ID: "probes-identical", Summary: "liveness and readiness probe are the same", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-score": {"pod-probes-identical"}}, Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.ContainersWith("readinessProbe") {
			live, ready := c.Get("livenessProbe"), c.Get("readinessProbe")
			if live.IsMapping() && ready.IsMapping() && len(live.Fields()) > 0 && reflect.DeepEqual(plain(live), plain(ready)) {
				f := pass.Reportf(live.KeyNode(), "%s has the same liveness and readiness probe: it is restarted as soon as it is not ready", c)
				f.Help = "make the liveness probe check less, or wait longer"
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

// ProbePort reports probes and hooks that request a port by a name that the container
// does not have: the kubelet looks it up among the container's own ports. A number needs
// no entry there; those entries tell, and open nothing
// (https://kubernetes.io/docs/tutorials/services/connect-applications-service/).
var ProbePort = &lint.Rule{
	ID: "probe-port", Summary: "probe of a named port that the container does not have", Severity: lint.Low, Group: "reliability",
	Peers: map[string][]string{"kube-linter": {"liveness-port", "readiness-port", "startup-port"}}, Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.ContainersWith("httpGet", "tcpSocket") {
			if c.Partial {
				continue
			}
			for _, handler := range handlers {
				if len(c.Defaults) == 0 && !c.Node.Get(handler...).Exists() {
					continue
				}
				for _, action := range []string{"httpGet", "tcpSocket"} {
					port := c.Get(append(handler, action, "port")...)
					if name := port.Value(); !port.IsString() || kube.IsTemplated(name) || isNumber(name) || names(c, name) {
						continue
					}
					f := pass.Reportf(port, "%s of %s uses port %q, and no port of the container has that name", handler[len(handler)-1], c, port.Value())
					f.Help = "name one of the container's ports, or write the number"
				}
			}
		}
	},
}

// handlers are where a container says what the kubelet asks it.
var handlers = [][]string{{"livenessProbe"}, {"readinessProbe"}, {"startupProbe"}, {"lifecycle", "postStart"}, {"lifecycle", "preStop"}}

// isNumber reports whether the API server refuses a port's name: the rule invalid-ports
// reports a number in quotes.
func isNumber(name string) bool {
	_, err := strconv.Atoi(name)
	return err == nil
}

func names(c *lint.Container, port string) bool {
	return slices.ContainsFunc(c.Get("ports").Items(), func(p *lint.Node) bool {
		name := p.Get("name").Value()
		return name == port || kube.IsTemplated(name)
	})
}
