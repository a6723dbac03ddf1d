package netpol

import (
	"math"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A reader turns policies of every kind into the one shape of [Policy].
type reader struct {
	tiers tiers
	names *PortNames
}

// readers read the kinds of policies. A kind that two APIs share decides by group.
var readers = map[string]func(*reader, *lint.Resource) []*Policy{
	"NetworkPolicy":                  (*reader).networkPolicy,
	"GlobalNetworkPolicy":            (*reader).calico,
	"CiliumNetworkPolicy":            (*reader).cilium,
	"CiliumClusterwideNetworkPolicy": (*reader).cilium,
	"AdminNetworkPolicy":             (*reader).admin,
	"BaselineAdminNetworkPolicy":     (*reader).admin,
	"ClusterNetworkPolicy":           (*reader).admin,
	"EgressFirewall":                 (*reader).egressFirewall,
	"EgressNetworkPolicy":            (*reader).egressFirewall,
}

// IsKind reports whether objects of a kind are network policies.
func IsKind(kind string) bool { return readers[kind] != nil }

// policyGroups are the API groups whose objects readers read.
var policyGroups = map[string]bool{
	"networking.k8s.io": true, "extensions": true, "cilium.io": true, "projectcalico.org": true,
	"crd.projectcalico.org": true, "policy.networking.k8s.io": true, "k8s.ovn.org": true, "network.openshift.io": true,
}

// networkPolicy reads networking.k8s.io/v1, by the clauses of
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
func (rd *reader) networkPolicy(r *lint.Resource) []*Policy {
	if strings.HasSuffix(r.Group, "projectcalico.org") {
		return rd.calico(r)
	}
	spec := r.Get("spec")
	p := &Policy{Resource: r, Namespace: kube.Home(r), Pods: kube.ParseSelector(spec.Get("podSelector")), Tier: defaultTier, order: 1000}
	types := spec.Get("policyTypes").Strings()
	for _, d := range Directions {
		list := spec.Get(d.String())
		applies := len(types) == 0 && (d == Ingress || len(list.Items()) > 0)
		for _, name := range types {
			applies = applies || name == d.PolicyType()
		}
		if !applies {
			continue
		}
		p.Sides[d] = Side{Applies: true, Isolates: true}
		for _, n := range list.Items() {
			p.Sides[d].Rules = append(p.Sides[d].Rules, rd.networkPolicyRule(n, d))
		}
	}
	return []*Policy{p}
}

func (rd *reader) networkPolicyRule(n *lint.Node, d Direction) *Rule {
	rl := &Rule{Node: n, Ports: rd.networkPolicyPorts(n.Get("ports"))}
	peers := n.Get(d.PeersField()).Items()
	if len(peers) == 0 {
		rl.Reach = Everyone
	}
	for _, peer := range peers {
		rl.addBlock(peer.Get("ipBlock", "cidr"), peer.Get("ipBlock", "except"))
		spaces, pods := peer.Get("namespaceSelector"), peer.Get("podSelector")
		if spaces.IsMapping() && kube.ParseSelector(spaces).MatchesEveryNamespace() && len(kube.ParseSelector(pods)) == 0 {
			rl.Reach |= EveryPod
		}
	}
	// An address block is meant for what lies outside the cluster; whether it covers
	// pods too differs between network plugins.
	rl.settle(World)
	return rl
}

// networkPolicyPorts reads the list that NetworkPolicy has, and the EgressFirewall.
func (rd *reader) networkPolicyPorts(list *lint.Node) Ports {
	items := list.Items()
	if len(items) == 0 {
		return allPorts
	}
	var all Ports
	for _, item := range items {
		all.add(rd.port(tcpUnless(item.Get("protocol")), item.Get("port"), item.Get("endPort")))
	}
	return all
}

// port reads a port or a range of ports; a null one is every port of the protocol.
func (rd *reader) port(protocol string, n, end *lint.Node) Ports {
	if n.IsNull() {
		return Ports{Traffic: protocolTraffic(protocol)}
	}
	places, named := rd.names.one(n, end)
	return Ports{onPorts(protocol, places), named}
}

// admin reads AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1)
// and ClusterNetworkPolicy (v1alpha2, v1beta1) of https://network-policy-api.sigs.k8s.io.
// They isolate nothing on their own: what no rule matches goes to the next tier.
func (rd *reader) admin(r *lint.Resource) []*Policy {
	spec := r.Get("spec")
	p := &Policy{Resource: r, Wide: true, Tier: adminTier}
	if r.Kind == "BaselineAdminNetworkPolicy" || r.Kind == "ClusterNetworkPolicy" && spec.Get("tier").Value() == "Baseline" {
		p.Tier = BaselineTier
	}
	if priority, ok := spec.Get("priority").Int(); ok {
		p.order = float64(priority)
	}
	subject := spec.Get("subject")
	p.spaces = kube.ParseSelector(subject.Get("namespaces"))
	if pods := subject.Get("pods"); pods.Exists() {
		p.spaces, p.Pods = kube.ParseSelector(pods.Get("namespaceSelector")), kube.ParseSelector(pods.Get("podSelector"))
	}
	for _, d := range Directions {
		items := spec.Get(d.String()).Items()
		p.Sides[d].Applies = len(items) > 0
		for _, n := range items {
			action, known := adminActions[n.Get("action").Value()]
			if !known { // the API server refuses it
				continue
			}
			rl := &Rule{Node: n, Action: action, Ports: rd.adminPorts(n)}
			for _, peer := range n.Get(d.PeersField()).Items() {
				if adminNamespaces(peer.Get("namespaces")) || adminPods(peer.Get("pods")) {
					rl.Reach |= EveryPod
				}
				for _, cidr := range peer.Get("networks").Items() {
					rl.addBlock(cidr, cidr.Get("except"))
				}
			}
			rl.settle(Everyone) // networks match the traffic between pods too
			p.Sides[d].Rules = append(p.Sides[d].Rules, rl)
		}
	}
	return []*Policy{p}
}

var adminActions = map[string]Action{"Allow": Allow, "Accept": Allow, "Deny": Deny, "Pass": Pass}

// adminNamespaces reports whether a peer's namespaces are all of them: a label
// selector, which the first releases of the API put one level deeper, next to
// sameLabels and notSameLabels.
func adminNamespaces(n *lint.Node) bool {
	if deeper := n.Get("namespaceSelector"); deeper.Exists() {
		n = deeper
	}
	return n.IsMapping() && kube.ParseSelector(n).MatchesEveryNamespace() && !n.Get("sameLabels").Exists() && !n.Get("notSameLabels").Exists()
}

// adminPods reports whether a peer's pods are all of every namespace; without a
// selector of namespaces they are those of all.
func adminPods(n *lint.Node) bool {
	spaces := n.Get("namespaceSelector")
	if !spaces.Exists() {
		spaces = n.Get("namespaces")
	}
	return n.IsMapping() && (!spaces.Exists() || adminNamespaces(spaces)) && len(kube.ParseSelector(n.Get("podSelector"))) == 0
}

// adminPorts reads the ports of AdminNetworkPolicy (portNumber, portRange,
// namedPort) and the protocols of ClusterNetworkPolicy (tcp, udp, sctp).
func (rd *reader) adminPorts(n *lint.Node) Ports {
	items := slices.Concat(n.Get("ports").Items(), n.Get("protocols").Items())
	if len(items) == 0 {
		return allPorts
	}
	var all Ports
	for _, item := range items {
		if n := item.Get("portNumber"); n.Exists() {
			all.add(rd.port(tcpUnless(n.Get("protocol")), n.Get("port"), absent))
		}
		if n := item.Get("portRange"); n.Exists() {
			all.add(rd.port(tcpUnless(n.Get("protocol")), n.Get("start"), n.Get("end")))
		}
		for _, field := range []string{"namedPort", "destinationNamedPort"} { // of every protocol
			if n := item.Get(field); n.Exists() {
				for p := TCP; p <= sctp; p++ {
					all.add(rd.port(protocolNames[p], n, absent))
				}
			}
		}
		for _, protocol := range []string{"tcp", "udp", "sctp"} {
			n := item.Get(protocol)
			port := n.Get("destinationPort")
			switch between := port.Get("range"); {
			case !n.Exists():
			case between.Exists():
				all.add(rd.port(protocol, between.Get("start"), between.Get("end")))
			default:
				all.add(rd.port(protocol, port.Get("number"), absent))
			}
		}
	}
	return all
}

// tcpUnless returns a protocol, TCP where there is none.
func tcpUnless(n *lint.Node) string {
	if n.IsNull() || n.Value() == "" {
		return "TCP"
	}
	return n.Value()
}

// egressFirewall reads OVN-Kubernetes' EgressFirewall and OpenShift SDN's
// EgressNetworkPolicy: rules in order for what leaves the cluster, allowed where
// none matches
// (https://docs.redhat.com/en/documentation/openshift_container_platform/4.14/html/network_apis/egressfirewall-k8s-ovn-org-v1).
// What they allow must be allowed by the policies, too, so they are a tier in front of those.
func (rd *reader) egressFirewall(r *lint.Resource) []*Policy {
	p := &Policy{Resource: r, Namespace: kube.Home(r), Tier: FirewallTier}
	items := r.Get("spec", "egress").Items()
	p.Sides[Egress].Applies = len(items) > 0
	for _, n := range items {
		rl := &Rule{Node: n, Ports: rd.networkPolicyPorts(n.Get("ports"))}
		switch n.Get("type").Value() {
		case "Allow":
			rl.Action = Pass
		case "Deny":
			rl.Action = Deny
		default: // the API server refuses it
			continue
		}
		rl.addBlock(n.Get("to", "cidrSelector"), absent)
		rl.settle(World)
		p.Sides[Egress].Rules = append(p.Sides[Egress].Rules, rl)
	}
	return []*Policy{p}
}

// sandbox reads the policy that the controller of agent sandboxes writes for the pods of a
// SandboxTemplate, unless it is told not to. Where the template names none, sandboxes are
// reached from the router alone and reach the public internet alone
// (https://agent-sandbox.sigs.k8s.io/docs/api/, SandboxTemplateSpec).
func (rd *reader) sandbox(r *lint.Resource) []*Policy {
	spec := r.Get("spec")
	if spec.Get("networkPolicyManagement").Value() == "Unmanaged" {
		return nil
	}
	p := &Policy{Resource: r, Namespace: kube.Home(r), Tier: defaultTier, order: 1000, also: func(w *Workload) bool { return w.Object() == r }}
	own := spec.Get("networkPolicy")
	for _, d := range Directions {
		p.Sides[d] = Side{Applies: true, Isolates: true}
		for _, n := range own.Get(d.String()).Items() {
			p.Sides[d].Rules = append(p.Sides[d].Rules, rd.networkPolicyRule(n, d))
		}
	}
	if own.IsNull() {
		p.Sides[Egress].Rules = []*Rule{{Node: own, Ports: allPorts, Reach: World, addresses: publicInternet}}
	}
	return []*Policy{p}
}

// absent is where a field of an API has no counterpart in another.
var absent = lint.NewNode(nil)

// lastOrder is the order of a policy that has none.
var lastOrder = math.Inf(1)
