package netpol

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// cilium reads CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy: each
// of spec and specs is a policy of its own
// (https://docs.cilium.io/en/stable/security/policy/intro/). A direction with at least one rule, even an empty one,
// isolates, unless enableDefaultDeny is false; denials beat allowances.
func (rd *reader) cilium(r *lint.Resource) []*Policy {
	var policies []*Policy
	for _, spec := range append([]*lint.Node{r.Get("spec")}, r.Get("specs").Items()...) {
		endpoints := spec.Get("endpointSelector")
		if !endpoints.Exists() { // missing, or a nodeSelector: a policy of the host
			continue
		}
		p := &Policy{Resource: r, Namespace: kube.Home(r), Wide: r.Kind == "CiliumClusterwideNetworkPolicy",
			Tier: defaultTier, order: 1000, DenyFirst: true}
		selected := ciliumSelector(endpoints)
		if selected.reserved {
			continue
		}
		if !p.Wide { // its own namespace, whatever the selector says of it
			selected.spaces = slices.DeleteFunc(selected.spaces, func(r kube.Requirement) bool { return r.Key == kube.MetadataName })
		}
		p.Pods, p.spaces = selected.pods, selected.spaces
		p.also = func(w *Workload) bool {
			return selected.accounts.Matches(kube.LabelSet{Labels: map[string]string{serviceAccountName: w.serviceAccount}}) &&
				(p.Wide || selected.spaces.Matches(w.Namespace.Labels))
		}
		for _, d := range Directions {
			rules, denials := spec.Get(d.String()).Items(), spec.Get(d.String()+"Deny").Items()
			if len(rules)+len(denials) == 0 {
				continue // enableDefaultDeny is asked of rules alone: https://github.com/cilium/cilium/issues/35558
			}
			p.Sides[d] = Side{Applies: true, Isolates: !spec.Get("enableDefaultDeny", d.String()).IsFalse()}
			for _, n := range denials {
				p.Sides[d].Rules = append(p.Sides[d].Rules, rd.ciliumRule(n, d, Deny, p.Wide))
			}
			for _, n := range rules {
				p.Sides[d].Rules = append(p.Sides[d].Rules, rd.ciliumRule(n, d, Allow, p.Wide))
			}
		}
		policies = append(policies, p)
	}
	return policies
}

// endpoints are a selector of Cilium's, split into what it asks of pods, of their
// service accounts and of their namespaces.
type endpoints struct {
	pods, accounts, spaces kube.Selector
	reserved               bool // it is about no pods: reserved:host
}

const serviceAccountName = "io.cilium.k8s.policy.serviceaccount"

func ciliumSelector(n *lint.Node) endpoints {
	var e endpoints
	for _, r := range kube.ParseSelector(n) {
		source, key, ok := strings.Cut(r.Key, ":")
		if !ok {
			key = r.Key
		} else if source == "reserved" { // labels that no pod has
			e.reserved = e.reserved || r.Op == "In" || r.Op == "Exists"
			continue
		}
		switch label, isLabel := strings.CutPrefix(key, "io.cilium.k8s.namespace.labels."); {
		case key == "io.kubernetes.pod.namespace":
			e.spaces = append(e.spaces, kube.Requirement{Key: kube.MetadataName, Op: r.Op, Values: r.Values})
		case isLabel:
			e.spaces = append(e.spaces, kube.Requirement{Key: label, Op: r.Op, Values: r.Values})
		case key == serviceAccountName:
			e.accounts = append(e.accounts, kube.Requirement{Key: key, Op: r.Op, Values: r.Values})
		case strings.HasPrefix(key, "io.cilium.k8s.policy."): // the cluster's name
		default:
			e.pods = append(e.pods, kube.Requirement{Key: key, Op: r.Op, Values: r.Values})
		}
	}
	return e
}

// ciliumRule reads one rule. An empty one matches nothing; one with ports alone
// matches every peer.
func (rd *reader) ciliumRule(n *lint.Node, d Direction, a Action, wide bool) *Rule {
	prefix := d.PeersField()
	rl := &Rule{Node: n, Action: a, Ports: allPorts}
	limited := set(n.Get("toPorts")) || set(n.Get("icmps"))
	if limited {
		rl.Ports = rd.ciliumPorts(n, a)
	}
	peers := false
	for _, f := range n.Fields() {
		peers = peers || strings.HasPrefix(f.Name(), prefix) && f.Name() != "toPorts" && !f.IsNull()
	}
	if !peers {
		if limited {
			rl.Reach = Everyone
		}
		rl.settle(World)
		return rl
	}
	for _, e := range n.Get(prefix + "Endpoints").Items() {
		peers := ciliumSelector(e)
		if !peers.reserved && len(peers.pods)+len(peers.accounts) == 0 && peers.spaces.MatchesEveryNamespace() && (wide || len(peers.spaces) > 0) {
			rl.Reach |= EveryPod
		}
	}
	for _, e := range n.Get(prefix + "Entities").Items() {
		reach := ciliumEntities[e.Value()]
		rl.Reach |= reach
		rl.v6 = rl.v6 || e.Value() == "world-ipv6"
		if reach&World != 0 && rl.World == nil {
			rl.World = e
		}
	}
	for _, cidr := range n.Get(prefix + "CIDR").Items() {
		rl.addBlock(cidr, cidr.Get("except"))
	}
	for _, set := range n.Get(prefix + "CIDRSet").Items() {
		rl.addBlock(set.Get("cidr"), set.Get("except"))
	}
	for _, name := range n.Get("toFQDNs").Items() {
		if pattern := name.Get("matchPattern"); pattern.IsScalar() && strings.Trim(pattern.Value(), "*") == "" {
			rl.Reach |= World
		}
	}
	rl.settle(World) // an address block never covers pods
	return rl
}

// ciliumEntities are those that are every pod or the world
// (https://docs.cilium.io/en/stable/security/policy/language/#entities-based).
var ciliumEntities = map[string]Reach{"all": Everyone, "cluster": EveryPod, "world": World, "world-ipv4": WorldV4, "world-ipv6": WorldV6}

// ciliumPorts reads toPorts and icmps. Port 0 is every port of the protocol, and ANY
// every protocol with ports. A denial of one type of ICMP is none of it all.
func (rd *reader) ciliumPorts(n *lint.Node, a Action) Ports {
	var all Ports
	for _, item := range n.Get("toPorts").Items() {
		for _, p := range item.Get("ports").Items() {
			names := []string{p.Get("protocol").Value()}
			if names[0] == "" || strings.EqualFold(names[0], "ANY") {
				names = protocolNames[TCP : sctp+1]
			}
			for _, protocol := range names {
				if p.Get("port").Value() == "0" {
					all.add(Ports{Traffic: protocolTraffic(protocol)})
					continue
				}
				all.add(rd.port(protocol, p.Get("port"), p.Get("endPort")))
			}
		}
	}
	if set(n.Get("icmps")) && a == Allow {
		all.add(Ports{Traffic: protocolTraffic("ICMP")})
	}
	return all
}
