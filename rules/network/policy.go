package network

import (
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// parsers read the kinds of policies. A kind that two APIs share decides by group.
var parsers = map[string]func(*lint.Resource, tiers) []*policy{
	"NetworkPolicy":                  parseNetworkPolicy,
	"GlobalNetworkPolicy":            parseCalico,
	"CiliumNetworkPolicy":            parseCilium,
	"CiliumClusterwideNetworkPolicy": parseCilium,
	"AdminNetworkPolicy":             parseAdmin,
	"BaselineAdminNetworkPolicy":     parseAdmin,
	"ClusterNetworkPolicy":           parseAdmin,
	"EgressFirewall":                 parseEgressFirewall,
	"EgressNetworkPolicy":            parseEgressFirewall,
}

// policyGroups are the API groups whose objects parsers read.
var policyGroups = map[string]bool{
	"networking.k8s.io": true, "extensions": true, "cilium.io": true, "projectcalico.org": true,
	"crd.projectcalico.org": true, "policy.networking.k8s.io": true, "k8s.ovn.org": true, "network.openshift.io": true,
}

// A port is a range of ports of one protocol, or a named port.
type port struct {
	protocol    string // "" for any
	first, last int64  // 0, 0 for every port of the protocol
	name        string
}

// String returns the port as text prints it: 8080/TCP, 8000-8999/TCP, http/TCP, TCP.
func (p port) String() string {
	text := p.name
	switch {
	case text != "":
	case p.first == 0 && p.last == 0:
		return p.protocol
	case p.first == p.last:
		text = strconv.FormatInt(p.first, 10)
	default:
		text = strconv.FormatInt(p.first, 10) + "-" + strconv.FormatInt(p.last, 10)
	}
	if p.protocol == "" {
		return text
	}
	return text + "/" + p.protocol
}

// covers reports whether the port is, or for a named port may be, a number of a protocol.
func (p port) covers(number int64, protocol string) bool {
	if p.protocol != "" && p.protocol != protocol {
		return false
	}
	return p.name != "" || p.first == 0 && p.last == 0 || p.first <= number && number <= p.last
}

// and returns the ports that are in both ranges.
func (p port) and(q port) (port, bool) {
	if p.protocol == "" {
		p.protocol = q.protocol
	}
	switch {
	case q.protocol != "" && q.protocol != p.protocol:
		return port{}, false
	case q.all():
		return p, true
	case p.all():
		q.protocol = p.protocol
		return q, true
	case p.name != "" || q.name != "":
		return p, p.name == q.name
	}
	p.first, p.last = max(p.first, q.first), min(p.last, q.last)
	return p, p.first <= p.last
}

func (p port) all() bool { return p.name == "" && p.first == 0 && p.last == 0 }

// inside reports whether every port of p is one of q.
func (p port) inside(q port) bool {
	if q.protocol != "" && q.protocol != p.protocol {
		return false
	}
	return q.all() || p.name == q.name && !p.all() && q.first <= p.first && p.last <= q.last
}

func newPort(protocol string, n, end *lint.Node) port {
	p := port{protocol: strings.ToUpper(protocol)}
	if p.protocol == "ANY" {
		p.protocol = ""
	}
	number, ok := n.Int()
	if !ok {
		if v, err := strconv.ParseInt(n.Value(), 10, 32); err == nil {
			number, ok = v, true
		}
	}
	switch {
	case ok:
		p.first, p.last = number, number
		if e, ok := end.Int(); ok && e > number {
			p.last = e
		}
	case strings.Contains(n.Value(), ":"): // Calico's range
		first, last, _ := strings.Cut(n.Value(), ":")
		p.first, _ = strconv.ParseInt(first, 10, 32)
		p.last, _ = strconv.ParseInt(last, 10, 32)
	default:
		p.name = n.Value()
	}
	return p
}

// A block is a range of addresses that a rule names.
type block struct {
	node   *lint.Node
	prefix netip.Prefix
	except []netip.Prefix
}

func parseBlock(cidr, except *lint.Node) (block, bool) {
	prefix, err := netip.ParsePrefix(cidr.Value())
	if err != nil {
		addr, err := netip.ParseAddr(cidr.Value())
		if err != nil {
			return block{}, false
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	b := block{node: cidr, prefix: prefix.Masked()}
	for _, text := range except.Strings() {
		if p, err := netip.ParsePrefix(text); err == nil {
			b.except = append(b.except, p)
		}
	}
	return b, true
}

// everywhere reports whether the block is all addresses of its family, or one
// of the two halves by which some write them: 0.0.0.0/1, or 2000::/3, which is
// every public address of IPv6.
func (b block) everywhere() bool {
	if b.prefix.Addr().Is4() {
		return b.prefix.Bits() <= 1
	}
	return b.prefix.Bits() <= 3
}

// contains reports whether an address is inside and not excepted.
func (b block) contains(addr netip.Addr) bool {
	for _, e := range b.except {
		if e.Contains(addr) {
			return false
		}
	}
	return b.prefix.Contains(addr)
}

// parseNetworkPolicy reads networking.k8s.io/v1, by the clauses of
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
func parseNetworkPolicy(r *lint.Resource, t tiers) []*policy {
	if strings.HasSuffix(r.Group, "projectcalico.org") {
		return parseCalico(r, t)
	}
	spec := r.Get("spec")
	p := &policy{res: r, namespace: home(r), pods: parseSelector(spec.Get("podSelector")), layer: policyLayer, tier: calicoDefaultTier, order: 1000}
	types := spec.Get("policyTypes").Strings()
	for _, d := range directions {
		list := spec.Get(d.String())
		applies := len(types) == 0 && (d == ingress || len(list.Items()) > 0)
		for _, name := range types {
			applies = applies || name == d.policyType()
		}
		if !applies {
			continue
		}
		p.sides[d] = side{applies: true, isolates: true}
		for _, n := range list.Items() {
			p.sides[d].rules = append(p.sides[d].rules, networkPolicyRule(n, d))
		}
	}
	return []*policy{p}
}

func networkPolicyRule(n *lint.Node, d direction) rule {
	rl := rule{node: n}
	for _, item := range n.Get("ports").Items() {
		protocol := item.Get("protocol").Value()
		if protocol == "" {
			protocol = "TCP"
		}
		if item.Get("port").IsNull() {
			rl.ports = append(rl.ports, port{protocol: protocol})
			continue
		}
		rl.ports = append(rl.ports, newPort(protocol, item.Get("port"), item.Get("endPort")))
	}
	peers := n.Get(d.peers()).Items()
	if len(peers) == 0 {
		rl.reach = [2]bool{true, true}
	}
	for _, peer := range peers {
		// An address block is meant for what lies outside the cluster; whether
		// it covers pods too differs between network plugins.
		if b, ok := parseBlock(peer.Get("ipBlock", "cidr"), peer.Get("ipBlock", "except")); ok {
			rl.blocks = append(rl.blocks, b)
			rl.reach[internet] = rl.reach[internet] || b.everywhere()
		}
		spaces, pods := peer.Get("namespaceSelector"), peer.Get("podSelector")
		if spaces.IsMapping() && parseSelector(spaces).matchesEverything() && (pods.IsNull() || len(parseSelector(pods)) == 0) {
			rl.reach[cluster] = true
		}
	}
	return rl
}

// parseAdmin reads AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1)
// and ClusterNetworkPolicy (v1alpha2, v1beta1) of https://network-policy-api.sigs.k8s.io.
// They isolate nothing by themselves: what no rule matches goes to the next layer.
func parseAdmin(r *lint.Resource, _ tiers) []*policy {
	spec := r.Get("spec")
	p := &policy{res: r, wide: true, layer: adminLayer}
	if r.Kind == "BaselineAdminNetworkPolicy" || r.Kind == "ClusterNetworkPolicy" && spec.Get("tier").Value() == "Baseline" {
		p.layer = baselineLayer
	}
	if priority, ok := spec.Get("priority").Int(); ok {
		p.order = float64(priority)
	}
	subject := spec.Get("subject")
	p.spaces = parseSelector(subject.Get("namespaces"))
	if pods := subject.Get("pods"); pods.Exists() {
		p.spaces, p.pods = parseSelector(pods.Get("namespaceSelector")), parseSelector(pods.Get("podSelector"))
	}
	for _, d := range directions {
		items := spec.Get(d.String()).Items()
		p.sides[d].applies = len(items) > 0
		for _, n := range items {
			action, known := adminActions[n.Get("action").Value()]
			if !known { // the API server refuses it
				continue
			}
			rl := rule{node: n, action: action}
			rl.ports = append(adminPorts(n.Get("ports")), adminPorts(n.Get("protocols"))...)
			for _, peer := range n.Get(d.peers()).Items() {
				if all := peer.Get("namespaces"); all.IsMapping() && parseSelector(all).matchesEverything() {
					rl.reach[cluster] = true
				}
				if pods := peer.Get("pods"); pods.IsMapping() && parseSelector(pods.Get("namespaceSelector")).matchesEverything() && len(parseSelector(pods.Get("podSelector"))) == 0 {
					rl.reach[cluster] = true
				}
				for _, cidr := range peer.Get("networks").Items() { // these match the traffic between pods too
					if b, ok := parseBlock(cidr, cidr.Get("except")); ok {
						rl.blocks = append(rl.blocks, b)
						if b.everywhere() {
							rl.reach = [2]bool{true, true}
						}
					}
				}
			}
			p.sides[d].rules = append(p.sides[d].rules, rl)
		}
	}
	return []*policy{p}
}

var adminActions = map[string]action{"Allow": allow, "Accept": allow, "Deny": deny, "Pass": pass}

// adminPorts reads the ports of AdminNetworkPolicy (portNumber, portRange,
// namedPort) and the protocols of ClusterNetworkPolicy (tcp, udp, sctp).
func adminPorts(list *lint.Node) []port {
	var ports []port
	for _, item := range list.Items() {
		if n := item.Get("portNumber"); n.Exists() {
			ports = append(ports, newPort(n.Get("protocol").Value(), n.Get("port"), n.Get("none")))
		}
		if n := item.Get("portRange"); n.Exists() {
			p := newPort(n.Get("protocol").Value(), n.Get("start"), n.Get("end"))
			ports = append(ports, p)
		}
		if n := item.Get("namedPort"); n.Exists() {
			ports = append(ports, port{name: n.Value()})
		}
		if n := item.Get("destinationNamedPort"); n.Exists() {
			ports = append(ports, port{name: n.Value()})
		}
		for _, protocol := range []string{"tcp", "udp", "sctp"} {
			n := item.Get(protocol)
			if !n.Exists() {
				continue
			}
			p := port{protocol: strings.ToUpper(protocol)}
			if number := n.Get("destinationPort", "number"); number.Exists() {
				p = newPort(protocol, number, n.Get("none"))
			}
			if r := n.Get("destinationPort", "range"); r.Exists() {
				p = newPort(protocol, r.Get("start"), r.Get("end"))
			}
			ports = append(ports, p)
		}
	}
	return ports
}

// parseEgressFirewall reads OVN-Kubernetes' EgressFirewall and OpenShift SDN's
// EgressNetworkPolicy: rules in order for what leaves the cluster, allowed where
// none matches
// (https://docs.redhat.com/en/documentation/openshift_container_platform/4.14/html/network_apis/egressfirewall-k8s-ovn-org-v1).
func parseEgressFirewall(r *lint.Resource, _ tiers) []*policy {
	p := &policy{res: r, namespace: home(r), layer: firewallLayer}
	items := r.Get("spec", "egress").Items()
	p.sides[egress].applies = len(items) > 0
	for _, n := range items {
		action, known := adminActions[n.Get("type").Value()]
		if !known {
			continue
		}
		rl := rule{node: n, action: action}
		for _, item := range n.Get("ports").Items() {
			rl.ports = append(rl.ports, newPort(item.Get("protocol").Value(), item.Get("port"), item.Get("none")))
		}
		if b, ok := parseBlock(n.Get("to", "cidrSelector"), n.Get("none")); ok {
			rl.blocks = append(rl.blocks, b)
			rl.reach[internet] = b.everywhere()
		}
		p.sides[egress].rules = append(p.sides[egress].rules, rl)
	}
	return []*policy{p}
}

// last is the order of a policy that has none.
var last = math.Inf(1)
