package network

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A direction of traffic, from the pod's side.
type direction int

const (
	ingress direction = iota
	egress
)

var directions = []direction{ingress, egress}

func (d direction) String() string { return [...]string{"ingress", "egress"}[d] }

// policyType returns the direction as policyTypes lists write it.
func (d direction) policyType() string { return [...]string{"Ingress", "Egress"}[d] }

// peers returns the field of a NetworkPolicy's rule that lists its peers.
func (d direction) peers() string { return [...]string{"from", "to"}[d] }

// A scope is one of the two worlds that a pod can be open to.
type scope int

const (
	cluster  scope = iota // every pod of every namespace
	internet              // every address outside the cluster
)

var scopes = []scope{cluster, internet}

func (s scope) String() string { return [...]string{"cluster", "internet"}[s] }

// A layer is when a policy is asked; a decision of a layer is final
// (https://network-policy-api.sigs.k8s.io/api-overview/).
type layer int

const (
	adminLayer    layer = iota // AdminNetworkPolicy, ClusterNetworkPolicy of tier Admin
	policyLayer                // NetworkPolicy, Cilium's and Calico's
	baselineLayer              // BaselineAdminNetworkPolicy, ClusterNetworkPolicy of tier Baseline
	firewallLayer              // EgressFirewall: traffic that leaves the cluster, besides the others
)

type action int

const (
	allow action = iota
	deny
	pass
)

// A policy is any kind of network policy in one shape.
type policy struct {
	res       *lint.Resource
	namespace string // whose pods it selects, unless it is wide
	wide      bool   // selects in every namespace that namespaces matches
	pods      selector
	spaces    selector
	also      func(*workload) bool // what no label selector says; nil for nothing
	layer     layer
	tier      float64 // of Calico, in the policy layer: its order
	tierName  string
	name      string  // of Calico's, which are asked by name where their order is one
	order     float64 // inside its layer and tier: lower is asked first
	denyFirst bool    // denials count before every allowance, as Cilium's do
	sides     [2]side
	selected  int         // workloads
	workloads []*workload // those selected, in the bundle's order
}

// A side is what a policy says of one direction.
type side struct {
	applies  bool // its rules are asked for the pods selected
	isolates bool // and what they do not allow is denied
	rules    []rule
}

// A rule is one entry of a policy's list.
type rule struct {
	node   *lint.Node
	action action
	reach  [2]bool // by scope: the rule's peers are all of it
	ports  []port  // none: every port
	blocks []block
}

// matchesAll reports whether the rule matches all traffic with a scope.
func (r rule) matchesAll(s scope) bool { return r.reach[s] && len(r.ports) == 0 }

// A workload is one pod template.
type workload struct {
	spec           *lint.PodSpec
	namespace      *namespace
	labels         labelSet
	hostNetwork    bool
	transient      bool // a pod of helm test
	idle           bool // scaled to zero: there is no pod
	serviceAccount string
	policies       []*policy
	exposures      [2]exposure // by direction
}

func (w *workload) resource() *lint.Resource { return w.spec.Resource }

// A namespace is one that holds pods; its name is "" where only the deploy decides.
type namespace struct {
	name      string
	shown     string // as messages name it
	labels    labelSet
	workloads []*workload
	byLabel   map[[2]string][]int // indexes of workloads
	values    map[string][]string // of a label's key, as the workloads have them, in their order
	open      []int               // of those whose labels are not all known
	unknown   map[string]bool     // keys that the cluster sets on some workload
}

// A model is the pods and policies of a bundle, matched.
type model struct {
	namespaces []*namespace // in the order of their first workload
	byName     map[string]*namespace
	policies   []*policy
	workloads  map[*lint.PodSpec]*workload
	makers     map[string]bool // namespaces with objects whose controllers may make pods
}

func modelOf(b *lint.Bundle) *model { return lint.Shared(b, buildModel) }

func buildModel(b *lint.Bundle) *model {
	m := &model{byName: map[string]*namespace{}, workloads: map[*lint.PodSpec]*workload{}, makers: map[string]bool{}}
	for _, spec := range b.PodSpecs() {
		m.add(b, spec)
	}
	tiers := calicoTiers(b)
	for _, r := range b.Resources {
		if makesPods(r) {
			m.makers[home(r)] = true
		}
		if parse := parsers[r.Kind]; parse != nil && policyGroups[r.Group] {
			for _, p := range parse(r, tiers) {
				m.policies = append(m.policies, p)
				m.match(p)
			}
		}
	}
	for _, w := range m.workloads {
		slices.SortStableFunc(w.policies, func(p, q *policy) int {
			return cmp.Or(cmp.Compare(p.layer, q.layer), cmp.Compare(p.tier, q.tier), cmp.Compare(p.tierName, q.tierName), cmp.Compare(p.order, q.order), cmp.Compare(p.name, q.name))
		})
		for _, d := range directions {
			w.exposures[d] = w.decide(d)
		}
	}
	return m
}

func (m *model) add(b *lint.Bundle, spec *lint.PodSpec) {
	name := home(spec.Resource)
	ns := m.byName[name]
	if ns == nil {
		ns = &namespace{name: name, shown: shownNamespace(b, name), labels: namespaceLabels(b, name), byLabel: map[[2]string][]int{}, values: map[string][]string{}, unknown: map[string]bool{}}
		m.byName[name] = ns
		m.namespaces = append(m.namespaces, ns)
	}
	w := &workload{spec: spec, namespace: ns, labels: podLabels(spec), hostNetwork: spec.Node.Get("hostNetwork").IsTrue(),
		serviceAccount: cmp.Or(spec.Node.Get("serviceAccountName").Value(), spec.Node.Get("serviceAccount").Value(), "default")}
	for _, hook := range strings.Split(spec.Resource.Annotations()["helm.sh/hook"], ",") {
		w.transient = w.transient || strings.HasPrefix(strings.TrimSpace(hook), "test")
	}
	replicas, set := spec.Resource.Get("spec", "replicas").Int()
	w.idle = set && replicas == 0 && !wakes(b, spec.Resource)
	m.workloads[spec] = w
	for k, v := range w.labels.labels {
		if len(ns.byLabel[[2]string{k, v}]) == 0 {
			ns.values[k] = append(ns.values[k], v)
		}
		ns.byLabel[[2]string{k, v}] = append(ns.byLabel[[2]string{k, v}], len(ns.workloads))
	}
	for k := range w.labels.unknown {
		ns.unknown[k] = true
	}
	if w.labels.open {
		ns.open = append(ns.open, len(ns.workloads))
	}
	ns.workloads = append(ns.workloads, w)
}

// wakes reports whether KEDA scales a workload up from zero, where a
// HorizontalPodAutoscaler leaves it alone (https://keda.sh/docs/latest/reference/scaledobject-spec/).
func wakes(b *lint.Bundle, r *lint.Resource) bool {
	return slices.ContainsFunc(b.OfKind("ScaledObject"), func(s *lint.Resource) bool {
		return s.Group == "keda.sh" && s.Namespace == r.Namespace && s.Get("spec", "scaleTargetRef", "name").Value() == r.Name
	})
}

// home is the namespace of an object as policies and selectors see it. Templates
// that print .Release.Namespace without a namespace to deploy to print "default";
// those objects live with the ones that name none.
func home(r *lint.Resource) string {
	if b := r.Bundle; r.Namespace == "default" && b != nil && b.Rendering.Kind == "helm" && b.Namespace == "" {
		return ""
	}
	return r.Namespace
}

func shownNamespace(b *lint.Bundle, name string) string {
	switch {
	case name != "":
		return fmt.Sprintf("namespace %q", name)
	case b.Rendering.Kind == "helm":
		return "the namespace of the release"
	}
	return "the namespace of the deploy"
}

func namespaceLabels(b *lint.Bundle, name string) labelSet {
	if name == "" {
		return labelSet{open: true}
	}
	object := b.Lookup("", "Namespace", "", name)
	if object == nil {
		return labelSet{labels: map[string]string{metadataName: name}, open: true}
	}
	labels := object.Labels()
	labels[metadataName] = name
	return labelSet{labels: labels}
}

// clusterLabels are the labels that controllers put on pods
// (https://kubernetes.io/docs/reference/labels-annotations-taints/).
var clusterLabels = map[string]map[string]bool{
	"Deployment":  {"pod-template-hash": true},
	"ReplicaSet":  {},
	"StatefulSet": {"statefulset.kubernetes.io/pod-name": true, "apps.kubernetes.io/pod-index": true, "controller-revision-hash": true},
	"DaemonSet":   {"controller-revision-hash": true, "pod-template-generation": true},
	"Job":         jobLabels,
	"CronJob":     jobLabels,
}

var jobLabels = map[string]bool{"job-name": true, "batch.kubernetes.io/job-name": true, "controller-uid": true,
	"batch.kubernetes.io/controller-uid": true, "batch.kubernetes.io/job-completion-index": true}

func podLabels(spec *lint.PodSpec) labelSet {
	r := spec.Resource
	unknown, builtin := clusterLabels[r.Kind]
	if builtin && (r.Group == "apps" || r.Group == "batch" || r.Group == "extensions") {
		return labelSet{labels: spec.Labels(), unknown: unknown}
	}
	// The controller of a custom kind labels its pods as it likes.
	return labelSet{labels: spec.Labels(), open: r.Group != ""}
}

// match adds p to the workloads that it selects.
func (m *model) match(p *policy) {
	namespaces := m.namespaces
	if !p.wide {
		namespaces = nil
		if ns := m.byName[p.namespace]; ns != nil {
			namespaces = []*namespace{ns}
		}
	}
	for _, ns := range namespaces {
		if p.wide && !p.spaces.matches(ns.labels) {
			continue
		}
		for w := range ns.selected(p.pods) {
			if p.also == nil || p.also(w) {
				p.selected++
				p.workloads = append(p.workloads, w)
				w.policies = append(w.policies, p)
			}
		}
	}
}

// selected yields the workloads that a selector matches, in order. Of the
// labels that it requires, the rarest is looked up, so the cost is that of the
// workloads found, not of all.
func (ns *namespace) selected(s selector) func(func(*workload) bool) {
	var candidates []int
	rarest := math.MaxInt
	for _, r := range s {
		if r.op != "In" || ns.unknown[r.key] {
			continue
		}
		n := 0
		for _, v := range r.values {
			n += len(ns.byLabel[[2]string{r.key, v}])
		}
		if n < rarest {
			rarest, candidates = n, slices.Clone(ns.open)
			for _, v := range r.values {
				candidates = append(candidates, ns.byLabel[[2]string{r.key, v}]...)
			}
		}
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	return func(yield func(*workload) bool) {
		if rarest == math.MaxInt {
			for _, w := range ns.workloads {
				if s.matches(w.labels) && !yield(w) {
					return
				}
			}
			return
		}
		for _, i := range candidates {
			if w := ns.workloads[i]; s.matches(w.labels) && !yield(w) {
				return
			}
		}
	}
}

// An exposure is what policies leave a workload open to in one direction.
type exposure struct {
	isolated bool // some policy denies what none allows
	open     [2]bool
	ports    [2][]port // of an open scope: the ports allowed; none: all
	policies []*policy
	// restricts is the first policy that isolates and does not allow everything; nil
	// where there is none.
	restricts *policy
}

// closed reports whether policies keep the workload from anything at all.
func (e exposure) closed() bool { return e.isolated || !e.open[cluster] || !e.open[internet] }

func (w *workload) exposure(d direction) exposure { return w.exposures[d] }

// decide finds, layer by layer, what the workload is open to. Traffic that a rule
// allows or denies only in part (some pods, some addresses) is left to the rules
// behind it: the question is whether the whole of a scope is open.
func (w *workload) decide(d direction) exposure {
	if w.hostNetwork { // outside every policy: https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-and-hostnetwork-pods
		return exposure{open: [2]bool{true, true}}
	}
	var e exposure
	var layers [4][]*policy
	for _, p := range w.policies {
		if !p.sides[d].applies {
			continue
		}
		layers[p.layer] = append(layers[p.layer], p)
		e.policies = append(e.policies, p)
		if p.sides[d].isolates {
			e.isolated = true
			if e.restricts == nil && !p.allowsAll(d) {
				e.restricts = p
			}
		}
	}
	for _, s := range scopes {
		v := ask(layers[adminLayer], d, s)
		if !v.final {
			v = v.then(askPolicies(layers[policyLayer], d, s))
		}
		if !v.final {
			v = v.then(ask(layers[baselineLayer], d, s))
		}
		open, ports := v.open || !v.final, v.ports
		if s == internet {
			if outside := ask(layers[firewallLayer], d, s); outside.final && !outside.open {
				open, ports = false, nil
			}
		}
		e.isolated = e.isolated || s == cluster && !open
		e.open[s] = open || len(ports) > 0
		if !open {
			e.ports[s] = ports
		}
	}
	return e
}

// A ruling is what a run of policies says of all traffic with a scope.
type ruling struct {
	final  bool   // a rule, or the end of a tier, decides what the ports do not
	open   bool   // if final
	ports  []port // allowed whatever is decided of the others
	passed []port // sent on to the next tier whatever is decided of the others
}

// then adds what the policies behind say where v decides nothing.
func (v ruling) then(next ruling) ruling {
	next.ports = append(slices.Clip(v.ports), next.ports...)
	return next
}

// ask goes through policies in order. The first rule for all of the scope decides.
func ask(policies []*policy, d direction, s scope) ruling {
	var v ruling
	var denied []port
	for _, p := range policies {
		for _, r := range p.sides[d].rules {
			switch {
			case !r.reach[s]:
			case len(r.ports) == 0:
				v.final, v.open = r.action != pass, r.action == allow
				if r.action == pass {
					v.passed = []port{{}}
				}
				return v
			case r.action == deny:
				denied = append(denied, r.ports...)
			default:
				for _, q := range r.ports {
					switch {
					case slices.ContainsFunc(denied, q.inside):
					case r.action == allow:
						v.ports = append(v.ports, q)
					default:
						v.passed = append(v.passed, q)
					}
				}
			}
		}
	}
	return v
}

// askPolicies goes through Kubernetes' own, Calico's and Cilium's policies, tier by
// tier. The end of a tier in which a policy isolates the pod denies, as
// NetworkPolicy does, what is not passed on before.
func askPolicies(policies []*policy, d direction, s scope) ruling {
	for _, p := range policies {
		for _, r := range p.sides[d].rules {
			if p.denyFirst && r.action == deny && r.matchesAll(s) {
				return ruling{final: true}
			}
		}
	}
	if len(policies) == 0 {
		return ruling{}
	}
	n := 1
	for n < len(policies) && policies[n].tier == policies[0].tier && policies[n].tierName == policies[0].tierName {
		n++
	}
	tier, behind := policies[:n], policies[n:]
	isolated := slices.ContainsFunc(tier, func(p *policy) bool { return p.sides[d].isolates })
	v := ask(tier, d, s)
	if isolated && !slices.Contains(v.passed, port{}) {
		v.final = true
	}
	if v.final && (v.open || len(v.passed) == 0) {
		return v
	}
	next := askPolicies(behind, d, s)
	switch {
	case !v.final:
		if !next.final && isolated { // passed on by the last tier: nothing is left to deny
			next.final, next.open = true, true
		}
		return v.then(next)
	case next.open || !next.final:
		v.ports = append(v.ports, v.passed...)
		return v
	}
	for _, p := range v.passed {
		for _, q := range next.ports {
			if both, ok := p.and(q); ok {
				v.ports = append(v.ports, both)
			}
		}
	}
	return v
}
