package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
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
		m := modelOf(pass.Bundle)
		for _, p := range m.policies {
			for _, d := range directions {
				for i := range p.sides[d].rules {
					reportAllowAll(pass, m, p, d, i)
				}
			}
		}
	},
}

func reportAllowAll(pass *lint.Pass, m *model, p *policy, d direction, i int) {
	r := p.sides[d].rules[i]
	if !r.allowsAll() || p.tier == baselineTier {
		return
	}
	var undone *workload
	matters := m.byName[p.namespace] == nil && !p.wide // a policy apart from its pods
	for _, w := range p.workloads {
		e := w.exposure(d)
		if w.hostNetwork || e.open[cluster].restricted() {
			continue // another policy denies it first
		}
		matters = true
		if e.restricts != nil {
			undone = w
			break
		}
	}
	if !matters {
		return
	}
	what := "all " + d.String()
	if r.reach&worldV4 == 0 {
		what = fmt.Sprintf("%s %s every pod of every namespace", d, d.peers())
	}
	if !r.ports.full() {
		what += " on " + strings.Join(m.names.list(r.ports.traffic), ", ")
	}
	denies := slices.ContainsFunc(p.sides[d].rules, func(q *rule) bool { return q.action == deny && (p.denyFirst || slices.Index(p.sides[d].rules, q) < i) })
	if denies {
		what += " that it does not deny"
	}
	if undone != nil {
		by := undone.exposure(d).restricts
		f := pass.Reportf(r.node, "%s allows %s and so undoes %s for %s", p.res, what, by.res, undone.resource())
		f.Relate("policy", by.res.Get("metadata", "name"), by.res.String()+" denies what it does not allow")
		f.Relate("workload", undone.resource().Get("metadata", "name"), undone.resource().String()+" is open")
		f.Help = "name the peers that the workload needs: policies add up, so the widest rule wins"
		return
	}
	f := pass.Reportf(r.node, "%s allows %s: it restricts nothing in that direction", p.res, what)
	if denies {
		f.Message = fmt.Sprintf("%s allows %s: every other peer and port is open", p.res, what)
	}
	f.Help = "name the peers that the workload needs, or ports at the least"
	f.Severity = lint.Medium
	if d == egress {
		f.Severity = lint.Low
	}
}

func (p *policy) allowsAll(d direction) bool {
	return slices.ContainsFunc(p.sides[d].rules, (*rule).allowsAll)
}

// metadataServices are the addresses at which clouds hand out credentials of the node.
var metadataServices = [2]peer{{worldV4, netip.MustParseAddr("169.254.169.254")}, {worldV6, netip.MustParseAddr("fd00:ec2::254")}}

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
		m := modelOf(pass.Bundle)
		let := letThrough(m)
		for _, p := range m.policies {
			if p.tier == baselineTier {
				continue
			}
			for _, r := range p.sides[ingress].rules {
				reportOpenIngress(pass, m, p, r)
			}
			for _, r := range p.sides[egress].rules {
				reached := let[r]
				if len(p.workloads) == 0 { // it may be
					reached = [2]bool{true, true}
				}
				if r.action == allow {
					reportMetadata(pass, m, p, r, reached)
				}
			}
		}
	},
}

func reportOpenIngress(pass *lint.Pass, m *model, p *policy, r *rule) {
	if r.action != allow {
		return
	}
	var first *lint.Finding
	if n := r.world; n != nil && !r.allowsAll() {
		first = pass.Reportf(n, "%s allows ingress from every address (%s)", p.res, n.Value())
	}
	for _, b := range r.blocks {
		if !b.everywhere() || len(b.except) > 0 {
			continue
		}
		if first != nil {
			first.Relate("policy", b.node, b.String()+" is allowed, too")
			continue
		}
		what := "every address"
		if b.prefix.Bits() > 0 {
			what = "most addresses"
		}
		first = pass.Reportf(b.node, "%s allows ingress from %s (%s)", p.res, what, b)
	}
	if first == nil {
		return
	}
	first.Help = "name the networks that clients come from, or except the others"
	if !r.ports.full() {
		first.Message += " on " + strings.Join(m.names.list(r.ports.traffic), ", ")
		first.Severity = lint.Low
	}
}

// reportMetadata judges an egress rule by the metadata services that it lets some
// workload reach. Rules for everything are [AllowAll]'s.
func reportMetadata(pass *lint.Pass, m *model, p *policy, r *rule, reached [2]bool) {
	if !r.ports.traffic[tcp].contains(metadataPort) || r.allowsAll() {
		return
	}
	var first *lint.Finding
	var except []string
	for _, b := range r.blocks {
		i := slices.IndexFunc(metadataServices[:], func(s peer) bool { return b.contains(s.addr) })
		if i < 0 || !reached[i] {
			continue
		}
		addr := metadataServices[i].addr
		if text := fmt.Sprintf("%s/%d", addr, addr.BitLen()); !slices.Contains(except, text) {
			except = append(except, text)
		}
		if first != nil {
			first.Relate("policy", b.node, b.String()+" includes "+addr.String())
			continue
		}
		first = pass.Reportf(b.node, "%s allows egress to %s, which includes the cloud's metadata service at %s", p.res, b, addr)
		if b.prefix.IsSingleIP() {
			first.Message = fmt.Sprintf("%s allows egress to the cloud's metadata service at %s", p.res, addr)
			first.Help = "remove the address, and give the workload an identity of its own (a projected token, not the node's)"
			except = nil
		}
	}
	if first == nil && r.settled&worldV4 != 0 && reached[0] {
		addr := metadataServices[0].addr
		n, to := r.node, "every address"
		if r.world != nil {
			n, to = r.world, r.world.Value()
		}
		if !r.ports.full() {
			to += " on " + strings.Join(m.names.list(r.ports.traffic), ", ")
		}
		first = pass.Reportf(n, "%s allows egress to %s, which includes the cloud's metadata service at %s", p.res, to, addr)
		first.Help = "name the peers that the workload needs"
		if r.world != nil {
			except = append(except, fmt.Sprintf("%s/%d", addr, addr.BitLen()))
		}
	}
	if first != nil && len(except) > 0 {
		first.Help = fmt.Sprintf("add %s: [%s], each to the network that holds it, and the private networks that the workload does not need", p.exceptField(), strings.Join(except, ", "))
		if len(except) == 1 {
			first.Help = fmt.Sprintf("add %s: [%s], and the private networks that the workload does not need", p.exceptField(), except[0])
		}
	}
}

// exceptField is the field by which a policy takes addresses out of a network.
func (p *policy) exceptField() string {
	switch {
	case strings.HasSuffix(p.res.Group, "projectcalico.org"):
		return "notNets"
	case p.res.Group == "cilium.io":
		return "toCIDRSet with except"
	case p.wide: // the network policy API has none
		return "a rule before it that denies"
	}
	return "except"
}

// letThrough returns for the rules which of the metadata services they let some
// workload reach: what no rule denies that is asked before them, or whose denials come
// first. Of workloads that are decided alike one is asked.
func letThrough(m *model) map[*rule][2]bool {
	let, asked := map[*rule][2]bool{}, map[*exposure]bool{}
	for _, p := range m.policies {
		about := slices.ContainsFunc(p.sides[egress].rules, func(r *rule) bool {
			return r.action == allow && !r.allowsAll() && slices.ContainsFunc(metadataServices[:], r.meets)
		})
		for _, w := range p.workloads {
			e := w.exposure(egress)
			if !about || asked[e] {
				continue
			}
			asked[e] = true
			for i, service := range metadataServices {
				w.ask(egress, e.policies, service, m.names, func(r *rule, through traffic) {
					reached := let[r]
					reached[i] = reached[i] || through[tcp].contains(metadataPort)
					let[r] = reached
				})
			}
		}
	}
	return let
}

// EgressWithoutDNS reports policies that allow a pod to reach others by their
// labels but not to ask for their addresses.
var EgressWithoutDNS = &lint.Rule{
	ID:         "egress-without-dns",
	Summary:    "egress is restricted and no network policy allows DNS",
	Severity:   lint.Info,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K05"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		m := modelOf(pass.Bundle)
		var order []*policy
		blind := map[*policy][]*workload{}
		for _, ns := range m.namespaces {
			for _, w := range ns.workloads {
				if p := w.withoutDNS(); p != nil {
					if blind[p] == nil {
						order = append(order, p)
					}
					blind[p] = append(blind[p], w)
				}
			}
		}
		for _, p := range order {
			first, others := blind[p][0].resource(), otherResources(blind[p])
			f := pass.Reportf(p.res.Get("spec", "egress"), "%s allows egress to pods, but no policy allows DNS: %s cannot look up their names", p.res, listed(first, others))
			f.Help = `allow it, beside the peers:
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
func (w *workload) withoutDNS() *policy {
	if dns := w.spec.Node.Get("dnsPolicy").Value(); w.hostNetwork || w.transient || dns == "None" || dns == "Default" {
		return nil
	}
	var first *policy
	for _, p := range w.policies {
		if !p.sides[egress].applies {
			continue
		}
		if p.res.Group != "networking.k8s.io" && p.res.Group != "extensions" {
			return nil
		}
		for _, r := range p.sides[egress].rules {
			if r.mayAllowDNS(w.namespace.name) {
				return nil
			}
			for _, peer := range r.node.Get("to").Items() {
				if first == nil && (peer.Get("podSelector").IsMapping() || peer.Get("namespaceSelector").IsMapping()) {
					first = p
				}
			}
		}
	}
	return first
}

func (r *rule) mayAllowDNS(namespace string) bool {
	if !r.ports.full() {
		return r.ports.named || r.ports.traffic[udp].contains(53) || r.ports.traffic[tcp].contains(53)
	}
	peers := r.node.Get("to").Items()
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
