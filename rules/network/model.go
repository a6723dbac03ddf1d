package network

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"go4.org/netipx"
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
	pods      kube.Selector
	spaces    kube.Selector
	also      func(*workload) bool // what no label selector says; nil for nothing
	tier      tier
	order     float64 // inside its tier: lower is asked first
	name      string  // of Calico's, which are asked by name where their order is one
	denyFirst bool    // denials count before every allowance, as Cilium's do
	sides     [2]side
	index     int         // in the model's order
	selected  int         // workloads
	workloads []*workload // those selected, in the bundle's order
}

// A side is what a policy says of one direction.
type side struct {
	applies  bool // its rules are asked for the pods selected
	isolates bool // and what they do not decide is denied at the end of the tier
	rules    []*rule
}

// A rule is one entry of a policy's list.
type rule struct {
	node   *lint.Node
	action action
	ports  ports
	reach  reach // the rule's peers are all of it
	v6     bool  // it is about IPv6 by name
	// Blocks are the addresses it names, settled what the reach is without them.
	blocks    []block
	addresses *netipx.IPSet
	settled   reach
	world     *lint.Node // names the world as a peer, other than by a block
}

func (rl *rule) addBlock(cidr, except *lint.Node) {
	if b, ok := parseBlock(cidr, except); ok {
		rl.blocks = append(rl.blocks, b)
	}
}

// settle adds what the rule's address blocks reach of some kinds of peers. It is
// called once, after all peers are read.
func (rl *rule) settle(kinds reach) {
	rl.settled = rl.reach
	if len(rl.blocks) == 0 {
		return
	}
	rl.addresses = addressesOf(rl.blocks)
	rl.reach |= reachOf(rl.addresses, rl.action) & kinds
	for _, b := range rl.blocks {
		rl.v6 = rl.v6 || b.node.IsScalar() && b.prefix.Addr().Is6() || slices.ContainsFunc(b.except, func(e netip.Prefix) bool { return e.Addr().Is6() })
	}
}

// allowsAll reports whether the rule allows every pod all traffic, or all but some
// ports: TCP at the least, as the protocols may have a rule each.
func (rl *rule) allowsAll() bool {
	return rl.action == allow && rl.reach&podsV4 != 0 && !rl.ports.restricted()
}

// A peer is whom a workload's policies are asked about: one kind of peers as a
// whole or, where addr is valid, one address outside the cluster.
type peer struct {
	kind reach
	addr netip.Addr
}

func (rl *rule) meets(p peer) bool {
	if !p.addr.IsValid() {
		return rl.reach&p.kind != 0
	}
	return rl.settled&p.kind != 0 || rl.addresses != nil && rl.addresses.Contains(p.addr)
}

// A workload is one pod template.
type workload struct {
	spec           *lint.PodSpec
	namespace      *namespace
	labels         kube.LabelSet
	hostNetwork    bool
	transient      bool // a pod of helm test
	idle           bool // scaled to zero: there is no pod
	serviceAccount string
	calico         kube.LabelSet // see calicoLabels
	policies       []*policy     // in the order in which they are asked
	exposures      [2]*exposure  // by direction; workloads that are decided alike share them
}

func (w *workload) resource() *lint.Resource { return w.spec.Resource }

// A namespace is one that holds pods; its name is "" where only the deploy decides.
type namespace struct {
	name      string
	shown     string // as messages name it
	labels    kube.LabelSet
	calico    kube.LabelSet // see calicoLabels
	workloads []*workload
	pods      kube.Index[*workload]
}

// A model is the pods and policies of a bundle, matched.
type model struct {
	namespaces []*namespace // in the order of their first workload
	byName     map[string]*namespace
	policies   []*policy
	workloads  map[*lint.PodSpec]*workload
	makers     map[string]bool // namespaces with objects whose controllers may make pods
	names      *portNames
}

func modelOf(b *lint.Bundle) *model { return lint.Shared(b, buildModel) }

func buildModel(b *lint.Bundle) *model {
	m := &model{byName: map[string]*namespace{}, workloads: map[*lint.PodSpec]*workload{}, makers: map[string]bool{}, names: &portNames{places: map[string]int32{}}}
	for _, spec := range b.PodSpecs() {
		m.add(b, spec)
	}
	rd := &reader{calicoTiers(b), m.names}
	for _, r := range b.Resources {
		if makesPods(r) {
			m.makers[home(r)] = true
		}
		if read := readers[r.Kind]; read != nil && policyGroups[r.Group] {
			m.policies = append(m.policies, read(rd, r)...)
		}
	}
	slices.SortStableFunc(m.policies, func(p, q *policy) int {
		return cmp.Or(cmp.Compare(p.tier.order, q.tier.order), cmp.Compare(p.tier.name, q.tier.name), cmp.Compare(p.order, q.order), cmp.Compare(p.name, q.name))
	})
	for i, p := range m.policies {
		p.index = i
		m.match(p)
	}
	decided := map[string][2]*exposure{}
	for _, w := range m.workloads {
		key := w.decidedBy(m.names)
		known, ok := decided[key]
		if !ok {
			for _, d := range directions {
				known[d] = w.decide(d, m.names)
			}
			decided[key] = known
		}
		w.exposures = known
	}
	return m
}

func (m *model) add(b *lint.Bundle, spec *lint.PodSpec) {
	name := home(spec.Resource)
	ns := m.byName[name]
	if ns == nil {
		ns = &namespace{name: name, shown: shownNamespace(b, name), labels: kube.NamespaceLabels(b, name)}
		m.byName[name] = ns
		m.namespaces = append(m.namespaces, ns)
	}
	w := &workload{spec: spec, namespace: ns, labels: kube.PodLabels(spec), hostNetwork: spec.Node.Get("hostNetwork").IsTrue(),
		serviceAccount: kube.Account(spec)}
	for _, hook := range strings.Split(spec.Resource.Annotations()["helm.sh/hook"], ",") {
		w.transient = w.transient || strings.HasPrefix(strings.TrimSpace(hook), "test")
	}
	w.idle = kube.Idle(spec.Resource)
	m.workloads[spec] = w
	ns.pods.Add(w, w.labels)
	ns.workloads = append(ns.workloads, w)
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
		if p.wide && !p.spaces.Matches(ns.labels) {
			continue
		}
		for w := range ns.pods.Selected(p.pods) {
			if p.also == nil || p.also(w) {
				p.selected++
				p.workloads = append(p.workloads, w)
				w.policies = append(w.policies, p)
			}
		}
	}
}
