package network

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

// parseCilium reads CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy: each
// of spec and specs is a policy of its own
// (https://docs.cilium.io/en/stable/security/policy/intro/). A direction with at least one rule, even an empty one,
// isolates, unless enableDefaultDeny says otherwise; denials beat allowances.
func parseCilium(r *lint.Resource, _ tiers) []*policy {
	var policies []*policy
	for _, spec := range append([]*lint.Node{r.Get("spec")}, r.Get("specs").Items()...) {
		endpoints := spec.Get("endpointSelector")
		if !endpoints.Exists() { // missing, or a nodeSelector: a policy of the host
			continue
		}
		p := &policy{res: r, namespace: home(r), wide: r.Kind == "CiliumClusterwideNetworkPolicy", layer: policyLayer,
			tier: calicoDefaultTier, order: 1000, denyFirst: true}
		selected := ciliumSelector(endpoints)
		if selected.reserved {
			continue
		}
		p.pods, p.spaces = selected.pods, selected.spaces
		p.also = func(w *workload) bool {
			return selected.accounts.matches(labelSet{labels: map[string]string{serviceAccountName: w.serviceAccount}}) &&
				(p.wide || selected.spaces.matches(w.namespace.labels))
		}
		for _, d := range directions {
			rules, denials := spec.Get(d.String()).Items(), spec.Get(d.String()+"Deny").Items()
			isolates := len(rules)+len(denials) > 0
			if set, ok := spec.Get("enableDefaultDeny", d.String()).Bool(); ok {
				isolates = set
			}
			p.sides[d] = side{applies: isolates || len(rules)+len(denials) > 0, isolates: isolates}
			for _, n := range denials {
				rl := ciliumRule(n, d, p.wide)
				rl.action = deny
				p.sides[d].rules = append(p.sides[d].rules, rl)
			}
			for _, n := range rules {
				p.sides[d].rules = append(p.sides[d].rules, ciliumRule(n, d, p.wide))
			}
		}
		policies = append(policies, p)
	}
	return policies
}

// endpoints are a selector of Cilium's, split into what it asks of pods, of their
// service accounts and of their namespaces.
type endpoints struct {
	pods, accounts, spaces selector
	reserved               bool // it is about no pods: reserved:host
}

const serviceAccountName = "io.cilium.k8s.policy.serviceaccount"

func ciliumSelector(n *lint.Node) endpoints {
	var e endpoints
	for _, r := range parseSelector(n) {
		source, key, ok := strings.Cut(r.key, ":")
		if !ok {
			key = r.key
		} else if source == "reserved" {
			e.reserved = true
		}
		switch label, isLabel := strings.CutPrefix(key, "io.cilium.k8s.namespace.labels."); {
		case key == "io.kubernetes.pod.namespace":
			e.spaces = append(e.spaces, requirement{metadataName, r.op, r.values})
		case isLabel:
			e.spaces = append(e.spaces, requirement{label, r.op, r.values})
		case key == serviceAccountName:
			e.accounts = append(e.accounts, requirement{key, r.op, r.values})
		case strings.HasPrefix(key, "io.cilium.k8s.policy."): // the cluster's name
		default:
			e.pods = append(e.pods, requirement{key, r.op, r.values})
		}
	}
	return e
}

// ciliumRule reads one rule. An empty one matches nothing; one with ports alone
// matches every peer.
func ciliumRule(n *lint.Node, d direction, wide bool) rule {
	prefix := d.peers()
	rl := rule{node: n}
	for _, item := range n.Get("toPorts").Items() {
		for _, p := range item.Get("ports").Items() {
			read := newPort(p.Get("protocol").Value(), p.Get("port"), p.Get("endPort"))
			rl.ports = append(rl.ports, read)
		}
	}
	for _, item := range n.Get("icmps").Items() {
		if item.Exists() {
			rl.ports = append(rl.ports, port{protocol: "ICMP"})
		}
	}
	peers := false
	for _, f := range n.Fields() {
		peers = peers || strings.HasPrefix(f.Name(), prefix) && f.Name() != "toPorts" && !f.IsNull()
	}
	if !peers {
		limited := len(rl.ports) > 0
		rl.reach = [2]bool{limited, limited}
		return rl
	}
	for _, e := range n.Get(prefix + "Endpoints").Items() {
		peers := ciliumSelector(e)
		if !peers.reserved && len(peers.pods)+len(peers.accounts) == 0 && peers.spaces.matchesEverything() && (wide || len(peers.spaces) > 0) {
			rl.reach[cluster] = true
		}
	}
	for _, e := range n.Get(prefix + "Entities").Strings() {
		rl.reach[cluster] = rl.reach[cluster] || e == "all" || e == "cluster"
		rl.reach[internet] = rl.reach[internet] || e == "all" || strings.HasPrefix(e, "world")
	}
	for _, cidr := range n.Get(prefix + "CIDR").Items() {
		rl.addBlock(cidr, cidr.Get("except"))
	}
	for _, set := range n.Get(prefix + "CIDRSet").Items() {
		rl.addBlock(set.Get("cidr"), set.Get("except"))
	}
	for _, name := range n.Get("toFQDNs").Items() {
		rl.reach[internet] = rl.reach[internet] || strings.Trim(name.Get("matchPattern").Value(), "*") == "" && name.Get("matchPattern").IsScalar()
	}
	return rl
}

// addBlock adds an address block, which for Cilium never covers pods.
func (rl *rule) addBlock(cidr, except *lint.Node) {
	if b, ok := parseBlock(cidr, except); ok {
		rl.blocks = append(rl.blocks, b)
		rl.reach[internet] = rl.reach[internet] || b.everywhere()
	}
}
