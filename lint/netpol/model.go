package netpol

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

// A Direction of traffic, from the pod's side.
type Direction int

// The directions.
const (
	Ingress Direction = iota
	Egress
)

// Directions are both, in the order in which findings name them.
var Directions = []Direction{Ingress, Egress}

// String returns the direction as fields of policies are called.
func (d Direction) String() string { return [...]string{"ingress", "egress"}[d] }

// PolicyType returns the direction as policyTypes lists write it.
func (d Direction) PolicyType() string { return [...]string{"Ingress", "Egress"}[d] }

// PeersField returns the field of a NetworkPolicy's rule that lists its peers.
func (d Direction) PeersField() string { return [...]string{"from", "to"}[d] }

// A Scope is one of the two worlds that a pod can be open to.
type Scope int

// The scopes.
const (
	Cluster  Scope = iota // every pod of every namespace
	Internet              // every address outside the cluster
)

// Scopes are both.
var Scopes = []Scope{Cluster, Internet}

// String returns the name that reports print.
func (s Scope) String() string { return [...]string{"cluster", "internet"}[s] }

// An Action is what a rule does with the traffic that it is about.
type Action int

// The actions. Pass hands traffic on to the next tier.
const (
	Allow Action = iota
	Deny
	Pass
)

// A Policy is any kind of network policy in one shape.
type Policy struct {
	Resource  *lint.Resource
	Namespace string // whose pods it selects, unless it is wide
	Wide      bool   // selects in every namespace that namespaces matches
	Pods      kube.Selector
	spaces    kube.Selector
	also      func(*Workload) bool // what no label selector says; nil for nothing
	Tier      Tier
	order     float64 // inside its tier: lower is evaluated first
	name      string  // of Calico's, which are evaluated by name where their order is one
	DenyFirst bool    // denials count before every allowance, as Cilium's do
	Sides     [2]Side
	index     int         // in the model's order
	Selected  int         // workloads
	Workloads []*Workload // those selected, in the bundle's order
}

// A Side is what a policy says of one direction.
type Side struct {
	Applies  bool // its rules are requested the pods selected
	Isolates bool // and what they do not decide is denied at the end of the tier
	Rules    []*Rule
}

// A Rule is one entry of a policy's list.
type Rule struct {
	Node   *lint.Node
	Action Action
	Ports  Ports
	Reach  Reach // the rule's peers are all of it
	v6     bool  // it is about IPv6 by name
	// Blocks are the addresses it names, settled what the reach is without them.
	Blocks    []Block
	addresses *netipx.IPSet
	Settled   Reach
	World     *lint.Node // names the world as a peer, other than by a block
}

func (rl *Rule) addBlock(cidr, except *lint.Node) {
	if b, ok := parseBlock(cidr, except); ok {
		rl.Blocks = append(rl.Blocks, b)
	}
}

// settle adds what the rule's address blocks reach of some kinds of peers. It is
// called once, after all peers are read.
func (rl *Rule) settle(kinds Reach) {
	rl.Settled = rl.Reach
	if len(rl.Blocks) == 0 {
		return
	}
	rl.addresses = addressesOf(rl.Blocks)
	rl.Reach |= reachOf(rl.addresses, rl.Action) & kinds
	for _, b := range rl.Blocks {
		rl.v6 = rl.v6 || b.Node.IsScalar() && b.Prefix.Addr().Is6() || slices.ContainsFunc(b.Except, func(e netip.Prefix) bool { return e.Addr().Is6() })
	}
}

// AllowsAll reports whether the rule allows every pod all traffic, or all but some
// ports: TCP at the least, as the protocols may have a rule each.
func (rl *Rule) AllowsAll() bool {
	return rl.Action == Allow && rl.Reach&PodsV4 != 0 && !rl.Ports.Restricted()
}

// allowsAll reports whether a rule of a direction allows every pod all traffic.
func (p *Policy) allowsAll(d Direction) bool {
	return slices.ContainsFunc(p.Sides[d].Rules, (*Rule).AllowsAll)
}

// A Peer is whom a workload's policies are asked about: one kind of peers as a
// whole or, where addr is valid, one address outside the cluster.
type Peer struct {
	Kind Reach
	Addr netip.Addr
}

// Meets reports whether the rule is about a peer.
func (rl *Rule) Meets(p Peer) bool {
	if !p.Addr.IsValid() {
		return rl.Reach&p.Kind != 0
	}
	return rl.Settled&p.Kind != 0 || rl.addresses != nil && rl.addresses.Contains(p.Addr)
}

// A Workload is one pod template.
type Workload struct {
	Pod            *lint.PodSpec
	Namespace      *Namespace
	labels         kube.LabelSet
	HostNetwork    bool
	Transient      bool // a pod of helm test
	Idle           bool // scaled to zero: there is no pod
	serviceAccount string
	calico         kube.LabelSet // see calicoLabels
	Policies       []*Policy     // in the order in which they are asked
	exposures      [2]*Exposure  // by direction; workloads that are decided alike share them
}

// Object returns the object that the workload is part of.
func (w *Workload) Object() *lint.Resource { return w.Pod.Resource }

// A Namespace is one that holds pods; its name is "" where only the deploy decides.
type Namespace struct {
	Name      string
	Shown     string // as messages name it
	Labels    kube.LabelSet
	calico    kube.LabelSet // see calicoLabels
	Workloads []*Workload
	Pods      kube.Index[*Workload]
}

// A Model is the pods and policies of a bundle, matched.
type Model struct {
	Namespaces  []*Namespace // in the order of their first workload
	ByName      map[string]*Namespace
	Policies    []*Policy
	InNamespace map[string][]*Policy // those that select in one namespace, by its name
	Workloads   map[*lint.PodSpec]*Workload
	makers      map[string]bool // namespaces with objects whose controllers may make pods
	Names       *PortNames
}

// ModelOf returns the model of a bundle, built once.
func ModelOf(b *lint.Bundle) *Model { return lint.Shared(b, buildModel) }

func buildModel(b *lint.Bundle) *Model {
	m := &Model{ByName: map[string]*Namespace{}, InNamespace: map[string][]*Policy{}, Workloads: map[*lint.PodSpec]*Workload{}, makers: map[string]bool{}, Names: &PortNames{places: map[string]int32{}}}
	for _, spec := range b.PodSpecs() {
		m.add(b, spec)
	}
	rd := &reader{calicoTiers(b), m.Names}
	for _, r := range b.Resources {
		if makesPods(r) {
			m.makers[kube.Home(r)] = true
		}
		if read := readers[r.Kind]; read != nil && policyGroups[r.Group] {
			m.Policies = append(m.Policies, read(rd, r)...)
		}
		if r.Is("extensions.agents.x-k8s.io", "SandboxTemplate") {
			m.Policies = append(m.Policies, rd.sandbox(r)...)
		}
	}
	slices.SortStableFunc(m.Policies, func(p, q *Policy) int {
		return cmp.Or(cmp.Compare(p.Tier.order, q.Tier.order), cmp.Compare(p.Tier.name, q.Tier.name), cmp.Compare(p.order, q.order), cmp.Compare(p.name, q.name))
	})
	for i, p := range m.Policies {
		p.index = i
		if !p.Wide {
			m.InNamespace[p.Namespace] = append(m.InNamespace[p.Namespace], p)
		}
		m.match(p)
	}
	decided := map[string][2]*Exposure{}
	for _, w := range m.Workloads {
		key := w.decidedBy(m.Names)
		known, ok := decided[key]
		if !ok {
			for _, d := range Directions {
				known[d] = w.decide(d, m.Names)
			}
			decided[key] = known
		}
		w.exposures = known
	}
	return m
}

func (m *Model) add(b *lint.Bundle, spec *lint.PodSpec) {
	name := kube.Home(spec.Resource)
	ns := m.ByName[name]
	if ns == nil {
		ns = &Namespace{Name: name, Shown: shownNamespace(b, name), Labels: kube.NamespaceLabels(b, name)}
		m.ByName[name] = ns
		m.Namespaces = append(m.Namespaces, ns)
	}
	w := &Workload{Pod: spec, Namespace: ns, labels: kube.PodLabels(spec), HostNetwork: spec.Node.Get("hostNetwork").IsTrue(),
		serviceAccount: kube.Account(spec)}
	for _, hook := range strings.Split(spec.Resource.Get("metadata", "annotations", "helm.sh/hook").Value(), ",") {
		w.Transient = w.Transient || strings.HasPrefix(strings.TrimSpace(hook), "test")
	}
	w.Idle = kube.Idle(spec.Resource)
	m.Workloads[spec] = w
	ns.Pods.Add(w, w.labels)
	ns.Workloads = append(ns.Workloads, w)
}

func shownNamespace(b *lint.Bundle, name string) string {
	switch {
	case name != "":
		return fmt.Sprintf("namespace %q", name)
	case b.Rendering.Kind == "helm":
		return "the namespace of the release"
	}
	return "the namespace that the manifests are deployed to"
}

// match adds p to the workloads that it selects.
func (m *Model) match(p *Policy) {
	namespaces := m.Namespaces
	if !p.Wide {
		namespaces = nil
		if ns := m.ByName[p.Namespace]; ns != nil {
			namespaces = []*Namespace{ns}
		}
	}
	for _, ns := range namespaces {
		if p.Wide && !p.spaces.Matches(ns.Labels) {
			continue
		}
		for w := range ns.Pods.Selected(p.Pods) {
			if p.also == nil || p.also(w) {
				p.Selected++
				p.Workloads = append(p.Workloads, w)
				w.Policies = append(w.Policies, p)
			}
		}
	}
}
