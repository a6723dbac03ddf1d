package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// AllowAll reports rules without peers and ports: what such a policy denies, it
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
				for _, r := range p.sides[d].rules {
					reportAllowAll(pass, m, p, d, r)
				}
			}
		}
	},
}

func reportAllowAll(pass *lint.Pass, m *model, p *policy, d direction, r rule) {
	if r.action != allow || !r.matchesAll(cluster) || p.layer == baselineLayer || p.layer == firewallLayer {
		return
	}
	var undone *workload
	matters := m.byName[p.namespace] == nil && !p.wide // a policy apart from its pods
	for _, w := range p.workloads {
		e := w.exposure(d)
		if w.hostNetwork || !e.open[cluster] || len(e.ports[cluster]) > 0 {
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
	if !r.reach[internet] {
		what = fmt.Sprintf("%s %s every pod of every namespace", d, d.peers())
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
	f.Help = "name the peers that the workload needs, or ports at the least"
	f.Severity = lint.Medium
	if d == egress {
		f.Severity = lint.Low
	}
}

func (p *policy) allowsAll(d direction) bool {
	return slices.ContainsFunc(p.sides[d].rules, func(r rule) bool { return r.action == allow && r.matchesAll(cluster) })
}

// metadataServices are the addresses at which clouds hand out credentials of the node.
var metadataServices = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")}

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
		for _, p := range m.policies {
			if p.layer == baselineLayer || p.layer == firewallLayer {
				continue
			}
			for _, r := range p.sides[ingress].rules {
				reportOpenIngress(pass, p, r)
			}
			for i := range p.sides[egress].rules {
				reportMetadata(pass, p, i)
			}
		}
	},
}

func reportOpenIngress(pass *lint.Pass, p *policy, r rule) {
	if r.action != allow {
		return
	}
	var first *lint.Finding
	for _, b := range r.blocks {
		if !b.everywhere() || len(b.except) > 0 {
			continue
		}
		if first != nil {
			first.Relate("policy", b.node, b.node.Value()+" is allowed, too")
			continue
		}
		what := "every address"
		if b.prefix.Bits() > 0 {
			what = "most addresses"
		}
		first = pass.Reportf(b.node, "%s allows ingress from %s (%s)", p.res, what, b.node.Value())
		first.Help = "name the networks that clients come from, or except the others"
		if len(r.ports) > 0 {
			first.Message += " on " + portList(r.ports)
			first.Severity = lint.Low
		}
	}
}

// reportMetadata judges the egress rule of index i.
func reportMetadata(pass *lint.Pass, p *policy, i int) {
	r := p.sides[egress].rules[i]
	http := len(r.ports) == 0 || slices.ContainsFunc(r.ports, func(p port) bool { return p.name == "" && p.covers(80, "TCP") })
	if r.action != allow || !http || !slices.ContainsFunc(r.blocks, block.holdsMetadata) || p.metadataDenied(i) {
		return
	}
	var first *lint.Finding
	for _, b := range r.blocks {
		if !b.holdsMetadata() {
			continue
		}
		addr := metadataServices[slices.IndexFunc(metadataServices, b.contains)]
		if first != nil {
			first.Relate("policy", b.node, b.node.Value()+" includes "+addr.String())
			continue
		}
		first = pass.Reportf(b.node, "%s allows egress to %s, which includes the cloud's metadata service at %s", p.res, b.node.Value(), addr)
		if b.prefix.IsSingleIP() {
			first.Message = fmt.Sprintf("%s allows egress to the cloud's metadata service at %s", p.res, addr)
			first.Help = "remove the address, and give the workload an identity of its own (a projected token, not the node's)"
			continue
		}
		first.Help = fmt.Sprintf("add except: [%s/%d], and the private networks that the workload does not need", addr, addr.BitLen())
	}
}

func (b block) holdsMetadata() bool { return slices.ContainsFunc(metadataServices, b.contains) }

// metadataDenied reports whether what the rule of index i allows to a metadata
// service is denied to every workload that the policy selects: by a rule that is
// asked before it, or whose denials come first.
func (p *policy) metadataDenied(i int) bool {
	if len(p.workloads) == 0 {
		return false
	}
	for _, w := range p.workloads {
		denied, behind := false, false
		for _, q := range w.policies {
			for j, r := range q.sides[egress].rules {
				before := !behind && (q != p || j < i) || q.denyFirst || q.layer == firewallLayer
				denied = denied || before && r.action == deny && slices.ContainsFunc(r.blocks, block.holdsMetadata) &&
					(len(r.ports) == 0 || slices.ContainsFunc(r.ports, func(p port) bool { return p.covers(80, "TCP") }))
			}
			behind = behind || q == p
		}
		if !denied {
			return false
		}
	}
	return true
}

func portList(ports []port) string {
	var names []string
	for _, p := range ports {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
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

func (r rule) mayAllowDNS(namespace string) bool {
	if len(r.ports) > 0 {
		return slices.ContainsFunc(r.ports, func(p port) bool { return p.covers(53, "UDP") || p.covers(53, "TCP") })
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

// Selector reports selectors of NetworkPolicies that the API server refuses or
// that select something else than they look like.
var Selector = &lint.Rule{
	ID:         "networkpolicy-selector",
	Summary:    "network policy has a selector that is missing or cannot be used",
	Severity:   lint.Low,
	Group:      "network",
	Profiles:   core,
	References: []string{"NSA 2.0"},
	Peers:      map[string][]string{"trivy": {"KSV-0038"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("NetworkPolicy") {
			if r.Group != "networking.k8s.io" && r.Group != "extensions" {
				continue
			}
			spec := r.Get("spec")
			if pods := spec.Get("podSelector"); !pods.Exists() {
				f := pass.Reportf(pods, "%s has no podSelector and so selects every pod of its namespace; clusters older than the optional field refuse it", r)
				f.Help = "write podSelector: {} if that is meant, else the labels of the pods"
			} else {
				checkSelector(pass, r, pods)
			}
			for _, d := range directions {
				for _, item := range spec.Get(d.String()).Items() {
					for _, peer := range item.Get(d.peers()).Items() {
						checkPeer(pass, r, d, peer)
					}
				}
			}
		}
	},
}

func checkPeer(pass *lint.Pass, r *lint.Resource, d direction, peer *lint.Node) {
	pods, spaces, block := peer.Get("podSelector"), peer.Get("namespaceSelector"), peer.Get("ipBlock")
	switch {
	case pods.IsNull() && spaces.IsNull() && block.IsNull():
		f := pass.Reportf(peer, "%s has an empty peer in %s, which the API server refuses", r, d.peers())
		f.Help = "write podSelector: {} for the pods of this namespace, namespaceSelector: {} for all pods, or leave out the list for all peers"
	case !block.IsNull() && !(pods.IsNull() && spaces.IsNull()):
		f := pass.Reportf(block, "%s has a peer with ipBlock and a selector, which the API server refuses", r)
		f.Help = "make two peers of it"
	case !block.IsNull():
		if cidr := block.Get("cidr"); cidr.IsScalar() {
			if _, err := netip.ParsePrefix(cidr.Value()); err != nil {
				pass.Reportf(cidr, "%s has an ipBlock %q that is no network", r, cidr.Value()).Help = "write address/bits, as 192.0.2.0/24"
			}
		}
	}
	checkSelector(pass, r, pods)
	checkSelector(pass, r, spaces)
}

func checkSelector(pass *lint.Pass, r *lint.Resource, s *lint.Node) {
	for _, f := range s.Fields() {
		if f.Name() != "matchLabels" && f.Name() != "matchExpressions" {
			pass.Reportf(f, "%s has %q in its %s, which is no field of a selector: without it the selector matches more", r, f.Name(), s.Name()).Help = "put labels under matchLabels"
		}
	}
	for _, e := range s.Get("matchExpressions").Items() {
		op, values := e.Get("operator"), e.Get("values").Strings()
		switch op.Value() {
		case "In", "NotIn":
			if len(values) == 0 {
				pass.Reportf(e.Get("values"), "%s has an expression with %s and no values, which the API server refuses", r, op.Value())
			}
		case "Exists", "DoesNotExist":
			if len(values) > 0 {
				pass.Reportf(e.Get("values"), "%s has an expression with %s and values, which the API server refuses", r, op.Value())
			}
		default:
			pass.Reportf(op, "%s has an expression with the operator %q, which the API server refuses", r, op.Value()).Help = "use In, NotIn, Exists or DoesNotExist"
		}
	}
}
