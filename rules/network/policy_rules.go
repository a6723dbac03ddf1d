package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/netpol"
)

// AllowAll reports rules for all peers and ports, or all of TCP: what such a policy denies, it
// allows again.
var AllowAll = &lint.Rule{
	ID:         "networkpolicy-allow-all",
	Summary:    "network policy has a rule that allows all traffic",
	Severity:   lint.High,
	Group:      "network",
	Profiles:   core,
	References: []string{"CIS 5.3.2", "NSA C-0030", "OWASP K05"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		m := netpol.ModelOf(pass.Bundle)
		for _, p := range m.Policies {
			for _, d := range netpol.Directions {
				for i := range p.Sides[d].Rules {
					reportAllowAll(pass, m, p, d, i)
				}
			}
		}
	},
}

func reportAllowAll(pass *lint.Pass, m *netpol.Model, p *netpol.Policy, d netpol.Direction, i int) {
	r := p.Sides[d].Rules[i]
	if !r.AllowsAll() || p.Tier == netpol.BaselineTier {
		return
	}
	var undone *netpol.Workload
	matters := m.ByName[p.Namespace] == nil && !p.Wide // a policy apart from its pods
	for _, w := range p.Workloads {
		e := w.Exposure(d)
		if w.HostNetwork || e.Open[netpol.Cluster].Restricted() {
			continue // another policy denies it first
		}
		matters = true
		if e.Restricts != nil {
			undone = w
			break
		}
	}
	if !matters {
		return
	}
	what := "all " + d.String()
	if r.Reach&netpol.WorldV4 == 0 {
		what = fmt.Sprintf("%s %s every pod of every namespace", d, d.PeersField())
	}
	if !r.Ports.Full() {
		what += " on " + strings.Join(m.Names.List(r.Ports.Traffic), ", ")
	}
	denies := slices.ContainsFunc(p.Sides[d].Rules, func(q *netpol.Rule) bool {
		return q.Action == netpol.Deny && (p.DenyFirst || slices.Index(p.Sides[d].Rules, q) < i)
	})
	if denies {
		what += " that it does not deny"
	}
	if undone != nil {
		by := undone.Exposure(d).Restricts
		f := pass.Reportf(r.Node, "%s allows %s, so %s has no effect on %s", p.Resource, what, by.Resource, undone.Object())
		f.Relate("policy", by.Resource.Get("metadata", "name"), by.Resource.String()+" denies what it does not allow")
		f.Relate("workload", undone.Object().Get("metadata", "name"), undone.Object().String()+" is open")
		f.Help = "name the peers that the workload needs: policies add up, so the widest rule wins"
		return
	}
	f := pass.Reportf(r.Node, "%s allows %s: it restricts nothing in that direction", p.Resource, what)
	if denies {
		f.Message = fmt.Sprintf("%s allows %s: every other peer and port is open", p.Resource, what)
	}
	f.Help = "name the peers that the workload needs, or at least the ports"
	f.Severity = lint.Medium
	if d == netpol.Egress {
		f.Severity = lint.Low
	}
}

// metadataServices are the addresses at which clouds hand out credentials of the node.
var metadataServices = [2]netpol.Peer{{Kind: netpol.WorldV4, Addr: netip.MustParseAddr("169.254.169.254")}, {Kind: netpol.WorldV6, Addr: netip.MustParseAddr("fd00:ec2::254")}}

const metadataPort = 80

// OpenCIDR reports address blocks that are the whole internet on the way in, or
// hold the cloud's metadata service on the way out.
var OpenCIDR = &lint.Rule{
	ID:         "networkpolicy-open-cidr",
	Summary:    "network policy allows ingress from every address, or egress to the cloud's metadata service",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"NSA C-0030", "OWASP K05", "OWASP K08"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		m := netpol.ModelOf(pass.Bundle)
		let := letThrough(m)
		for _, p := range m.Policies {
			if p.Tier == netpol.BaselineTier {
				continue
			}
			for _, r := range p.Sides[netpol.Ingress].Rules {
				reportOpenIngress(pass, m, p, r)
			}
			for _, r := range p.Sides[netpol.Egress].Rules {
				reached := let[r]
				if len(p.Workloads) == 0 { // it may be
					reached = [2]bool{true, true}
				}
				if r.Action == netpol.Allow {
					reportMetadata(pass, m, p, r, reached)
				}
			}
		}
	},
}

func reportOpenIngress(pass *lint.Pass, m *netpol.Model, p *netpol.Policy, r *netpol.Rule) {
	if r.Action != netpol.Allow {
		return
	}
	var first *lint.Finding
	if n := r.World; n != nil && !r.AllowsAll() {
		first = pass.Reportf(n, "%s allows ingress from every address (%s)", p.Resource, n.Value())
	}
	for _, b := range r.Blocks {
		if !b.Everywhere() || len(b.Except) > 0 {
			continue
		}
		if first != nil {
			first.Relate("policy", b.Node, b.String()+" is allowed, too")
			continue
		}
		what := "every address"
		if b.Prefix.Bits() > 0 {
			what = "most addresses"
		}
		first = pass.Reportf(b.Node, "%s allows ingress from %s (%s)", p.Resource, what, b)
	}
	if first == nil {
		return
	}
	first.Help = "name the networks that clients come from, or except the others"
	if !r.Ports.Full() {
		first.Message += " on " + strings.Join(m.Names.List(r.Ports.Traffic), ", ")
		first.Severity = lint.Low
	}
}

// reportMetadata judges an egress rule by the metadata services that it lets some
// workload reach. Rules for everything are [AllowAll]'s.
func reportMetadata(pass *lint.Pass, m *netpol.Model, p *netpol.Policy, r *netpol.Rule, reached [2]bool) {
	if !r.Ports.Traffic[netpol.TCP].Contains(metadataPort) || r.AllowsAll() {
		return
	}
	var first *lint.Finding
	var except []string
	for _, b := range r.Blocks {
		i := slices.IndexFunc(metadataServices[:], func(s netpol.Peer) bool { return b.Contains(s.Addr) })
		if i < 0 || !reached[i] {
			continue
		}
		addr := metadataServices[i].Addr
		if text := fmt.Sprintf("%s/%d", addr, addr.BitLen()); !slices.Contains(except, text) {
			except = append(except, text)
		}
		if first != nil {
			first.Relate("policy", b.Node, b.String()+" includes "+addr.String())
			continue
		}
		first = pass.Reportf(b.Node, "%s allows egress to %s, which includes the cloud's metadata service at %s", p.Resource, b, addr)
		if b.Prefix.IsSingleIP() {
			first.Message = fmt.Sprintf("%s allows egress to the cloud's metadata service at %s", p.Resource, addr)
			first.Help = "remove the address, and give the workload an identity of its own (a projected token, not the node's)"
			except = nil
		}
	}
	if first == nil && r.Settled&netpol.WorldV4 != 0 && reached[0] {
		addr := metadataServices[0].Addr
		n, to := r.Node, "every address"
		if r.World != nil {
			n, to = r.World, r.World.Value()
		}
		if !r.Ports.Full() {
			to += " on " + strings.Join(m.Names.List(r.Ports.Traffic), ", ")
		}
		first = pass.Reportf(n, "%s allows egress to %s, which includes the cloud's metadata service at %s", p.Resource, to, addr)
		first.Help = "name the peers that the workload needs"
		if r.World != nil {
			except = append(except, fmt.Sprintf("%s/%d", addr, addr.BitLen()))
		}
	}
	if first != nil && len(except) > 0 {
		first.Help = fmt.Sprintf("add %s: [%s], each to the network that holds it, and the private networks that the workload does not need", exceptField(p), strings.Join(except, ", "))
		if len(except) == 1 {
			first.Help = fmt.Sprintf("add %s: [%s], and the private networks that the workload does not need", exceptField(p), except[0])
		}
	}
}

// exceptField is the field by which a policy takes addresses out of a network.
func exceptField(p *netpol.Policy) string {
	switch {
	case strings.HasSuffix(p.Resource.Group, "projectcalico.org"):
		return "notNets"
	case p.Resource.Group == "cilium.io":
		return "toCIDRSet with except"
	case p.Wide: // the network policy API has none
		return "a rule before it that denies"
	}
	return "except"
}

// letThrough returns for the rules which of the metadata services they let some
// workload reach: what no rule denies that is evaluated before them, or whose denials come
// first. Of workloads that are decided alike one is asked.
func letThrough(m *netpol.Model) map[*netpol.Rule][2]bool {
	let, asked := map[*netpol.Rule][2]bool{}, map[*netpol.Exposure]bool{}
	for _, p := range m.Policies {
		about := slices.ContainsFunc(p.Sides[netpol.Egress].Rules, func(r *netpol.Rule) bool {
			return r.Action == netpol.Allow && !r.AllowsAll() && slices.ContainsFunc(metadataServices[:], r.Meets)
		})
		for _, w := range p.Workloads {
			e := w.Exposure(netpol.Egress)
			if !about || asked[e] {
				continue
			}
			asked[e] = true
			for i, service := range metadataServices {
				w.Ask(netpol.Egress, e.Policies, service, m.Names, func(r *netpol.Rule, through netpol.Traffic) {
					reached := let[r]
					reached[i] = reached[i] || through[netpol.TCP].Contains(metadataPort)
					let[r] = reached
				})
			}
		}
	}
	return let
}

// EgressWithoutDNS reports policies that allow a pod to reach others by their
// labels but not to request their addresses.
var EgressWithoutDNS = &lint.Rule{
	ID:         "egress-without-dns",
	Summary:    "egress is restricted and no network policy allows DNS",
	Severity:   lint.Info,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K05"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		m := netpol.ModelOf(pass.Bundle)
		var order []*netpol.Policy
		blind := map[*netpol.Policy][]*netpol.Workload{}
		for _, ns := range m.Namespaces {
			for _, w := range ns.Workloads {
				if p := withoutDNS(w); p != nil {
					if blind[p] == nil {
						order = append(order, p)
					}
					blind[p] = append(blind[p], w)
				}
			}
		}
		for _, p := range order {
			first, others := blind[p][0].Object(), otherResources(blind[p])
			f := pass.Reportf(p.Resource.Get("spec", "egress"), "%s allows egress to pods, but no policy allows DNS: %s cannot resolve names", p.Resource, listed(first, others))
			f.Help = `allow it in addition to the peers:
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53`
			for _, r := range append([]*lint.Resource{first}, others...) {
				f.Relate("workload", r.Get("metadata", "name"), r.String()+" is selected")
			}
		}
	},
}

// withoutDNS returns the first NetworkPolicy that lets an isolated workload
// reach pods, where no policy lets it reach a DNS server; else nil. Only
// Kubernetes' own policies are judged.
func withoutDNS(w *netpol.Workload) *netpol.Policy {
	if dns := w.Pod.Node.Get("dnsPolicy").Value(); w.HostNetwork || w.Transient || dns == "None" || dns == "Default" {
		return nil
	}
	var first *netpol.Policy
	for _, p := range w.Policies {
		if !p.Sides[netpol.Egress].Applies {
			continue
		}
		if p.Resource.Group != "networking.k8s.io" && p.Resource.Group != "extensions" {
			return nil
		}
		for _, r := range p.Sides[netpol.Egress].Rules {
			if mayAllowDNS(r, w.Namespace.Name) {
				return nil
			}
			for _, peer := range r.Node.Get("to").Items() {
				if first == nil && (peer.Get("podSelector").IsMapping() || peer.Get("namespaceSelector").IsMapping()) {
					first = p
				}
			}
		}
	}
	return first
}

func mayAllowDNS(r *netpol.Rule, namespace string) bool {
	if !r.Ports.Full() {
		return r.Ports.Named || r.Ports.Traffic[netpol.UDP].Contains(53) || r.Ports.Traffic[netpol.TCP].Contains(53)
	}
	peers := r.Node.Get("to").Items()
	if len(peers) == 0 || namespace == "kube-system" {
		return true
	}
	for _, peer := range peers {
		if !peer.Get("namespaceSelector").IsNull() || !peer.Get("ipBlock").IsNull() {
			return true
		}
	}
	return false
}
